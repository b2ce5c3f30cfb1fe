"""Ranks of scores among all of their row, and sums over those that are tied: what metrics of order are made of."""

from __future__ import annotations

import math

from dslc import graph as g
from dslc.types import FLOAT32, FLOAT64, INT64

__all__ = ["against_rest", "dense_ranks", "tied_sums", "with_nan_of"]


def dense_ranks(scores: g.Tensor) -> g.Tensor:
    """Return of each score along the last axis how many different ones are greater (int64); NaN has any place."""
    values, order = g.top_k(scores, scores.shape[-1])
    before, after = [0] * values.rank, [0] * values.rank
    before[-1], after[-1] = -1, 1
    steps = g.cast(g.logical_not(g.equal(values, g.pad(values, before, after))), INT64)
    places = g.cumulative_sum(steps, -1) - steps
    return g.scatter_elements_add(g.full(places, 0, places.type), order, places, -1)


def tied_sums(values: g.Tensor, ranks: g.Tensor) -> g.Tensor:
    """Return the sum of the values at each rank (float64), in the order of ranks; 0 behind the last one."""
    zeros = g.full(values, 0.0, ranks.type.with_element(FLOAT64))
    return g.scatter_elements_add(zeros, ranks, g.expand(g.cast(values, FLOAT64), ranks.shape), -1)


def against_rest(logits: g.Tensor) -> g.Tensor:
    """Return ``log(p / (1 - p))`` (float32) of each class's probability p, the classes on the last axis.

    It has the order of p, and tells probabilities apart that round to 0 or 1. Runtimes compute the last bits of equal
    numbers differently, by their place in a tensor; in float32, equal logits have equal scores all the same.
    """
    wide = g.cast(logits, FLOAT64)
    shifted = wide - g.reduce_max(wide, [-1], keepdims=True)
    parts = g.exp(shifted)
    classes = logits.shape[-1]
    assert isinstance(classes, int)
    is_greatest = g.one_hot(g.argmax(wide, -1), classes, wide)
    others = g.reduce_sum(parts * (1.0 - is_greatest), [-1], keepdims=True)
    return g.cast(shifted - g.log(others + (1.0 - parts) * (1.0 - is_greatest)), FLOAT32)


def with_nan_of(scores: g.Tensor, value: g.Tensor) -> g.Tensor:
    """Return a value, NaN where a score is: sorting would give it some place."""
    count = g.reduce_sum(g.cast(g.is_nan(scores), FLOAT64))
    return g.where(g.greater(count, 0.0), math.nan, value)
