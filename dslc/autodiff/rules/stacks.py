"""The gradients of a convolution by its weights, and of some by their input, where every stride is 1.

The weights at place (i, j, ...) of the kernel meet x moved by (i, j, ...). Moves along the last axis are made of x
(N, C, *spatial), those along the others of dy (N, M, *points), each stacked beside their channels, so that one matrix
product over all points gives every place at once: for a kernel of k * k that is 2 k copies instead of k * k.
Both lie on one grid, flattened row by row, where a move shifts whole runs of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from dslc import graph as g
from dslc.graph import Tensor
from dslc.types import Shape, element_count
from dslc.windows import Windows


def is_worth_stacking(x: Tensor, dy: Tensor, windows: Windows, groups: int) -> bool:
    """Whether :func:`stacked_weight_gradient` can be used, and copies little more than windows hold.

    Then it is faster, since the elements of windows are copied out of x, then together, and in shorter runs.
    """
    if groups > 1 or max(windows.strides) > 1 or not all(isinstance(n, int) for n in (*x.shape[1:], *dy.shape[1:])):
        return False
    grid, kernel = _grid(x, dy), windows.kernel
    if any(max(map(abs, o)) >= n for o, n in zip(windows.moves, grid, strict=True)):
        return False  # a place of the kernel that meets nothing but padding
    channels, outputs = int(x.shape[1]), int(dy.shape[1])
    stacked = (prod(kernel[:-1]) * outputs + kernel[-1] * channels) * prod(grid)
    windowed = prod(kernel) * channels * int(element_count(dy.shape[2:]))
    return stacked < x.builder.target.stacked_share * windowed


def stacked_weight_gradient(x: Tensor, dy: Tensor, windows: Windows) -> Tensor:
    """Products of dy (N, M, *points) with the elements of x (N, C, *spatial) in every window: (M, C, *kernel)."""
    channels, outputs = int(x.shape[1]), int(dy.shape[1])
    grid, kernel = _grid(x, dy), windows.kernel
    across, down = _moves(windows.moves)
    margins = _margins(across, down, grid)
    left = _stack(dy, down, grid, margins, _extent(x))
    right = _stack(x, across, grid, margins, _extent(dy))
    by_place = g.reduce_sum(left @ right.mT, [0])
    by_place = g.reshape(by_place, (outputs, len(down), channels, kernel[-1]))
    return g.reshape(g.transpose(by_place, (0, 2, 1, 3)), (outputs, channels, *kernel))


def is_worth_summing(x: Tensor, dy: Tensor, windows: Windows) -> bool:
    """Whether :func:`stacked_input_gradient` can be used and is faster than a convolution, where stacks are worth it.

    It can where nothing is padded: a move along a row then never meets the row beside it.
    """
    axes = zip(windows.moves, _extent(dy), _extent(x), strict=True)
    fits = all(min(o) >= 0 and n + max(o) <= size for o, n, size in axes)
    return fits and int(x.shape[1]) < x.builder.target.channel_block


def stacked_input_gradient(x: Tensor, dy: Tensor, w: Tensor, windows: Windows) -> Tensor:
    """The gradient by x (N, C, *spatial) of a convolution with w (M, C, *kernel) without padding, given dy.

    dy, moved along all axes but the last and stacked as for the weights' gradient, is multiplied with the weights of
    every place along the last axis; the products, moved there, are summed up.
    """
    channels, outputs, grid = int(x.shape[1]), int(dy.shape[1]), _grid(x, dy)
    across, down = _moves(windows.moves)
    margins = _margins(across, down, grid)
    stacked = _stack(dy, down, grid, margins, _extent(x))
    by_move = g.reshape(w, (outputs, channels, len(down), len(across)))
    by_move = g.reshape(g.transpose(by_move, (3, 1, 0, 2)), (len(across) * channels, outputs * len(down)))
    products = by_move @ stacked
    points = prod(grid)
    starts = [margins[0] - _distance(move, grid) for move in across]
    terms = [
        g.slice_(products, [number * channels, start], [(number + 1) * channels, start + points], [1, 2], [1, 1])
        for number, start in enumerate(starts)
    ]
    return g.reshape(g.total(*terms), x.shape)


def _moves(offsets: Sequence[Sequence[int]]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Return how x moves along the last axis, and how dy moves along the others."""
    across = [(*[0] * (len(offsets) - 1), offset) for offset in offsets[-1]]
    return across, [(*(-offset for offset in place), 0) for place in product(*offsets[:-1])]


def _margins(across: Sequence[Sequence[int]], down: Sequence[Sequence[int]], grid: Sequence[int]) -> tuple[int, int]:
    """How far the moves lead beyond the flat grid, before and after it."""
    starts = [_distance(move, grid) for move in (*down, *across)]
    return max(starts), -min(starts)


def _extent(x: Tensor) -> list[int]:
    return [int(n) for n in x.shape[2:]]


def _grid(x: Tensor, dy: Tensor) -> list[int]:
    """What holds the points of both."""
    return list(map(max, _extent(x), _extent(dy)))


def _distance(move: Sequence[int], grid: Sequence[int]) -> int:
    """How far apart on the flat grid are two points that lie so far apart axis by axis."""
    return sum(offset * prod(grid[axis + 1 :]) for axis, offset in enumerate(move))


def _stack(
    x: Tensor, moves: Sequence[Sequence[int]], grid: Sequence[int], margins: tuple[int, int], other: Sequence[int]
) -> Tensor:
    """Lay x, moved in each of the ways, on the flat grid between margins of zeros.

    The result is (N, C * moves, margins + points). Moved by an offset, a point has what was at point + offset, or zero;
    right where the operand that it will be multiplied with is not zero, which is within its extent ``other``.
    """
    batch, channels = x.shape[0], int(x.shape[1])
    own, points = _extent(x), prod(grid)
    x = g.pad(x, [0] * x.rank, [0, 0, *(n - size for n, size in zip(grid, own, strict=True))])
    flat = (batch, channels, points)
    pieces: list[Tensor] = []
    gap = 0
    for move in moves:
        source = x
        for axis, (offset, n) in enumerate(zip(move, grid, strict=True)):
            # along the first axis, a margin lies next to it
            if axis > 0 and (other[axis] > n - offset if offset > 0 else own[axis] > n + offset):
                source = _without_edge(source, axis, offset)
        distance = _distance(move, grid)
        pieces += [*_zeros(x, flat, gap + margins[0] - distance), g.reshape(source, flat)]
        gap = margins[1] + distance
    pieces += _zeros(x, flat, gap)
    return g.reshape(g.concat(pieces, -1), (batch, channels * len(moves), sum(margins) + points))


def _zeros(like: Tensor, shape: Shape, count: int) -> list[Tensor]:
    return [g.full(like, 0.0, like.type.with_shape((*shape[:-1], count)))] if count else []


def _without_edge(x: Tensor, axis: int, offset: int) -> Tensor:
    """Clear what a move along a spatial axis would take beyond its end, to the row before or after."""
    size = int(x.shape[2 + axis])
    place = np.arange(size).reshape(-1, *[1] * (x.rank - 3 - axis))
    keeps = np.where(place >= offset if offset > 0 else place < size + offset, 1.0, 0.0)
    # as long as an example, since an operand that is repeated often makes short runs
    inner = element_count(x.shape[1:])
    mask = g.reshape(g.expand(x.builder.constant(keeps, x.element), x.shape[1:]), (inner,))
    return g.reshape(g.reshape(x, (x.shape[0], inner)) * mask, x.shape)
