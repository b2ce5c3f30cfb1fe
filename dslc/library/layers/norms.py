"""Normalization of channels, with running moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dslc import graph as g
from dslc.errors.types import ONE_VALUE
from dslc.library.checks import need_float, need_rank, weight_size
from dslc.library.initializers import ones, zeros
from dslc.library.operation import Context, Initializer, Layer, Role, Variable, layer, option
from dslc.types import Dimension, TensorType, element_count


def need_several(word: str, x: TensorType, axes: Iterable[int]) -> None:
    """Refuse to take the variance of a single value."""
    if element_count(x.shape[axis] for axis in axes) == 1:
        raise ONE_VALUE(
            f"{word} of {x} takes each variance of one value, which it makes 0 whatever it is",
            hint="normalize over an axis of more than one, or leave it out",
        )


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


class _ChannelNorm(Layer):
    """Each channel (axis 1) brought to mean 0 and variance 1, with running moments of what has trained."""

    momentum: float
    eps: float
    affine: bool
    init: Initializer
    running: bool

    def over(self, rank: int) -> Sequence[int]:
        """Return the axes over which moments are taken in training."""
        raise NotImplementedError

    def variables(self, x: TensorType) -> Sequence[Variable]:
        channels = (x.shape[1],)
        scale = Variable("weight", channels, self.init, Role.SCALE, element=x.element)
        shift = Variable("bias", channels, zeros(), Role.SCALE, element=x.element)
        mean = Variable("running_mean", channels, zeros(), Role.STATISTIC, element=x.element)
        variance = Variable("running_var", channels, ones(), Role.STATISTIC, element=x.element)
        return [*([scale, shift] if self.affine else []), *([mean, variance] if self.running else [])]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        channels = x.shape[1:2]

        def per_channel(t: g.Tensor) -> g.Tensor:
            return g.reshape(t, (*channels, *[1] * (x.rank - 2)))

        if self.running and not context.training:
            # one factor and one summand for each channel: runtimes fuse them into a Conv before
            factor = g.reciprocal(g.sqrt(context["running_var"] + self.eps))
            if self.affine:
                factor = factor * context["weight"]
            summand = -(context["running_mean"] * factor)
            if self.affine:
                summand = summand + context["bias"]
            return x * per_channel(factor) + per_channel(summand)
        over = self.over(x.rank)
        scale, bias = (per_channel(context[name]) if self.affine else None for name in ("weight", "bias"))
        y, mean, variance = normalized(x, over, self.eps, scale, bias)
        if self.running:
            if 0 not in over:  # each example has moments of its own
                mean, variance = (g.reduce_mean(moment, [0]) for moment in (mean, variance))
            mean, variance = g.reshape(mean, channels), g.reshape(variance, channels)
            count = g.cast(g.count(x, over), x.element)
            unbiased = variance * (count / g.maximum(count - 1.0, 1.0))
            for name, moment in (("running_mean", mean), ("running_var", unbiased)):
                context.updates[name] = context[name] * (1 - self.momentum) + moment * self.momentum
        return y


@layer
class BatchNorm(_ChannelNorm):
    """Each channel (axis 1) brought to mean 0 and variance 1 over the batch, then scaled and shifted.

    For [N, C] and [N, C, *spatial]. In training the batch's own moments are used and running ones are kept:
    ``running = (1 - momentum) * running + momentum * batch``, with the unbiased variance, as in PyTorch; otherwise
    the running ones are used. One value has no variance: a last batch of one example joins the one before it, and
    batches of one value per channel are refused.

    Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training, 2015.
    """

    aliases = {"batchnormalization": ""}
    local = True  # where it does not train, and there its moments are the running ones
    running = True
    momentum: float = option("Share of the batch in the running moments.", default=0.1, minimum=0, maximum=1)
    eps: float = option("Added to the variance.", default=1e-5, above=0)
    affine: bool = option("Scale and shift the result by learned weights?", default=True)
    init: Initializer = option("How the scale starts; the shift starts at zero.", default=ones())

    def over(self, rank: int) -> Sequence[int]:
        return [0, *range(2, rank)]

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 2, axes="[N, C, ...]")
        weight_size(self.name, x, 1, "each channel")
        return x

    def sample(self, x: TensorType) -> Dimension:
        return element_count([x.shape[0], *x.shape[2:]])


@layer
class InstanceNorm(_ChannelNorm):
    """Each channel of each example brought to mean 0 and variance 1 over its positions.

    For [N, C, *spatial]. With ``running``, moments are kept in training, those of the examples averaged, and used
    otherwise, as in BatchNorm.

    Ulyanov et al., Instance Normalization: The Missing Ingredient for Fast Stylization, 2016.
    """

    aliases = {"instancenormalization": ""}
    running: bool = option("Keep running moments, and use them where it does not train?", default=False)
    momentum: float = option("Share of the batch in the running moments.", default=0.1, minimum=0, maximum=1)
    eps: float = option("Added to the variance.", default=1e-5, above=0)
    affine: bool = option("Scale and shift the result by learned weights?", default=False)
    init: Initializer = option("How the scale starts; the shift starts at zero.", default=ones())

    def over(self, rank: int) -> Sequence[int]:
        return range(2, rank)

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        need_rank(self.name, x, 3, axes="[N, C, ...]")
        if self.affine or self.running:
            weight_size(self.name, x, 1, "each channel")
        need_several(self.name, x, range(2, x.rank))
        return x

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return range(2, x.rank)
