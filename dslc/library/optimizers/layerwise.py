"""Steps of which each parameter's own size, or its whole matrix of gradients, decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod, sqrt

import numpy as np

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.optimizers.adaptive import AdamW, Moments, share
from dslc.library.optimizers.descent import SGD
from dslc.library.optimizers.optimizer import (
    Kept,
    Member,
    Optimizer,
    Slot,
    Update,
    Updated,
    optimizer,
    refuse_perturbing,
)
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import option
from dslc.types import TensorType


def _norm(x: g.Tensor) -> g.Tensor:
    return g.sqrt(g.reduce_sum(x * x))


def _count(x: g.Tensor) -> int:
    return prod(int(size) for size in x.shape)


@optimizer
class LARS(SGD):
    """SGD whose gradient is scaled to a share of each parameter's norm, for large batches.

    Y. You, I. Gitman, B. Ginsburg, Large batch training of convolutional networks, 2017.
    """

    aliases = {}
    lr: float | Schedule = option("Learning rate.", default=1.0, minimum=0)
    trust_coeff: float | Schedule = option("Which share of its norm a step moves a parameter.", default=1e-3, minimum=0)
    eps: float | Schedule = option("Added to the gradient's norm.", default=1e-8, minimum=0)

    def decayed(self, u: Update, weight: g.Tensor, gradient: g.Tensor) -> g.Tensor:
        size, slope = _norm(weight), _norm(gradient)
        both = g.greater(g.minimum(size, slope), 0.0)
        pulled = slope if self.weight_decay == 0.0 else slope + size * u.value(self.weight_decay)
        share = g.where(both, size / (pulled + u.value(self.eps)) * u.value(self.trust_coeff), 1.0)
        return super().decayed(u, weight, gradient) * share


@optimizer
class LAMB(Moments):
    """Adam whose steps, with the decay in them, are scaled to each parameter's norm, for large batches.

    Y. You et al., Large batch optimization for deep learning: Training BERT in 76 minutes, 2020.
    """

    eps: float | Schedule = option("Added to the root of the second moment.", default=1e-6, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.01, minimum=0)

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        state = self.moments(gradient, slots)
        root = u.once((self, "root"), lambda: g.sqrt(share(u, self.betas[1])))
        scale = u.once((self, "scale"), lambda: share(u, self.betas[0]) / root)
        epsilon = u.once((self, "epsilon"), lambda: u.value(self.eps) / root)
        step = state["first_moment"] / (g.sqrt(state["second_moment"]) + epsilon) * scale
        if self.weight_decay != 0.0:
            step = step + weight * u.value(self.weight_decay)
        size, length = _norm(weight), _norm(step)
        trust = g.where(g.greater(g.minimum(size, length), 0.0), size / length, 1.0)
        return weight - step * (trust * u.value(self.lr)), state


@optimizer
class Adafactor(Optimizer):
    """Steps relative to the size of each parameter, by means of squares of rows and columns alone.

    A matrix keeps a number for each row and column, and so do the last two axes of what has more.
    N. Shazeer, M. Stern, Adafactor: Adaptive learning rates with sublinear memory cost, 2018, in PyTorch's form.
    """

    lr: float | Schedule = option(
        "The largest relative step; later ones shrink as 1 / sqrt(t).", default=1e-2, minimum=0
    )
    beta2_decay: float = option("The power of t by which the share of new squares shrinks.", default=-0.8, maximum=0)
    eps1: float | None = option("The least root of a mean of squares; none: the type's epsilon.", default=None, above=0)
    eps2: float | Schedule = option(
        "The least size of a parameter that steps are relative to.", default=1e-3, minimum=0
    )
    d: float | Schedule = option("The largest root mean square of a step before it is scaled.", default=1.0, minimum=1)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        if weight.rank < 2:
            return {"mean_square": Slot()}
        *stacked, _, _ = weight.shape
        return {"rows": Slot(shape=weight.shape[:-1]), "columns": Slot(shape=(*stacked, weight.shape[-1]))}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        new = u.once((self, "new"), lambda: u.count**self.beta2_decay)
        rate = u.once((self, "rate"), lambda: g.minimum(1.0 / g.sqrt(u.count), u.value(self.lr)))
        limits = np.finfo(u.element.value)
        eps = float(limits.eps) if self.eps1 is None else self.eps1
        square = gradient * gradient
        if weight.rank < 2:
            old = slots["mean_square"]
            variance = old + (square - old) * new
            state = {"mean_square": variance}
        else:
            state = {}
            for slot, axis in (("rows", -1), ("columns", -2)):
                state[slot] = slots[slot] + (g.reduce_mean(square, [axis]) - slots[slot]) * new
            rows, columns = g.unsqueeze(state["rows"], [-1]), g.unsqueeze(state["columns"], [-2])
            variance = rows / g.maximum(g.reduce_mean(rows, [-2], keepdims=True), eps) * columns
        step = gradient / g.sqrt(g.maximum(variance, max(eps**2, float(limits.tiny))))
        size = sqrt(_count(weight))
        long = g.maximum(_norm(step) / size / u.value(self.d), 1.0)
        scale = g.maximum(_norm(weight) / size, u.value(self.eps2)) * rate / long
        return self.shrunk(u, weight) - step * scale, state


@optimizer
class Muon(Optimizer):
    """Momentum whose matrix is made nearly orthogonal, for matrices; another optimizer takes what is none.

    A matrix is what has two axes; its columns count as outputs, as Dense has them. Tables of embeddings are better left
    to another group. The iteration runs in the weights' own type.
    K. Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024, in PyTorch's form.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-3, minimum=0)
    weight_decay: float | Schedule = option(
        "Strength of the pull to 0, apart from the gradient.", default=0.1, minimum=0
    )
    momentum: float | Schedule = option("Decay of the mean of gradients.", default=0.95, minimum=0, below=1)
    nesterov: bool = option("Look ahead along the momentum, after Nesterov.", default=True)
    ns_coefficients: tuple[float, ...] = option(
        "Of x, x ** 3 and x ** 5 in an iteration.", default=(3.4445, -4.775, 2.0315)
    )
    eps: float = option("The least norm that a matrix is divided by.", default=1e-7, above=0)
    ns_steps: int = option("How many iterations there are.", default=5, minimum=0, maximum=99)
    adjust_lr_fn: str = option(
        "How a matrix's shape changes its rate: sqrt(max(1, outputs / inputs)), or 0.2 * sqrt(the larger).",
        default="original", choices=("original", "match_rms_adamw"),
    )  # fmt: skip
    others: Optimizer = option("What updates all but matrices.", default=AdamW())

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.ns_coefficients) != 3:
            raise errors.WRONG_COUNT(
                "'ns_coefficients' takes three numbers", hint="Muon(ns_coefficients = [3.4445, -4.775, 2.0315])"
            )
        refuse_perturbing(self, self.others)
        if self.others.evaluated is not None:
            raise errors.CONTRADICTION(
                f"{self.others.name} evaluates averages of its own, and matrices have none",
                hint=f"give it a group of its own: over ... using Muon over ... using {self.others.name}",
            )

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {"momentum": Slot()} if weight.rank == 2 else self.others.slots(weight)

    def shared(self) -> Mapping[str, Slot]:
        return self.others.shared()

    def updates(self, members: Sequence[Member], shared: dict[str, g.Tensor]) -> Iterator[Updated]:
        others = [member for member in members if member.weight.rank != 2]
        taken = iter(list(self.others.updates(others, shared)) if others else ())
        for member in members:
            with member.scope(self):
                yield self._step(member) if member.weight.rank == 2 else next(taken)

    def _step(self, member: Member) -> Updated:
        u, weight, gradient = member.u, member.weight, member.gradient
        share = u.value(self.momentum)
        momentum = gradient + (member.slots["momentum"] - gradient) * share
        direction = gradient + (momentum - gradient) * share if self.nesterov else momentum
        inputs, outputs = (int(size) for size in weight.shape)
        factor = (
            sqrt(max(1.0, outputs / inputs)) if self.adjust_lr_fn == "original" else 0.2 * sqrt(max(inputs, outputs))
        )
        rate = u.once((self, factor), lambda: u.value(self.lr) * factor)
        return self.shrunk(u, weight) - self._orthogonal(direction) * rate, {"momentum": momentum}

    def _orthogonal(self, matrix: g.Tensor) -> g.Tensor:
        """Return nearly U V' of a matrix U S V', by the iteration of Newton and Schulz."""
        first, third, fifth = self.ns_coefficients
        tall = int(matrix.shape[0]) > int(matrix.shape[1])
        x = matrix.mT if tall else matrix
        x = x / g.maximum(_norm(x), self.eps)
        for _ in range(self.ns_steps):
            square = x @ x.mT
            x = x * first + (square * third + square @ square * fifth) @ x
        return x.mT if tall else x
