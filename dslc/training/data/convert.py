"""Converting values to the element type a field asks for, with every value that does not fit named.

Nothing is rounded, wrapped or dropped silently.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.errors import data as errors
from dslc.source import Span
from dslc.types import BOOL, ElementType

__all__ = [
    "HANDFUL", "Array", "Origin", "complaint", "convert", "fits_double", "placed", "raise_some",
    "text_to_numbers",
]  # fmt: skip

Array = np.ndarray[Any, np.dtype[Any]]
HANDFUL = 5
"""How many findings of one kind are told before the rest is only counted."""
EXACT = 2**53
"""Up to here a double holds every whole number."""
TRUTH = {"true": 1.0, "false": 0.0}
MISSING_MARKS = ("na", "n/a", "null", "none", "?", "-", "missing")


@dataclass(frozen=True)
class Origin:
    """Where a value came from: ``line`` of a text file, 1-based, or ``index`` of an array's first axis, 0-based."""

    file: str
    column: str
    line: int | None = None
    index: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line is not None else f"index {self.index}"
        return f"{self.file}, {place}, column '{self.column}'"


def convert(values: Array, element: ElementType) -> tuple[Array, Array]:
    """Return the values in another numeric type, and which of them do not fit (what stands there is arbitrary).

    NaN fits floats only; whole floats fit integers as far as a double is exact; booleans are 0 and 1.
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
    """Which whole numbers (int64 or uint64) does float64 hold exactly?"""
    fits: Array = (values <= EXACT) if values.dtype.kind == "u" else (values <= EXACT) & (values >= -EXACT)
    if not fits.all():
        beyond = values[~fits]
        fits[~fits] = [int(float(value)) == value for value in beyond.tolist()]
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


def text_to_numbers(texts: Iterable[str], element: ElementType) -> Array:
    """Return texts as float64 with NaN for what is no number; ``true`` and ``false`` count where booleans are due."""
    truth = TRUTH if element is BOOL else {}

    def number(text: str) -> float:
        stripped = text.strip().lower()
        if stripped in truth:
            return truth[stripped]
        try:
            return float(stripped) if "_" not in stripped else math.nan
        except ValueError:
            return math.nan

    return np.array([number(text) for text in texts], np.float64)


def complaint(value: object, element: ElementType, origin: Origin) -> Problem:
    """Say why a value does not fit an element type."""
    shown = repr(value) if not isinstance(value, np.generic) else str(value)
    if isinstance(value, str):
        stripped = value.strip()
        if not stripped or stripped.lower() == "nan":
            return errors.MISSING_VALUE(
                f"an empty cell where {element} is due ({origin})", hint=_impute(origin.column, element)
            )
        hint = None
        if stripped.lower() in MISSING_MARKS:
            hint = f'if it marks a missing value, say so: csv(..., missing = "{stripped}")'
        elif re.fullmatch(r"[-+]?\d+,\d+", stripped):
            hint = "numbers are written with a decimal point"
        return errors.NOT_A_NUMBER(f"{_clipped(shown)} where {element} is due ({origin})", hint=hint)
    number = float(value)  # type: ignore[arg-type]
    if math.isnan(number):
        return errors.MISSING_VALUE(
            f"an empty cell where {element} is due ({origin})", hint=_impute(origin.column, element)
        )
    if element is BOOL:
        return errors.OUT_OF_TYPE(f"{shown} is neither 0 nor 1, and bool is due ({origin})")
    if element.is_integer and math.isfinite(number):
        low, high = _limits(element)
        if number != math.floor(number):
            return errors.NOT_WHOLE(f"{shown} where {element} is due ({origin})", hint="give the field a float type")
        if low <= number <= high:
            return errors.OUT_OF_TYPE(f"{shown} is not known exactly, and {element} is due ({origin})")
        return errors.OUT_OF_TYPE(f"{shown} is outside {element}, which holds {low} to {high} ({origin})")
    return errors.OUT_OF_TYPE(f"{shown} is outside {element} ({origin})")


def _impute(column: str, element: ElementType) -> str:
    if element.is_integer:
        return "mend the data: whole numbers have no mark for a missing value"
    return f'fill it with impute(column("{column}"), "mean"), or mend the data'


def _clipped(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def raise_some(total: int, problems: Iterator[Problem]) -> None:
    """Raise :class:`Failure` with a handful of ``total`` problems, the last of which counts the rest."""
    found = [problem.diagnostic for problem in islice(problems, HANDFUL)]
    if total > len(found):
        last = found[-1]
        rest = f"and {total - len(found):,} more like it"
        hint = f"{last.hint} ({rest})" if last.hint else rest
        found[-1] = Diagnostic(last.code, last.message, last.span, last.labels, hint)
    raise Failure(found)


@contextmanager
def placed(span: Span | None) -> Iterator[None]:
    """Attach a span to whatever data error arises inside."""
    try:
        yield
    except Problem as problem:
        raise problem.at(span) from None
    except Failure as failure:
        raise Failure(Problem(finding).at(span).diagnostic for finding in failure.diagnostics) from None
