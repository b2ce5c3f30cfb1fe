"""Store what PyTorch does when it trains whole models, as ``tests/equality/data/*.npz``.

Run it where PyTorch is installed: ``python tools/oracles/training.py``. The models are those of
``tests/equality/specs``; their parameters have the names and the layout of dslc (a Dense weight is (in, out)), and
the optimizers' state has PyTorch's own names. Everything is computed in float32, as a user of PyTorch would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import lr_scheduler as schedulers

DATA = Path(__file__).parents[2] / "tests" / "equality" / "data"
STATES = 50
GRID = 4
"""Weights of the first convolution are rounded to multiples of one part of this many before each step: sums of small
integers times these are exact, so that many windows of the pooling after it have several equal largest elements."""

Parameters = dict[str, Tensor]
Batch = dict[str, Tensor]

# --- models -----------------------------------------------------------------------------------------------


def dense(p: Parameters, path: str, x: Tensor) -> Tensor:
    return F.linear(x, p[f"{path}.weight"].T, p.get(f"{path}.bias"))


def batch_norm(p: Parameters, path: str, x: Tensor, *, training: bool = True) -> Tensor:
    moments = (p[f"{path}.running_mean"], p[f"{path}.running_var"])
    return F.batch_norm(x, *moments, p[f"{path}.weight"], p[f"{path}.bias"], training)


def mlp(p: Parameters, x: Tensor) -> Tensor:
    h = torch.tanh(dense(p, "Net.h.dense_2", torch.relu(dense(p, "Net.h.dense", x))))
    return dense(p, "Net.logits.dense", h)


def cnn(p: Parameters, x: Tensor) -> Tensor:
    h = F.conv2d(x, p["Net.h.conv.weight"], padding=1)
    h = F.max_pool2d(torch.relu(batch_norm(p, "Net.h.batch_norm", h)), 2)
    h = F.conv2d(h, p["Net.h.conv_2.weight"], padding=1)
    h = F.max_pool2d(torch.relu(batch_norm(p, "Net.h.batch_norm_2", h)), 2)
    return dense(p, "Net.logits.dense", h.flatten(1))


def words(p: Parameters, x: Tensor) -> Tensor:
    return dense(p, "Net.logits.dense", F.embedding(x, p["Net.h.embedding.weight"]).mean(1))


def net(p: Parameters, x: Tensor) -> Tensor:
    return dense(p, "Net.logits.dense", torch.tanh(dense(p, "Net.h.dense", x)))


def normed(p: Parameters, x: Tensor, name: str = "Normed", *, training: bool = True) -> Tensor:
    h = torch.relu(batch_norm(p, f"{name}.h.batch_norm", dense(p, f"{name}.h.dense", x), training=training))
    return dense(p, f"{name}.logits.dense", h)


def generator(p: Parameters, noise: Tensor) -> Tensor:
    h = batch_norm(p, "Generator.x.batch_norm", dense(p, "Generator.x.dense", noise))
    return dense(p, "Generator.x.dense_2", torch.tanh(h))


def critic(p: Parameters, x: Tensor) -> Tensor:
    h = batch_norm(p, "Critic.h.batch_norm", dense(p, "Critic.h.dense", x))
    return dense(p, "Critic.logit.dense", torch.tanh(h)).squeeze(1)


# --- first values -------------------------------------------------------------------------------------------

random = np.random.default_rng(20)


def dense_start(path: str, inputs: int, units: int, *, bias: bool = True) -> dict[str, np.ndarray]:
    weight = {f"{path}.weight": random.standard_normal((inputs, units)) / math.sqrt(inputs)}
    return {**weight, f"{path}.bias": np.zeros(units)} if bias else weight


def norm_start(path: str, channels: int) -> dict[str, np.ndarray]:
    return {
        f"{path}.weight": random.uniform(0.5, 1.5, channels), f"{path}.bias": random.normal(0, 0.1, channels),
        f"{path}.running_mean": np.zeros(channels), f"{path}.running_var": np.ones(channels),
    }  # fmt: skip


def float32(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def leaves(start: dict[str, np.ndarray]) -> Parameters:
    return {name: torch.tensor(a, requires_grad="running" not in name) for name, a in start.items()}


def trained(p: Parameters, *beginnings: str) -> list[Tensor]:
    return [t for name, t in p.items() if t.requires_grad and name.startswith(beginnings or "")]


# --- every optimizer, from 50 states ------------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[[Iterable[Tensor]], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.05),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.005, alpha=0.95),
}


@dataclass
class Model:
    """A model with its first values, its data, and what is rounded before each step."""

    forward: Callable[[Parameters, Tensor], Tensor]
    start: dict[str, np.ndarray]
    x: np.ndarray
    rounded: tuple[str, ...] = ()


def state_of(p: Parameters, optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Return copies of parameters, running statistics and moments."""
    found = {name: t.detach().numpy().copy() for name, t in p.items()}
    for name, t in p.items():
        for slot, value in optimizer.state.get(t, {}).items():
            if slot != "step" and value is not None:
                found[f"{name}/{slot}"] = value.detach().numpy().copy()
    return found


