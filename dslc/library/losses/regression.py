"""Losses of real values."""

from __future__ import annotations

from dslc import graph as g
from dslc.library.losses.mean import ElementwiseLoss
from dslc.library.operation import option
from dslc.library.statistic import loss


@loss
class mse(ElementwiseLoss):
    """Mean squared error: the mean of ``(prediction - target) ** 2``."""

    aliases = {"mseloss": "", "meansquarederror": "", "squarederror": "", "l2loss": "a mean, not half a sum"}

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        error = prediction - target
        return error * error


@loss
class mae(ElementwiseLoss):
    """Mean absolute error: the mean of ``abs(prediction - target)`` (PyTorch's ``l1_loss``)."""

    aliases = {"l1loss": "", "meanabsoluteerror": "", "maeloss": ""}

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        return g.absolute(prediction - target)


@loss
class huber(ElementwiseLoss):
    """Huber's loss: half the square of errors up to ``delta``, and beyond it linear in them.

    P. J. Huber, Robust estimation of a location parameter, 1964.
    """

    aliases = {"smoothl1loss": "with delta = 1", "huberloss": ""}
    delta: float = option("The error where the square ends and the line begins.", default=1.0, above=0)

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        error = prediction - target
        near = g.clip(error, -self.delta, self.delta)
        return near * (error - near * 0.5)
