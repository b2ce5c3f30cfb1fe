"""Indices that lie outside of what they pick from end a run, instead of picking something else; so do weights below 0.

ONNX's look-ups count negative indices from the end, and its comparisons with an index find nothing for one that is too
large. So a negative index is replaced by the number of things there are, which no look-up has; ONNX Runtime then fails
on the processor. The node that does so is marked, so that what was wrong can be found in any graph and told.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from dslc.graph.builder import Tensor
from dslc.graph.ops.elementwise import cast, equal, greater_equal, less, logical_and, logical_not, where
from dslc.graph.ops.shaping import gather, reshape
from dslc.types import INT64, Dimension, TensorType

__all__ = ["MARK", "MARK_IGNORED", "from_0_up", "in_range", "marked"]

MARK = "index_of"
"""The key in a node's metadata of the word that an index or a weight belongs to. The second input of the Where of an
index is how many things there are, the third the index as it came; the inputs of the GreaterOrEqual of a weight are the
weight and 0."""
MARK_IGNORED = "ignored"
"""The key of a value outside of the range that passes."""


def in_range(indices: Tensor, count: Dimension, word: str, *, ignored: int | None = None, looks_up: bool) -> Tensor:
    """Return integers as int64, and fail where one lies outside of [0, count).

    Args:
        indices: the integers.
        count: how many things they pick from.
        word: whose indices they are, for the message.
        ignored: a value outside of the range that passes as it is; who looks up must put another in its place.
        looks_up: whether Gather or GatherElements takes what is returned, and fails by itself on what is too large.
    """
    builder, indices = indices.builder, cast(indices, INT64)
    size = reshape(builder.dimension(count), ())
    negative = less(indices, builder.constant(0, INT64))
    passes = None
    if ignored is not None and not (isinstance(count, int) and 0 <= ignored < count):
        passes = equal(indices, builder.constant(ignored, INT64))
        negative = logical_and(negative, logical_not(passes)) if ignored < 0 else negative
    found = where(negative, size, indices)
    node = found.value.producer()
    assert node is not None
    node.metadata_props[MARK] = word
    if passes is not None:
        node.metadata_props[MARK_IGNORED] = str(ignored)
    if looks_up:
        return found
    picked = found if passes is None else where(passes, builder.constant(0, INT64), found)
    if isinstance(count, int):
        numbers = builder.constant(np.arange(count), INT64)
    else:
        limits = [builder.constant(0, INT64), size, builder.constant(1, INT64)]
        numbers = builder.node("Range", limits, [TensorType(INT64, (count,))])
    picked = gather(numbers, picked)
    return picked if passes is None else where(passes, indices, picked)


def from_0_up(weights: Tensor, word: str) -> Tensor:
    """Return weights, and fail where one is below 0 or not a number: a look-up has no such index."""
    fits = greater_equal(weights, 0.0)
    node = fits.value.producer()
    assert node is not None
    node.metadata_props[MARK] = word
    return weights * gather(weights.builder.constant(np.ones(1), weights.element), cast(logical_not(fits), INT64))


def marked(model: ir.Model) -> list[ir.Node]:
    """Return the nodes of a model that these functions marked, in the order in which they run."""
    return [node for node in model.graph if MARK in node.metadata_props]
