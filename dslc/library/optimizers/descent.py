"""Steps along the gradient."""

from __future__ import annotations

from collections.abc import Mapping

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.optimizers.optimizer import Kept, Optimizer, Slot, Update, Updated, optimizer
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
