"""Layers that move a window over spatial axes: convolutions and pools, for [N, C, *spatial] with 1 to 3 of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from dslc import graph as g
from dslc.errors.types import COMBINATION, WINDOW
from dslc.library.checks import Sizes, decide, divides, need_float, need_rank, per_axis, weight_size
from dslc.library.initializers import glorot_uniform, zeros
from dslc.library.operation import Context, Initializer, Layer, Role, Variable, layer, option
from dslc.types import Dimension, Symbolic, TensorType, window_size

Padding = str | int | tuple[int, ...]

_PADDING = (
    '"same" pads dilation * (kernel - 1) in all, half of it on each side (the odd one after); "valid" pads nothing; '
    "a number, or one for each axis, pads that much on both sides."
)


def _paddings(
    word: str, padding: Padding, kernel: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return how much is padded before and after each axis."""
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
    if padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if isinstance(padding, str):
        raise COMBINATION(f'{word}: padding = "{padding}" is neither "same" nor "valid", nor a number')
    sizes = per_axis(word, "padding", padding, len(kernel))
    _at_least(word, "padding", sizes, 0)
    return sizes, sizes


def _at_least(word: str, option: str, values: Sequence[int], least: int) -> None:
    if any(v < least for v in values):
        raise COMBINATION(f"{word}: {option} must be at least {least}, but is {list(values)}")


