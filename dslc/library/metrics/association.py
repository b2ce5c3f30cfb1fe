"""Metrics of how a prediction and a target vary together, and of the middle of the errors.

Of several columns all are the mean over the columns.
"""

from __future__ import annotations

from typing import ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.losses.mean import match_shapes, match_weight, nonzero, weights_of
from dslc.library.metrics.ranks import dense_ranks, tied_sums, with_nan_of
from dslc.library.metrics.values import explained
from dslc.library.statistic import Accumulators, Statistic, metric
from dslc.types import FLOAT64, INT64, ElementType, TensorType, element_count


class Moments(Statistic):
    """A metric of the variances of two series, and of their covariance.

    Sums of squares are joined as in T. F. Chan et al., Updating formulae and a pairwise algorithm for computing sample
    variances, 1979.
    """

    direction: ClassVar[str | None] = "highest"

    def type(self, prediction: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        match_shapes(self.name, prediction, target)
        match_weight(self.name, weight, target.shape[:1], prediction.element)
        return TensorType(prediction.element)

    def series(self, prediction: g.Tensor, target: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        """Return the two series of which the moments are taken, one behind the other along the first axis."""
        return prediction, target

    def accumulate(self, prediction: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        each = None if weight is None else weights_of(g.cast(weight, FLOAT64), target.rank)
        if each is None:
            count = g.cast(g.reshape(target.builder.dimension(target.shape[0]), ()), FLOAT64)
        else:
            count = g.reduce_sum(each)

        def summed(x: g.Tensor) -> g.Tensor:
            return g.reduce_sum(x if each is None else x * each, [0])

        def moments(x: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
            mean = summed(x) / nonzero(count)
            mean = mean + summed(x - mean) / nonzero(count)  # of equal values it is these, to the last bit
            return mean, x - mean

        (mean_a, a), (mean_b, b) = (moments(g.cast(x, FLOAT64)) for x in self.series(prediction, target))
        return {
            "weight": count,
            "a": mean_a,
            "b": mean_b,
            "aa": summed(a * a),
            "bb": summed(b * b),
            "ab": summed(a * b),
        }

    def merge(self, total: Accumulators, batch: Accumulators) -> Accumulators:
        weight = total["weight"] + batch["weight"]
        share = batch["weight"] / nonzero(weight)
        shift = {name: batch[name] - total[name] for name in ("a", "b")}
        found = {"weight": weight} | {name: total[name] + shift[name] * share for name in shift}
        for name in ("aa", "bb", "ab"):
            apart = shift[name[0]] * shift[name[1]] * share * total["weight"]
            found[name] = g.total(total[name], batch[name], apart)
        return found


@metric
class explained_variance(Moments):
    """1 minus the share of the target's variance that the error has: as ``r2``, but for a constant error.

    A column that is constant gives 1 if its error is constant too, else 0.
    """

    aliases = {"explainedvariancescore": "which is given the prediction first"}

    def series(self, prediction: g.Tensor, target: g.Tensor) -> tuple[g.Tensor, g.Tensor]:
        return g.cast(target, FLOAT64) - g.cast(prediction, FLOAT64), target

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        return g.cast(g.reduce_mean(explained(accumulators["aa"], accumulators["bb"])), element)


@metric
class pearson(Moments):
    """Pearson's correlation coefficient; of what is constant there is none (NaN), of which training warns."""

    aliases = {"pearsonr": "", "pearsoncorrcoef": "", "pearsoncorrelation": "", "corrcoef": "", "correlation": ""}
    undefined = "one side is constant"

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        return g.cast(_correlation(accumulators["ab"], accumulators["aa"], accumulators["bb"]), element)


def _correlation(ab: g.Tensor, aa: g.Tensor, bb: g.Tensor) -> g.Tensor:
    """Return the mean over columns of the correlations, given sums of squares and products of deviations."""
    found = ab / (g.sqrt(aa) * g.sqrt(bb))
    return g.reduce_mean(g.maximum(g.minimum(found, 1.0), -1.0))


class OfColumns(Statistic):
    """A metric that needs all numbers of a column at once. They are kept in memory until the end of the split."""

    collects = True

    def check(self, prediction: TensorType, target: TensorType) -> None:
        """Refuse operands that are no columns of numbers, of one shape."""
        match_shapes(self.name, prediction, target)
        if not isinstance(element_count(target.shape[1:]), int):
            raise errors.CLASS_COUNT(f"'{self.name}' must know how many columns there are, and the target is {target}")

    def columns(self, x: g.Tensor) -> g.Tensor:
        """Return [N, ...] as [N, columns]."""
        return g.reshape(x, (x.shape[0], element_count(x.shape[1:])))


@metric
class spearman(OfColumns):
    """Spearman's correlation coefficient: Pearson's, of ranks; equal numbers have the mean of their ranks.

    Of what is constant there is none (NaN), of which training warns. The numbers of the whole split are kept in memory
    until its end.
    """

    aliases = {"spearmanr": "", "spearmancorrcoef": "", "spearmancorrelation": ""}
    direction: ClassVar[str | None] = "highest"
    undefined = "one side is constant"

    def type(self, prediction: TensorType, target: TensorType) -> TensorType:
        self.check(prediction, target)
        return TensorType(prediction.element)

    def accumulate(self, prediction: g.Tensor, target: g.Tensor) -> Accumulators:
        return {"prediction": self.columns(prediction), "target": self.columns(target)}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        given = [accumulators[name].mT for name in ("prediction", "target")]
        a, b = (_deviations_of_ranks(x) for x in given)
        found = _correlation(*(g.reduce_sum(x, [-1]) for x in (a * b, a * a, b * b)))
        for x in given:
            found = with_nan_of(x, found)
        return g.cast(found, element)


def _deviations_of_ranks(x: g.Tensor) -> g.Tensor:
    """Return how far ranks along the last axis are from their mean."""
    places = dense_ranks(x)
    tied = tied_sums(x.builder.constant(1.0, FLOAT64), places)
    last = g.cumulative_sum(tied, -1)
    ranks = g.gather_elements(last - (tied - 1.0) * 0.5, places, -1)
    return ranks - g.reduce_mean(ranks, [-1], keepdims=True)


@metric
class median_absolute_error(OfColumns):
    """The median of ``abs(prediction - target)``, of an even number the mean of the two in the middle.

    With weights it is where half of them lie on either side. The errors of the whole split are kept in memory until its
    end.
    """

    aliases = {"medianabsoluteerror": "which is given the prediction first", "medae": ""}
    direction: ClassVar[str | None] = "lowest"

    def type(self, prediction: TensorType, target: TensorType, weight: TensorType | None = None) -> TensorType:
        self.check(prediction, target)
        match_weight(self.name, weight, target.shape[:1], prediction.element)
        return TensorType(prediction.element)

    def accumulate(self, prediction: g.Tensor, target: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        found = {"errors": self.columns(g.absolute(prediction - target))}
        return found if weight is None else found | {"weight": weight}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        errors_ = accumulators["errors"].mT
        count = errors_.shape[-1]
        largest_first, order = g.top_k(errors_, count)
        one = errors_.builder.constant(1.0, FLOAT64)
        each = g.cast(accumulators["weight"], FLOAT64) if "weight" in accumulators else g.expand(one, (count,))
        above = g.cumulative_sum(g.gather(each, order), -1)
        beyond = above - g.reduce_sum(each) * 0.5
        tolerance = 2.0**-52
        lower, upper = g.less_equal(beyond, tolerance), g.less(beyond, -tolerance)
        ends = [g.reduce_sum(g.cast(x, FLOAT64), [-1], keepdims=True) for x in (lower, upper)]
        last = g.cast(errors_.builder.dimension(count), FLOAT64) - 1.0
        middle = [g.gather_elements(largest_first, g.cast(g.minimum(end, last), INT64), -1) for end in ends]
        median = (g.cast(middle[0], FLOAT64) + g.cast(middle[1], FLOAT64)) * 0.5
        return g.cast(with_nan_of(errors_, g.reduce_mean(median)), element)
