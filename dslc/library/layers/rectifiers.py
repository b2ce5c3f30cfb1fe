"""Rectifiers whose slope for negative numbers is learned or drawn."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import need_rank, weight_size
from dslc.library.initializers import constant
from dslc.library.operation import Context, Initializer, Layer, OfFloats, Role, Variable, layer, option
from dslc.types import TensorType


def _rectified(x: g.Tensor, slope: g.Tensor) -> g.Tensor:
    """Return x where it is positive, slope * x elsewhere."""
    negative = g.clip(x, None, 0.0)
    y = g.relu(x) + negative * slope
    return g.with_gradients(
        y, [(x, lambda dy: dy * (g.positive(x) * (1.0 - slope) + slope)), (slope, lambda dy: dy * negative)]
    )


@layer
class PRelu(OfFloats, Layer):
    """x where it is positive, weight * x elsewhere: a LeakyRelu that learns its slope.

    He et al., Delving Deep into Rectifiers, 2015.
    """

    aliases = {"parametricrelu": ""}
    elementwise = False  # channels may have slopes of their own
    local = True
    per_channel: bool = option("Has each channel (axis 1) a slope of its own, or do all share one?", default=False)
    init: Initializer = option("How the slope starts.", default=constant(value=0.25))

    def type(self, x: TensorType) -> TensorType:
        super().type(x)
        if self.per_channel:
            need_rank(self.name, x, 2, axes="[N, C, ...]")
            weight_size(self.name, x, 1, "each channel")
        return x

    def variables(self, x: TensorType) -> Sequence[Variable]:
        shape = (x.shape[1],) if self.per_channel else (1,)
        return [Variable("weight", shape, self.init, Role.SCALE, element=x.element)]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        slope = context["weight"]
        if self.per_channel:
            slope = g.reshape(slope, (*slope.shape, *[1] * (x.rank - 2)))
        return _rectified(x, slope)


@layer
class RRelu(OfFloats, Layer):
    """x where it is positive, slope * x elsewhere; in training each element draws its slope.

    Otherwise the slope is the mean of the limits. Xu et al., Empirical Evaluation of Rectified Activations, 2015.
    """

    random = True
    lower: float = option("The least slope.", default=1 / 8)
    upper: float = option("The greatest slope.", default=1 / 3)

    def type(self, x: TensorType) -> TensorType:
        if self.lower > self.upper:
            raise COMBINATION(f"{self.name}: the least slope, {self.lower}, is above the greatest, {self.upper}")
        return super().type(x)

    def draws(self, training: bool) -> bool:
        return training and self.lower < self.upper

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        if not self.draws(context.training):
            return _rectified(x, context.builder.constant((self.lower + self.upper) / 2, x.element))
        return _rectified(x, context.uniform(x.type) * (self.upper - self.lower) + self.lower)
