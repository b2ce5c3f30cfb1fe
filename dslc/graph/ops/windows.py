"""What operators over sliding windows take from where, along any number of axes, and the way back.

Operands are (N, C, *spatial). "Coarse" means the grid of windows, one point per window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import prod

from dslc.graph.builder import Tensor
from dslc.graph.ops.elementwise import total, with_gradients
from dslc.graph.ops.shaping import concat, full, pad, reshape, slice_, split, squeeze, unsqueeze
from dslc.types import Dimension, Shape, Symbolic, element_count
from dslc.windows import Windows

__all__ = ["assemble", "cut", "elements", "elements_by_steps", "elements_of_grids", "fold", "unfold"]


def _pad_spatial(x: Tensor, before: Iterable[Dimension], after: Iterable[Dimension], value: float = 0.0) -> Tensor:
    return pad(x, [0, 0, *before], [0, 0, *after], value)


def elements(x: Tensor, windows: Windows, coarse: Sequence[Dimension], fill: float = 0.0) -> Iterator[Tensor]:
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
            yield slice_(padded, offset, ends, axes, windows.strides, (*padded.shape[:2], *coarse))


def elements_of_grids(x: Tensor, windows: Windows, coarse: Sequence[Dimension], fill: float) -> Iterator[Tensor]:
    """Cut them out in runs: x is first taken apart into grids of the points that have one place in the strides."""
    whole = [s * (n + (reach - 1) // s) for n, reach, s in zip(coarse, windows.extent, windows.strides, strict=True)]
    after = [n - length - b for n, length, b in zip(whole, x.shape[2:], windows.before, strict=True)]
    padded = _pad_spatial(x, windows.before, [max(int(n), 0) for n in after], fill)
    grids = _deinterleave(cut(padded, [0] * len(whole), (*x.shape[:2], *whole)), windows.strides)
    for offset in windows.offsets():
        shifts, residues = zip(*(divmod(o, s) for o, s in zip(offset, windows.strides, strict=True)), strict=True)
        yield cut(grids[residues], shifts, (*x.shape[:2], *coarse))


def _deinterleave(x: Tensor, strides: Sequence[int]) -> dict[tuple[int, ...], Tensor]:
    """The inverse of :func:`_interleave`: grids that many times coarser, by their residues."""
    grids: dict[tuple[int, ...], Tensor] = {(): x}
    for axis, stride in enumerate(strides, 2):
        finer, grids = grids, {}
        for residues, grid in finer.items():
            before, after = grid.shape[:axis], grid.shape[axis + 1 :]
            apart = reshape(grid, (*before, grid.shape[axis] // stride, stride, *after))
            parts = split(apart, [1] * stride, axis + 1)
            shape = (*before, grid.shape[axis] // stride, *after)
            grids |= {(*residues, residue): reshape(part, shape) for residue, part in enumerate(parts)}
    return grids


def assemble(parts: Sequence[Tensor], windows: Windows, shape: Shape) -> Tensor:
    """The transpose of :func:`elements`, to a result of the given shape: add each part where it was taken from.

    An element ``q * stride + r`` of the padded axis belongs to residue r. Parts of one residue are shifted
    by q and added on the coarse grid; then the residues are interleaved.
    """
    coarse = parts[0].shape[2:]
    # at a size unknown before run time, one more than a window reaches covers what the last stride skipped
    reach = [
        (e - 1) // s + isinstance(size, Symbolic)
        for e, s, size in zip(windows.extent, windows.strides, shape[2:], strict=True)
    ]
    classes: dict[tuple[int, ...], list[Tensor]] = {}
    for offset, part in zip(windows.offsets(), parts, strict=True):
        shift, residue = zip(*(divmod(o, s) for o, s in zip(offset, windows.strides, strict=True)), strict=True)
        shifted = _pad_spatial(part, shift, [r - q for r, q in zip(reach, shift, strict=True)])
        classes.setdefault(residue, []).append(shifted)
    length = [n + r for n, r in zip(coarse, reach, strict=True)]
    zero = full(parts[0], 0.0, parts[0].type.with_shape((*shape[:2], *length)))
    grids = [
        total(*classes[residue]) if residue in classes else zero for residue in product(*map(range, windows.strides))
    ]
    return cut(_interleave(grids, windows.strides), windows.before, shape)


def _interleave(grids: Sequence[Tensor], strides: Sequence[int]) -> Tensor:
    """Grids in row-major order of their residues, to one grid that many times finer."""
    for axis in reversed(range(2, 2 + len(strides))):
        stride = strides[axis - 2]
        if stride > 1:
            rows = [
                concat([unsqueeze(grid, [axis + 1]) for grid in grids[i : i + stride]], axis + 1)
                for i in range(0, len(grids), stride)
            ]
            grids = [reshape(r, (*r.shape[:axis], r.shape[axis] * stride, *r.shape[axis + 2 :])) for r in rows]
    return grids[0]


def cut(x: Tensor, starts: Sequence[int], shape: Shape) -> Tensor:
    """Take a result of ``shape`` from the spatial axes of x; zeros where x is known to end sooner."""
    ends = [start + size for start, size in zip(starts, shape[2:], strict=True)]
    missing = [end - size for end, size in zip(ends, x.shape[2:], strict=True)]
    x = _pad_spatial(x, [0] * len(ends), [n if isinstance(n, int) and n > 0 else 0 for n in missing])
    return x if x.shape == shape else slice_(x, starts, ends, range(2, x.rank), [1] * len(ends))


def unfold(x: Tensor, windows: Windows) -> Tensor:
    """Lay what each window holds side by side: (N, C * places, points); zeros around x."""
    coarse = windows.counts(x.shape[2:])
    places = concat([unsqueeze(element, [2]) for element in elements(x, windows, coarse)], 2)
    columns = reshape(places, (x.shape[0], x.shape[1] * prod(windows.kernel), element_count(coarse)))
    return with_gradients(columns, [(x, lambda dy: fold(dy, windows, x.shape))])


def fold(columns: Tensor, windows: Windows, shape: Shape) -> Tensor:
    """The transpose of :func:`unfold`: sums of (N, C * places, points) in a result of the given shape (N, C, ...)."""
    coarse, places = windows.counts(shape[2:]), prod(windows.kernel)
    by_place = reshape(columns, (*shape[:2], places, *coarse))
    parts = [squeeze(part, [2]) for part in split(by_place, [1] * places, 2)]
    return with_gradients(assemble(parts, windows, shape), [(columns, lambda dy: unfold(dy, windows))])
