"""Store what PyTorch's optimizers and schedules do, as ``tests/library/data/{optimizers,schedules}.json``.

Run it where PyTorch is installed: ``python tools/oracles/optimizers.py``. Everything is computed in float64 from
float32 gradients, so that it is the truth that float32 results are held against.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler as schedulers

DATA = Path(__file__).parents[2] / "tests" / "library" / "data"
STEPS = 20
SLOTS = {
    "SGD": {"momentum_buffer": "momentum"},
    "Adam": {"exp_avg": "first_moment", "exp_avg_sq": "second_moment", "max_exp_avg_sq": "second_moment_peak"},
    "RMSprop": {"square_avg": "mean_square", "grad_avg": "mean", "momentum_buffer": "momentum"},
}
SLOTS["AdamW"] = SLOTS["Adam"]


def run(name: str, options: dict[str, Any], weight: np.ndarray, gradients: np.ndarray) -> dict[str, Any]:
    """Return the weight after each step, and the optimizer's state at the end."""
    parameter = torch.nn.Parameter(torch.tensor(weight, dtype=torch.float64))
    optimizer = getattr(torch.optim, name)([parameter], **options)
    weights = []
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        weights.append(parameter.detach().tolist())
    state = {ours: optimizer.state[parameter][theirs].tolist()
             for theirs, ours in SLOTS[name].items() if theirs in optimizer.state[parameter]}  # fmt: skip
    return {"word": name, "options": options, "weights": weights, "state": state}


def optimizers() -> dict[str, Any]:
    generator = np.random.default_rng(4)
    weight = generator.standard_normal(6).astype(np.float32)
    gradients = (generator.standard_normal((STEPS, 6)) * 10 ** generator.uniform(-3, 1, 6)).astype(np.float32)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("SGD", {}),
        ("SGD", {"lr": 0.1, "weight_decay": 0.01}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("Adam", {}),
        ("Adam", {"lr": 0.1, "betas": [0.5, 0.9], "eps": 1e-3, "weight_decay": 0.1}),
        ("Adam", {"lr": 0.1, "amsgrad": True}),
        ("Adam", {"lr": 0.1, "betas": [0.0, 0.99]}),
        ("AdamW", {}),
        ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "betas": [0.8, 0.95]}),
        ("AdamW", {"lr": 0.1, "amsgrad": True}),
        ("RMSprop", {}),
        ("RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 1e-2, "weight_decay": 0.1}),
        ("RMSprop", {"momentum": 0.9}),
        ("RMSprop", {"alpha": 0.9, "centered": True}),
        ("RMSprop", {"alpha": 0.9, "centered": True, "momentum": 0.5, "weight_decay": 0.1}),
    ]
    rows = [run(name, options, weight, gradients) for name, options in cases]
    return {"weight": weight.tolist(), "gradients": gradients.tolist(), "rows": rows}


def values_of(base: float, make: Any, steps: int) -> list[float]:
    """Return the learning rate that each of the first steps sees."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = make(optimizer)
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def plateau(options: dict[str, Any], history: list[float]) -> list[float]:
    """Return the learning rate after each figure."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=options["start"])
    named = {k: v for k, v in options.items() if k != "start"}
    scheduler = schedulers.ReduceLROnPlateau(optimizer, **named)
    values = []
    for figure in history:
        scheduler.step(figure)
        values.append(optimizer.param_groups[0]["lr"])
    return values


def schedules() -> dict[str, Any]:
    total = 60
    rows = [
        {"word": word, "options": options, "total": total, "values": values_of(base, make, total)}
        for word, options, base, make in (
            ("constant", {"value": 0.3}, 0.3, lambda o: schedulers.ConstantLR(o, factor=1.0)),
            ("step", {"start": 0.5, "every": 7, "factor": 0.3}, 0.5, lambda o: schedulers.StepLR(o, 7, 0.3)),
            ("exponential", {"start": 0.5, "factor": 0.93}, 0.5, lambda o: schedulers.ExponentialLR(o, 0.93)),
            ("linear", {"start": 0.4, "end": 0.1, "steps": 25}, 0.4,
             lambda o: schedulers.LinearLR(o, 1.0, 0.25, total_iters=25)),
            ("linear", {"start": 0.4, "end": 0.1}, 0.4,
             lambda o: schedulers.LinearLR(o, 1.0, 0.25, total_iters=total)),
            ("cosine", {"start": 0.4, "end": 0.01}, 0.4, lambda o: schedulers.CosineAnnealingLR(o, total, 0.01)),
            ("warmup", {"steps": 10, "then": 0.2}, 0.2,
             lambda o: schedulers.LambdaLR(o, lambda step: min(1.0, step / 10))),
        )
    ]  # fmt: skip
    generator = np.random.default_rng(2)
    history = (np.exp(-np.arange(40) / 6) + generator.uniform(0, 0.05, 40)).round(4).tolist()
    plateaus = [
        {"word": "plateau", "options": options, "history": figures, "values": plateau(options, figures)}
        for options, figures in (
            ({"start": 0.1, "patience": 2}, history),
            ({"start": 0.1, "patience": 1, "factor": 0.5, "cooldown": 3, "min_lr": 0.004}, history),
            ({"start": 0.1, "patience": 2, "mode": "max", "threshold": 0.02, "threshold_mode": "abs"},
             [1 - x for x in history]),
            ({"start": 0.1, "patience": 1, "mode": "max"}, [-x for x in history]),
            ({"start": 1e-7, "patience": 0, "factor": 0.5}, history),
        )
    ]  # fmt: skip
    return {"rows": rows, "plateaus": plateaus}


DATA.mkdir(parents=True, exist_ok=True)
for name, content in (("optimizers", optimizers()), ("schedules", schedules())):
    (DATA / f"{name}.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
