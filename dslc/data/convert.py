"""Converting values to the element type a field asks for, with every value that does not fit named.

Nothing is rounded, wrapped or dropped silently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from dslc.data.spellings import PLAIN, Spelling, advice
from dslc.diagnostics import Failure, Problem
from dslc.errors import data as errors
from dslc.library.sources.source import TRUTH
from dslc.source import Span
from dslc.types import BOOL, ElementType

__all__ = [
    "EXACT", "HANDFUL", "Array", "Misfits", "Origin", "clipped", "complaint", "convert", "convert_texts", "fits_double",
    "placed", "raise_where",
]  # fmt: skip

Array = np.ndarray[Any, np.dtype[Any]]
HANDFUL = 5
"""How many findings of one kind are told before the rest is only counted."""
EXACT = 2**53
"""Up to here float64 holds every whole number."""


@dataclass(frozen=True)
class Origin:
    """Where a value came from: ``line`` of a text file, 1-based, or ``index`` of an array's first axis, 0-based."""

    file: str
    column: str
    line: int | None = None
    index: int | None = None
    beside: tuple[str, ...] = ()
    """Further columns that it was made of."""

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line is not None else f"index {self.index}"
        named = [f"'{clipped(name)}'" for name in (self.column, *self.beside[:2])]
        columns = f"columns {', '.join(named)}" if self.beside else f"column {named[0]}"
        rest = len(self.beside) - len(named) + 1
        return f"{self.file}, {place}, {columns}" + (f" and {rest} more" if rest else "")


def convert(values: Array, element: ElementType) -> tuple[Array, Array]:
    """Return the values in another numeric type, and which of them do not fit (what stands there is arbitrary).

    NaN fits floats only; whole floats fit integers as far as float64 is exact; booleans are 0 and 1. Integers are
    rounded where floats are due: see :func:`fits_double`.
    """
    target = element.numpy
    with np.errstate(invalid="ignore", over="ignore"):
        if values.dtype == target:
            return values, np.zeros(values.shape, bool)
        if element is BOOL:
            return values == 1, (values != 0) & (values != 1)
        result = values.astype(target)
        if element.is_integer:
            return result, ~_fits(values, element)
        return result, np.isinf(result) & np.isfinite(values)


def fits_double(values: Array) -> Array:
    """Return which whole numbers (int64 or uint64) float64 holds exactly."""
    floats = values.astype(np.float64)
    above = floats >= float(np.iinfo(values.dtype).max) if values.dtype.itemsize == 8 else np.zeros(values.shape, bool)
    fits: Array = ~above & (np.where(above, 0, floats).astype(values.dtype) == values)
    return fits


def _fits(values: Array, element: ElementType) -> Array:
    if values.dtype.kind == "b":
        return np.ones(values.shape, bool)
    low, high = _limits(element)
    if values.dtype.kind == "f":
        wide = values.astype(np.float64)
        fits: Array = (wide == np.floor(wide)) & (wide >= max(low, -EXACT)) & (wide <= min(high, EXACT))
        return fits
    own = np.iinfo(values.dtype)
    return (values >= max(low, int(own.min))) & (values <= min(high, int(own.max)))


def _limits(element: ElementType) -> tuple[int, int]:
    information = np.iinfo(element.value)
    return int(information.min), int(information.max)


def convert_texts(texts: Sequence[str], element: ElementType, spelling: Spelling = PLAIN) -> tuple[Array, Array]:
    """Return what texts are in a numeric type, and which of them do not fit, as :func:`convert` does for numbers.

    What is missing is NaN, where floats are due; words such as ``true`` and ``no`` count where booleans are.
    """
    results, unfit = np.zeros(len(texts), element.numpy), np.zeros(len(texts), bool)
    for place, text in enumerate(texts):
        value = spelling.number(text)
        if element is BOOL and value is None:
            value = TRUTH.get(text.strip().lower())
        if value is None:
            unfit[place] = True
        elif isinstance(value, float) or element.is_float:
            rounded = isinstance(value, int) and int(float(value)) != value
            converted, wrong = convert(np.full(1, value, np.float64), element)
            results[place], unfit[place] = converted[0], wrong[0] or rounded
        else:
            low, high = (0, 1) if element is BOOL else _limits(element)
            unfit[place] = not low <= value <= high
            results[place] = 0 if unfit[place] else value
    return results, unfit


