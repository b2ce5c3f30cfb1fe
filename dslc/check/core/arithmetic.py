"""Compile-time arithmetic: numbers, sizes, texts and lists, within bounds."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from typing import Any

from dslc.check.core.values import is_number, kind_of, whole_number
from dslc.dimensions import same_value
from dslc.errors import losses, matching, names
from dslc.library.schedules.schedule import Schedule
from dslc.source import Span
from dslc.types import ElementType, Symbolic, symbols_in

__all__ = ["COMPUTED", "bounded", "compute", "settled_value", "work_of"]

LARGEST = 2**63 - 1
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": python.add, "-": python.sub, "*": python.mul, "/": python.truediv, "//": python.floordiv, "%": python.mod,
}  # fmt: skip
_LONGEST = 100_000
"""How many items a list may have."""
_ORDER = {"<": python.lt, "<=": python.le, ">": python.gt, ">=": python.ge}
COMPUTED = {*_ARITHMETIC, *_ORDER, "==", "!=", "**"}
"""The operators that :func:`compute` knows."""


def work_of(value: Any) -> int:
    """Return how much work an operand makes, in operations on single numbers."""
    if isinstance(value, Symbolic):
        return len(value.terms) * (1 + len(value.terms) // 10)
    return len(value) // 20 if isinstance(value, (list, tuple, str)) else 0


def compute(sign: str, left: Any, right: Any) -> Any:
    """Compute an operator of compile-time values.

    Raises:
        Problem: it does not work on such values, or the result is too large.
    """
    if sign in ("==", "!="):
        return _equal(left, right) is (sign == "==")
    numeric = is_number(left) and is_number(right)
    if sign in _ORDER and (numeric or (isinstance(left, str) and isinstance(right, str))):
        return _ORDER[sign](left, right)
    if numeric and (isinstance(left, Symbolic) or isinstance(right, Symbolic)):
        left, right = _of_sizes(sign, left, right)
    if sign in _ARITHMETIC and numeric:
        return bounded(lambda: _ARITHMETIC[sign](left, right))
    if sign == "**" and numeric:
        return bounded(lambda: _power(left, right))
    if sign == "+" and isinstance(left, list) and isinstance(right, list):
        if len(left) + len(right) > _LONGEST:
            raise names.BAD_ARITHMETIC(f"this list would have more than {_LONGEST:,} items")
        return left + right
    raise names.BAD_ARITHMETIC(f"'{sign}' does not work on {kind_of(left)} and {kind_of(right)}")


def _equal(left: Any, right: Any) -> bool:
    numeric = is_number(left) and is_number(right)
    if numeric and (isinstance(left, Symbolic) or isinstance(right, Symbolic)):
        a, b = whole_number(left), whole_number(right)
        same = a is not None and b is not None and same_value(a, b)  # a size is no fraction
        if same is None:
            raise names.NOT_KNOWN_YET(
                f"whether {left} equals {right} is known at run time only", depends_on=symbols_in(left, right)
            )
        return same
    items = [item for side in (left, right) if isinstance(side, (list, tuple)) for item in side]
    if any(isinstance(item, (list, tuple)) for item in items):
        raise names.BAD_ARITHMETIC("lists of lists are not compared")
    if type(left) is type(right) and any(isinstance(item, Symbolic) for item in items):
        return len(left) == len(right) and all(map(_equal, left, right))
    if not (numeric or type(left) is type(right) or None in (left, right)):
        raise names.BAD_ARITHMETIC(f"{kind_of(left)} and {kind_of(right)} are never equal")
    return bool(left == right)


def _of_sizes(sign: str, left: Any, right: Any) -> tuple[Any, Any]:
    """Return operands of which one is a size known at run time only, so that the other is a whole number."""
    size, other = (left, right) if isinstance(left, Symbolic) else (right, left)
    if sign == "/":
        message = f"'{size}' is a size known at run time only, and '/' could give a fraction"
        raise names.BAD_ARITHMETIC(message, hint="divide with '//'", depends_on=symbols_in(size))
    if not isinstance(other, float):
        return left, right
    if not other.is_integer():
        message = f"'{size}' is a size known at run time only, and computes with whole numbers, not with {other:g}"
        raise names.BAD_ARITHMETIC(message, hint="divide with '//', which rounds down", depends_on=symbols_in(size))
    return (left, int(right)) if right is other else (int(left), right)


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, Symbolic) or (
        isinstance(base, Symbolic) and not (isinstance(exponent, int) and 0 <= exponent <= 8)
    ):
        raise names.BAD_ARITHMETIC(
            "a dimension can be raised to a small whole number only", depends_on=symbols_in(base, exponent)
        )
    if isinstance(base, int) and isinstance(exponent, int):
        if exponent >= 0 and abs(base) > 1 and exponent * (abs(base).bit_length() - 1) > 64:
            raise OverflowError
        if exponent > 64:
            return base**2 if exponent % 2 == 0 else base  # 0, 1 and -1
    return base**exponent


def bounded(computation: Callable[[], Any]) -> Any:
    """Run compile-time arithmetic inside its bounds.

    Raises:
        Problem: it divides by zero, leaves the real numbers, or grows beyond 64 bits.
    """
    try:
        result = computation()
    except ZeroDivisionError:
        raise names.BAD_ARITHMETIC("this divides by zero") from None
    except OverflowError:
        raise names.BAD_ARITHMETIC("this number is too large") from None
    except (ValueError, TypeError):
        raise names.BAD_ARITHMETIC("this has no value") from None
    if isinstance(result, complex):
        raise names.BAD_ARITHMETIC("the result is not a real number")
    if isinstance(result, int) and abs(result) > LARGEST:
        raise names.BAD_ARITHMETIC("this number is too large")
    if isinstance(result, float) and not abs(result) < float("inf"):
        raise names.BAD_ARITHMETIC("the result is not a finite number")
    return result


def settled_value(schedule: Schedule, element: ElementType, span: Span | None, *, of_field: bool) -> float:
    """Return the value that a schedule keeps in the end, where it stands beside tensors of an element type.

    Raises:
        Problem: it keeps none, or it stands in a field or beside whole numbers.
    """
    if of_field or not element.is_float:
        what = "a field has no updates" if of_field else f"beside it stand numbers of {element}"
        raise matching.NOT_A_TENSOR(f"a schedule is a number of each update, and {what}").at(span)
    if schedule.host_values():
        message = f"{kind_of(schedule)} follows validation figures, which only an optimizer's numbers can do"
        raise losses.NEEDS_END(message, hint="'piecewise' and 'linear' follow updates").at(span)
    if schedule.settled is None:
        message = f"{kind_of(schedule.last)} has no value that it keeps in the end, which evaluation would take"
        raise losses.NEEDS_END(message, hint="say what it ends with: ..., steps = 100) then 1.0").at(span)
    return schedule.settled
