"""Checks on evaluated fields that only the data can answer, each misfit told with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from dslc.data.convert import Array, Misfits, Origin, raise_where
from dslc.data.table import Table, chunks
from dslc.diagnostics import Code, Problem
from dslc.errors import data as errors
from dslc.plan.data import DIVIDED, MISSING, WRAPPED

__all__ = ["Where", "check_range", "check_signs", "check_sound", "where_in"]

Where = Callable[[int, int], Origin]
"""Tells where element ``e`` (counted flat) of row ``r`` of an array came from: ``where(r, e)``."""


def where_in(table: Table, columns: Sequence[str], elements: int | None = None) -> Where:
    """Return the origins of an array that was made from these columns.

    With as many ``elements`` to a row as there are columns, each is from one of them; else each is from all of them.
    """

    def where(row: int, element: int) -> Origin:
        if elements is None or elements == len(columns):
            return table.origin(row, columns[element] if element < len(columns) else columns[0])
        return replace(table.origin(row, columns[0]), beside=tuple(columns[1:]))

    return where


def check_range(field: str, values: Array, low: float, high: float, where: Where) -> None:
    """Refuse values of a field outside [low, high], both included (E0420)."""
    _check(field, values, lambda piece: (piece < low) | (piece > high), f"{low} to {high}", where)


def check_signs(field: str, values: Array, where: Where) -> None:
    """Refuse values of a field that are neither -1 nor 1 (E0420)."""
    _check(field, values, lambda piece: abs(piece) != 1, "-1 or 1", where)


def _check(field: str, values: Array, is_wrong: Callable[[Array], Array], right: str, where: Where) -> None:
    def problem(row: int, element: int) -> Problem:
        value = values[row].reshape(-1)[element]
        return errors.OUT_OF_RANGE(f"field '{field}' is {value}, and should be {right} ({where(row, element)})")

    misfits = Misfits()
    for piece in chunks(values):
        misfits.note(is_wrong(values[piece]), problem, piece.start)
    misfits.raise_any()


UNSOUND = (
    (DIVIDED, errors.DIVISION_BY_ZERO, "divides a whole number by zero",
     "give such rows a value of their own: where(b == 0, 0, a // b)"),
    (WRAPPED, errors.OUT_OF_TYPE, "computes a whole number that its type does not hold",
     "compute with fractions, as in cast(column(...), float64), or with smaller numbers"),
    (MISSING, errors.MISSING_VALUE, "compares or converts a missing value",
     'fill it first, as in impute(column(...), "mean")'),
)  # fmt: skip
"""What is wrong with a field, and the hint, where an output of its name and this end tells of it."""


def check_sound(field: str, found: Mapping[str, Array], where: Where) -> None:
    """Refuse a field that divides by zero (E0460), leaves its type (E0414), or hides a missing value (E0415)."""
    for suffix, code, what, hint in UNSOUND:
        if field + suffix in found:

            def problem(row: int, element: int, code: Code = code, what: str = what, hint: str = hint) -> Problem:
                return code(f"field '{field}' {what} ({where(row, element)})", hint=hint)

            raise_where(found[field + suffix], problem)
