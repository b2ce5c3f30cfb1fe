"""Spatial axes at another size: the function resize and the layer Upsample, for [N, C, *spatial]."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import numpy as np

from dslc import graph as g
from dslc.errors.types import COMBINATION, SIZE, UNDECIDED
from dslc.library.checks import need_float, need_rank
from dslc.library.functions.elements import arange
from dslc.library.operation import Context, Function, Layer, Operation, function, layer, option
from dslc.types import Dimension, Symbolic, TensorType

_SIZE = "Size of the spatial axes of the result: a number, or one for each."
_FACTOR = "How many times as large they become, rounded down: a number, or one for each."
_MODE = (
    '"nearest" takes the nearest point towards the front, "linear" weighs the two around a place by their distance, '
    '"cubic" four, which keeps edges sharper and may go beyond the numbers of x.'
)
_CORNERS = "Do the first and last points of both lie on each other, rather than the edges around them?"
_ANTIALIAS = "Where axes become smaller, widen what is weighed, so that no point of x is skipped?"


class _Resizing(Operation):
    """What both have in common."""

    wraps = False  # whole numbers are only moved
    size: Dimension | tuple[Dimension, ...] | None
    factor: float | tuple[float, ...] | None
    mode: str
    align_corners: bool
    antialias: bool

    def _scaled(self, x: TensorType) -> list[tuple[Dimension, float | None]]:
        """Return for each spatial axis its new size, and how many times as large it was said to become, if it was."""
        axes = x.rank - 2
        if (self.size is None) == (self.factor is None):
            raise COMBINATION(f"{self.name} takes either a size or a factor")
        if self.factor is None:
            sizes = self.size if isinstance(self.size, tuple) else (self.size,) * axes
            if len(sizes) != axes:
                raise COMBINATION(
                    f"{self.name}: size = {list(sizes)} has {len(sizes)} entries, but the input has {axes} spatial axes"
                )
            return [(size, None) for size in sizes if size is not None]
        factors = self.factor if isinstance(self.factor, tuple) else (self.factor,) * axes
        if len(factors) != axes:
            raise COMBINATION(
                f"{self.name}: factor = {list(factors)} has {len(factors)} entries, but the input has {axes} spatial "
                "axes"
            )
        pairs = zip(x.shape[2:], factors, strict=True)
        return [(_times(self.name, size, factor), factor) for size, factor in pairs if factor is not None]

    def type(self, x: TensorType) -> TensorType:
        need_rank(self.name, x, 3, 5, "[N, C, ...] with 1 to 3 spatial axes")
        if self.mode != "nearest":
            need_float(self.name, x)
        elif self.align_corners or self.antialias:
            option = "align_corners" if self.align_corners else "antialias"
            raise COMBINATION(f'{self.name}: mode = "nearest" weighs nothing, so that {option} has no place')
        sizes = [size for size, _ in self._scaled(x)]
        for axis, (before, after) in enumerate(zip(x.shape[2:], sizes, strict=True), start=2):
            if isinstance(after, int) and after < 1:
                raise SIZE(f"{self.name} leaves nothing of axis {axis} of {x}")
            if not self._is_expressible(before, after):
                raise UNDECIDED(
                    f'{self.name}: which points mode = "{self.mode}" takes of axis {axis} of {x} is not known before '
                    "run time",
                    hint='"nearest" by a whole factor and "linear" without antialias take any size',
                )
        return x.with_shape((*x.shape[:2], *sizes))

    def _is_expressible(self, before: Dimension, after: Dimension) -> bool:
        """Whether the graph can say what it takes of an axis."""
        if not isinstance(before, Symbolic) and not isinstance(after, Symbolic):
            return True
        whole = _whole_factor(before, after) is not None
        return whole if self.mode == "nearest" else self.mode == "linear" and not self.antialias

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(2, x.rank)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        if self.mode == "nearest":
            return self._nearest(x)
        for axis, (after, factor) in enumerate(self._scaled(x.type), start=2):
            before, step = x.shape[axis], None if factor is None else 1 / factor
            if after == before and (step is None or step == 1 or self.align_corners):
                continue
            if isinstance(before, int) and isinstance(after, int):
                matrix: np.ndarray | g.Tensor = _weights(
                    before, after, self.mode, self.align_corners, self.antialias, step
                )
            else:
                matrix = _linear_weights(x, before, after, self.align_corners, step)
            x = g.along_axis(x, matrix, axis)
        return x

    def _nearest(self, x: g.Tensor) -> g.Tensor:
        repeats: list[int] = []
        for axis, (after, factor) in enumerate(self._scaled(x.type), start=2):
            before = x.shape[axis]
            whole = _whole_factor(before, after)
            if whole is None or factor not in (None, whole):
                # in single precision, which is what decides between two points in PyTorch
                scale = np.float32(int(before) / int(after) if factor is None else 1 / factor)
                places = np.floor(np.arange(int(after), dtype=np.float32) * scale).astype(np.int64)
                x = g.gather(x, x.builder.constant(np.minimum(places, int(before) - 1)), axis)
                whole = 1
            repeats.append(whole)
        return x if max(repeats) == 1 else _repeated(x, repeats)


def _repeated(x: g.Tensor, times: Sequence[int]) -> g.Tensor:
    """Repeat each point along the spatial axes. Joining copies is several times as fast as an Expand."""
    y, points = x, x.shape[2:]
    for axis, count in reversed([*enumerate(times, start=2)]):
        shape = (*y.shape[:axis], y.shape[axis] * count, *y.shape[axis + 1 :])
        y = g.reshape(g.concat([g.unsqueeze(y, [axis + 1])] * count, axis + 1), shape) if count > 1 else y
    apart = [size for pair in zip(points, times, strict=True) for size in pair]
    copies = range(3, 2 * x.rank - 2, 2)
    return g.with_gradients(y, [(x, lambda dy: g.reduce_sum(g.reshape(dy, (*x.shape[:2], *apart)), copies))])


def _times(word: str, size: Dimension, factor: float) -> Dimension:
    if not isinstance(size, Symbolic):
        return floor(size * factor)
    if factor != int(factor):
        raise UNDECIDED(
            f"{word}: {factor:g} times {size} points is not known before run time", hint="use a whole factor"
        )
    return size * int(factor)


def _whole_factor(before: Dimension, after: Dimension) -> int | None:
    """Return how many times as large an axis becomes, if that is a whole number."""
    if isinstance(before, int) and isinstance(after, int):
        return after // before if after % before == 0 else None
    quotient = after // before
    return quotient if isinstance(quotient, int) and quotient * before == after else None


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """Keys's kernel, which reaches over two points on each side."""
    d = np.abs(distance)
    near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _weights(
    before: int, after: int, mode: str, align_corners: bool, antialias: bool, step: float | None
) -> np.ndarray:
    """Return how much each point of x counts in each point of the result: (after, before)."""
    places = np.arange(after)
    if align_corners:
        step = (before - 1) / (after - 1) if after > 1 else 0.0
    elif step is None:
        step = before / after
    matrix = np.zeros((after, before))
    if antialias:
        wide, reach = max(step, 1.0), 1 if mode == "linear" else 2
        for row, center in zip(matrix, step * (places + 0.5), strict=True):
            start = max(int(center - reach * wide + 0.5), 0)
            points = np.arange(start, min(int(center + reach * wide + 0.5), before))
            distance = (points - center + 0.5) / wide
            found = np.maximum(1 - np.abs(distance), 0) if mode == "linear" else _cubic(distance, -0.5)
            row[points] = found / found.sum()
        return matrix
    source = places * step if align_corners else (places + 0.5) * step - 0.5
    if mode == "linear":
        source = np.clip(source, 0, before - 1)
        return np.asarray(np.maximum(1 - np.abs(source[:, None] - np.arange(before)), 0))
    first = np.floor(source).astype(int)
    for offset in range(-1, 3):
        points = np.clip(first + offset, 0, before - 1)
        np.add.at(matrix, (places, points), _cubic(source - (first + offset), -0.75))
    return matrix


