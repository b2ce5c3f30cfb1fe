"""Sums and powers of int64, exact to the last digit: ONNX Runtime computes both through float64."""

from __future__ import annotations

from collections.abc import Sequence

from dslc.graph.builder import Tensor, constant_of
from dslc.graph.ops.elementwise import equal, greater, less, maximum, modulo, where
from dslc.graph.ops.reductions import reduce_sum

__all__ = ["exact_power", "exact_sum"]

HALF = 2**31
LARGEST = 63
"""An exponent from which on all powers of integers but 0, 1, -1 and -2 are beyond int64."""


def exact_sum(x: Tensor, axes: Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Sum int64 over axes: its upper and lower halves apart, which float64 holds for up to 2^21 elements."""
    low = modulo(x, x.builder.constant(HALF, x.element))
    high = (x - low) / HALF
    return reduce_sum(high, axes, keepdims) * HALF + reduce_sum(low, axes, keepdims)


def exact_power(base: Tensor, exponent: Tensor) -> Tensor:
    """Raise int64 to the power of int64, by squaring; what is beyond int64 wraps around."""
    zero, one, two = (base.builder.constant(n, base.element) for n in (0, 1, 2))
    known = constant_of(exponent)
    if known is not None and known.size == 1 and exponent.rank <= base.rank and 0 < known.item() <= LARGEST:
        return _known_power(base, known.item())
    last = base.builder.constant(LARGEST - 1, base.element)
    left = where(greater(exponent, last + one), last + modulo(exponent, two), maximum(exponent, zero))
    square, result = base, one
    for _ in range(LARGEST.bit_length()):
        result = where(equal(modulo(left, two), one), result * square, result)
        left, square = left / two, square * square
    return where(less(exponent, zero), base**exponent, result)


def _known_power(base: Tensor, exponent: int) -> Tensor:
    if exponent == 1:
        return base
    root = _known_power(base, exponent // 2)
    return root * root * base if exponent % 2 else root * root
