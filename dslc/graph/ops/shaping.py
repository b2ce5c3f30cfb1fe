"""Operators that move elements: reshape, transpose, concat, slice, pad, gather and their kin.

Axes may be negative. Shapes may be symbolic; what the runtime must know is read from the graph's inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dslc.dimensions import range_size
from dslc.graph.builder import Tensor, normal_axis
from dslc.graph.ops.elementwise import cast, equal
from dslc.graph.values import Attribute
from dslc.types import FLOAT32, INT64, Dimension, Shape, Symbolic, TensorType, element_count


def normal_axes(axes: Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Return sorted axes counted from the front; None means all."""
    return tuple(range(rank)) if axes is None else tuple(sorted({normal_axis(a, rank) for a in axes}))


def reshape(x: Tensor, shape: Sequence[Dimension]) -> Tensor:
    """Give x another shape with as many elements."""
    if tuple(shape) == x.shape:
        return x
    free = [i for i, d in enumerate(shape) if isinstance(d, Symbolic)]
    if len(free) == 1 and 0 not in shape:  # the runtime finds the one dimension that is not a number
        target = x.builder.constant(np.array([-1 if i in free else int(d) for i, d in enumerate(shape)], np.int64))
    else:
        target = x.builder.shape(shape)
    # allowzero: a 0 among the dimensions means zero, as it does everywhere else in the language
    attributes = {"allowzero": 1} if 0 in shape else {}
    return x.builder.node("Reshape", [x, target], [x.type.with_shape(shape)], attributes)


def flatten(x: Tensor, axis: int = 1) -> Tensor:
    """Merge all axes from ``axis`` on into one."""
    return reshape(x, (*x.shape[:axis], element_count(x.shape[axis:])))


def expand(x: Tensor, shape: Sequence[Dimension]) -> Tensor:
    """Broadcast x to a shape."""
    if tuple(shape) == x.shape:
        return x
    return x.builder.node("Expand", [x, x.builder.shape(shape)], [x.type.with_shape(shape)])


