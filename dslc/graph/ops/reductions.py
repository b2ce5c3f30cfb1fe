"""Reductions and normalizations along axes. ``axes=None`` means all of them."""

from __future__ import annotations

from collections.abc import Sequence

from dslc.graph.builder import Tensor, normal_axis
from dslc.graph.ops.elementwise import cast, clip, detach, is_nan, where
from dslc.graph.ops.shaping import normal_axes, reshape, squeeze
from dslc.graph.values import constant_value
from dslc.types import FLOAT64, INT64, Dimension, element_count, reduced_type


def _reduce(operator: str, x: Tensor, axes: Sequence[int] | None, keepdims: bool) -> Tensor:
    axes = normal_axes(axes, x.rank)
    if not axes:  # an empty list would mean all axes to ONNX
        return x
    result = reduced_type(x.type, axes, keepdims)
    return x.builder.node(operator, [x, x.builder.constant(list(axes), INT64)], [result], {"keepdims": int(keepdims)})


def count(x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    """Return how many elements a reduction over axes joins, an int64 scalar."""
    number = element_count(x.shape[axis] for axis in normal_axes(axes, x.rank))
    if isinstance(number, int):
        return x.builder.constant(number, INT64)
    return reshape(x.builder.dimension(number), ())


def reduce_sum(x: Tensor, axes: Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Sum over axes."""
    return _reduce("ReduceSum", x, axes, keepdims)


def widened(x: Tensor) -> Tensor:
    """Return a float tensor in float64; where it is a sum over the first axis, what is summed are float64 numbers, too.

    A float32 sum of 100,000 equal numbers may be off by 1e-4 of it. Each row is summed in its own type first.
    """
    node = x.value.producer()
    if node is None or node.op_type != "ReduceSum" or x.element is FLOAT64:
        return cast(x, FLOAT64)
    summed, axes = (Tensor(x.builder, value) for value in node.inputs if value is not None)
    known = constant_value(axes.value)
    reduced = [] if known is None else normal_axes([int(axis) for axis in known], summed.rank)
    if 0 not in reduced:
        return cast(x, FLOAT64)
    keepdims = summed.rank == x.rank
    rows = reduce_sum(summed, [axis for axis in reduced if axis], keepdims=True) if len(reduced) > 1 else summed
    total = reduce_sum(cast(rows, FLOAT64), [0], keepdims=True)
    return total if keepdims else squeeze(total, reduced)


def reduce_mean(x: Tensor, axes: Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Mean over axes."""
    return _reduce("ReduceMean", x, axes, keepdims)


def reduce_max(x: Tensor, axes: Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Maximum over axes; ONNX Runtime passes over NaN."""
    return _reduce("ReduceMax", x, axes, keepdims)


def reduce_min(x: Tensor, axes: Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Minimum over axes; ONNX Runtime passes over NaN."""
    return _reduce("ReduceMin", x, axes, keepdims)


def with_nan(extreme: Tensor, x: Tensor, axes: Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the maximum or minimum of x over axes, NaN where an element is.

    A sum is NaN if an element is, or if infinities of both signs are among them, which Clip takes away.
    """
    if extreme is x or not x.element.is_float:
        return extreme
    mark = detach(reduce_sum(clip(x, -1.0, 1.0), axes, keepdims))
    return where(is_nan(mark), mark, extreme)


def argmax(x: Tensor, axis: int, keepdims: bool = False) -> Tensor:
    """Index (int64) of the first maximum along an axis; ONNX Runtime passes over NaN."""
    axis = normal_axis(axis, x.rank)
    result = reduced_type(x.type, (axis,), keepdims).with_element(INT64)
    return x.builder.node("ArgMax", [x], [result], {"axis": axis, "keepdims": int(keepdims)})


def top_k(x: Tensor, k: Dimension) -> tuple[Tensor, Tensor]:
    """Return the k largest values along the last axis, largest first, and their indices (int64)."""
    result = x.type.with_last(k)
    values, indices = x.builder.nodes(
        "TopK", [x, x.builder.shape([k])], [result, result.with_element(INT64)], {"axis": -1}
    )
    return values, indices


def cumulative_sum(x: Tensor, axis: int) -> Tensor:
    """Return the sums of the elements up to each, along an axis."""
    return x.builder.node("CumSum", [x, x.builder.constant(normal_axis(axis, x.rank), INT64)], [x.type])


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis."""
    return x.builder.node("Softmax", [x], [x.type], {"axis": normal_axis(axis, x.rank)})


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """x - log(sum(exp(x))) along an axis."""
    return x.builder.node("LogSoftmax", [x], [x.type], {"axis": normal_axis(axis, x.rank)})
