"""Metrics of lists: in each example, whether what is relevant has higher scores than the rest.

Scores are [N, L], one for each of L things, and of any kind: only their order counts. A list that is shorter than
others ends with scores of minus infinity and a relevance of 0.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.checks import need_integer
from dslc.library.losses.mean import Mean, match_weight, nonzero, weighted_mean
from dslc.library.metrics.ranks import dense_ranks, tied_sums, with_nan_of
from dslc.library.operation import IndexUse, option
from dslc.library.statistic import Accumulators, Statistic, Typed, metric
from dslc.types import BOOL, FLOAT64, INT64, Dimension, ElementType, TensorType, shape_text


def k_option() -> Any:
    """Return the option that says how much of a list counts."""
    return option("How many things in front count: all of them unless said.", default=None, minimum=1)


def exponential_option() -> Any:
    """Return the option that says what a relevance gains."""
    return option("Whether a relevance r gains ``2 ** r - 1`` in place of r.", default=False)


class OfLists(Mean):
    """The mean over examples of a value of each one's list."""

    differentiable = False
    spreads: ClassVar[tuple[int, ...]] = ()
    direction: ClassVar[str | None] = "highest"

    def type(self, scores: TensorType, relevance: TensorType, weight: TensorType | None = None) -> TensorType:
        if not scores.element.is_float or scores.rank != 2:
            raise errors.NOT_FLOAT(
                f"'{self.name}' takes scores of the things in each list, [N, L], and is given {scores}"
            )
        if not self.fits(scores, relevance):
            raise errors.SHAPES_DIFFER(
                f"'{self.name}' is given scores {scores}, and {relevance} as what is relevant",
                hint=f"it has the scores' shape, {shape_text(scores.shape)}, and a number for each",
            )
        match_weight(self.name, weight, scores.shape[:1], scores.element)
        return TensorType(scores.element)

    def fits(self, scores: TensorType, relevance: TensorType) -> bool:
        """Return whether what is relevant can be said so."""
        return scores.shape == relevance.shape

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        return None  # no gradient goes through it

    def accumulate(self, scores: g.Tensor, relevance: g.Tensor, weight: g.Tensor | None = None) -> Accumulators:
        number = g.reduce_sum(g.cast(g.is_nan(scores), FLOAT64), [-1])
        value = g.where(g.greater(number, 0.0), math.nan, self.of_lists(scores, relevance))
        return weighted_mean(value, None if weight is None else g.cast(weight, FLOAT64))

    def of_lists(self, scores: g.Tensor, relevance: g.Tensor) -> g.Tensor:
        """Return the value of each list (float64)."""
        raise NotImplementedError


@metric
class ndcg(OfLists):
    """Normalized discounted cumulative gain: of what is relevant, how much stands how far in front.

    The relevance of the i-th thing by score, from i = 1, counts over ``log2(i + 1)``; that sum is divided by the one of
    the best order. Things of equal scores have the mean of their places' values. A list without anything relevant has
    0. Definitions are scikit-learn's. K. Jarvelin and J. Kekalainen, Cumulated gain-based evaluation of IR techniques,
    2002.
    """

    aliases = {
        "ndcgscore": "which is given the scores first",
        "retrievalnormalizeddcg": "which is given the scores first",
    }
    k: int | None = k_option()
    exponential: bool = exponential_option()

    def of_lists(self, scores: g.Tensor, relevance: g.Tensor) -> g.Tensor:
        gain = _gains(relevance, exponential=self.exponential)
        return self.gained(scores, gain) / nonzero(self.gained(gain, gain))

    def gained(self, scores: g.Tensor, gain: g.Tensor) -> g.Tensor:
        """Return the discounted gains of things in the order of their scores."""
        ranks = dense_ranks(scores)
        count = tied_sums(scores.builder.constant(1.0, FLOAT64), ranks)
        end = g.cumulative_sum(count, -1)
        worth = _worth(scores.shape[-1], self.k, end - count, end)
        return g.reduce_sum(tied_sums(gain, ranks) * worth / nonzero(count), [-1])


def _gains(relevance: g.Tensor, *, exponential: bool) -> g.Tensor:
    """Return what things gain by their relevance (float64)."""
    gain = g.cast(relevance, FLOAT64)
    return g.exp(gain * math.log(2.0)) - 1.0 if exponential else gain


def _worth(most: Dimension, k: int | None, begin: g.Tensor, end: g.Tensor) -> g.Tensor:
    """Return the sum of what places are worth, from one (0 is the first) to before another, of at most so many."""
    place = g.cumulative_sum(g.expand(end.builder.constant(1.0, FLOAT64), (most,)), 0)
    each = math.log(2.0) / g.log(place + 1.0)
    if k is not None:
        each = each * g.cast(g.less_equal(place, float(k)), FLOAT64)
    before = g.pad(g.cumulative_sum(each, 0), [1], [0])
    return g.gather(before, g.cast(end, INT64)) - g.gather(before, g.cast(begin, INT64))