def run(
    model: Model, make: Callable[[Iterable[Tensor]], torch.optim.Optimizer], label: np.ndarray, rounded: Sequence[str]
) -> tuple[list[float], list[dict[str, np.ndarray]]]:  # fmt: skip
    """Train on every batch; return the losses, and the states from the first to the last."""
    p = leaves(model.start)
    optimizer = make(trained(p))
    losses, states = [], [state_of(p, optimizer)]
    for x, target in zip(model.x, label, strict=True):
        with torch.no_grad():
            for name in rounded:
                p[name].copy_(torch.round(p[name] * GRID) / GRID)
        optimizer.zero_grad()
        loss = F.cross_entropy(model.forward(p, torch.tensor(x)), torch.tensor(target))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        states.append(state_of(p, optimizer))
    return losses, states


def trajectories(model: Model) -> dict[str, Any]:
    """Return the data, and for each optimizer the losses and states on the way, and the losses without rounding."""
    label = random.integers(0, 3, model.x.shape[:2])
    found = {"x": model.x, "label": label}
    for name, make in OPTIMIZERS.items():
        losses, states = run(model, make, label, model.rounded)
        found[f"{name}/loss"] = np.array(losses, np.float32)
        found[f"{name}/free"] = np.array(run(model, make, label, ())[0], np.float32)
        for key, last in states[-1].items():
            found[f"{name}/state/{key}"] = np.stack([state.get(key, np.zeros_like(last)) for state in states])
    return found


def check_ties(model: Model) -> None:
    """Make sure that the first pooling meets many windows with several largest elements."""
    weight = torch.tensor(np.round(model.start["Net.h.conv.weight"] * GRID) / GRID)
    h = F.conv2d(torch.tensor(model.x[0]), weight, padding=1)
    windows = h.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
    tied = (windows == windows.amax(-1, keepdim=True)).sum(-1) > 1
    assert tied.float().mean() > 0.25, f"ties in {tied.float().mean():.0%} of the windows are too few"


def models() -> dict[str, Model]:
    x = random.standard_normal((STATES, 16, 6)).astype(np.float32)
    x[:, 0] = 0  # with a bias of 0 at the start, Relu meets its kink
    of_mlp = Model(mlp, float32({
        **dense_start("Net.h.dense", 6, 10), **dense_start("Net.h.dense_2", 10, 8),
        **dense_start("Net.logits.dense", 8, 3),
    }), x)  # fmt: skip
    images = np.kron(random.integers(0, 2, (STATES, 12, 1, 4, 4)), np.ones((2, 2)))
    images[:, :, :, ::3] += random.integers(0, 2, images[:, :, :, ::3].shape)
    of_cnn = Model(cnn, float32({
        "Net.h.conv.weight": random.normal(0, 0.3, (3, 1, 3, 3)), **norm_start("Net.h.batch_norm", 3),
        "Net.h.conv_2.weight": random.normal(0, 0.2, (4, 3, 3, 3)), **norm_start("Net.h.batch_norm_2", 4),
        **dense_start("Net.logits.dense", 16, 3),
    }), images.astype(np.float32), ("Net.h.conv.weight",))  # fmt: skip
    check_ties(of_cnn)
    tokens = np.minimum(random.geometric(0.2, (STATES, 16, 7)) - 1, 19)  # a few words are frequent, as in a text
    of_words = Model(words, float32({
        "Net.h.embedding.weight": random.normal(0, 0.5, (20, 6)), **dense_start("Net.logits.dense", 6, 3),
    }), tokens)  # fmt: skip
    return {"mlp": of_mlp, "cnn": of_cnn, "words": of_words}


