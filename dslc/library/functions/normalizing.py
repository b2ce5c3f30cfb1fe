"""Vectors brought to length one."""

from __future__ import annotations

from collections.abc import Sequence

from dslc import graph as g
from dslc.library.checks import axis_of
from dslc.library.operation import Context, Function, OfFloats, function, option
from dslc.types import TensorType


@function
class normalize(OfFloats, Function):
    """x divided by its norm along an axis: the vectors there get the length 1.

    The norm is sum(abs(x) ** p) ** (1 / p).
    """

    aliases = {"l2normalize": "", "unitnormalization": ""}
    elementwise = False
    p: float | None = option("The exponent; none for the largest absolute value.", default=2.0, above=0)
    axis: int = option("The axis along which the vectors lie.", default=1)
    eps: float = option("The least that is divided by.", default=1e-12, above=0)

    def type(self, x: TensorType) -> TensorType:
        axis_of(self.name, self.axis, x.rank)
        return super().type(x)

    def joined_axes(self, x: TensorType) -> Sequence[int]:
        return [axis_of(self.name, self.axis, x.rank)]

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        axes = [axis_of(self.name, self.axis, x.rank)]
        norm = self._norm(x, axes)
        divisor = g.maximum(norm, self.eps)
        y = x / divisor

        def by_x(dy: g.Tensor) -> g.Tensor:
            along = g.reduce_sum(dy * y, axes, keepdims=True) * g.cast(g.greater_equal(norm, self.eps), x.element)
            return (dy - self._slope(x, divisor, axes) * along) / divisor

        return g.with_gradients(y, [(x, by_x)])

    def _norm(self, x: g.Tensor, axes: Sequence[int]) -> g.Tensor:
        if self.p is None:
            return g.reduce_max(g.absolute(x), axes, keepdims=True)
        if self.p == 1:
            return g.reduce_sum(g.absolute(x), axes, keepdims=True)
        if self.p == 2:
            return g.sqrt(g.reduce_sum(x * x, axes, keepdims=True))
        return g.reduce_sum(g.absolute(x) ** self.p, axes, keepdims=True) ** (1 / self.p)

    def _slope(self, x: g.Tensor, norm: g.Tensor, axes: Sequence[int]) -> g.Tensor:
        """Return the gradient of the norm by x."""
        if self.p == 2:
            return x / norm
        sign = g.sign(x)
        if self.p == 1:
            return sign
        if self.p is None:  # shared by those that are equally large
            largest = g.cast(g.equal(g.absolute(x), norm), x.element)
            return sign * largest / g.maximum(g.reduce_sum(largest, axes, keepdims=True), 1.0)
        share = (g.absolute(x) / norm) ** (self.p - 1)
        return sign * (share if self.p > 1 else g.where(g.equal(x, 0.0), 0.0, share))
