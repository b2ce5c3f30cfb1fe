"""Gradients of operators over sliding windows: convolutions and pools, along any number of axes.

Operands are (N, C, *spatial). "Coarse" means the grid of windows, one point per window.
"""
# ruff: noqa: ARG001 - all rules have the same parameters

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from dslc import graph as g
from dslc.autodiff.rules.kernels import (
    is_worth_stacking,
    is_worth_summing,
    stacked_input_gradient,
    stacked_weight_gradient,
)
from dslc.autodiff.table import vjp
from dslc.graph import Tensor
from dslc.types import Dimension, Shape, Symbolic


@dataclass(frozen=True)
class Windows:
    """How windows lie on the spatial axes; one number per axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(
        cls, kernel_shape: Sequence[int], strides: Sequence[int], pads: Sequence[int],
        dilations: Sequence[int] | None = None,
    ) -> Windows:  # fmt: skip
        """Read ONNX's attributes."""
        rank = len(kernel_shape)
        return cls(
            tuple(kernel_shape), tuple(strides), tuple(dilations or [1] * rank), tuple(pads[:rank]), tuple(pads[rank:])
        )

    @property
    def extent(self) -> tuple[int, ...]:
        """How many elements a window reaches over, gaps included."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilations, self.kernel, strict=True))

    @property
    def moves(self) -> list[list[int]]:
        """For each axis, how far from its window's point each place of the kernel lies in what it slides over."""
        axes = zip(self.kernel, self.dilations, self.before, strict=True)
        return [[place * dilation - before for place in range(size)] for size, dilation, before in axes]

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """The places in a window, in row-major order."""
        return product(*(range(0, d * k, d) for d, k in zip(self.dilations, self.kernel, strict=True)))


def _pad_spatial(x: Tensor, before: Iterable[Dimension], after: Iterable[Dimension], value: float = 0.0) -> Tensor:
    return g.pad(x, [0, 0, *before], [0, 0, *after], value)


def _elements(x: Tensor, windows: Windows, coarse: Sequence[Dimension], fill: float = 0.0) -> Iterator[Tensor]:
    """For each place in a window, that element of every window: (N, C, *coarse). Around x lies ``fill``."""
    if max(windows.strides) > 1 and all(isinstance(n, int) for n in (*x.shape[1:], *coarse)):
        return elements_of_grids(x, windows, coarse, fill)
    return elements_by_steps(x, windows, coarse, fill)


def elements_by_steps(x: Tensor, windows: Windows, coarse: Sequence[Dimension], fill: float) -> Iterator[Tensor]:
    """Cut them out of x one by one."""
    padded = _pad_spatial(x, windows.before, windows.after, fill)
    axes = range(2, padded.rank)
    for offset in windows.offsets():
        ends = [o + (n - 1) * s + 1 for o, n, s in zip(offset, coarse, windows.strides, strict=True)]
        if not any(offset) and tuple(ends) == padded.shape[2:] and set(windows.strides) == {1}:
            yield padded
        else:
            yield g.slice_(padded, offset, ends, axes, windows.strides, (*padded.shape[:2], *coarse))


