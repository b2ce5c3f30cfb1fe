"""Adaptive pools, which make as many windows as they are told, and pools of all there is: of [N, C, *spatial]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dslc import graph as g
from dslc.library.checks import Sizes, decide, need_float, need_rank, per_axis
from dslc.library.layers.windows import at_least, need_spatial
from dslc.library.operation import Context, Layer, layer, option
from dslc.types import INT64, TensorType
from dslc.windows import Windows


class _AdaptivePool(Layer):
    """What pools have in common that are told the size of their result; each window is as large as it takes."""

    carries = True
    size: Sizes

    def _pairs(self, x: TensorType) -> list[tuple[int, int]]:
        """Return for each spatial axis its size, and that of the result."""
        sizes = per_axis(self.name, "size", self.size, x.rank - 2)
        at_least(self.name, "size", sizes, 1)
        known = [decide(self.name, d, f"axis {axis} of {x}") for axis, d in enumerate(x.shape[2:], start=2)]
        return list(zip(known, sizes, strict=True))

    def type(self, x: TensorType) -> TensorType:
        need_spatial(self.name, x)
        return x.with_shape((*x.shape[:2], *(after for _, after in self._pairs(x))))

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(2, x.rank)


def _spans(before: int, after: int) -> list[tuple[int, int]]:
    """Return where each of so many windows begins and ends on an axis."""
    return [(i * before // after, -((i + 1) * before // -after)) for i in range(after)]


_ADAPTIVE = "Size of the spatial axes of the result: a number, or one for each."


@layer
class AdaptiveAveragePool(_AdaptivePool):
    """The mean of each of as many windows as are asked for: [N, C, *spatial] to [N, C, *size].

    Window i of m begins at floor(i * n / m) and ends before ceil((i + 1) * n / m), so that neighbours may overlap.
    """

    aliases = {"adaptiveavgpool": "", "adaptiveaveragepooling": ""}
    size: Sizes = option(_ADAPTIVE, minimum=1)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        pairs = self._pairs(x.type)
        if all(before % after == 0 for before, after in pairs) and not x.builder.target.lacks("AveragePool", x.element):
            kernel = [before // after for before, after in pairs]
            return g.average_pool(x, Windows.of(kernel, kernel))
        for axis, (before, after) in enumerate(pairs, start=2):
            shares = np.zeros((after, before))
            for row, (start, end) in zip(shares, _spans(before, after), strict=True):
                row[start:end] = 1 / (end - start)
            x = g.along_axis(x, shares, axis) if before != after else x
        return x


@layer
class AdaptiveMaxPool(_AdaptivePool):
    """The maximum of each of as many windows as are asked for: [N, C, *spatial] to [N, C, *size].

    The windows are those of `AdaptiveAveragePool`.
    """

    aliases = {"adaptivemaxpooling": ""}
    size: Sizes = option(_ADAPTIVE, minimum=1)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        kernel = []
        for axis, (before, after) in enumerate(self._pairs(x.type), start=2):
            spans = _spans(before, after)
            widest = max(end - start for start, end in spans)
            kernel.append(widest)
            if before % after:  # shorter windows have their last element several times
                places = [min(start + place, end - 1) for start, end in spans for place in range(widest)]
                x = g.gather(x, x.builder.constant(places, INT64), axis)
        return g.max_pool(x, Windows.of(kernel, kernel))


@dataclass(frozen=True, kw_only=True)
class _GlobalPool(Layer):
    """What the global pools share."""

    carries = True
    local = True

    keepdims: bool = option("Keep the spatial axes, with size 1?", default=False)

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 3)
        return x.with_shape((*x.shape[:2], *([1] * (x.rank - 2) if self.keepdims else [])))


@layer
class GlobalAveragePool(_GlobalPool):
    """The mean over all spatial axes: [N, C, *spatial] to [N, C]."""

    aliases = {"globalaveragepooling": "", "globalavgpool": ""}

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.reduce_mean(x, range(2, x.rank), self.keepdims)


@layer
class GlobalMaxPool(_GlobalPool):
    """The maximum over all spatial axes: [N, C, *spatial] to [N, C]."""

    aliases = {"globalmaxpooling": ""}

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        axes = range(2, x.rank)
        return g.with_nan(g.reduce_max(x, axes, self.keepdims), x, axes, self.keepdims)
