"""Layers that add noise in training, and otherwise pass on what flows in."""

from __future__ import annotations

import math

from dslc import graph as g
from dslc.library.checks import need_rank
from dslc.library.functions.activations import SELU_ALPHA, SELU_SCALE
from dslc.library.operation import Context, Layer, OfFloats, layer, option
from dslc.types import Shape, TensorType


class _Noise(OfFloats, Layer):
    """What the layers of this module have in common."""

    random = True
    rate: float

    def noisy(self, context: Context, x: g.Tensor) -> g.Tensor:
        """Return x with noise."""
        raise NotImplementedError

    def draws(self, training: bool) -> bool:
        return training and self.rate > 0

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return self.noisy(context, x) if self.draws(context.training) else x


class _Dropping(_Noise):
    """Sets parts to zero, and scales the others by 1 / (1 - rate)."""

    carries = True

    def parts(self, x: TensorType) -> Shape:
        """Return the shape that says which parts there are."""
        raise NotImplementedError

    def noisy(self, context: Context, x: g.Tensor) -> g.Tensor:
        return context.dropped(x, self.rate, self.parts(x.type))


@layer
class Dropout(_Dropping):
    """In training, sets elements to zero at random and scales the others by 1 / (1 - rate); otherwise nothing.

    Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.
    """

    rate: float = option("Probability that an element becomes zero.", default=0.5, minimum=0, below=1)

    def parts(self, x: TensorType) -> Shape:
        return x.shape


@layer
class SpatialDropout(_Dropping):
    """In training, sets whole channels to zero at random and scales the others by 1 / (1 - rate).

    For [N, C, *spatial]: neighbouring positions tell too much of each other for single ones to be dropped. Tompson et
    al., Efficient Object Localization Using Convolutional Networks, 2015.
    """

    rate: float = option("Probability that a channel of an example becomes zero.", default=0.5, minimum=0, below=1)

    def type(self, x: TensorType) -> TensorType:
        need_rank(self.name, x, 2, axes="[N, C, ...]")
        return super().type(x)

    def parts(self, x: TensorType) -> Shape:
        return (*x.shape[:2], *[1] * (x.rank - 2))


@layer
class DropPath(_Dropping):
    """In training, sets whole examples to zero at random and scales the others by 1 / (1 - rate).

    At the end of a residual branch, it leaves the branch out for some examples. Huang et al., Deep Networks with
    Stochastic Depth, 2016.
    """

    aliases = {"stochasticdepth": ""}
    rate: float = option("Probability that an example becomes zero.", minimum=0, below=1)

    def type(self, x: TensorType) -> TensorType:
        need_rank(self.name, x, 1, axes="[N, ...]")
        return super().type(x)

    def parts(self, x: TensorType) -> Shape:
        return (x.shape[0], *[1] * (x.rank - 1))


@layer
class AlphaDropout(_Noise):
    """In training, sets elements to the limit of Selu at random, and keeps mean 0 and variance 1.

    Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """

    rate: float = option("Probability that an element is dropped.", default=0.5, minimum=0, below=1)

    def noisy(self, context: Context, x: g.Tensor) -> g.Tensor:
        limit = -SELU_ALPHA * SELU_SCALE
        factor = 1 / math.sqrt((1 - self.rate) * (1 + self.rate * limit**2))
        kept = context.chance(x.type, 1 - self.rate)
        return (x - limit) * (kept * factor) + limit * factor * (1 - self.rate)


@layer
class GaussianNoise(_Noise):
    """In training, adds normally distributed noise; otherwise nothing."""

    std: float = option("The noise's standard deviation.", minimum=0)

    def draws(self, training: bool) -> bool:
        return training and self.std > 0

    def noisy(self, context: Context, x: g.Tensor) -> g.Tensor:
        return x + context.normal(x.type) * self.std


@layer
class GaussianDropout(_Noise):
    """In training, multiplies by normally distributed numbers around 1, with the variance that Dropout has.

    Their variance is rate / (1 - rate). Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting, 2014.
    """

    rate: float = option("The rate of the Dropout that it stands for.", minimum=0, below=1)

    def noisy(self, context: Context, x: g.Tensor) -> g.Tensor:
        return x * (context.normal(x.type) * math.sqrt(self.rate / (1 - self.rate)) + 1.0)
