"""Convolutions, their transpose, and those that see each channel by itself: of [N, C, *spatial]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from dslc import graph as g
from dslc.errors.types import COMBINATION, WINDOW
from dslc.library.checks import Sizes, decide, divides, per_axis, weight_size
from dslc.library.initializers import glorot_uniform, zeros
from dslc.library.layers.windows import PADDING, Padding, at_least, fitting, need_spatial, windows_of
from dslc.library.operation import Context, Initializer, Layer, Role, Variable, layer, option
from dslc.types import Dimension, Symbolic, TensorType
from dslc.windows import Windows

_CHANNELS = "Channels of the result."
_KERNEL = "Size of the window: a number, or one for each axis."
_STRIDE = "Step of the window."
_DILATION = "Distance between neighbouring elements of the window."
_GROUPS = "Groups of channels that do not see each other."
_BIAS = "Add a bias to each channel?"
_INIT = "How the weight starts; the bias starts at zero."


class _Convolution(Layer):
    """What convolutions have in common; each declares these options in its own order."""

    operators = ("Conv",)
    outputs_axis = 0
    kernel: Sizes
    stride: Sizes
    padding: Padding
    dilation: Sizes
    bias: bool
    init: Initializer

    def _windows(self, x: TensorType) -> Windows:
        return windows_of(self.name, x.rank - 2, self.kernel, self.stride, self.dilation, self.padding)

    def _outputs(self, x: TensorType) -> Dimension:
        """Return how many channels the result has."""
        raise NotImplementedError

    def type(self, x: TensorType) -> TensorType:
        need_spatial(self.name, x)
        weight_size(self.name, x, 1, "each channel")
        return x.with_shape((x.shape[0], self._outputs(x), *fitting(self.name, x, self._windows(x))))

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(2, x.rank)

    def _weight(self, name: str, x: TensorType, outputs: Dimension, inputs: Dimension, kernel: Sizes) -> Variable:
        """Return a weight by which each of the result's channels sees so many of the input's."""
        sizes = per_axis(self.name, "kernel", kernel, x.rank - 2)
        return Variable(
            name, (outputs, inputs, *sizes), self.init, Role.KERNEL, fan_in=inputs * prod(sizes),
            fan_out=outputs * prod(sizes), element=x.element,
        )  # fmt: skip

    def _bias(self, x: TensorType) -> Sequence[Variable]:
        return [Variable("bias", (self._outputs(x),), zeros(), Role.BIAS, element=x.element)] if self.bias else []


@layer
class Conv(_Convolution):
    """Convolution over 1 to 3 spatial axes, as many as the input has: [N, C, *spatial] to [N, channels, *spatial].

    (Strictly the cross-correlation, as everywhere in the field.) The weight is (channels, C / groups, *kernel).
    """

    aliases = {
        "convolution": "and takes its rank from what flows in",
        "conv": "and takes its rank and the channels of its input from what flows in",
    }
    channels: Dimension = option(_CHANNELS, minimum=1)
    kernel: Sizes = option(_KERNEL, minimum=1)
    stride: Sizes = option(_STRIDE, default=1, minimum=1)
    padding: Padding = option(PADDING, default="same", minimum=0, choices=("same", "valid"))
    dilation: Sizes = option(_DILATION, default=1, minimum=1)
    groups: Dimension = option(_GROUPS, default=1, minimum=1)
    bias: bool = option(_BIAS, default=True)
    init: Initializer = option(_INIT, default=glorot_uniform())

    def _outputs(self, x: TensorType) -> Dimension:
        divides(self.name, self.groups, x.shape[1], "the input's channels")
        divides(self.name, self.groups, self.channels, "the result's channels")
        return self.channels

    def variables(self, x: TensorType) -> Sequence[Variable]:
        inputs = x.shape[1] // self.groups
        return [self._weight("weight", x, self.channels, inputs, self.kernel), *self._bias(x)]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        bias = context["bias"] if self.bias else None
        groups = decide(self.name, self.groups, "the number of groups")
        return g.conv(x, context["weight"], bias, self._windows(x.type), groups=groups)

    def multiply_adds(self, x: TensorType) -> Dimension:
        kernel = per_axis(self.name, "kernel", self.kernel, x.rank - 2)
        return self.type(x).count * (x.shape[1] // self.groups) * prod(kernel)


@layer
class DepthwiseConv(_Convolution):
    """Convolution of each channel by itself: [N, C, *spatial] to [N, C * multiplier, *spatial].

    Channel c of the input makes those from c * multiplier on. The weight is (C * multiplier, 1, *kernel).

    Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.
    """

    aliases = {"depthwiseconvolution": ""}
    kernel: Sizes = option(_KERNEL, minimum=1)
    multiplier: int = option("How many channels are made of each.", default=1, minimum=1)
    stride: Sizes = option(_STRIDE, default=1, minimum=1)
    padding: Padding = option(PADDING, default="same", minimum=0, choices=("same", "valid"))
    dilation: Sizes = option(_DILATION, default=1, minimum=1)
    bias: bool = option(_BIAS, default=True)
    init: Initializer = option(_INIT, default=glorot_uniform())

    def _outputs(self, x: TensorType) -> Dimension:
        return x.shape[1] * self.multiplier

    def variables(self, x: TensorType) -> Sequence[Variable]:
        return [self._weight("weight", x, self._outputs(x), 1, self.kernel), *self._bias(x)]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        bias = context["bias"] if self.bias else None
        groups = decide(self.name, x.shape[1], "the number of channels")
        return g.conv(x, context["weight"], bias, self._windows(x.type), groups=groups)

    def multiply_adds(self, x: TensorType) -> Dimension:
        return self.type(x).count * prod(per_axis(self.name, "kernel", self.kernel, x.rank - 2))


@layer
class SeparableConv(_Convolution):
    """Convolution of each channel by itself, then of all channels at each point.

    From [N, C, *spatial] to [N, channels, *spatial]. The weights are ``depthwise``, (C * multiplier, 1, *kernel), and
    ``pointwise``, (channels, C * multiplier, 1, ...).

    Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017.
    """

    aliases = {"separableconvolution": ""}
    channels: Dimension = option(_CHANNELS, minimum=1)
    kernel: Sizes = option(_KERNEL, minimum=1)
    multiplier: int = option("How many channels are made of each, in between.", default=1, minimum=1)
    stride: Sizes = option(_STRIDE, default=1, minimum=1)
    padding: Padding = option(PADDING, default="same", minimum=0, choices=("same", "valid"))
    dilation: Sizes = option(_DILATION, default=1, minimum=1)
    bias: bool = option(_BIAS, default=True)
    init: Initializer = option("How both weights start; the bias starts at zero.", default=glorot_uniform())

    def _outputs(self, x: TensorType) -> Dimension:
        return self.channels

    def variables(self, x: TensorType) -> Sequence[Variable]:
        between = x.shape[1] * self.multiplier
        return [
            self._weight("depthwise", x, between, 1, self.kernel),
            self._weight("pointwise", x, self.channels, between, 1),
            *self._bias(x),
        ]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        groups = decide(self.name, x.shape[1], "the number of channels")
        between = g.conv(x, context["depthwise"], None, self._windows(x.type), groups=groups)
        points = Windows.of([1] * (x.rank - 2))
        return g.conv(between, context["pointwise"], context["bias"] if self.bias else None, points)

    def multiply_adds(self, x: TensorType) -> Dimension:
        kernel = prod(per_axis(self.name, "kernel", self.kernel, x.rank - 2))
        points = prod(self.type(x).shape[2:])
        return x.shape[0] * points * x.shape[1] * self.multiplier * (kernel + self.channels)


@layer
class ConvTranspose(_Convolution):
    """The transpose of a convolution: each point of the input adds the kernel, times its number, to the result.

    From [N, C, *spatial] to [N, channels, *larger], each axis (n - 1) * stride + dilation * (kernel - 1) + 1 +
    output_padding, less what ``padding`` takes off on both sides. The weight is (C, channels / groups, *kernel).

    Zeiler et al., Deconvolutional Networks, 2010.
    """

    aliases = {"deconvolution": "", "deconv": "", "convolutiontranspose": ""}
    operators = ("ConvTranspose",)
    outputs_axis = 1
    channels: Dimension = option(_CHANNELS, minimum=1)
    kernel: Sizes = option(_KERNEL, minimum=1)
    stride: Sizes = option("Distance between the kernels of neighbouring points.", default=1, minimum=1)
    padding: Padding = option(
        'What is taken off on both sides: a number, or one for each axis; "valid" takes nothing, "same" leaves stride '
        "times as many points as the input has (of an odd number, the one more after them).",
        default="valid", minimum=0, choices=("same", "valid"),
    )  # fmt: skip
    output_padding: Sizes = option(
        "Points added at the end of each axis: fewer than the stride, but for what padding takes off.", default=0,
        minimum=0,
    )  # fmt: skip
    dilation: Sizes = option(_DILATION, default=1, minimum=1)
    groups: Dimension = option(_GROUPS, default=1, minimum=1)
    bias: bool = option(_BIAS, default=True)
    init: Initializer = option(_INIT, default=glorot_uniform())

    def _geometry(self, x: TensorType) -> tuple[Windows, tuple[int, ...]]:
        """Return the windows of the convolution that it is the transpose of, and the points added at the end."""
        axes = x.rank - 2
        padding = "valid" if self.padding == "same" else self.padding
        windows = windows_of(self.name, axes, self.kernel, self.stride, self.dilation, padding)
        added = per_axis(self.name, "output_padding", self.output_padding, axes)
        at_least(self.name, "output_padding", added, 0)
        if self.padding == "same":
            if any(added):
                raise COMBINATION(
                    f'{self.name}: padding = "same" says how large the result is, so that output_padding = '
                    f"{list(added)} has no place"
                )
            surplus = [extent - stride for extent, stride in zip(windows.extent, windows.strides, strict=True)]
            before = [max(s, 0) // 2 for s in surplus]
            after = [max(s, 0) - b for s, b in zip(surplus, before, strict=True)]
            return replace(windows, before=tuple(before), after=tuple(after)), tuple(max(-s, 0) for s in surplus)
        back = [
            min(a, taken) for a, taken in zip(added, windows.after, strict=True)
        ]  # not taken off in the first place
        rest = tuple(a - b for a, b in zip(added, back, strict=True))
        if any(r and r >= stride for r, stride in zip(rest, windows.strides, strict=True)):
            raise COMBINATION(
                f"{self.name}: output_padding = {list(added)} must be smaller than the stride, "
                f"{list(windows.strides)}, but for what padding takes off"
            )
        return replace(windows, after=tuple(t - b for t, b in zip(windows.after, back, strict=True))), rest

    def _outputs(self, x: TensorType) -> Dimension:
        divides(self.name, self.groups, x.shape[1], "the input's channels")
        divides(self.name, self.groups, self.channels, "the result's channels")
        return self.channels

    def type(self, x: TensorType) -> TensorType:
        need_spatial(self.name, x)
        weight_size(self.name, x, 1, "each channel")
        windows, added = self._geometry(x)
        spatial = [n + a for n, a in zip(windows.covered(x.shape[2:]), added, strict=True)]
        for axis, size in enumerate(spatial, start=2):
            if not isinstance(size, Symbolic) and size < 1:
                raise WINDOW(
                    f"{self.name}: padding {list(windows.before)} leaves nothing of axis {axis}, of which {x} would "
                    f"make {size + windows.before[axis - 2] + windows.after[axis - 2]}"
                )
        return x.with_shape((x.shape[0], self._outputs(x), *spatial))

    def variables(self, x: TensorType) -> Sequence[Variable]:
        kernel = per_axis(self.name, "kernel", self.kernel, x.rank - 2)
        weight = Variable(
            "weight", (x.shape[1], self.channels // self.groups, *kernel), self.init, Role.KERNEL,
            fan_in=x.shape[1] // self.groups * prod(kernel), fan_out=self.channels * prod(kernel), element=x.element,
        )  # fmt: skip
        return [weight, *self._bias(x)]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        windows, added = self._geometry(x.type)
        return g.conv_transpose(
            x, context["weight"], context["bias"] if self.bias else None, windows, output_padding=added,
            groups=decide(self.name, self.groups, "the number of groups"), shape=self.type(x.type).shape,
        )  # fmt: skip

    def multiply_adds(self, x: TensorType) -> Dimension:
        kernel = per_axis(self.name, "kernel", self.kernel, x.rank - 2)
        return x.count * (self.channels // self.groups) * prod(kernel)
