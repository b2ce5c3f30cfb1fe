"""Activations made of straight pieces. Where two pieces meet, the gradient is PyTorch's."""

from __future__ import annotations

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.functions.activations import Activation, activation
from dslc.library.operation import Context, option
from dslc.types import TensorType


def _limited(x: g.Tensor, low: float, high: float) -> g.Tensor:
    """Limit x to [low, high], without a gradient at the limits: that of :func:`~dslc.graph.clip` is 1 there."""
    y = g.clip(x, low, high)
    return g.with_gradients(y, [(x, lambda dy: dy * g.positive((y - low) * (high - y)))])


@activation
class HardTanh(Activation):
    """x limited to [min, max], with a gradient of zero from the limits on."""

    carries = True
    min: float = option("The lower limit.", default=-1.0)
    max: float = option("The upper limit.", default=1.0)

    def type(self, x: TensorType) -> TensorType:
        if self.min >= self.max:
            raise COMBINATION(f"{self.name}: the lower limit, {self.min}, is not below the upper one, {self.max}")
        return super().type(x)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return _limited(x, self.min, self.max)


@activation
class Relu6(Activation):
    """x limited to [0, 6].

    Krizhevsky, Convolutional Deep Belief Networks on CIFAR-10, 2010.
    """

    formula = lambda x: _limited(x, 0.0, 6.0)


def _hard_sigmoid(x: g.Tensor) -> g.Tensor:
    if x.builder.target.lacks("HardSigmoid", x.element):
        return _limited(x / 6.0 + 0.5, 0.0, 1.0)
    return g.hard_sigmoid(x, 1 / 6, 0.5)


@activation
class HardSigmoid(Activation):
    """x / 6 + 1 / 2, limited to [0, 1]: a Sigmoid of three straight pieces."""

    formula = lambda x: _hard_sigmoid(x)


@activation
class HardSwish(Activation):
    """x * HardSigmoid(x).

    Howard et al., Searching for MobileNetV3, 2019.
    """

    aliases = {"hardsilu": ""}
    formula = lambda x: x * _hard_sigmoid(x)


class _Shrinking(Activation):
    """What the activations have in common that put small numbers to zero."""

    threshold: float

    def _outside(self, x: g.Tensor) -> g.Tensor:
        """Return 1 where x is farther from 0 than the width, 0 elsewhere."""
        return g.positive(g.absolute(x) - self.threshold)


@activation
class HardShrink(_Shrinking):
    """x where it is farther than ``threshold`` from 0, and 0 elsewhere."""

    threshold: float = option("How far from 0 numbers become 0.", default=0.5, minimum=0)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return x * self._outside(x)


@activation
class SoftShrink(_Shrinking):
    """x brought nearer to 0 by ``threshold``, and 0 where it is no farther from it."""

    threshold: float = option("How far from 0 numbers become 0.", default=0.5, minimum=0)

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        y = x - g.clip(x, -self.threshold, self.threshold)
        return g.with_gradients(y, [(x, lambda dy: dy * self._outside(x))])


@activation
class Threshold(Activation):
    """x where it is above a threshold, and another number elsewhere."""

    threshold: float = option("The threshold.")
    value: float = option("What stands for numbers up to the threshold.")

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.where(g.less_equal(x, self.threshold), self.value, x)
