"""Checks on evaluated fields that only the data can answer, each misfit told with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from dslc.data.convert import HANDFUL, Array, Origin, raise_some
from dslc.data.table import Table, chunks
from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.plan.data import DIVIDED, MISSING, WRAPPED

__all__ = ["Where", "check_range", "check_sound", "where_in"]

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

    def problem(value: float, origin: Origin) -> Problem:
        return errors.OUT_OF_RANGE(f"field '{field}' is {value}, and should be {low} to {high} ({origin})")

    _refuse(values, lambda piece: (piece < low) | (piece > high), problem, where)


def check_sound(field: str, found: Mapping[str, Array], where: Where) -> None:
    """Refuse a field that divides by zero (E0460), leaves its type (E0414), or hides a missing value (E0415)."""

    def divided(_: float, origin: Origin) -> Problem:
        return errors.DIVISION_BY_ZERO(
            f"field '{field}' divides a whole number by zero ({origin})",
            hint="give such rows a value of their own: where(b == 0, 0, a // b)",
        )

    def wrapped(_: float, origin: Origin) -> Problem:
        return errors.OUT_OF_TYPE(
            f"field '{field}' computes a whole number that its type does not hold ({origin})",
            hint="compute with fractions, as in cast(column(...), float64), or with smaller numbers",
        )

    def missing(_: float, origin: Origin) -> Problem:
        return errors.MISSING_VALUE(
            f"field '{field}' compares or converts a missing value ({origin})",
            hint='fill it first, as in impute(column(...), "mean")',
        )

    for suffix, problem in ((DIVIDED, divided), (WRAPPED, wrapped), (MISSING, missing)):
        if field + suffix in found:
            _refuse(found[field + suffix], lambda piece: piece, problem, where)


def _refuse(
    values: Array, wrong_in: Callable[[Array], Array], problem: Callable[[float, Origin], Problem], where: Where
) -> None:
    total, found = 0, list[Problem]()
    for piece in chunks(values):
        part = values[piece].reshape(piece.stop - piece.start, -1)
        wrong = wrong_in(part)
        if wrong.any():
            total += int(wrong.sum())
            for row, element in islice(zip(*np.nonzero(wrong), strict=True), HANDFUL - len(found)):
                found.append(problem(part[row, element], where(piece.start + int(row), int(element))))
    if total:
        raise_some(total, found)
