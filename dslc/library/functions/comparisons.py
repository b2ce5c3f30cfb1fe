"""Operators that compare, and logic."""

from __future__ import annotations

from operator import ge, gt, le, lt
from typing import Any, ClassVar

from dslc import graph as g
from dslc.library.checks import broadcast_shapes, need_bool, need_number, same_elements
from dslc.library.operation import Context, Function, function
from dslc.types import BOOL, INT64, STRING, Symbolic, TensorType, Undecided, same_value


class _Comparison(Function):
    elementwise = True
    operator: ClassVar[str]
    """The ONNX operator."""
    ordered: ClassVar[bool] = True

    def type(self, a: TensorType, b: TensorType) -> TensorType:
        element = same_elements(self.name, a, b)
        if element is STRING or (element is BOOL and self.ordered):
            need_number(self.name, a)
        return TensorType(BOOL, broadcast_shapes(self.name, a, b))

    def emit(self, context: Context, a: g.Tensor, b: g.Tensor) -> g.Tensor:
        if a.element.is_integer:  # not every width has kernels
            a, b = g.cast(a, INT64), g.cast(b, INT64)
        return g.binary(self.operator, a, b)


def same(a: Any, b: Any) -> bool:
    """Return whether two compile-time values are equal; Undecided where that hangs on a symbol."""
    if not (isinstance(a, Symbolic) or isinstance(b, Symbolic)):
        return bool(a == b)
    if not (isinstance(a, (int, Symbolic)) and isinstance(b, (int, Symbolic))):
        return False
    answer = same_value(a, b)
    if answer is None:
        raise Undecided(f"whether '{a}' equals '{b}' is not known before run time", a, b)
    return answer


@function
class equal(_Comparison):
    """``a == b``, element by element."""

    symbol = "=="
    operator = "Equal"
    ordered = False
    of_numbers = staticmethod(same)


@function
class not_equal(_Comparison):
    """``a != b``, element by element."""

    symbol = "!="
    operator = "Equal"
    ordered = False
    of_numbers = staticmethod(lambda a, b: not same(a, b))

    def emit(self, context: Context, a: g.Tensor, b: g.Tensor) -> g.Tensor:
        return g.logical_not(super().emit(context, a, b))


@function
class less(_Comparison):
    """``a < b``, element by element."""

    symbol = "<"
    operator = "Less"
    of_numbers = staticmethod(lt)


@function
class less_equal(_Comparison):
    """``a <= b``, element by element."""

    symbol = "<="
    operator = "LessOrEqual"
    of_numbers = staticmethod(le)


@function
class greater(_Comparison):
    """``a > b``, element by element."""

    symbol = ">"
    operator = "Greater"
    of_numbers = staticmethod(gt)


@function
class greater_equal(_Comparison):
    """``a >= b``, element by element."""

    symbol = ">="
    operator = "GreaterOrEqual"
    of_numbers = staticmethod(ge)


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

    @classmethod
    def number(cls, a: Any, b: Any) -> Any:
        return a and b

    def emit(self, context: Context, a: g.Tensor, b: g.Tensor) -> g.Tensor:
        return g.logical_and(a, b)


@function
class logical_or(_Logic):
    """``a or b``, element by element, of booleans."""

    symbol = "or"

    @classmethod
    def number(cls, a: Any, b: Any) -> Any:
        return a or b

    def emit(self, context: Context, a: g.Tensor, b: g.Tensor) -> g.Tensor:
        return g.logical_or(a, b)


@function
class logical_not(Function):
    """``not x``, element by element, of booleans."""

    symbol = "not"
    elementwise = True

    @classmethod
    def number(cls, x: Any) -> Any:
        return not x

    def type(self, x: TensorType) -> TensorType:
        need_bool(self.name, x)
        return x

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        return g.logical_not(x)