@dataclass(frozen=True)
class _Window:
    """A window's geometry, one number for each spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def moved(self, word: str, x: TensorType) -> list[Dimension]:
        """Return the spatial axes of the result; refuse a window that is larger than its axis."""
        _at_least(word, "the window's size", self.kernel, 1)
        _at_least(word, "stride", self.stride, 1)
        _at_least(word, "dilation", self.dilation, 1)
        result = []
        numbers = zip(x.shape[2:], self.kernel, self.stride, self.dilation, self.before, self.after, strict=True)
        for axis, (size, kernel, stride, dilation, before, after) in enumerate(numbers, start=2):
            reach, padding = dilation * (kernel - 1) + 1, before + after
            if not isinstance(size, Symbolic) and size + padding < reach:
                dilated = f" (dilated to {reach})" if dilation > 1 else ""
                padded = f" with {padding} of padding" if padding else ""
                raise WINDOW(
                    f"{word}: a window of {kernel}{dilated} does not fit into axis {axis} of {x}, which has "
                    f"{size}{padded}",
                    hint='use a smaller window, fewer pools before it, or padding = "same"',
                )
            result.append(window_size(size, kernel, stride, dilation, before, after))
        return result


@layer
class Conv(Layer):
    """Convolution over 1 to 3 spatial axes, as many as the input has: [N, C, *spatial] to [N, channels, *spatial].

    (Strictly the cross-correlation, as everywhere in the field.) The weight is (channels, C / groups, *kernel).
    """

    aliases = {
        "convolution": "and takes its rank from what flows in",
        "conv": "and takes its rank and the channels of its input from what flows in",
    }
    operators = ("Conv",)
    channels: Dimension = option("Channels of the result.", minimum=1)
    kernel: Sizes = option("Size of the window: a number, or one for each axis.", minimum=1)
    stride: Sizes = option("Step of the window.", default=1, minimum=1)
    padding: Padding = option(_PADDING, default="same", minimum=0, choices=("same", "valid"))
    dilation: Sizes = option("Distance between neighbouring elements of the window.", default=1, minimum=1)
    groups: Dimension = option("Groups of channels that do not see each other.", default=1, minimum=1)
    bias: bool = option("Add a bias to each channel?", default=True)
    init: Initializer = option("How the weight starts; the bias starts at zero.", default=glorot_uniform())

    def _window(self, x: TensorType) -> _Window:
        axes = x.rank - 2
        kernel = per_axis(self.name, "kernel", self.kernel, axes)
        stride = per_axis(self.name, "stride", self.stride, axes)
        dilation = per_axis(self.name, "dilation", self.dilation, axes)
        return _Window(kernel, stride, dilation, *_paddings(self.name, self.padding, kernel, dilation))

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 3, 5, "[N, C, ...] with 1 to 3 spatial axes")
        divides(self.name, self.groups, weight_size(self.name, x, 1, "each channel"), "the input's channels")
        divides(self.name, self.groups, self.channels, "the result's channels")
        return x.with_shape((x.shape[0], self.channels, *self._window(x).moved(self.name, x)))

    def variables(self, x: TensorType) -> Sequence[Variable]:
        kernel = per_axis(self.name, "kernel", self.kernel, x.rank - 2)
        inputs = x.shape[1] // self.groups
        weight = Variable(
            "weight", (self.channels, inputs, *kernel), self.init, Role.KERNEL,
            fan_in=inputs * prod(kernel), fan_out=self.channels * prod(kernel), element=x.element,
        )  # fmt: skip
        bias = Variable("bias", (self.channels,), zeros(), Role.BIAS, element=x.element)
        return [weight, bias] if self.bias else [weight]

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(2, x.rank)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        window = self._window(x.type)
        return g.conv(
            x, context["weight"], context["bias"] if self.bias else None, strides=window.stride,
            dilations=window.dilation, before=window.before, after=window.after,
            groups=decide(self.name, self.groups, "the number of groups"),
        )  # fmt: skip

    def multiply_adds(self, x: TensorType) -> Dimension:
        kernel = per_axis(self.name, "kernel", self.kernel, x.rank - 2)
        return self.type(x).count * (x.shape[1] // self.groups) * prod(kernel)


@dataclass(frozen=True, kw_only=True)
class _Pool(Layer):
    """What the pools share; they differ in what they do with a window."""

    carries = True

    size: Sizes = option("Size of the window: a number, or one for each axis.", minimum=1)
    stride: int | tuple[int, ...] | None = option("Step of the window; none means its size.", default=None, minimum=1)
    padding: Padding = option(_PADDING, default="valid", minimum=0, choices=("same", "valid"))

    def _window(self, x: TensorType) -> _Window:
        axes = x.rank - 2
        size = per_axis(self.name, "size", self.size, axes)
        stride = size if self.stride is None else per_axis(self.name, "stride", self.stride, axes)
        dense = (1,) * axes
        return _Window(size, stride, dense, *_paddings(self.name, self.padding, size, dense))

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 3, 5, "[N, C, ...] with 1 to 3 spatial axes")
        window = self._window(x)
        if self.padding != "same" and any(b > k // 2 for b, k in zip(window.before, window.kernel, strict=True)):
            raise COMBINATION(
                f"{self.name}: padding {list(window.before)} is more than half of the window {list(window.kernel)}, so "
                "that windows would see nothing but padding"
            )
        return x.with_shape((*x.shape[:2], *window.moved(self.name, x)))

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(2, x.rank)


@layer
class MaxPool(_Pool):
    """The maximum in each window, channel by channel: [N, C, *spatial] to [N, C, *smaller].

    Padding never wins, and NaN is passed over.
    """

    aliases = {"maxpooling": ""}

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        window = self._window(x.type)
        return g.max_pool(x, window.kernel, strides=window.stride, before=window.before, after=window.after)


@layer
class AveragePool(_Pool):
    """The mean of each window, channel by channel: [N, C, *spatial] to [N, C, *smaller]."""

    aliases = {"avgpool": "", "averagepooling": ""}
    operators = ("AveragePool",)
    count_include_pad: bool = option("Does padding count, as zeros?", default=True)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        window = self._window(x.type)
        return g.average_pool(
            x, window.kernel, strides=window.stride, before=window.before, after=window.after,
            count_include_pad=self.count_include_pad,
        )  # fmt: skip


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

    aliases = {"globalaveragepooling": "", "globalavgpool": "", "adaptiveavgpool": "and averages over all positions"}

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.reduce_mean(x, range(2, x.rank), self.keepdims)


@layer
class GlobalMaxPool(_GlobalPool):
    """The maximum over all spatial axes: [N, C, *spatial] to [N, C]."""

    aliases = {"globalmaxpooling": "", "adaptivemaxpool": "and looks at all positions"}

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        axes = range(2, x.rank)
        return g.with_nan(g.reduce_max(x, axes, self.keepdims), x, axes, self.keepdims)
