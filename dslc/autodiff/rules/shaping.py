"""Gradients of operators that move elements."""
# ruff: noqa: ARG001, ARG005 - all rules have the same parameters

from __future__ import annotations

import numpy as np

from dslc import graph as g
from dslc.autodiff.table import vjp, vjp_each
from dslc.errors.objectives import NO_GRADIENT
from dslc.graph import Tensor, constant_of, dimensions_of
from dslc.types import Dimension, element_count

vjp("Reshape", lambda dy, y, x, shape, *, allowzero=0: g.reshape(dy, x.shape))
vjp("Transpose", lambda dy, y, x, *, perm: g.transpose(dy, [perm.index(axis) for axis in range(x.rank)]))
vjp("Expand", lambda dy, y, x, shape: dy)
vjp("Squeeze", lambda dy, y, x, axes: g.unsqueeze(dy, _constant(axes).tolist()))
vjp("Unsqueeze", lambda dy, y, x, axes: g.squeeze(dy, _constant(axes).tolist()))


def _constant(operand: Tensor) -> np.ndarray:
    known = constant_of(operand)
    assert known is not None
    return known


def _on_axis(rank: int, axis: int, value: Dimension) -> list[Dimension]:
    """Zeros, but for one axis."""
    return [value if i == axis else 0 for i in range(rank)]


# --- joining and cutting -------------------------------------------------------------------------


def _concat(index: int, dy: Tensor, y: Tensor, *parts: Tensor, axis: int) -> Tensor:
    start: Dimension = 0
    for part in parts[:index]:
        start = start + part.shape[axis]
    part = parts[index]
    return g.slice_(dy, [start], [start + part.shape[axis]], [axis], [1], part.shape)


def _split(dy: tuple[Tensor | None, ...], y: tuple[Tensor, ...], x: Tensor, sizes: Tensor, *, axis: int) -> Tensor:
    parts = [g.full(part, 0.0, part.type) if d is None else d for d, part in zip(dy, y, strict=True)]
    return g.concat(parts, axis)


def _slice(
    dy: Tensor, y: Tensor, x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor, steps: Tensor | None = None
) -> Tensor:
    """Zeros between the elements that were taken, then zeros around them."""
    places = _constant(axes).tolist()
    strides = [1] * len(places) if steps is None else _constant(steps).tolist()
    before: list[Dimension] = [0] * x.rank
    for axis, start, step in zip(places, dimensions_of(starts), strides, strict=True):
        before[axis] = start
        if step > 1:
            dy = _spread(dy, axis, step, start, x.shape[axis])
    after = [whole - b - n for whole, b, n in zip(x.shape, before, dy.shape, strict=True)]
    return g.pad(dy, before, after)


def _spread(x: Tensor, axis: int, step: int, start: Dimension, whole: Dimension) -> Tensor:
    """Put zeros behind each element along an axis, as far as the whole reaches."""
    spaced = g.unsqueeze(x, [axis + 1])
    padded = g.pad(spaced, [0] * spaced.rank, _on_axis(spaced.rank, axis + 1, step - 1))
    size = x.shape[axis] * step
    joined = g.reshape(padded, (*x.shape[:axis], size, *x.shape[axis + 1 :]))
    surplus = start + size - whole
    if isinstance(surplus, int) and surplus <= 0:
        return joined
    return g.slice_(joined, [0], [size - step + 1], [axis], [1])


def _pad(
    dy: Tensor, y: Tensor, x: Tensor, pads: Tensor, value: Tensor | None = None, *, mode: str = "constant"
) -> Tensor:
    sizes = dimensions_of(pads)
    before, after = sizes[: x.rank], sizes[x.rank :]
    if mode != "constant":
        for axis in range(x.rank):
            dy = _folded_back(dy, axis, int(before[axis]), int(after[axis]), mirrored=mode == "reflect")
        return dy
    if any(isinstance(n, int) and n < 0 for n in sizes):
        return g.pad(dy, [-n for n in before], [-n for n in after])
    axes = [axis for axis in range(x.rank) if (before[axis], after[axis]) != (0, 0)]
    starts = [before[axis] for axis in axes]
    ends = [start + x.shape[axis] for start, axis in zip(starts, axes, strict=True)]
    return g.slice_(dy, starts, ends, axes, [1] * len(axes), x.shape)


