"""Steps along the gradient, or by its sign."""

from __future__ import annotations

from collections.abc import Mapping

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.optimizers.optimizer import Kept, Optimizer, Scalar, Slot, Update, Updated, optimizer
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import option
from dslc.types import TensorType


@optimizer
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    H. Robbins, S. Monro, A stochastic approximation method, 1951; momentum as in I. Sutskever et al., On the
    importance of initialization and momentum in deep learning, 2013, in PyTorch's form.
    """

    aliases = {"stochasticgradientdescent": "", "momentum": "with momentum = 0.9", "sgdoptimizer": ""}
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

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {} if self.momentum == 0.0 else {"momentum": Slot()}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        step = self.decayed(u, weight, gradient)
        state = {}
        if self.momentum != 0.0:
            momentum = u.value(self.momentum)
            state["momentum"] = slots["momentum"] * momentum + self._dampened(u, step)
            step = step + state["momentum"] * momentum if self.nesterov else state["momentum"]
        return weight - step * u.value(self.lr), state

    def _dampened(self, u: Update, gradient: g.Tensor) -> g.Tensor:
        if self.dampening == 0.0:
            return gradient
        # the first update takes the whole gradient
        share = u.once((self, "share"), lambda: 1.0 - g.minimum(u.done, 1.0) * u.value(self.dampening))
        return gradient * share


@optimizer
class ASGD(Optimizer):
    """Averaged stochastic gradient descent: the average of the weights from t0 updates on is evaluated and ships.

    B. T. Polyak, A. B. Juditsky, Acceleration of stochastic approximation by averaging, 1992, in PyTorch's form.
    """

    lr: float | Schedule = option("Learning rate at the beginning.", default=1e-2, minimum=0)
    lambd: float | Schedule = option("Strength of the decay, and of the fall of the rate.", default=1e-4, minimum=0)
    alpha: float | Schedule = option("The power by which the rate falls.", default=0.75, minimum=0)
    t0: float = option("After how many updates the average begins.", default=1e6, minimum=0)
    weight_decay: float | Schedule = option("Strength of the pull to 0, over the whole group.", default=0.0, minimum=0)

    @property
    def evaluated(self) -> str:
        return "average"

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {"average": Slot(first=None)}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        gradient = self.decayed(u, weight, gradient)
        rate = u.once((self, "rate"), lambda: self._rate(u))
        kept = u.once((self, "shrinking"), lambda: 1.0 - rate * u.value(self.lambd))
        weight = weight * kept - gradient * rate
        new = u.once((self, "new"), lambda: 1.0 / g.maximum(u.done - self.t0, 1.0))
        return weight, {"average": slots["average"] + (weight - slots["average"]) * new}

    def _rate(self, u: Update) -> Scalar:
        fall = u.done * u.value(self.lambd) * u.value(self.lr) + 1.0
        return u.value(self.lr) / fall ** u.value(self.alpha)


@optimizer
class Rprop(Optimizer):
    """Steps of a size of its own for each weight, which grows while the gradient keeps its sign, and shrinks where not.

    For batches of all examples: noise changes signs. M. Riedmiller, H. Braun, A direct adaptive method for faster
    backpropagation learning: the RPROP algorithm, 1993.
    """

    lr: float = option("The size of the first steps.", default=1e-2, minimum=0)
    etas: tuple[float, ...] = option("What a step shrinks and grows by.", default=(0.5, 1.2))
    step_sizes: tuple[float, ...] = option("The least and the largest step.", default=(1e-6, 50.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.etas) != 2 or not 0 < self.etas[0] < 1 < self.etas[1]:
            raise errors.WRONG_COUNT(
                "'etas' takes two numbers, the first between 0 and 1 and the second above 1", hint="etas = [0.5, 1.2]"
            )
        if len(self.step_sizes) != 2 or not 0 <= self.step_sizes[0] <= self.step_sizes[1]:
            raise errors.WRONG_COUNT(
                "'step_sizes' takes two numbers, the smaller one first", hint="step_sizes = [1e-6, 50]"
            )

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {"gradient": Slot(), "step": Slot(first=self.lr)}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        shrinking, growing = self.etas
        turned = gradient * slots["gradient"]
        back = g.less(turned, 0.0)
        factor = g.where(back, shrinking, g.where(g.greater(turned, 0.0), u.builder.as_tensor(growing, u.element), 1.0))
        step = g.clip(slots["step"] * factor, *self.step_sizes)
        taken = g.where(back, 0.0, gradient)
        return weight - g.sign(taken) * step, {"gradient": taken, "step": step}
