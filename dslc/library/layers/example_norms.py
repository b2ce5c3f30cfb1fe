"""Normalization of each example by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import Sizes, axes_of, decide, divides, need_float, need_rank, weight_size
from dslc.library.initializers import ones, zeros
from dslc.library.layers.norms import need_several, normalized
from dslc.library.operation import Context, Initializer, Layer, OfFloats, Role, Variable, layer, option
from dslc.types import Dimension, TensorType, element_count


class _OverLast(Layer):
    """Over the last axes, with a weight for each of their entries."""

    axes: Sizes
    affine: bool
    bias: bool
    init: Initializer

    def _axes(self, x: TensorType) -> tuple[int, ...]:
        axes = axes_of(self.name, self.axes, x.rank)
        if axes != tuple(range(x.rank - len(axes), x.rank)):
            raise COMBINATION(
                f"{self.name} normalizes the last axes, but axes = {self.axes} of {x} are others",
                hint="`transpose` brings them to the end",
            )
        return axes

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 1)
        for axis in self._axes(x):
            if self.affine:
                weight_size(self.name, x, axis, "each entry of the axes it normalizes")
        need_several(self.name, x, self._axes(x))
        return x

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return self._axes(x)

    def variables(self, x: TensorType) -> Sequence[Variable]:
        shape = tuple(x.shape[axis] for axis in self._axes(x))
        scale = Variable("weight", shape, self.init, Role.SCALE, element=x.element)
        shift = Variable("bias", shape, zeros(), Role.SCALE, element=x.element)
        return [scale, shift][: 0 if not self.affine else 2 if self.bias else 1]


@layer
class LayerNorm(_OverLast):
    """Each example brought to mean 0 and variance 1 over its last axes, then scaled and shifted.

    Ba et al., Layer Normalization, 2016.
    """

    aliases = {"layernormalization": ""}
    axes: Sizes = option("The axes that are normalized together: the last one, or a list of the last ones.", default=-1)
    eps: float = option("Added to the variance.", default=1e-5, above=0)
    affine: bool = option("Scale and shift the result by learned weights?", default=True)
    bias: bool = option("Shift it, beside scaling it?", default=True)
    init: Initializer = option("How the scale starts; the shift starts at zero.", default=ones())

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        axes = self._axes(x.type)
        centered = x + -g.reduce_mean(x, axes, keepdims=True)
        variance = g.reduce_mean(centered * centered, axes, keepdims=True)
        result = centered * g.reciprocal(g.sqrt(variance + self.eps))
        if self.affine:
            result = result * context["weight"]
            if self.bias:
                result = result + context["bias"]
        return result


@layer
class RMSNorm(_OverLast):
    """Each example divided by the root of the mean square over its last axes, then scaled.

    Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.
    """

    aliases = {"rmsnormalization": ""}
    bias = False
    axes: Sizes = option("The axes that are normalized together: the last one, or a list of the last ones.", default=-1)
    eps: float | None = option(
        "Added to the mean square; none for the distance from 1 to the next number of the element type.",
        default=None, above=0,
    )  # fmt: skip
    affine: bool = option("Scale the result by learned weights?", default=True)
    init: Initializer = option("How the scale starts.", default=ones())

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        axes = self._axes(x.type)
        eps = float(np.finfo(x.element.value).eps) if self.eps is None else self.eps
        inverse = g.reciprocal(g.sqrt(g.reduce_mean(x * x, axes, keepdims=True) + eps))
        unscaled = x * inverse
        scale = context["weight"] if self.affine else None

        def by_x(dy: g.Tensor) -> g.Tensor:
            slope = dy if scale is None else dy * scale
            return (slope - unscaled * g.reduce_mean(slope * unscaled, axes, keepdims=True)) * inverse

        if scale is None:
            return g.with_gradients(unscaled, [(x, by_x)])
        return g.with_gradients(unscaled * scale, [(x, by_x), (scale, lambda dy: dy * unscaled)])


@layer
class GroupNorm(Layer):
    """Each group of channels (axis 1) of each example brought to mean 0 and variance 1, then scaled and shifted.

    For [N, C] and [N, C, *spatial]; groups are of C / groups neighbouring channels, each of which has a weight.

    Wu and He, Group Normalization, 2018.
    """

    aliases = {"groupnormalization": ""}
    groups: Dimension = option("How many groups there are; they divide the channels.", minimum=1)
    eps: float = option("Added to the variance.", default=1e-5, above=0)
    affine: bool = option("Scale and shift the result by learned weights?", default=True)
    init: Initializer = option("How the scale starts; the shift starts at zero.", default=ones())

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 2, axes="[N, C, ...]")
        channels = weight_size(self.name, x, 1, "each channel") if self.affine else x.shape[1]
        divides(self.name, self.groups, channels, "the channels")
        need_several(self.name, self._grouped(x), [2])
        return x

    def _grouped(self, x: TensorType) -> TensorType:
        return x.with_shape((x.shape[0], self.groups, element_count([x.shape[1] // self.groups, *x.shape[2:]])))

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(1, x.rank)

    def variables(self, x: TensorType) -> Sequence[Variable]:
        scale = Variable("weight", (x.shape[1],), self.init, Role.SCALE, element=x.element)
        shift = Variable("bias", (x.shape[1],), zeros(), Role.SCALE, element=x.element)
        return [scale, shift] if self.affine else []

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        grouped = g.reshape(x, self._grouped(x.type).shape)
        y = g.reshape(normalized(grouped, [2], self.eps, None, None)[0], x.shape)
        if not self.affine:
            return y
        weight, bias = (g.reshape(context[n], (x.shape[1], *[1] * (x.rank - 2))) for n in ("weight", "bias"))
        return y * weight + bias


@layer
class LocalResponseNorm(OfFloats, Layer):
    """x / (k + alpha * mean(x ** 2)) ** beta, with the mean over ``size`` neighbouring channels (axis 1).

    Channels beyond the first and the last count as zeros; of an even size, one more stands before than behind.

    Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """

    aliases = {"lrn": ""}
    elementwise = False
    size: Dimension = option("How many channels are looked at together.", minimum=1)
    alpha: float = option("Factor of the mean square.", default=1e-4)
    beta: float = option("The exponent.", default=0.75)
    k: float = option("Added to the mean square.", default=1.0, above=0)

    def type(self, x: TensorType) -> TensorType:
        need_rank(self.name, x, 2, axes="[N, C, ...]")
        decide(self.name, x.shape[1], "the number of channels")
        return super().type(x)

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return [1]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        size, channels = decide(self.name, self.size, "the size"), decide(self.name, x.shape[1], "the channels")
        ahead = np.arange(channels) - np.arange(channels)[:, None]  # how far the channel of a column is from a row's
        near = (ahead >= -(size // 2)) & (ahead <= (size - 1) // 2)
        window = context.builder.constant(near * (self.alpha / size), x.element)
        flat = (x.shape[0], channels, element_count(x.shape[2:]))

        def total(t: g.Tensor, weights: g.Tensor) -> g.Tensor:
            return g.reshape(weights @ g.reshape(t, flat), x.shape)

        base = total(x * x, window) + self.k
        power = base ** (-self.beta)

        def by_x(dy: g.Tensor) -> g.Tensor:
            slope = dy * power
            return slope - x * (total(slope * x / base, window.mT) * (2 * self.beta))

        return g.with_gradients(x * power, [(x, by_x)])
