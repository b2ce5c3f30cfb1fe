"""Layers that move points and channels of [N, C, *spatial], put points around or take them off."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.errors.types import COMBINATION, SIZE
from dslc.library.checks import Sizes, divides, need_rank
from dslc.library.functions.padding import PAD_MODE, PAD_MODES, padded, padded_axes, padded_type
from dslc.library.functions.shaping import Rearrangement
from dslc.library.layers.windows import at_least
from dslc.library.operation import Context, Layer, layer, option
from dslc.types import Shape, TensorType


def _need_spatial(word: str, x: TensorType) -> None:
    need_rank(word, x, 3, 5, "[N, C, ...] with 1 to 3 spatial axes")


class _Regrouping(Rearrangement, Layer):
    """Axes cut into several, put into another order and joined again."""

    def _result(self, x: TensorType) -> Shape:
        raise NotImplementedError

    def type(self, x: TensorType) -> TensorType:
        _need_spatial(self.name, x)
        return x.with_shape(self._result(x))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        cut = self.reordered(x.type)
        assert cut is not None
        shape, order = cut
        return g.reshape(g.transpose(g.reshape(x, shape), order), self._result(x.type))


@layer
class PixelShuffle(_Regrouping):
    """Channels laid out as points: [N, C * factor ** axes, *spatial] to [N, C, *spatial * factor].

    Of two spatial axes, the channels of one result are its points in a square of factor x factor, row by row.

    Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Network, 2016.
    """

    aliases = {"depthtospace": "with the channels of one result side by side", "subpixel": ""}
    factor: int = option("How many times as long each spatial axis becomes.", minimum=1)

    def _result(self, x: TensorType) -> Shape:
        channels = divides(self.name, self.factor ** (x.rank - 2), x.shape[1], f"the channels of {x}")
        return (x.shape[0], channels, *(d * self.factor for d in x.shape[2:]))

    def reordered(self, x: TensorType) -> tuple[Shape, Sequence[int]]:
        axes = x.rank - 2
        batch, channels, *_ = self._result(x)
        pairs = [axis for number in range(axes) for axis in (2 + axes + number, 2 + number)]
        return (batch, channels, *[self.factor] * axes, *x.shape[2:]), (0, 1, *pairs)


@layer
class PixelUnshuffle(_Regrouping):
    """Points laid out as channels: [N, C, *spatial] to [N, C * factor ** axes, *spatial / factor].

    It undoes `PixelShuffle`.
    """

    aliases = {"spacetodepth": "with the points of one channel side by side"}
    factor: int = option("How many times as short each spatial axis becomes.", minimum=1)

    def _coarse(self, x: TensorType) -> Shape:
        axes = enumerate(x.shape[2:], start=2)
        return tuple(divides(self.name, self.factor, size, f"axis {axis} of {x}") for axis, size in axes)

    def _result(self, x: TensorType) -> Shape:
        return (x.shape[0], x.shape[1] * self.factor ** (x.rank - 2), *self._coarse(x))

    def reordered(self, x: TensorType) -> tuple[Shape, Sequence[int]]:
        cut = [part for size in self._coarse(x) for part in (size, self.factor)]
        last = 2 * x.rank - 2
        return (*x.shape[:2], *cut), (0, 1, *range(3, last, 2), *range(2, last, 2))


@layer
class ChannelShuffle(_Regrouping):
    """Channels in the order in which one of each group comes after the other: [N, C, *spatial] to the same.

    Zhang et al., ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices, 2018.
    """

    groups: int = option("How many groups there are.", minimum=1)

    def _result(self, x: TensorType) -> Shape:
        divides(self.name, self.groups, x.shape[1], f"the channels of {x}")
        return x.shape

    def reordered(self, x: TensorType) -> tuple[Shape, Sequence[int]]:
        cut = (x.shape[0], self.groups, x.shape[1] // self.groups, *x.shape[2:])
        return cut, (0, 2, 1, *range(3, x.rank + 1))


def _widths(word: str, name: str, given: Sizes, x: TensorType) -> tuple[list[int], list[int]]:
    """Return how much is put or taken before and after each axis."""
    axes = x.rank - 2
    if isinstance(given, int):
        given = (given,) * axes
    if len(given) == axes:
        given = tuple(width for width in given for _ in range(2))
    if len(given) != 2 * axes:
        raise COMBINATION(
            f"{word}: {name} = {list(given)} has {len(given)} entries, but takes one for each of the {axes} spatial "
            "axes, or two, before and after it"
        )
    at_least(word, name, given, 0)
    return [0, 0, *given[::2]], [0, 0, *given[1::2]]


@layer
class Pad(Layer):
    """Points put around the spatial axes: [N, C, *spatial] to [N, C, *larger]; the function `pad` takes other axes."""

    aliases = {
        "zeropadding": "",
        "constantpad": "with value = ...",
        "circularpad": 'with mode = "circular"',
    }
    local = True
    padding: Sizes = option(
        "How many: a number, one for each spatial axis, or two, before and after, for each, the first axis first.",
        minimum=0,
    )
    mode: str = option(PAD_MODE, default="constant", choices=PAD_MODES)
    value: float = option("What a constant padding is made of.", default=0.0)

    def type(self, x: TensorType) -> TensorType:
        _need_spatial(self.name, x)
        return padded_type(self.name, x, *_widths(self.name, "padding", self.padding, x), self.mode, self.value)

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return padded_axes(*_widths(self.name, "padding", self.padding, x), self.mode)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return padded(x, *_widths(self.name, "padding", self.padding, x.type), self.mode, self.value)


@layer
class Crop(Layer):
    """Points taken off the spatial axes: [N, C, *spatial] to [N, C, *smaller]."""

    aliases = {"cropping": ""}
    carries = True
    local = True
    cropping: Sizes = option(
        "How many: a number, one for each spatial axis, or two, before and after, for each, the first axis first.",
        minimum=0,
    )

    def type(self, x: TensorType) -> TensorType:
        _need_spatial(self.name, x)
        before, after = _widths(self.name, "cropping", self.cropping, x)
        result = x.with_shape(d - b - a for d, b, a in zip(x.shape, before, after, strict=True))
        for axis, size in enumerate(result.shape):
            if isinstance(size, int) and size < 1:
                raise SIZE(
                    f"{self.name}: cropping {before[axis]} and {after[axis]} leaves nothing of axis {axis} of {x}"
                )
        return result

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        before, after = _widths(self.name, "cropping", self.cropping, x.type)
        axes = range(2, x.rank)
        ends = [x.shape[axis] - after[axis] for axis in axes]
        return g.slice_(x, before[2:], ends, axes, [1] * len(axes))