def elements_of_grids(x: Tensor, windows: Windows, coarse: Sequence[Dimension], fill: float) -> Iterator[Tensor]:
    """Cut them out in runs: x is first taken apart into grids of the points that have one place in the strides."""
    whole = [
        s * (n + (reach - 1) // s) for n, reach, s in zip(coarse, windows.extent, windows.strides, strict=True)
    ]
    after = [n - length - b for n, length, b in zip(whole, x.shape[2:], windows.before, strict=True)]
    padded = _pad_spatial(x, windows.before, [max(int(n), 0) for n in after], fill)
    grids = _deinterleave(_cut(padded, [0] * len(whole), (*x.shape[:2], *whole)), windows.strides)
    for offset in windows.offsets():
        shifts, residues = zip(*(divmod(o, s) for o, s in zip(offset, windows.strides, strict=True)), strict=True)
        yield _cut(grids[residues], shifts, (*x.shape[:2], *coarse))


def _deinterleave(x: Tensor, strides: Sequence[int]) -> dict[tuple[int, ...], Tensor]:
    """The inverse of :func:`_interleave`: grids that many times coarser, by their residues."""
    grids: dict[tuple[int, ...], Tensor] = {(): x}
    for axis, stride in enumerate(strides, 2):
        finer, grids = grids, {}
        for residues, grid in finer.items():
            before, after = grid.shape[:axis], grid.shape[axis + 1 :]
            split = g.reshape(grid, (*before, grid.shape[axis] // stride, stride, *after))
            parts = g.split(split, [1] * stride, axis + 1)
            shape = (*before, grid.shape[axis] // stride, *after)
            grids |= {(*residues, residue): g.reshape(part, shape) for residue, part in enumerate(parts)}
    return grids


def _assemble(parts: Sequence[Tensor], windows: Windows, x: Tensor) -> Tensor:
    """The transpose of :func:`_elements`: add each part where its elements were taken from.

    An element ``q * stride + r`` of the padded axis belongs to residue r. Parts of one residue are shifted
    by q and added on the coarse grid; then the residues are interleaved.
    """
    coarse = parts[0].shape[2:]
    # at a size unknown before run time, one more than a window reaches covers what the last stride skipped
    reach = [
        (e - 1) // s + isinstance(size, Symbolic)
        for e, s, size in zip(windows.extent, windows.strides, x.shape[2:], strict=True)
    ]
    classes: dict[tuple[int, ...], list[Tensor]] = {}
    for offset, part in zip(windows.offsets(), parts, strict=True):
        shift, residue = zip(*(divmod(o, s) for o, s in zip(offset, windows.strides, strict=True)), strict=True)
        shifted = _pad_spatial(part, shift, [r - q for r, q in zip(reach, shift, strict=True)])
        classes.setdefault(residue, []).append(shifted)
    length = [n + r for n, r in zip(coarse, reach, strict=True)]
    zero = g.full(x, 0.0, x.type.with_shape((*x.shape[:2], *length)))
    grids = [
        g.total(*classes[residue]) if residue in classes else zero for residue in product(*map(range, windows.strides))
    ]
    return _cut(_interleave(grids, windows.strides), windows.before, x.shape)


def _interleave(grids: Sequence[Tensor], strides: Sequence[int]) -> Tensor:
    """Grids in row-major order of their residues, to one grid that many times finer."""
    for axis in reversed(range(2, 2 + len(strides))):
        stride = strides[axis - 2]
        if stride > 1:
            rows = [
                g.concat([g.unsqueeze(grid, [axis + 1]) for grid in grids[i : i + stride]], axis + 1)
                for i in range(0, len(grids), stride)
            ]
            grids = [g.reshape(r, (*r.shape[:axis], r.shape[axis] * stride, *r.shape[axis + 2 :])) for r in rows]
    return grids[0]


def _cut(x: Tensor, starts: Sequence[int], shape: Shape) -> Tensor:
    """Take a result of ``shape`` from the spatial axes of x; zeros where x is known to end sooner."""
    ends = [start + size for start, size in zip(starts, shape[2:], strict=True)]
    missing = [end - size for end, size in zip(ends, x.shape[2:], strict=True)]
    x = _pad_spatial(x, [0] * len(ends), [n if isinstance(n, int) and n > 0 else 0 for n in missing])
    return x if x.shape == shape else g.slice_(x, starts, ends, range(2, x.rank), [1] * len(ends))


# --- convolution ---------------------------------------------------------------------------------


def _conv_input(
    dy: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None, *, group: int = 1, **attributes: Sequence[int]
) -> Tensor:  # fmt: skip
    windows = Windows.of(**attributes)
    moves = windows.moves
    if is_worth_stacking(x, dy, windows.kernel, windows.strides, moves, group) and is_worth_summing(x, dy, moves):
        return stacked_input_gradient(x, dy, w, moves)
    reach = [e - 1 for e in windows.extent]
    before = [r - b for r, b in zip(reach, windows.before, strict=True)]
    after = [r - a for r, a in zip(reach, windows.after, strict=True)]
    if all(s == 1 for s in windows.strides) and min(before + after) >= 0:
        return g.conv(
            dy, _turned(w, group), None, strides=windows.strides, dilations=windows.dilations,
            before=before, after=after, groups=group,
        )  # fmt: skip
    return _conv_transposed(dy, w, windows, group, x.shape)


def _turned(w: Tensor, groups: int) -> Tensor:
    """Weights (M, C / groups, *kernel) to (C, M / groups, *kernel), with every kernel axis reversed."""
    kernel = w.shape[2:]
    size = prod(int(k) for k in kernel)
    outputs, inputs = int(w.shape[0]) // groups, int(w.shape[1])
    grouped = g.reshape(w, (groups, outputs, inputs, size))
    turned = g.transpose(grouped, (0, 2, 1, 3))
    if size > 1:
        turned = g.slice_(turned, [size - 1], [-size - 1], [3], [-1], turned.shape)  # half the time of a Gather
    return g.reshape(turned, (groups * inputs, outputs, *kernel))


def _conv_transposed(dy: Tensor, w: Tensor, windows: Windows, groups: int, shape: Shape) -> Tensor:
    """The transpose of a convolution, to a result of the given shape."""
    least = [
        (n - 1) * s + e - b - a
        for n, s, e, b, a in zip(dy.shape[2:], windows.strides, windows.extent, windows.before, windows.after,
                                 strict=True)
    ]  # fmt: skip
    missing = [size - known for size, known in zip(shape[2:], least, strict=True)]
    # what a stride skipped at the end: known in numbers, or else made full and cropped
    extra = [s - 1 if isinstance(m, Symbolic) else m for m, s in zip(missing, windows.strides, strict=True)]
    whole = (*shape[:2], *(known + e for known, e in zip(least, extra, strict=True)))
    result = g.conv_transpose(
        dy, w, strides=windows.strides, dilations=windows.dilations, before=windows.before, after=windows.after,
        output_padding=extra, groups=groups, shape=whole,
    )  # fmt: skip
    return _cut(result, [0] * len(extra), shape)


ENOUGH_CHANNELS = 16
"""From so many channels a group on, a matrix product per place of the kernel beats one over all places (im2col), whose
operand must be copied together first: 1.5 to 1.7 times on ONNX Runtime's CPU with 16 to 64 channels; with one channel
it is 4 times slower. A convolution with batch and channels swapped is slower than either."""


def weight_gradient(x: Tensor, dy: Tensor, kernel: Shape, windows: Windows, groups: int) -> Tensor:
    """Products of dy (N, M, *coarse) with every window's elements of x (N, C, *spatial): (M, C / groups, *kernel)."""
    batch, coarse = dy.shape[0], dy.shape[2:]
    points: Dimension = 1
    for n in coarse:
        points = points * n
    outputs, inputs = int(dy.shape[1]) // groups, int(x.shape[1]) // groups
    columns = [g.reshape(element, (batch, groups, inputs, points)) for element in _elements(x, windows, coarse)]
    cotangents = g.reshape(dy, (batch, groups, outputs, points))
    if inputs >= ENOUGH_CHANNELS:
        total = g.concat([g.reduce_sum(cotangents @ column.mT, [0]) for column in columns], 2)
    else:
        total = g.reduce_sum(cotangents @ g.concat(columns, 2).mT, [0])
    by_place = g.reshape(total, (groups, outputs, len(columns), inputs))
    return g.reshape(g.transpose(by_place, (0, 1, 3, 2)), (groups * outputs, inputs, *kernel))


def _conv_weight(
    dy: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None, *, group: int = 1, **attributes: Sequence[int]
) -> Tensor:  # fmt: skip
    windows = Windows.of(**attributes)
    moves = windows.moves
    if is_worth_stacking(x, dy, windows.kernel, windows.strides, moves, group):
        return stacked_weight_gradient(x, dy, windows.kernel, moves)
    return weight_gradient(x, dy, w.shape[2:], windows, group)


def _conv_bias(dy: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor, **attributes: object) -> Tensor:
    return g.reduce_sum(dy, [0, *range(2, dy.rank)])


vjp("Conv", _conv_input, _conv_weight, _conv_bias)


def _conv_transpose_input(
    dy: Tensor, y: Tensor, x: Tensor, w: Tensor, *, group: int = 1, output_padding: Sequence[int] = (),
    **attributes: Sequence[int],
) -> Tensor:  # fmt: skip
    windows = Windows.of(**attributes)
    result = g.conv(
        dy, w, None, strides=windows.strides, dilations=windows.dilations, before=windows.before,
        after=windows.after, groups=group,
    )  # fmt: skip
    return _cut(result, [0] * len(windows.kernel), x.shape)


def _conv_transpose_weight(
    dy: Tensor, y: Tensor, x: Tensor, w: Tensor, *, group: int = 1, output_padding: Sequence[int] = (),
    **attributes: Sequence[int],
) -> Tensor:  # fmt: skip
    return weight_gradient(dy, x, w.shape[2:], Windows.of(**attributes), group)


vjp("ConvTranspose", _conv_transpose_input, _conv_transpose_weight)

# --- pools ---------------------------------------------------------------------------------------


def _max_pool(dy: Tensor, y: Tensor, x: Tensor, **attributes: Sequence[int]) -> Tensor:
    """The first maximum of a window takes its gradient, as in PyTorch; later equal ones get nothing.

    What is not yet given away is handed from place to place; the last one takes the rest, since one of them
    must be the maximum.
    """
    windows = Windows.of(**attributes)
    lowest = float(np.finfo(x.element.value).min)
    *elements, _ = _elements(x, windows, y.shape[2:], lowest)
    parts = []
    for element in elements:
        left = dy * g.positive(y - element)  # nothing at the maximum, all below it
        parts.append(dy - left)
        dy = left
    return _assemble([*parts, dy], windows, x)


def _average_pool(
    dy: Tensor, y: Tensor, x: Tensor, *, count_include_pad: int = 0, **attributes: Sequence[int]
) -> Tensor:
    windows = Windows.of(**attributes)
    size = prod(windows.kernel)
    if count_include_pad or not any(windows.before + windows.after):
        share = dy * (1 / size)
    else:
        ones = g.full(x, 1.0, x.type.with_shape((1, 1, *x.shape[2:])))
        counts = g.average_pool(
            ones, windows.kernel, strides=windows.strides, before=windows.before, after=windows.after
        )
        share = dy / (counts * float(size))
    return _assemble([share] * size, windows, x)


vjp("MaxPool", _max_pool)
vjp("AveragePool", _average_pool)
