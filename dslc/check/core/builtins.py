"""Functions of compile-time values that every expression knows."""

from __future__ import annotations

from typing import Any

from dslc.check.core.applicable import CallSite, ContextFunction
from dslc.check.core.values import POISON, kind_of, whole_number
from dslc.errors import names
from dslc.types import Symbolic, symbols_in

__all__ = ["BUILTINS", "count_of", "positional"]


def positional(call: CallSite, least: int, most: int) -> list[Any]:
    """Return the values of the arguments of a function that takes no others than by position.

    Raises:
        Problem: there are others, or more or fewer.
    """
    named = next((a for a in call.arguments if a.name is not None), None)
    if named is not None:
        raise names.UNKNOWN_ARGUMENT(f"{call.name} takes its arguments by position only").at(named.span)
    if not least <= len(call.arguments) <= most:
        takes = f"{least}" if least == most else f"{least} to {most}"
        code = names.TOO_MANY_ARGUMENTS if len(call.arguments) > most else names.MISSING_ARGUMENT
        raise code(f"{call.name} takes {takes} argument{'s' * (most != 1)}, and is given {len(call.arguments)}")
    return [a.value for a in call.arguments]


def range_(call: CallSite) -> Any:
    """``range(n)``, ``range(start, stop)``, ``range(start, stop, step)``: whole numbers, the stop excluded."""
    values = positional(call, 1, 3)
    if POISON in values:
        return POISON
    for value, argument in zip(values, call.arguments, strict=True):
        if isinstance(value, Symbolic):
            raise names.NOT_KNOWN_YET(
                f"how often a loop runs is decided when the spec is compiled, and '{value}' is free until run time",
                depends_on=symbols_in(value),
            ).at(argument.span)
        if whole_number(value) is None:
            raise names.WRONG_KIND(f"range takes whole numbers, not {kind_of(value)}").at(argument.span)
    values = [whole_number(value) for value in values]
    if len(values) == 3 and values[2] == 0:
        raise names.OUT_OF_RANGE("the step of a range must not be 0").at(call.arguments[2].span)
    counted = range(*values)
    if counted and abs(counted[-1] - counted[0]) // abs(counted.step) >= 2**63 - 1:
        raise names.OUT_OF_RANGE("this range has more numbers than can be counted")
    return counted


def count_of(items: range | list[Any] | tuple[Any, ...]) -> int:
    """Return how many there are; Python's own len fails for long ranges."""
    if not isinstance(items, range):
        return len(items)
    return (items[-1] - items[0]) // items.step + 1 if items else 0


def len_(call: CallSite) -> Any:
    """``len(list)``: how many items a list, tuple or range has."""
    (value,) = positional(call, 1, 1)
    if value is POISON:
        return POISON
    if not isinstance(value, (list, tuple, range)):
        raise names.WRONG_KIND(f"len counts the items of a list, not of {kind_of(value)}").at(call.arguments[0].span)
    return count_of(value)


def int_(call: CallSite) -> Any:
    """``int(x)``: a number with its fraction cut off."""
    (value,) = positional(call, 1, 1)
    if value is POISON or isinstance(value, Symbolic):
        return value
    if not isinstance(value, (int, float)):
        raise names.WRONG_KIND(f"int takes a number, not {kind_of(value)}").at(call.arguments[0].span)
    return int(value)


BUILTINS = {
    "range": ContextFunction(range_), "len": ContextFunction(len_), "int": ContextFunction(int_),
}  # fmt: skip
