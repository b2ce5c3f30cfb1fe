"""Operators that compute: arithmetic and the matrix product."""

from __future__ import annotations

import operator

from dslc import graph as g
from dslc.library.checks import agree, broadcast_shapes, need_float, need_number, need_rank, same_elements
from dslc.library.operation import Context, Function, function
from dslc.types import BOOL, FLOAT32, INT64, STRING, Dimension, TensorType, broadcast


class _Arithmetic(Function):
    """Element by element, with broadcasting; both sides have one element type."""

    elementwise = True

    def type(self, a: TensorType, b: TensorType) -> TensorType:
        same_elements(self.name, a, b)
        need_number(self.name, a)
        return TensorType(a.element, broadcast_shapes(self.name, a, b))


@function
class add(_Arithmetic):
    """``a + b``, element by element, with NumPy's broadcasting."""

    symbol = "+"
    wraps_exactly = True
    formula = operator.add

    def bounds(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        return a[0] + b[0], a[1] + b[1]


@function
class subtract(_Arithmetic):
    """``a - b``, element by element, with NumPy's broadcasting."""

    symbol = "-"
    wraps_exactly = True
    formula = operator.sub

    def bounds(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        return a[0] - b[1], a[1] - b[0]


@function
class multiply(_Arithmetic):
    """``a * b``, element by element, with NumPy's broadcasting."""

    symbol = "*"
    wraps_exactly = True
    formula = operator.mul

    def bounds(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        ends = [one * other for one in a for other in b]
        return min(ends), max(ends)


@function
class divide(_Arithmetic):
    """``a / b``, element by element; integers give float32."""

    symbol = "/"
    divides = True
    formula = lambda a, b: a / b if a.element.is_float else g.cast(a, FLOAT32) / g.cast(b, FLOAT32)

    def type(self, a: TensorType, b: TensorType) -> TensorType:
        result = TensorType(same_elements(self.name, a, b), broadcast_shapes(self.name, a, b))
        if a.element in (BOOL, STRING):
            need_number(self.name, a)
        return result if a.element.is_float else result.with_element(FLOAT32)


@function
class floor_divide(_Arithmetic):
    """``a // b``: the quotient rounded down, towards minus infinity."""

    symbol = "//"
    divides = True
    wraps = False

    def emit(self, context: Context, a: g.Tensor, b: g.Tensor) -> g.Tensor:
        if a.element.is_float:
            return g.floor(a / b)
        quotient = a / b  # ONNX's integer Div rounds towards zero, so that what is left may lack b
        left = a - quotient * b
        return quotient - (g.modulo(a, b) - left) / b


@function
class remainder(_Arithmetic):
    """``a % b``: what ``a // b`` leaves, ``a - b * (a // b)``; it has the sign of b."""

    symbol = "%"
    divides = True
    wraps = False
    formula = lambda a, b: a - g.floor(a / b) * b if a.element.is_float else g.modulo(a, b)


@function
class pow(_Arithmetic):
    """``a ** b``, element by element."""

    aliases = {"power": "or written '**'"}
    symbol = "**"

    def emit(self, context: Context, a: g.Tensor, b: g.Tensor) -> g.Tensor:
        exponent = g.constant_of(b)
        if exponent is not None and exponent.size == 1 and b.rank <= a.rank:
            value = exponent.item()
            if value == 1:
                return a
            if value == 2:
                return a * a
            if value == 0.5:
                return g.sqrt(a)
            if value == -1 and a.element.is_float:
                return g.reciprocal(a)
        return g.exact_power(a, b) if a.element is INT64 else a**b


@function
class negative(Function):
    """``-x``, element by element."""

    symbol = "-"
    elementwise = True
    additive = True
    wraps_exactly = True
    formula = of_numbers = operator.neg

    def type(self, x: TensorType) -> TensorType:
        need_number(self.name, x)
        return x

    def bounds(self, x: tuple[int, int]) -> tuple[int, int]:
        return -x[1], -x[0]


@function
class matmul(Function):
    """``a @ b``: the matrix product over the last two axes, the axes before them broadcast.

    A vector on the left counts as a row, on the right as a column, and its axis disappears from the result.
    """

    aliases = {"mm": "or written '@'", "bmm": "or written '@'", "dot": "or written '@'"}
    symbol = "@"
    local = True
    formula = lambda a, b: g.matmul(a, b)

    def type(self, a: TensorType, b: TensorType) -> TensorType:
        same_elements(self.name, a, b)
        need_float(self.name, a)
        need_rank(self.name, a, 1)
        need_rank(self.name, b, 1)
        agree(f"{a} @ {b}", a.shape[-1], b.shape[-2 if b.rank > 1 else 0], "the inner dimensions")
        broadcast_shapes(self.name, a.with_shape(a.shape[:-2]), b.with_shape(b.shape[:-2]))
        outer = broadcast(a.shape[:-2], b.shape[:-2])
        rows = a.shape[-2:-1]
        columns = b.shape[-1:] if b.rank > 1 else ()
        return a.with_shape((*outer, *rows, *columns))

    def multiply_adds(self, a: TensorType, b: TensorType) -> Dimension:
        return self.type(a, b).count * a.shape[-1]
