"""Metrics of real values: definitions are scikit-learn's."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from dslc import graph as g
from dslc.library.losses.mean import match_shapes, match_weight, nonzero, weights_of
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
        varied = g.cast(g.greater(variation, 0.0), variation.element)
        exact = g.cast(g.equal(residual, 0.0), variation.element)
        score = varied * (1.0 - residual / nonzero(variation)) + (1.0 - varied) * exact
        return g.cast(g.reduce_mean(score), element)
