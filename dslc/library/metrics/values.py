"""Metrics of real values: definitions are scikit-learn's."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

import numpy as np

from dslc import graph as g
from dslc.library.losses.mean import ElementwiseLoss, match_shapes, match_weight, nonzero, weights_of
from dslc.library.losses.regression import mse
from dslc.library.statistic import Accumulators, Statistic, Typed, metric
from dslc.types import FLOAT64, ElementType, TensorType


@metric
class rmse(mse):
    """Root of the mean squared error; of targets with several columns, the mean of the columns' roots.

    `mse(y, target) ** 0.5` is one root over all elements.
    """

    aliases = {"rootmeansquarederror": "", "rmseloss": ""}

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None

    def has_columns(self, *operands: TensorType) -> bool:
        return operands[0].rank > 1

    def accumulate(self, prediction: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        values = self.value(prediction, target)
        if weight is None:
            count = g.reshape(values.builder.dimension(values.shape[0]), ())
            return {"sum": g.reduce_sum(values, [0]), "weight": count}
        each = weights_of(weight, values.rank)
        return {"sum": g.reduce_sum(values * each, [0]), "weight": g.reduce_sum(each, [0])}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        return g.reduce_mean(g.sqrt(super().finish(accumulators, element)))


@metric
class rmsle(rmse):
    """Root of the mean squared difference of ``log(1 + x)``; of targets with several columns, the columns' mean root.

    Numbers of -1 and below have no value.
    """

    aliases = {
        "rootmeansquaredlogerror": "which is given the prediction first",
        "rootmeansquaredlogarithmicerror": "which is given the prediction first",
    }  # fmt: skip

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        return super().value(g.log1p(prediction), g.log1p(target))


@metric
class mape(ElementwiseLoss):
    """Mean absolute percentage error, as a share: the mean of ``abs(prediction - target) / abs(target)``.

    A target below 2.2e-16 in size divides as that, as in scikit-learn.
    """

    aliases = {
        "meanabsolutepercentageerror": "which is a share, not times 100",
        "meanabspercentageerror": "which is a share, not times 100",
    }

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        smallest = float(np.finfo(np.float64).eps)
        return g.absolute(prediction - target) / g.maximum(g.absolute(target), smallest)


@metric
class smape(ElementwiseLoss):
    """Symmetric mean absolute percentage error, from 0 to 2: the mean of the error over the mean size of both numbers.

    The size of a number is its absolute value; where both are 0 there is no error. S. Makridakis, Accuracy measures:
    theoretical and practical concerns, 1993.
    """

    aliases = {"symmetricmeanabsolutepercentageerror": "which is a share, not times 100"}

    def value(self, prediction: g.Tensor, target: g.Tensor) -> g.Tensor:
        return g.absolute(prediction - target) * 2.0 / nonzero(g.absolute(prediction) + g.absolute(target))


@metric
class r2(Statistic):
    """Coefficient of determination: 1 minus the share of the target's variance that the prediction leaves unexplained.

    Of targets with several columns it is the mean over the columns. A column that is constant gives 1 if it is
    predicted exactly, else 0. Sums of squares are joined as in T. F. Chan et al., Updating formulae and a pairwise
    algorithm for computing sample variances, 1979.
    """

    aliases = {"r2score": "which is given the prediction first"}
    direction: ClassVar[str | None] = "highest"

    def type(self, prediction: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        match_shapes(self.name, prediction, target)
        match_weight(self.name, weight, target.shape[:1], prediction.element)
        return TensorType(prediction.element)

    def accumulate(self, prediction: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        target, error = g.cast(target, FLOAT64), g.cast(target - prediction, FLOAT64)
        if weight is None:
            each, count = None, g.cast(g.reshape(target.builder.dimension(target.shape[0]), ()), FLOAT64)
        else:
            each = weights_of(g.cast(weight, FLOAT64), target.rank)
            count = g.reduce_sum(each)

        def summed(x: g.Tensor) -> g.Tensor:
            return g.reduce_sum(x if each is None else x * each, [0])

        mean = summed(target) / nonzero(count)
        mean = mean + summed(target - mean) / nonzero(count)  # of equal values it is these, to the last bit
        deviation = target - mean
        return {
            "weight": count, "mean": mean, "variation": summed(deviation * deviation), "residual": summed(error * error)
        }  # fmt: skip

    def merge(self, total: Accumulators, batch: Accumulators) -> Accumulators:
        weight = total["weight"] + batch["weight"]
        share = batch["weight"] / nonzero(weight)
        shift = batch["mean"] - total["mean"]
        return {
            "weight": weight,
            "mean": total["mean"] + shift * share,
            "variation": g.total(total["variation"], batch["variation"], shift * shift * share * total["weight"]),
            "residual": total["residual"] + batch["residual"],
        }

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        variation, residual = accumulators["variation"], accumulators["residual"]
        return g.cast(g.reduce_mean(explained(residual, variation)), element)


def explained(residual: g.Tensor, variation: g.Tensor) -> g.Tensor:
    """Return the share of a variation that is no residual; where there is none, whether there is no residual either."""
    varied = g.cast(g.greater(variation, 0.0), variation.element)
    exact = g.cast(g.equal(residual, 0.0), variation.element)
    return varied * (1.0 - residual / nonzero(variation)) + (1.0 - varied) * exact