# --- what else a step does ------------------------------------------------------------------------------------

STEPS = 20
SIZES = [8, 8, 8, 5, 8, 3, 8, 8, 8, 2]
"""Examples in the batches of the run that accumulates gradients."""


class Options:
    """One run for each train block of ``options.dl``: losses of every step, and the state at the end."""

    def __init__(self) -> None:
        reals = {
            "x": random.standard_normal((STEPS, 12, 6)), "noise": random.standard_normal((STEPS, 12, 4)),
            "y": random.standard_normal((STEPS, 12, 2)), "weight": random.uniform(0, 2, (STEPS, 12)),
        }  # fmt: skip
        self.batches: dict[str, np.ndarray] = {**float32(reals), "label": random.integers(0, 3, (STEPS, 12))}
        self.starts = float32({
            **dense_start("Net.h.dense", 6, 10), **dense_start("Net.logits.dense", 10, 3),
            **dense_start("Normed.h.dense", 6, 10), **norm_start("Normed.h.batch_norm", 10),
            **dense_start("Normed.logits.dense", 10, 3),
            **dense_start("Heads.h.dense", 6, 8), **dense_start("Heads.y.dense", 8, 2),
            **dense_start("Heads.logits.dense", 8, 3),
            **dense_start("Generator.x.dense", 4, 8, bias=False), **norm_start("Generator.x.batch_norm", 8),
            **dense_start("Generator.x.dense_2", 8, 6),
            **dense_start("Critic.h.dense", 6, 8, bias=False), **norm_start("Critic.h.batch_norm", 8),
            **dense_start("Critic.logit.dense", 8, 1),
        })  # fmt: skip

    def leaves(self, *networks: str) -> Parameters:
        return leaves({name: a for name, a in self.starts.items() if name.startswith(networks)})

    def batch(self, step: int) -> Batch:
        return {name: torch.tensor(array[step]) for name, array in self.batches.items()}

    def plain(
        self, p: Parameters, loss_of: Callable[[Batch], Tensor], optimizers: Sequence[torch.optim.Optimizer],
        before: Callable[[int], Any] = lambda _: None, after: Callable[[int], Any] = lambda _: None,
    ) -> dict[str, Any]:  # fmt: skip
        losses = []
        for step in range(STEPS):
            loss = loss_of(self.batch(step))
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            before(step)
            for optimizer in optimizers:
                optimizer.step()
            after(step)
            losses.append(loss.item())
        return {"loss": losses, **p}

    def classified(self, p: Parameters, **options: Any) -> Callable[[Batch], Tensor]:
        return lambda b: F.cross_entropy(net(p, b["x"]), b["label"], **options)

    def clip_norm(self) -> dict[str, Any]:
        p = self.leaves("Net.")
        norms: list[float] = []
        found = self.plain(p, self.classified(p), [torch.optim.SGD(trained(p), 0.5)],
                           lambda _: norms.append(torch.nn.utils.clip_grad_norm_(trained(p), 0.7).item()))  # fmt: skip
        assert min(norms) < 0.7 < max(norms), norms
        return found

    def clip_value(self) -> dict[str, Any]:
        p = self.leaves("Net.")
        return self.plain(p, self.classified(p), [torch.optim.SGD(trained(p), 0.5)],
                          lambda _: torch.nn.utils.clip_grad_value_(trained(p), 0.05))  # fmt: skip

    def accumulate(self) -> dict[str, Any]:
        """Each update is one of the joined batches, which is what accumulation has to equal."""
        p = self.leaves("Net.")
        optimizer = torch.optim.Adam(trained(p), 0.02)
        losses = []
        for group in (range(4), range(4, 8), range(8, 10)):
            small = [{name: t[: SIZES[i]] for name, t in self.batch(i).items()} for i in group]
            losses += [self.classified(p)(batch).item() for batch in small]
            optimizer.zero_grad()
            self.classified(p)({name: torch.cat([b[name] for b in small]) for name in small[0]}).backward()
            torch.nn.utils.clip_grad_norm_(trained(p), 0.3)
            optimizer.step()
        return {"loss": losses, **p}

    def average(self) -> dict[str, Any]:
        p = self.leaves("Normed")
        averages = {name: t.detach().clone() for name, t in p.items() if t.requires_grad}

        def move(step: int) -> None:
            decay = min(0.6, (1 + step) / (10 + step))
            for name, average in averages.items():
                average.lerp_(p[name].detach(), 1 - decay)

        found = self.plain(p, lambda b: F.cross_entropy(normed(p, b["x"]), b["label"]),
                           [torch.optim.SGD(trained(p), 0.5)], after=move)  # fmt: skip
        return {**found, **{f"average/{name}": t for name, t in averages.items()}}

    def groups(self) -> dict[str, Any]:
        p = self.leaves("Net.")
        return self.plain(p, self.classified(p), [
            torch.optim.SGD([p["Net.h.dense.bias"], p["Net.logits.dense.bias"]], 0.1, momentum=0.5),
            torch.optim.Adam([p["Net.logits.dense.weight"]], 0.01),
            torch.optim.AdamW([p["Net.h.dense.weight"]], 0.02, weight_decay=0.1),
        ])  # fmt: skip

    def freeze(self) -> dict[str, Any]:
        p = {name.replace("Normed", "normed"): t for name, t in self.leaves("Normed").items()}
        return self.plain(p, lambda b: F.cross_entropy(normed(p, b["x"], "normed", training=False), b["label"]),
                          [torch.optim.SGD(trained(p, "normed.logits"), 0.1, weight_decay=0.1)])  # fmt: skip

    def schedule(self) -> dict[str, Any]:
        p = self.leaves("Net.")
        optimizer = torch.optim.SGD(trained(p), 0.5, momentum=0.9)
        other = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.5)
        cosine = schedulers.CosineAnnealingLR(other, STEPS - 5, 0.01)

        def set_rate(step: int) -> None:
            optimizer.param_groups[0]["lr"] = 0.5 * step / 5 if step < 5 else other.param_groups[0]["lr"]
            if step >= 5:
                other.step()
                cosine.step()

        return self.plain(p, self.classified(p), [optimizer], before=set_rate)

    def plateau(self) -> dict[str, Any]:
        """After ten steps the host reduces the learning rate."""
        p = self.leaves("Net.")
        optimizer = torch.optim.Adam(trained(p), 0.05)

        def reduce(step: int) -> None:
            optimizer.param_groups[0]["lr"] = 0.05 if step < 10 else 0.005

        return self.plain(p, self.classified(p), [optimizer], before=reduce)

    def penalty(self) -> dict[str, Any]:
        p = self.leaves("Net.")

        def loss(batch: Batch) -> Tensor:
            kernels = [t for name, t in p.items() if name.endswith("weight")]
            squares, sizes = sum((w**2).sum() for w in kernels), sum(w.abs().sum() for w in kernels)
            return self.classified(p)(batch) + 1e-2 * squares + 1e-3 * sizes

        return self.plain(p, loss, [torch.optim.SGD(trained(p), 0.5)])

    def weighted(self) -> dict[str, Any]:
        """PyTorch has no weight per example; a mean over classes with weights is one with the product of both."""
        p = self.leaves("Net.")
        of_class = torch.tensor([0.5, 1.0, 2.0])

        def loss(b: Batch) -> Tensor:
            each = F.cross_entropy(net(p, b["x"]), b["label"], of_class, reduction="none", label_smoothing=0.1)
            return (each * b["weight"]).sum() / (of_class[b["label"]] * b["weight"]).sum()

        return self.plain(p, loss, [torch.optim.SGD(trained(p), 0.5)])

    def heads(self) -> dict[str, Any]:
        p = self.leaves("Heads")

        def loss(b: Batch) -> Tensor:
            h = torch.tanh(dense(p, "Heads.h.dense", b["x"]))
            classes = F.cross_entropy(dense(p, "Heads.logits.dense", h), b["label"])
            return F.mse_loss(dense(p, "Heads.y.dense", h), b["y"]) + 0.5 * classes

        return self.plain(p, loss, [torch.optim.SGD(trained(p), 0.2)])

    def adversarial(self) -> dict[str, Any]:
        """Each of the two updates its own network only, running statistics included."""
        p = self.leaves("Generator", "Critic")
        optimizers = {
            "critic": torch.optim.Adam(trained(p, "Critic"), 0.01, (0.5, 0.999)),
            "generator": torch.optim.SGD(trained(p, "Generator"), 0.2),
        }

        def loss_of(name: str, b: Batch) -> Tensor:
            fake = generator(p, b["noise"])
            if name == "generator":
                guess = critic(p, fake)
                return F.binary_cross_entropy_with_logits(guess, torch.ones_like(guess))
            real, guess = critic(p, b["x"]), critic(p, fake.detach())
            ones, zeros = torch.ones_like(real), torch.zeros_like(guess)
            return F.binary_cross_entropy_with_logits(real, ones) + F.binary_cross_entropy_with_logits(guess, zeros)

        losses: dict[str, list[float]] = {name: [] for name in optimizers}
        for step in range(STEPS):
            for name, optimizer in optimizers.items():
                kept = {n: t.clone() for n, t in p.items() if "running" in n and not n.lower().startswith(name)}
                optimizer.zero_grad()
                loss = loss_of(name, self.batch(step))
                loss.backward()
                optimizer.step()
                for n, t in kept.items():
                    p[n].copy_(t)
                losses[name].append(loss.item())
        return {**{f"loss/{name}": values for name, values in losses.items()}, **p}

    def all(self) -> dict[str, Any]:
        found: dict[str, Any] = {f"batch/{name}": array for name, array in self.batches.items()}
        found |= {f"start/{name}": array for name, array in self.starts.items()}
        found["sizes"] = np.array(SIZES)
        for block in (
            self.clip_norm, self.clip_value, self.accumulate, self.average, self.groups, self.freeze, self.schedule,
            self.plateau, self.penalty, self.weighted, self.heads, self.adversarial,
        ):  # fmt: skip
            for name, value in block().items():
                array = value.detach().numpy() if isinstance(value, Tensor) else np.array(value, np.float32)
                found[f"end/{block.__name__}/{name}"] = array
        return found


