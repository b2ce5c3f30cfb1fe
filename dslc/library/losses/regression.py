"""Losses of real values."""

from __future__ import annotations

import math

import numpy as np

from dslc import graph as g
from dslc.errors.losses import SHAPES_DIFFER, WRONG_COUNT
from dslc.library.losses.mean import (
    ElementwiseLoss,
    Mean,
    constant_like,
    match_shapes,
    match_weight,
    weighted_mean,
)
from dslc.library.operation import option
from dslc.library.statistic import Accumulators, loss
from dslc.types import TensorType, shape_text


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

    aliases = {"huberloss": ""}
    delta: float = option("The error where the square ends and the line begins.", default=1.0, above=0)

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        error = prediction - target
        near = g.clip(error, -self.delta, self.delta)
        return near * (error - near * 0.5)


@loss
class smooth_l1(ElementwiseLoss):
    """``huber`` over ``beta``: half the square of errors over ``beta`` up to that, and beyond it a line of slope 1.

    Girshick, Fast R-CNN, 2015. With ``beta = 0`` it is ``mae``.
    """

    aliases = {"smoothl1loss": ""}
    beta: float = option("The error where the square ends and the line begins.", default=1.0, minimum=0)

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        error = prediction - target
        if self.beta == 0:
            return g.absolute(error)
        near = g.clip(error, -self.beta, self.beta)
        return near * (error - near * 0.5) * (1 / self.beta)


@loss
class log_cosh(ElementwiseLoss):
    """The mean of ``log(cosh(prediction - target))``: half the square of small errors, and a line far from 0."""

    aliases = {"logcosh": "", "logcoshloss": "", "logcosherror": ""}

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        error = prediction - target
        value = g.softplus(error * -2.0) + error - math.log(2)
        return g.with_gradients(value, [(error, lambda dy: dy * g.tanh(error))])


@loss
class quantile(Mean):
    """The pinball loss, which is least at quantiles: the mean of ``max(q * e, (q - 1) * e)`` with e = target - y.

    With a list of quantiles the prediction has one more axis than the target, the last one, with one entry for each:
    ``quantile(x -> Dense(3), y, q = [0.1, 0.5, 0.9])`` of y: [N]. Koenker and Bassett, Regression Quantiles, 1978.
    """

    aliases = {
        "pinball": "",
        "pinballloss": "",
        "quantileloss": "",
        "meanpinballloss": "with q in place of alpha",
    }
    q: float | tuple[float, ...] = option("The quantile, or a list of several.", default=0.5, above=0, below=1)

    def type(self, prediction: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        goal = target
        if isinstance(self.q, tuple):
            if not self.q:
                raise WRONG_COUNT(f"'{self.name}' needs at least one quantile")
            goal = target.with_shape((*target.shape, len(self.q)))
            if prediction.shape == target.shape:
                raise SHAPES_DIFFER(
                    f"'{self.name}' of {len(self.q)} quantiles is given {prediction} and a target {target}",
                    hint=f"the prediction's last axis has an entry for each quantile: {shape_text(goal.shape)}",
                )
        match_shapes(self.name, prediction, goal)
        match_weight(self.name, weight, target.shape, prediction.element)
        return TensorType(prediction.element)

    def accumulate(self, prediction: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        several = isinstance(self.q, tuple)
        error = (g.unsqueeze(target, [-1]) if several else target) - prediction
        levels = np.asarray(self.q) - 0.5
        return weighted_mean(error * constant_like(error, levels) + g.absolute(error) * 0.5, weight)