def complaint(value: object, element: ElementType, origin: Origin, spelling: Spelling = PLAIN) -> Problem:
    """Say why a value does not fit an element type."""
    shown = clipped(repr(value) if not isinstance(value, np.generic) else str(value))
    number: Any = spelling.number(value) if isinstance(value, str) else value
    number = number.item() if isinstance(number, np.generic) else number
    if number is None:
        hint = advice(str(value), spelling) if origin.line is not None else None  # options of csv
        return errors.NOT_A_NUMBER(f"{shown} where {element} is due ({origin})", hint=hint)
    if number != number:  # noqa: PLR0124 - NaN differs from itself
        blank = "an empty cell" if not isinstance(value, str) or not value.strip() else f"{shown}, a missing value,"
        return errors.MISSING_VALUE(f"{blank} where {element} is due ({origin})", hint=_impute(origin.column, element))
    if element is BOOL:
        return errors.OUT_OF_TYPE(f"{shown} is neither 0 nor 1, and bool is due ({origin})")
    if element.is_integer and math.isfinite(number) and number != math.floor(number):
        return errors.NOT_WHOLE(f"{shown} where {element} is due ({origin})", hint="give the field a float type")
    if element.is_integer:
        low, high = _limits(element)
        if low <= number <= high:
            return errors.OUT_OF_TYPE(f"{shown} is not known exactly, and {element} is due ({origin})")
        return errors.OUT_OF_TYPE(f"{shown} is outside {element}, which holds {low} to {high} ({origin})")
    if isinstance(number, int) and number != int(float(number)):
        message = f"{shown} would be rounded to {int(float(number))} in {element} ({origin})"
        return errors.OUT_OF_TYPE(message, hint="an identifier is text or int64, no quantity")
    return errors.OUT_OF_TYPE(f"{shown} is outside {element} ({origin})")


def _impute(column: str, element: ElementType) -> str:
    if element.is_integer or element is BOOL:
        kind = "bool has" if element is BOOL else "whole numbers have"
        return f"mend the data: {kind} no mark for a missing value"
    return f'fill it with impute(column("{column}"), "mean"), or mend the data'


def clipped(text: str) -> str:
    """Return a text short enough for a message."""
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


@dataclass
class Misfits:
    """Values that are wrong, found piece by piece: a handful is told, and the rest counted."""

    total: int = 0
    problems: list[Problem] = field(default_factory=list)

    def note(self, wrong: Array, problem: Callable[[int, int], Problem], start: int = 0) -> None:
        """Note which values, (rows, ...) from row ``start`` on, are wrong: each told by row and flat place in that."""
        if wrong.any():
            self.total += int(wrong.sum())
            places = zip(*np.nonzero(wrong.reshape(len(wrong), -1)), strict=True)
            for row, element in islice(places, HANDFUL - len(self.problems)):
                self.problems.append(problem(start + int(row), int(element)))

    def raise_any(self) -> None:
        """Raise :class:`Failure` if there are any; the last that is told counts the rest."""
        if not self.total:
            return
        found = [problem.diagnostic for problem in self.problems]
        if self.total > len(found):
            last = found[-1]
            rest = f"and {self.total - len(found):,} more like it"
            found[-1] = replace(last, hint=f"{last.hint} ({rest})" if last.hint else rest)
        raise Failure(found)


def raise_where(wrong: Array, problem: Callable[[int, int], Problem]) -> None:
    """Raise :class:`Failure` if values are wrong, told as :class:`Misfits` are."""
    misfits = Misfits()
    misfits.note(wrong, problem)
    misfits.raise_any()


@contextmanager
def placed(span: Span | None) -> Iterator[None]:
    """Attach a span to whatever data error arises inside."""
    try:
        yield
    except Problem as problem:
        raise problem.at(span) from None
    except Failure as failure:
        raise Failure(Problem(finding).at(span).diagnostic for finding in failure.diagnostics) from None