def sequences() -> dict[str, Any]:
    """Train PyTorch's recurrent modules on rows of several lengths; their state is stored under its own names."""
    generator = np.random.default_rng(21)
    x = generator.standard_normal((STATES, 16, 9, 5)).astype(np.float32)
    n = generator.integers(1, 10, (STATES, 16))
    ends = np.take_along_axis(x[..., 0], n[..., None] - 1, axis=2)[..., 0]
    label = (x[:, :, 0, 1] > 0) + (ends > 0).astype(np.int64)
    torch.manual_seed(3)
    lstm = torch.nn.LSTM(5, 12, num_layers=2, bidirectional=True, batch_first=True)
    gru, last = torch.nn.GRU(24, 8, batch_first=True), torch.nn.Linear(8, 3)
    modules = {"Net.h.lstm": lstm, "Net.summary.gru": gru, "Net.logits.dense": last}

    def state() -> dict[str, np.ndarray]:
        found = {f"{path}.{key}": t.numpy().copy() for path, m in modules.items() for key, t in m.state_dict().items()}
        return {**found, "Net.logits.dense.weight": found["Net.logits.dense.weight"].T.copy()}

    start, losses = state(), []
    optimizer = torch.optim.Adam([p for m in modules.values() for p in m.parameters()], 0.01)
    for one, lengths, target in zip(x, n, label, strict=True):
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            torch.tensor(one), torch.tensor(lengths), batch_first=True, enforce_sorted=False
        )
        optimizer.zero_grad()
        loss = F.cross_entropy(last(gru(lstm(packed)[0])[1][0]), torch.tensor(target))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    found = {f"start/{name}": array for name, array in start.items()} | {
        f"end/{name}": a for name, a in state().items()
    }
    return {**found, "x": x, "n": n, "label": label, "loss": np.array(losses)}


torch.set_num_threads(1)
DATA.mkdir(parents=True, exist_ok=True)
for title, model in models().items():
    np.savez_compressed(DATA / f"{title}.npz", **trajectories(model))
np.savez_compressed(DATA / "options.npz", **Options().all())
np.savez_compressed(DATA / "sequences.npz", **sequences())
