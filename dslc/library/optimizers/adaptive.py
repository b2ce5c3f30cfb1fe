"""Steps that each element of a parameter takes by the size of its own gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from dslc import graph as g
from dslc.library.optimizers.optimizer import (
    Kept,
    Optimizer,
    Scalar,
    Slot,
    Update,
    Updated,
    check_betas,
    optimizer,
)
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import option
from dslc.types import TensorType


@dataclass(frozen=True, kw_only=True)
class Moments(Optimizer):
    """What rules with running means of gradients and of their squares share."""

    lr: float | Schedule = option("Learning rate.", default=1e-3, minimum=0)
    betas: tuple[float, ...] = option("Decay of the two moments, [beta1, beta2].", default=(0.9, 0.999))
    eps: float | Schedule = option("Added to the root of the second moment.", default=1e-8, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_betas(self, self.betas)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return dict.fromkeys(("first_moment", "second_moment"), Slot())

    def moments(self, gradient: g.Tensor, slots: Kept) -> dict[str, g.Tensor]:
        """Return both moments after a gradient, as discounted sums ``M = beta * M + gradient``: a pass less over each.

        What makes averages of them is :func:`share`, a factor for the scalars.
        """
        beta1, beta2 = self.betas
        return {
            "first_moment": slots["first_moment"] * beta1 + gradient,
            "second_moment": slots["second_moment"] * beta2 + gradient * gradient,
        }


@dataclass(frozen=True, kw_only=True)
class _Adam(Moments):
    """The rule that Adam and AdamW share."""

    amsgrad: bool = option("Divide by the largest second moment so far (Reddi et al., 2018).", default=False)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {**super().slots(weight), **({"second_moment_peak": Slot()} if self.amsgrad else {})}

    def step(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        """Return a weight after Adam's step, and the state."""
        beta1, beta2 = self.betas
        state = self.moments(gradient, slots)
        square = state["second_moment"]
        if self.amsgrad:
            square = state["second_moment_peak"] = g.maximum(slots["second_moment_peak"], square)
        # lr * (M * share1) / (sqrt(S * share2) + eps), with the scalars gathered
        root = u.once((self, "root"), lambda: g.sqrt(share(u, beta2)))
        rate = u.once((self, "rate"), lambda: share(u, beta1, u.value(self.lr)) / root)
        epsilon = u.once((self, "epsilon"), lambda: u.value(self.eps) / root)
        return weight - state["first_moment"] / (g.sqrt(square) + epsilon) * rate, state


def share(u: Update, beta: float, factor: Scalar = 1.0) -> g.Tensor:
    """Return ``factor / (1 + beta + ... + beta ** (count - 1))``: what makes of a discounted sum its average.

    Without the cancellation that float32 would suffer in (1 - beta) / (1 - beta ** count): 1 / (1 - exp(-2 a)) =
    (1 / t + 1) / 2 with t = tanh(a).
    """
    t = g.tanh(u.count * (-log(max(beta, 1e-18)) / 2))  # a beta of 0 becomes one so small that the sum is 1
    half = factor * ((1 - beta) / 2)
    return half / t + half


@optimizer
class Adam(_Adam):
    """Adaptive moment estimation; weight decay is part of the gradient.

    D. P. Kingma, J. Ba, Adam: A method for stochastic optimization, 2015.
    """

    aliases = {"adamoptimizer": ""}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        return self.step(u, weight, self.decayed(u, weight, gradient), slots)


@optimizer
class AdamW(_Adam):
    """Adam with a weight decay apart from the gradient: each update first shrinks the weights by lr * weight_decay.

    I. Loshchilov, F. Hutter, Decoupled weight decay regularization, 2019.
    """

    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.01, minimum=0)

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        return self.step(u, self.shrunk(u, weight), gradient, slots)