def unsqueeze(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Insert axes of size one; ``axes`` count in the result."""
    rank = x.rank + len(axes)
    axes = normal_axes(axes, rank)
    sizes = iter(x.shape)
    shape = [1 if i in axes else next(sizes) for i in range(rank)]
    return x.builder.node("Unsqueeze", [x, x.builder.constant(list(axes), INT64)], [x.type.with_shape(shape)])


def squeeze(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Remove axes of size one."""
    axes = normal_axes(axes, x.rank)
    if not axes:
        return x
    shape = [d for i, d in enumerate(x.shape) if i not in axes]
    return x.builder.node("Squeeze", [x, x.builder.constant(list(axes), INT64)], [x.type.with_shape(shape)])


def concat(parts: Sequence[Tensor], axis: int) -> Tensor:
    """Join tensors along an axis."""
    first = parts[0]
    if len(parts) == 1:
        return first
    axis = normal_axis(axis, first.rank)
    size = sum(part.shape[axis] for part in parts)
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return first.builder.node("Concat", parts, [first.type.with_shape(shape)], {"axis": axis})


def split(x: Tensor, sizes: Sequence[Dimension], axis: int) -> tuple[Tensor, ...]:
    """Cut x along an axis into parts of the given sizes."""
    axis = normal_axis(axis, x.rank)
    if len(sizes) == 1:
        return (x,)
    types = [x.type.with_shape((*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in sizes]
    return x.builder.nodes("Split", [x, x.builder.shape(sizes)], types, {"axis": axis})


def slice_(
    x: Tensor, starts: Sequence[Dimension], ends: Sequence[Dimension], axes: Sequence[int], steps: Sequence[int],
    shape: Shape | None = None,
) -> Tensor:  # fmt: skip
    """Take every step-th element of [start, end) along each axis.

    Without ``shape``, that of the result, steps are positive, and bounds lie within the axis and are not negative.
    """
    if shape is None:
        sizes = list(x.shape)
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            sizes[axis] = range_size(start, end, step)
        shape = tuple(sizes)
    builder = x.builder
    operands = [builder.shape(starts), builder.shape(ends), builder.constant(list(axes), INT64)]
    if any(step != 1 for step in steps):
        operands.append(builder.constant(list(steps), INT64))
    return builder.node("Slice", [x, *operands], [x.type.with_shape(shape)])


def pad(
    x: Tensor, before: Sequence[Dimension], after: Sequence[Dimension], value: float = 0.0, mode: str = "constant"
) -> Tensor:
    """Put elements around x: ``before[i]`` and ``after[i]`` on axis i; negative ones crop.

    They are ``value``; with mode "reflect" those inside, mirrored, with "edge" the outermost one.
    """
    if all(isinstance(n, int) and n == 0 for n in (*before, *after)):
        return x
    shape = [d + b + a for d, b, a in zip(x.shape, before, after, strict=True)]
    fill = [x.builder.constant(value, x.element)] if value else []
    widths = x.builder.shape([*before, *after], signed=True)
    attributes: dict[str, Attribute] = {"mode": mode} if mode != "constant" else {}
    return x.builder.node("Pad", [x, widths, *fill], [x.type.with_shape(shape)], attributes)


def pad_around(x: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """Go on around x as if it were a ring along each axis: before it lies its end."""
    for axis, (left, right) in enumerate(zip(before, after, strict=True)):
        size = x.shape[axis]
        head = [slice_(x, [size - left], [size], [axis], [1])] if left > 0 else []
        tail = [slice_(x, [0], [right], [axis], [1])] if right > 0 else []
        x = concat([*head, x, *tail], axis)
    return x


def gather(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """Pick slices along an axis: the indices' shape takes the place of the axis."""
    axis = normal_axis(axis, x.rank)
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return x.builder.node("Gather", [x, indices], [x.type.with_shape(shape)], {"axis": axis})


def gather_elements(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Pick single elements along an axis; the result has the indices' shape."""
    axis = normal_axis(axis, x.rank)
    return x.builder.node("GatherElements", [x, indices], [x.type.with_shape(indices.shape)], {"axis": axis})


def scatter_elements(x: Tensor, indices: Tensor, updates: Tensor, axis: int) -> Tensor:
    """Put single elements at indices along an axis; where indices repeat, they should hold one value."""
    return _scattered(x, indices, updates, {"axis": normal_axis(axis, x.rank)})


def scatter_elements_add(x: Tensor, indices: Tensor, updates: Tensor, axis: int) -> Tensor:
    """Add single elements at indices along an axis; the inverse of :func:`gather_elements`."""
    return _scattered(x, indices, updates, {"axis": normal_axis(axis, x.rank), "reduction": "add"})


def _scattered(x: Tensor, indices: Tensor, updates: Tensor, attributes: Mapping[str, int | str]) -> Tensor:
    """Put or add elements; where the target has no kernel for that, in float32."""
    if x.builder.target.lacks("ScatterElements", x.element):
        return cast(_scattered(cast(x, FLOAT32), indices, cast(updates, FLOAT32), attributes), x.element)
    return x.builder.node("ScatterElements", [x, indices, updates], [x.type], attributes)


def one_hot(indices: Tensor, depth: int, like: Tensor) -> Tensor:
    """Return 1 at the index and 0 elsewhere, on a new last axis, in the element type of ``like``.

    An index outside [0, depth) gives a row of zeros. (A comparison, because ONNX's OneHot wraps negative ones.)
    """
    classes = indices.builder.constant(np.arange(depth), indices.element)
    return cast(equal(unsqueeze(indices, [-1]), classes), like.element)


def full(like: Tensor, value: float, type: TensorType) -> Tensor:
    """Return a tensor of that type with one value everywhere."""
    return expand(like.builder.constant(value, type.element), type.shape)
