"""Normalization layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dslc import graph as g
from dslc.errors.types import COMBINATION, ONE_VALUE
from dslc.library.checks import Sizes, axes_of, need_float, need_rank, weight_size
from dslc.library.initializers import ones, zeros
from dslc.library.operation import Context, Initializer, Layer, Role, Variable, layer, option
from dslc.types import Dimension, TensorType, element_count


def normalized(
    x: g.Tensor, axes: Sequence[int], eps: float, scale: g.Tensor | None, bias: g.Tensor | None
) -> tuple[g.Tensor, g.Tensor, g.Tensor]:
    """Bring x to mean 0 and variance 1 over the axes, then scale and shift it; return that, mean and variance.

    Its gradient is written out: that of x ends in the product with the factor, which a convolution before it takes
    into its weights.
    """
    mean = g.reduce_mean(x, axes, keepdims=True)
    centered = x - mean
    variance = g.reduce_mean(centered * centered, axes, keepdims=True)
    inverse = g.reciprocal(g.sqrt(variance + eps))
    factor = inverse if scale is None else inverse * scale
    y = centered * factor
    if bias is not None:
        y = y + bias

    def total(t: g.Tensor) -> g.Tensor:
        return g.reduce_sum(t, axes, keepdims=True)

    def by_x(dy: g.Tensor) -> g.Tensor:  # in an order that one Conv can take up to the factor
        count = g.cast(g.count(x, axes), x.element)
        along = inverse * inverse * (total(dy * centered) / count)
        return ((centered * -along + dy) + -(total(dy) / count)) * factor

    rules: list[tuple[g.Tensor, Callable[[g.Tensor], g.Tensor]]] = [(x, by_x)]
    if scale is not None:
        rules.append((scale, lambda dy: total(dy * centered) * inverse))
    if bias is not None:
        rules.append((bias, total))
    return g.with_gradients(y, rules), mean, variance


@layer
class BatchNorm(Layer):
    """Each channel (axis 1) brought to mean 0 and variance 1 over the batch, then scaled and shifted.

    For [N, C] and [N, C, *spatial]. In training the batch's own moments are used and running ones are kept:
    ``running = (1 - momentum) * running + momentum * batch``, with the unbiased variance, as in PyTorch; otherwise
    the running ones are used. One value has no variance: a last batch of one example joins the one before it, and
    batches of one value per channel are refused.

    Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training, 2015.
    """

    aliases = {"batchnormalization": ""}
    local = True  # where it does not train, and there its moments are the running ones
    momentum: float = option("Share of the batch in the running moments.", default=0.1, minimum=0, maximum=1)
    eps: float = option("Added to the variance.", default=1e-5, above=0)
    affine: bool = option("Scale and shift the result by learned weights?", default=True)
    init: Initializer = option("How the scale starts; the shift starts at zero.", default=ones())

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 2, axes="[N, C, ...]")
        weight_size(self.name, x, 1, "each channel")
        return x

    def sample(self, x: TensorType) -> Dimension:
        return element_count([x.shape[0], *x.shape[2:]])

    def variables(self, x: TensorType) -> Sequence[Variable]:
        channels = (x.shape[1],)
        scale = Variable("weight", channels, self.init, Role.SCALE, element=x.element)
        shift = Variable("bias", channels, zeros(), Role.SCALE, element=x.element)
        return [
            *([scale, shift] if self.affine else []),
            Variable("running_mean", channels, zeros(), Role.STATISTIC, element=x.element),
            Variable("running_var", channels, ones(), Role.STATISTIC, element=x.element),
        ]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        channels = x.shape[1:2]

        def per_channel(t: g.Tensor) -> g.Tensor:
            return g.reshape(t, (*channels, *[1] * (x.rank - 2)))

        if not context.training:  # one factor and one summand for each channel: runtimes fuse them into a Conv before
            factor = g.reciprocal(g.sqrt(context["running_var"] + self.eps))
            if self.affine:
                factor = factor * context["weight"]
            summand = -(context["running_mean"] * factor)
            if self.affine:
                summand = summand + context["bias"]
            return x * per_channel(factor) + per_channel(summand)
        over = [0, *range(2, x.rank)]
        scale, bias = (per_channel(context[name]) if self.affine else None for name in ("weight", "bias"))
        y, mean, variance = normalized(x, over, self.eps, scale, bias)
        mean, variance = g.reshape(mean, channels), g.reshape(variance, channels)
        count = g.cast(g.count(x, over), x.element)
        unbiased = variance * (count / g.maximum(count - 1.0, 1.0))
        for name, moment in (("running_mean", mean), ("running_var", unbiased)):
            context.updates[name] = context[name] * (1 - self.momentum) + moment * self.momentum
        return y


@layer
class LayerNorm(Layer):
    """Each example brought to mean 0 and variance 1 over its last axes, then scaled and shifted.

    Ba et al., Layer Normalization, 2016.
    """

    aliases = {"layernormalization": ""}
    axes: Sizes = option("The axes that are normalized together: the last one, or a list of the last ones.", default=-1)
    eps: float = option("Added to the variance.", default=1e-5, above=0)
    affine: bool = option("Scale and shift the result by learned weights?", default=True)
    bias: bool = option("Shift it, beside scaling it?", default=True)
    init: Initializer = option("How the scale starts; the shift starts at zero.", default=ones())

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
        if element_count(x.shape[axis] for axis in self._axes(x)) == 1:
            raise ONE_VALUE(
                f"{self.name} of {x} takes each variance of one value, which it makes 0 whatever it is",
                hint="normalize over an axis of more than one, or leave it out",
            )
        return x

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return self._axes(x)

    def variables(self, x: TensorType) -> Sequence[Variable]:
        shape = tuple(x.shape[axis] for axis in self._axes(x))
        scale = Variable("weight", shape, self.init, Role.SCALE, element=x.element)
        shift = Variable("bias", shape, zeros(), Role.SCALE, element=x.element)
        return [scale, shift][: 0 if not self.affine else 2 if self.bias else 1]

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
