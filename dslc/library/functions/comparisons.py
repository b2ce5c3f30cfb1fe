"""Operators that compare, and logic."""

from __future__ import annotations

import operator
from typing import Any, ClassVar

from dslc import graph as g
from dslc.library.checks import broadcast_shapes, need_bool, need_number, same_elements
from dslc.library.operation import Context, Function, function
from dslc.types import BOOL, INT64, STRING, TensorType


class _Comparison(Function):
    elementwise = True
    ordered: ClassVar[bool] = True

    def type(self, a: TensorType, b: TensorType) -> TensorType:
        element = same_elements(self.name, a, b)
        if element is STRING or (element is BOOL and self.ordered):
            need_number(self.name, a)
        return TensorType(BOOL, broadcast_shapes(self.name, a, b))

    def emit(self, context: Context, a: g.Tensor, b: g.Tensor) -> Any:
        if a.element.is_integer:  # not every width has kernels
            a, b = g.cast(a, INT64), g.cast(b, INT64)
        return super().emit(context, a, b)


@function
class equal(_Comparison):
    """``a == b``, element by element."""

    symbol = "=="
    ordered = False
    formula = lambda a, b: g.equal(a, b)


@function
class not_equal(_Comparison):
    """``a != b``, element by element."""

    symbol = "!="
    ordered = False
    formula = lambda a, b: g.logical_not(g.equal(a, b))


@function
class less(_Comparison):
    """``a < b``, element by element."""

    symbol = "<"
    formula = lambda a, b: g.less(a, b)


@function
class less_equal(_Comparison):
    """``a <= b``, element by element."""

    symbol = "<="
    formula = lambda a, b: g.less_equal(a, b)


@function
class greater(_Comparison):
    """``a > b``, element by element."""

    symbol = ">"
    formula = lambda a, b: g.greater(a, b)


@function
class greater_equal(_Comparison):
    """``a >= b``, element by element."""

    symbol = ">="
    formula = lambda a, b: g.greater_equal(a, b)


# --- logic -------------------------------------------------------------------------------------------


class _Logic(Function):
    elementwise = True

    def type(self, a: TensorType, b: TensorType) -> TensorType:
        need_bool(self.name, a)
        need_bool(self.name, b)
        return TensorType(BOOL, broadcast_shapes(self.name, a, b))


@function
class logical_and(_Logic):
    """``a and b``, element by element, of booleans."""

    symbol = "and"
    formula, of_numbers = lambda a, b: g.logical_and(a, b), lambda a, b: a and b


@function
class logical_or(_Logic):
    """``a or b``, element by element, of booleans."""

    symbol = "or"
    formula, of_numbers = lambda a, b: g.logical_or(a, b), lambda a, b: a or b


@function
class logical_not(Function):
    """``not x``, element by element, of booleans."""

    symbol = "not"
    elementwise = True
    formula, of_numbers = lambda x: g.logical_not(x), operator.not_

    def type(self, x: TensorType) -> TensorType:
        need_bool(self.name, x)
        return x