def _folded_back(dy: Tensor, axis: int, before: int, after: int, *, mirrored: bool) -> Tensor:
    """Add what lies around to what it was taken from: to each its mirror image, or all of a side to the edge."""
    size = dy.shape[axis] - before - after
    inner = g.slice_(dy, [before], [before + size], [axis], [1]) if before or after else dy
    for start, length, is_behind in ((0, before, False), (before + size, after, True)):
        if not length:
            continue
        piece = g.slice_(dy, [start], [start + length], [axis], [1])
        if mirrored:
            piece = g.slice_(piece, [length - 1], [-length - 1], [axis], [-1], piece.shape)
        else:
            piece = g.reduce_sum(piece, [axis], keepdims=True)
        near = _on_axis(dy.rank, axis, 1 if mirrored else 0)
        far = _on_axis(dy.rank, axis, size - piece.shape[axis] - near[axis])
        inner = inner + (g.pad(piece, far, near) if is_behind else g.pad(piece, near, far))
    return inner


vjp_each("Concat", _concat)
vjp("Split", _split)
vjp("Slice", _slice)
vjp("Pad", _pad)

# --- picking by index ------------------------------------------------------------------------------


def _gather(dy: Tensor, y: Tensor, x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    known, size = constant_of(indices), x.shape[axis]
    if known is not None and known.ndim == 0:  # one slice: zeros around it
        start = int(known) if known >= 0 else size + int(known)
        whole = g.unsqueeze(dy, [axis])
        return g.pad(whole, _on_axis(x.rank, axis, start), _on_axis(x.rank, axis, size - start - 1))
    if known is not None and known.shape == (size,) and np.array_equal(np.sort(known), np.arange(known.size)):
        return g.gather(dy, x.builder.constant(np.argsort(known)), axis)
    count = element_count(indices.shape)
    rows = g.reshape(dy, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    flat = g.reshape(indices, (count,))
    if isinstance(size, int) and size <= x.builder.target.one_hot_rows:  # both ways add in a fixed order
        return _sum_by_one_hot(rows, flat, axis, size)
    spread = g.expand(g.unsqueeze(flat, [i for i in range(x.rank) if i != axis]), rows.shape)
    return g.scatter_elements_add(g.full(x, 0.0, x.type), spread, rows, axis)


def _sum_by_one_hot(rows: Tensor, indices: Tensor, axis: int, size: int) -> Tensor:
    """Add rows that have the same index, as a matrix product; negative indices count from the end."""
    places = g.reshape(rows.builder.constant(np.arange(size), indices.element), (size, 1))
    is_at = g.cast(g.equal(places, g.modulo(indices, size)), rows.element)
    around, count, rest = rows.shape[:axis], rows.shape[axis], rows.shape[axis + 1 :]
    summed = is_at @ g.reshape(rows, (element_count(around), count, element_count(rest)))
    return g.reshape(summed, (*around, size, *rest))


def _gather_elements(dy: Tensor, y: Tensor, x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    return g.scatter_elements_add(g.full(x, 0.0, x.type), indices, dy, axis)


def _scatter_base(
    dy: Tensor, y: Tensor, x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    _require_known(reduction)
    return dy if reduction == "add" else g.scatter_elements(dy, indices, g.full(updates, 0.0, updates.type), axis)


def _scatter_updates(
    dy: Tensor, y: Tensor, x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    _require_known(reduction)
    return g.gather_elements(dy, indices, axis)


def _require_known(reduction: str) -> None:
    if reduction not in ("add", "none"):
        raise NO_GRADIENT(f"ScatterElements with reduction '{reduction}' has no gradient")


vjp("Gather", _gather)
vjp("GatherElements", _gather_elements)
vjp("ScatterElements", _scatter_base, None, _scatter_updates)
