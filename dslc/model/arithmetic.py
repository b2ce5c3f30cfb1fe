"""Compile-time arithmetic: numbers, sizes, texts and lists, within bounds."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from typing import Any

from dslc.errors import names
from dslc.model.values import is_number, kind_of
from dslc.types import Symbolic, same_value

__all__ = ["bounded", "compute"]

LARGEST = 2**63 - 1


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": python.add, "-": python.sub, "*": python.mul, "/": python.truediv, "//": python.floordiv, "%": python.mod,
}  # fmt: skip
_LONGEST = 100_000


"""How many items a list may have."""


_ORDER = {"<": python.lt, "<=": python.le, ">": python.gt, ">=": python.ge}


def compute(sign: str, left: Any, right: Any) -> Any:
    """Compute an operator of compile-time values.

    Raises:
        Problem: it does not work on such values, or the result is too large.
    """
    if sign in ("==", "!="):
        if isinstance(left, Symbolic) or isinstance(right, Symbolic):
            if is_number(left) and is_number(right) and not isinstance(left, float) and not isinstance(right, float):
                same = same_value(left, right)
                if same is None:
                    raise names.NOT_KNOWN_YET(f"whether {left} equals {right} is known at run time only")
                return same if sign == "==" else not same
        if any(
            isinstance(item, (list, tuple))
            for side in (left, right)
            if isinstance(side, (list, tuple))
            for item in side
        ):
            raise names.BAD_ARITHMETIC("lists of lists are not compared")
        comparable = type(left) is type(right) or (is_number(left) and is_number(right)) or None in (left, right)
        if not comparable:
            raise names.BAD_ARITHMETIC(f"{kind_of(left)} and {kind_of(right)} are never equal")
        return (left == right) is (sign == "==")
    numeric = is_number(left) and is_number(right)
    if sign in _ORDER and (numeric or (isinstance(left, str) and isinstance(right, str))):
        return _ORDER[sign](left, right)
    if numeric and (isinstance(left, Symbolic) or isinstance(right, Symbolic)):
        symbolic = left if isinstance(left, Symbolic) else right
        other = right if symbolic is left else left
        if sign == "/":
            raise names.BAD_ARITHMETIC(
                f"'{symbolic}' is a size known at run time only, and '/' could give a fraction", hint="divide with '//'"
            )
        if isinstance(other, float):
            if not other.is_integer():
                raise names.BAD_ARITHMETIC(
                    f"'{symbolic}' is a size known at run time only, and computes with whole numbers, not with {other:g}",
                    hint="cast(x, float32) makes numbers of tensors; a size can be divided with '//'",
                )
            left, right = (int(left) if left is other else left), (int(right) if right is other else right)
    if sign in _ARITHMETIC and numeric:
        return bounded(lambda: _ARITHMETIC[sign](left, right))
    if sign == "**" and numeric:
        return bounded(lambda: _power(left, right))
    if sign == "+" and isinstance(left, list) and isinstance(right, list):
        if len(left) + len(right) > _LONGEST:
            raise names.BAD_ARITHMETIC(f"this list would have more than {_LONGEST:,} items")
        return left + right
    raise names.BAD_ARITHMETIC(f"'{sign}' does not work on {kind_of(left)} and {kind_of(right)}")


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, Symbolic) or (
        isinstance(base, Symbolic) and not (isinstance(exponent, int) and 0 <= exponent <= 8)
    ):
        raise names.BAD_ARITHMETIC("a dimension can be raised to a small whole number only")
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