def _linear_weights(
    x: g.Tensor, before: Dimension, after: Dimension, align_corners: bool, step: float | None
) -> g.Tensor:
    """Return the same of linear ones, made when it is run."""
    points, places = (g.cast(arange(x.builder, size), x.element) for size in (before, after))
    sizes = [g.cast(x.builder.dimension(size), x.element) for size in (before, after)]
    if align_corners:
        source = places * ((sizes[0] - 1.0) / g.maximum(sizes[1] - 1.0, 1.0))
    else:
        source = (places + 0.5) * (sizes[0] / sizes[1] if step is None else step) - 0.5
    source = g.maximum(g.minimum(source, sizes[0] - 1.0), 0.0)
    return g.relu(1.0 - g.absolute(g.unsqueeze(source, [1]) - points))


_OPTIONS = ("nearest", "linear", "cubic")


@layer
class Upsample(_Resizing, Layer):
    """The spatial axes at a multiple of their size, or at a given one: [N, C, *spatial] to [N, C, *larger].

    What lies between points is interpolated; see the function `resize`.
    """

    aliases = {"upsampling": ""}
    factor: float | tuple[float, ...] | None = option(_FACTOR, default=None, above=0)
    size: Dimension | tuple[Dimension, ...] | None = option(_SIZE, default=None, minimum=1)
    mode: str = option(_MODE, default="nearest", choices=_OPTIONS)
    align_corners: bool = option(_CORNERS, default=False)
    antialias: bool = option(_ANTIALIAS, default=False)


@function
class resize(_Resizing, Function):
    """x with its spatial axes at another size, larger or smaller: [N, C, *spatial] to [N, C, *size].

    All modes work on 1 to 3 axes, one after another, and give what PyTorch's `interpolate` does. Where ``factor`` is
    given, points of the result lie 1 / factor apart, as in PyTorch.

    Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981.
    """

    aliases = {"interpolate": ""}
    size: Dimension | tuple[Dimension, ...] | None = option(_SIZE, default=None, minimum=1)
    factor: float | tuple[float, ...] | None = option(_FACTOR, default=None, above=0)
    mode: str = option(_MODE, default="nearest", choices=_OPTIONS)
    align_corners: bool = option(_CORNERS, default=False)
    antialias: bool = option(_ANTIALIAS, default=False)
