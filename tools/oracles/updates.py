"""Store what other tools' optimizers make of the gradients of ``tests/library/updates.py``, in ``data/updates.npz``.

Run it where PyTorch, timm, schedulefree and prodigyopt are installed: ``python tools/oracles/updates.py``. All is
computed in float64. Matrices lie in PyTorch as they do here, but for Muon: its outputs are rows there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from prodigyopt import Prodigy
from schedulefree import AdamWScheduleFreeReference, SGDScheduleFree
from timm.optim.adan import Adan
from timm.optim.lamb import Lamb
from timm.optim.lars import Lars
from timm.optim.lion import Lion

from tests.library.updates import KEPT, ROWS, Row, first_weights, gradients

torch.set_default_dtype(torch.float64)  # of scalars that ASGD and NAdam keep
torch.Tensor.bfloat16 = torch.Tensor.clone  # Muon rounds to it

TABLE = Path(__file__).parents[2] / "tests" / "library" / "data" / "updates.npz"
Parameters = dict[str, torch.nn.Parameter]
State = dict[str, torch.Tensor]


class Ftrl:
    """Keras's Ftrl, of ``keras/src/optimizers/ftrl.py``."""

    def __init__(
        self, parameters: list[torch.nn.Parameter], lr: float = 1e-3, learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1, l1: float = 0.0, l2: float = 0.0, l2_shrinkage: float = 0.0,
        beta: float = 0.0,
    ) -> None:  # fmt: skip
        self.lr, self.power, self.l1, self.l2 = lr, learning_rate_power, l1, l2 + beta / (2 * lr)
        self.shrinkage = l2_shrinkage
        self.param_groups: list[Any] = [{}]
        self.state = {
            p: {"accum": torch.full_like(p, initial_accumulator_value), "linear": torch.zeros_like(p)}
            for p in parameters
        }

    def step(self) -> None:
        for variable, state in self.state.items():
            gradient, accum = variable.grad, state["accum"]
            new = accum + gradient**2
            shift = (new**-self.power - accum**-self.power) / self.lr
            linear = state["linear"] + gradient + 2 * self.shrinkage * variable.data - shift * variable.data
            quadratic = new**-self.power / self.lr + 2 * self.l2
            variable.data = (linear.clip(-self.l1, self.l1) - linear) / quadratic
            state["accum"], state["linear"] = new.detach(), linear


class Lookahead:
    """M. Zhang's Lookahead of ``lookahead_pytorch.py``, which keeps the inner optimizer's momentum."""

    def __init__(self, parameters: Parameters, inner: Any, k: int = 5, alpha: float = 0.5) -> None:
        self.parameters, self.inner, self.k, self.alpha, self.count = parameters, inner, k, alpha, 0
        self.slow = {name: p.detach().clone() for name, p in parameters.items()}

    def step(self) -> None:
        self.inner.step()
        self.count += 1
        if self.count % self.k == 0:
            for name, p in self.parameters.items():
                self.slow[name] += self.alpha * (p.data - self.slow[name])
                p.data.copy_(self.slow[name])


class Both:
    """Muon for matrices, which it sees turned around, and another optimizer for the rest."""

    def __init__(self, parameters: Parameters, others: Any, options: Mapping[str, Any]) -> None:
        self.matrices = {name: p for name, p in parameters.items() if p.ndim == 2}
        self.turned = {name: torch.nn.Parameter(p.detach().T.clone()) for name, p in self.matrices.items()}
        self.muon = torch.optim.Muon(self.turned.values(), **options)
        self.others = others

    def step(self) -> None:
        for name, p in self.matrices.items():
            self.turned[name].data.copy_(p.data.T)
            self.turned[name].grad = p.grad.T.clone()
        self.muon.step()
        self.others.step()
        for name, p in self.matrices.items():
            p.data.copy_(self.turned[name].data.T)