@metric
class group_ndcg(Statistic):
    """``ndcg`` of lists that examples are the things of: each has a score, a relevance and the number of its group.

    It is the mean over the groups that occur, wherever in the split their examples lie. Scores, relevance and groups of
    the whole split are kept in memory until its end.
    """

    collects = True
    differentiable = False
    direction: ClassVar[str | None] = "highest"
    k: int | None = k_option()
    exponential: bool = exponential_option()

    def type(self, scores: TensorType, relevance: TensorType, group: TensorType) -> TensorType:
        if not scores.element.is_float or scores.rank != 1:
            raise errors.NOT_FLOAT(f"'{self.name}' takes one score for each example, [N], and is given {scores}")
        need_integer(self.name, group)
        for what, operand in (("relevance", relevance), ("group", group)):
            if operand.shape != scores.shape:
                raise errors.SHAPES_DIFFER(
                    f"'{self.name}' is given scores {scores}, and {operand} as the {what} of each",
                    hint="lists that lie beside each other, [N, L], are for 'ndcg'" if operand.rank > 1 else None,
                )
        return TensorType(scores.element)

    def accumulate(self, scores: g.Tensor, relevance: g.Tensor, group: g.Tensor) -> Accumulators:
        return {"scores": scores, "relevance": relevance, "group": g.cast(group, INT64)}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        scores, relevance, group = (g.unsqueeze(accumulators[name], [0]) for name in ("scores", "relevance", "group"))
        gain, groups = _gains(relevance, exponential=self.exponential), dense_ranks(group)
        count = tied_sums(gain.builder.constant(1.0, FLOAT64), groups)
        value = self.gained(scores, gain, groups, count) / nonzero(self.gained(gain, gain, groups, count))
        occur = g.reduce_sum(g.cast(g.greater(count, 0.0), FLOAT64))
        return g.cast(with_nan_of(scores, g.reduce_sum(value) / nonzero(occur)), element)

    def gained(self, scores: g.Tensor, gain: g.Tensor, groups: g.Tensor, sizes: g.Tensor) -> g.Tensor:
        """Return the discounted gains of each group's things in the order of their scores."""
        size = g.reshape(scores.builder.dimension(scores.shape[-1]), ())
        ranks = dense_ranks(0 - (groups * size + dense_ranks(scores)))  # by groups, then by scores
        tied = tied_sums(scores.builder.constant(1.0, FLOAT64), ranks)
        first = g.gather_elements(g.cumulative_sum(sizes, -1) - sizes, groups, -1)
        end = g.gather_elements(g.cumulative_sum(tied, -1), ranks, -1) - first
        count = g.gather_elements(tied, ranks, -1)
        worth = _worth(scores.shape[-1], self.k, end - count, end)
        return tied_sums(gain * worth / count, groups)


class FirstRelevant(OfLists):
    """A metric of the place of the first thing that is relevant; of equal scores, what is relevant stands last."""

    def fits(self, scores: TensorType, relevance: TensorType) -> bool:
        return super().fits(scores, relevance) or (relevance.element.is_integer and relevance.shape == scores.shape[:1])

    def indexes(
        self, scores: TensorType, relevance: TensorType, weight: TensorType | None = None
    ) -> Sequence[IndexUse]:
        return [] if relevance.rank == 2 else [IndexUse(1, scores.shape[1], f"is given {scores.shape[1]} scores")]

    def of_lists(self, scores: g.Tensor, relevance: g.Tensor) -> g.Tensor:
        if relevance.rank == 1:
            best = g.gather_elements(scores, g.unsqueeze(g.cast(relevance, INT64), [-1]), -1)
            place = g.reduce_sum(g.cast(g.greater_equal(scores, best), FLOAT64), [-1])
            return self.of_place(place)
        is_one = relevance if relevance.element is BOOL else g.greater(g.cast(relevance, FLOAT64), 0.0)
        lowest = g.where(is_one, scores, -math.inf)
        best = g.reduce_max(lowest, [-1], keepdims=True)
        ahead = g.logical_and(g.greater_equal(scores, best), g.logical_not(is_one))
        place = g.reduce_sum(g.cast(ahead, FLOAT64), [-1]) + 1.0
        return self.of_place(place) * g.reduce_max(g.cast(is_one, FLOAT64), [-1])

    def of_place(self, place: g.Tensor) -> g.Tensor:
        """Return the value of a list in which the first relevant thing has a place, from 1."""
        raise NotImplementedError


@metric
class mrr(FirstRelevant):
    """Mean reciprocal rank: 1 over the place of the first thing that is relevant, 0 where none is.

    What is relevant is said by a number for each thing, above 0 or true, or by the index of the one thing that is.
    Among equal scores what is relevant stands last, so that a constant score gains nothing.
    """

    aliases = {"meanreciprocalrank": "", "reciprocalrank": "", "retrievalmrr": "which is given the scores first"}
    k: int | None = k_option()

    def of_place(self, place: g.Tensor) -> g.Tensor:
        value = 1.0 / place
        return value if self.k is None else value * g.cast(g.less_equal(place, float(self.k)), FLOAT64)


@metric
class hit_rate(FirstRelevant):
    """The share of lists that have something relevant among the k things with the highest scores.

    What is relevant is said by a number for each thing, above 0 or true, or by the index of the one thing that is.
    Among equal scores what is relevant stands last.
    """

    aliases = {"hitratio": "", "retrievalhitrate": "which is given the scores first", "hitrateatk": ""}
    k: int = option("How many things are looked at.", minimum=1)

    def of_place(self, place: g.Tensor) -> g.Tensor:
        return g.cast(g.less_equal(place, float(self.k)), FLOAT64)
