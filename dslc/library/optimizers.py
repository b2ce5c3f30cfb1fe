"""Optimizers: update rules as in their papers, with PyTorch 2's formulas and defaults.

An optimizer says which state it keeps for each parameter and how one update follows from a gradient. What depends
on no parameter (bias corrections, products of hyper-parameters) is computed once per step, on scalars, and the
element-wise passes over parameters and state are as few as the formula allows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.schedules import Moment, Schedule, check_complete, constant
from dslc.library.word import OPTIMIZERS, Word, option, word_decorator
from dslc.types import FLOAT32, ElementType

if TYPE_CHECKING:
    from dslc.graph import Builder, Tensor

    Scalar: TypeAlias = float | Tensor

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "Update", "optimizer"]

T = TypeVar("T")


@dataclass
class Update:
    """One update of parameters of one element type: which one it is, and the values of hyper-parameters in it."""

    builder: Builder
    step: Tensor
    """Updates done before this one, an int64 scalar."""
    total: Tensor | None = None
    """Updates in the whole training, an int64 scalar; needed by schedules whose ``needs_total`` holds."""
    host: Mapping[Schedule, Tensor] = field(default_factory=dict)
    """The scalar of each schedule that the host drives, see :meth:`Schedule.host_values`."""
    element: ElementType = FLOAT32
    """The parameters' element type, in which scalars are computed."""
    _known: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what was computed for the key before, or compute it now."""
        if key not in self._known:
            self._known[key] = compute()
        known: T = self._known[key]
        return known

    @property
    def done(self) -> Tensor:
        """The number of updates before this one, in the parameters' type (float32: exact to 2 ** 24)."""
        return self.once("done", lambda: g.cast(self.step, self.element))

    @property
    def count(self) -> Tensor:
        """This update's number, from 1, in the parameters' type (float32: exact to 2 ** 24)."""
        return self.once("count", lambda: g.cast(self.step + 1, self.element))

    def value(self, hyper: float | Schedule) -> Scalar:
        """Return a hyper-parameter's value in this update: a number, or a scalar of the parameters' type."""
        if not isinstance(hyper, Schedule):
            return float(hyper)
        if isinstance(hyper, constant):
            return float(hyper.value)
        return self.once(hyper, lambda: self._evaluate(hyper))

    def _evaluate(self, schedule: Schedule) -> Scalar:
        remaining: Scalar = 1.0
        if schedule.needs_total:
            total = self.total
            assert total is not None
            remaining = self.once("total", lambda: g.maximum(g.cast(total, self.element), 1.0))
        host = {driven: g.cast(scalar, self.element) for driven, scalar in self.host.items()}
        value = schedule.formula(Moment(self.done, remaining, host))
        return value if isinstance(value, g.Tensor) else float(value)


class Optimizer(Word):
    """An update rule. Gradients and state have the parameter's element type and shape."""

    lr: float | Schedule
    weight_decay: float | Schedule

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, Schedule):
                check_complete(value)

    def slots(self) -> tuple[str, ...]:
        """Return the names of the state tensors kept per parameter; they have its shape and start from 0."""
        return ()

    def update(
        self, u: Update, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the parameter after the update, and its state."""
        raise NotImplementedError

    def decayed(self, u: Update, weight: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient of the objective plus ``weight_decay / 2 * sum(weight ** 2)``."""
        if self.weight_decay == 0.0:
            return gradient
        return gradient + weight * u.value(self.weight_decay)


optimizer = word_decorator("optimizer", OPTIMIZERS)


@optimizer
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    H. Robbins, S. Monro, A stochastic approximation method, 1951; momentum as in I. Sutskever et al., On the
    importance of initialization and momentum in deep learning, 2013, in PyTorch's form.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-3, minimum=0)
    momentum: float | Schedule = option("The share of the last step that goes on.", default=0.0, minimum=0)
    dampening: float | Schedule = option("The share of the gradient kept out of the momentum.", default=0.0)
    nesterov: bool = option("Look ahead along the momentum, after Nesterov.", default=False)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            raise errors.CONTRADICTION(
                "'nesterov' needs a momentum and no dampening", hint="SGD(momentum = 0.9, nesterov = true)"
            )

    def slots(self) -> tuple[str, ...]:
        return () if self.momentum == 0.0 else ("momentum",)

    def update(
        self, u: Update, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        step = self.decayed(u, weight, gradient)
        state = {}
        if self.momentum != 0.0:
            momentum = u.value(self.momentum)
            state["momentum"] = slots["momentum"] * momentum + self._dampened(u, step)
            step = step + state["momentum"] * momentum if self.nesterov else state["momentum"]
        return weight - step * u.value(self.lr), state

    def _dampened(self, u: Update, gradient: Tensor) -> Tensor:
        if self.dampening == 0.0:
            return gradient
        # the first update takes the whole gradient
        share = u.once((self, "share"), lambda: 1.0 - g.minimum(u.done, 1.0) * u.value(self.dampening))
        return gradient * share


class _Adam(Optimizer):
    """The rule that Adam and AdamW share."""

    betas: tuple[float, ...]
    eps: float | Schedule
    amsgrad: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise errors.WRONG_COUNT(
                "'betas' takes two numbers, each at least 0 and below 1", hint=f"{self.name}(betas = [0.9, 0.999])"
            )

    def slots(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment", *(["second_moment_peak"] if self.amsgrad else []))

    def step(
        self, u: Update, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
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


def _share(u: Update, beta: float, factor: Scalar = 1.0) -> Tensor:
    """Return ``factor / (1 + beta + ... + beta ** (count - 1))``: what makes of a discounted sum its average.

    Without the cancellation that float32 would suffer in (1 - beta) / (1 - beta ** count): 1 / (1 - exp(-2 a)) =
    (1 / t + 1) / 2 with t = tanh(a).
    """
    t = g.tanh(u.count * (-log(max(beta, 1e-9)) / 2))  # a beta of 0 becomes one so small that the sum is 1
    half = factor * ((1 - beta) / 2)
    return half / t + half


@optimizer
class Adam(_Adam):
    """Adaptive moment estimation; weight decay is part of the gradient.

    D. P. Kingma, J. Ba, Adam: A method for stochastic optimization, 2015.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-3, minimum=0)
    betas: tuple[float, ...] = option("Decay of the two moments, [beta1, beta2].", default=(0.9, 0.999))
    eps: float | Schedule = option("Added to the root of the second moment.", default=1e-8, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)
    amsgrad: bool = option("Divide by the largest second moment so far (Reddi et al., 2018).", default=False)

    def update(
        self, u: Update, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return self.step(u, weight, self.decayed(u, weight, gradient), slots)


@optimizer
class AdamW(_Adam):
    """Adam with a weight decay apart from the gradient: each update first shrinks the weights by lr * weight_decay.

    I. Loshchilov, F. Hutter, Decoupled weight decay regularization, 2019.
    """

    lr: float | Schedule = option("Learning rate.", default=1e-3, minimum=0)
    betas: tuple[float, ...] = option("Decay of the two moments, [beta1, beta2].", default=(0.9, 0.999))
    eps: float | Schedule = option("Added to the root of the second moment.", default=1e-8, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.01, minimum=0)
    amsgrad: bool = option("Divide by the largest second moment so far (Reddi et al., 2018).", default=False)

    def update(
        self, u: Update, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
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

    def slots(self) -> tuple[str, ...]:
        centre = ("mean",) if self.centered else ()
        return ("mean_square", *centre, *(() if self.momentum == 0.0 else ("momentum",)))

    def update(
        self, u: Update, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
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
