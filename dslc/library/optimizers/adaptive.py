"""Steps that each element of a parameter takes by the size of its own gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.optimizers.optimizer import Kept, Optimizer, Scalar, Slot, Update, Updated, optimizer
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import option
from dslc.types import TensorType


@dataclass(frozen=True, kw_only=True)
class _Adam(Optimizer):
    """The rule that Adam and AdamW share."""

    lr: float | Schedule = option("Learning rate.", default=1e-3, minimum=0)
    betas: tuple[float, ...] = option("Decay of the two moments, [beta1, beta2].", default=(0.9, 0.999))
    eps: float | Schedule = option("Added to the root of the second moment.", default=1e-8, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)
    amsgrad: bool = option("Divide by the largest second moment so far (Reddi et al., 2018).", default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise errors.WRONG_COUNT(
                "'betas' takes two numbers, each at least 0 and below 1", hint=f"{self.name}(betas = [0.9, 0.999])"
            )

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        names = ("first_moment", "second_moment", *(["second_moment_peak"] if self.amsgrad else []))
        return dict.fromkeys(names, Slot())

    def step(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        """Return a weight after Adam's step, and the state.

        The moments are kept as plain discounted sums, ``M = beta * M + gradient``, which saves a pass over each.
        """
        beta1, beta2 = self.betas
        state = {
            "first_moment": slots["first_moment"] * beta1 + gradient,
            "second_moment": slots["second_moment"] * beta2 + gradient * gradient,
        }
        square = state["second_moment"]
        if self.amsgrad:
            square = state["second_moment_peak"] = g.maximum(slots["second_moment_peak"], square)
        # lr * (M * share1) / (sqrt(S * share2) + eps), with the scalars gathered
        root = u.once((self, "root"), lambda: g.sqrt(_share(u, beta2)))
        rate = u.once((self, "rate"), lambda: _share(u, beta1, u.value(self.lr)) / root)
        epsilon = u.once((self, "epsilon"), lambda: u.value(self.eps) / root)
        return weight - state["first_moment"] / (g.sqrt(square) + epsilon) * rate, state


def _share(u: Update, beta: float, factor: Scalar = 1.0) -> g.Tensor:
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
        if self.weight_decay != 0.0:
            kept = u.once((self, "kept"), lambda: 1.0 - u.value(self.lr) * u.value(self.weight_decay))
            weight = weight * kept
        return self.step(u, weight, gradient, slots)


@optimizer
class RMSprop(Optimizer):
    """Gradient descent divided by a running root of mean squared gradients.

    T. Tieleman, G. Hinton, Neural networks for machine learning, lecture 6.5, 2012; the centred form from A. Graves,
    Generating sequences with recurrent neural networks, 2013.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-2, minimum=0)
    alpha: float | Schedule = option("Decay of the mean of squares.", default=0.99, minimum=0, below=1)
    eps: float | Schedule = option("Added to the root.", default=1e-8, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)
    momentum: float | Schedule = option("The share of the last step that goes on.", default=0.0, minimum=0)
    centered: bool = option("Divide by the standard deviation instead.", default=False)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        centre = ("mean",) if self.centered else ()
        return dict.fromkeys(("mean_square", *centre, *(() if self.momentum == 0.0 else ("momentum",))), Slot())

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        gradient = self.decayed(u, weight, gradient)
        alpha = u.value(self.alpha)
        new = u.once((self, "new"), lambda: 1.0 - alpha)
        state = {"mean_square": slots["mean_square"] * alpha + gradient * gradient * new}
        variance = state["mean_square"]
        if self.centered:
            state["mean"] = slots["mean"] * alpha + gradient * new
            # round-off may leave a variance slightly below 0
            variance = g.relu(variance - state["mean"] * state["mean"])
        step = gradient / (g.sqrt(variance) + u.value(self.eps))
        if self.momentum != 0.0:
            step = state["momentum"] = slots["momentum"] * u.value(self.momentum) + step
        return weight - step * u.value(self.lr), state