ADAM = {"exp_avg": ("first_moment", 0), "exp_avg_sq": ("second_moment", 1)}
FACTORED = {"row_var": "rows", "col_var": "columns", "variance": "mean_square"}
STATES: dict[str, dict[str, Any]] = {
    "SGD": {"momentum_buffer": "momentum"}, "Adam": ADAM, "AdamW": ADAM, "RMSprop": {"square_avg": "mean_square"},
    "ASGD": {"ax": "average"}, "Rprop": {"prev": "gradient", "step_size": "step"}, "Adagrad": {"sum": "square_sum"},
    "Adadelta": {"square_avg": "mean_square", "acc_delta": "mean_square_step"},
    "Ftrl": {"accum": "square_sum", "linear": "linear"},
    "Adamax": {"exp_avg": ("first_moment", 0), "exp_inf": "peak"}, "NAdam": ADAM, "RAdam": ADAM,
    "Lion": {"exp_avg": "momentum"},
    "Adan": {
        "exp_avg": ("first_moment", 0), "exp_avg_diff": ("difference_moment", 1), "exp_avg_sq": ("second_moment", 2),
    },
    "LARS": {"momentum_buffer": "momentum"}, "LAMB": ADAM, "Adafactor": FACTORED,
    "ScheduleFreeSGD": {"z": "leading"}, "ScheduleFreeAdamW": {"z": "leading", "exp_avg_sq": ("second_moment", 1)},
    "Prodigy": {"s": "trail", "exp_avg": "first_moment", "exp_avg_sq": "second_moment"},
}  # fmt: skip
"""The names here of what an optimizer keeps; of a moment that is a discounted sum here, also which beta it has."""


def made(word: str, options: Mapping[str, Any], parameters: Parameters) -> Any:
    """Return another tool's optimizer for what is one here."""
    options, values = dict(options), list(parameters.values())
    if word == "Lookahead":
        inner, inner_options = options.pop("inner")
        return Lookahead(parameters, made(inner, inner_options, parameters), **options)
    if word == "SAM":  # given gradients, whatever place they are of, it is what is in it
        inner, inner_options = options["inner"]
        return made(inner, inner_options, parameters)
    if word == "Muon":
        others, other_options = options.pop("others", ("AdamW", {}))
        rest = {name: p for name, p in parameters.items() if p.ndim != 2}
        return Both(parameters, made(others, other_options, rest), options)
    if word == "Adafactor":
        eps = (options.pop("eps1", float(np.finfo(np.float64).eps)), options.pop("eps2", 1e-3))
        return torch.optim.Adafactor(values, eps=eps, **options)
    if word == "Prodigy":
        return Prodigy(values, **{name: float("inf") if value is None else value for name, value in options.items()})
    elsewhere: dict[str, Any] = {
        "Ftrl": Ftrl, "Lion": Lion, "Adan": Adan, "ScheduleFreeAdamW": AdamWScheduleFreeReference,
        "ScheduleFreeSGD": lambda p, **o: SGDScheduleFree(p, foreach=False, **o),
        "LARS": lambda p, **o: Lars(p, always_adapt=True, **o),
        "LAMB": lambda p, **o: Lamb(p, always_adapt=True, max_grad_norm=None, **o),
    }  # fmt: skip
    return (elsewhere.get(word) or getattr(torch.optim, word))(values, **options)


def kept(word: str, optimizer: Any, parameters: Parameters) -> State:
    """Return what the optimizer keeps at the end, by ``PARAMETER/SLOT``."""
    if word == "Lookahead":
        return {f"{name}/slow": value for name, value in optimizer.slow.items()}
    if word == "Muon":
        turned = {name: optimizer.muon.state[p]["momentum_buffer"].T for name, p in optimizer.turned.items()}
        return {f"{name}/momentum": value for name, value in turned.items()}
    if word == "SAM":
        word = "Adam"
    found: State = {}
    betas = optimizer.param_groups[0].get("betas", ())
    for name, parameter in parameters.items():
        for theirs, ours in STATES[word].items():
            value = optimizer.state[parameter].get(theirs)
            if value is None:
                continue
            slot, beta = ours if isinstance(ours, tuple) else (ours, None)
            value = value if beta is None else value / (1 - betas[beta])
            axis = {"rows": -1, "columns": -2}.get(slot)
            found[f"{name}/{slot}"] = value.reshape(parameter.shape) if axis is None else value.squeeze(axis)
    if word.startswith("ScheduleFree"):
        optimizer.eval()
        found |= {f"{name}/average": p.detach().clone() for name, p in parameters.items()}
    return found


def run(row: Row) -> State:
    word, options = row.word, row.options
    parameters = {name: torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for name, w in first_weights().items()}
    optimizer = made(word, options, parameters)
    if word.startswith("ScheduleFree"):
        optimizer.train()
    found: State = {}
    for count, gradient in enumerate(gradients(), 1):
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradient[name], dtype=torch.float64) + row.curvature * parameter.detach()
        optimizer.step()
        if count in KEPT:
            found |= {f"{name}/{count}": p.detach().clone() for name, p in parameters.items()}
    return found | kept(word, optimizer, parameters)


if __name__ == "__main__":
    stored = {f"{row.id}|{key}": value.numpy() for row in ROWS for key, value in run(row).items()}
    np.savez_compressed(TABLE, **stored)
