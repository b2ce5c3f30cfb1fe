"""Categories: the distinct values of a column of the training split, numbered, and other columns coded by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.model.contract import Categories, CategoryValue
from dslc.training.data.checks import Where
from dslc.training.data.convert import Array, convert_texts, raise_some
from dslc.training.data.spellings import Spelling
from dslc.training.data.table import Table, Text
from dslc.types import BOOL, FLOAT64, INT64, STRING

__all__ = ["encode", "fit_categories"]

LARGEST = np.uint64(np.iinfo(np.int64).max)


def fit_categories(table: Table, name: str, rows: Array | None) -> tuple[CategoryValue, ...]:
    """Return the sorted distinct values of a column; text sorts by code points. A missing value is none of them."""
    if table.element(name) is STRING:
        text = table.text(name)
        used = np.unique(text.codes if rows is None else text.codes[rows])
        return tuple(sorted(value for value in (text.vocabulary[code] for code in used) if value))
    values = table.read(name)
    distinct = np.unique(values if rows is None else values[rows])
    if distinct.dtype.kind == "u" and distinct[-1] > LARGEST:
        raise errors.OUT_OF_TYPE(
            f"{distinct[-1]} in column '{name}' of {table.title} is outside int64, which categories of numbers have",
            hint="an identifier of 20 digits can be text",
        )
    if distinct.dtype.kind == "f":
        distinct = distinct[np.isfinite(distinct)]
        if np.all((distinct == np.floor(distinct)) & (np.abs(distinct) < 2**53)):
            distinct = distinct.astype(np.int64)  # a gap makes numbers of a csv float64
    return tuple(distinct.tolist())


def encode(table: Table, name: str, categories: Categories, where: Where) -> Array:
    """Return the numbers of a column's values among the categories, (rows, ...) int64.

    Raises:
        Failure: a value that is no category (E0419) or missing (E0415), the first few with their places.
    """
    values: Array | Text
    if table.element(name) is STRING or categories.are_text:
        values = table.text(name)
        codes = _places_of_texts(categories, values.vocabulary, table.spelling(name))[values.codes]
        missing = np.array([not text for text in values.vocabulary], bool)[values.codes]
    else:
        values = table.read(name)
        codes = _places_of_numbers(categories, values)
        missing = values != values if values.dtype.kind == "f" else np.zeros(values.shape, bool)  # noqa: PLR0124
    if categories.missing:
        codes[missing] = categories.count - 1
    wrong = np.zeros(codes.shape, bool) if categories.missing else missing
    if not categories.unknown:
        wrong = wrong | ((codes == categories.count) & ~(missing & categories.missing))
    if wrong.any():
        places = zip(*np.nonzero(wrong.reshape(len(wrong), -1)), strict=True)
        raise_some(int(wrong.sum()), (_no_category(values, int(row), int(e), where) for row, e in places))
    return codes


def _places_of_texts(categories: Categories, texts: Sequence[str], spelling: Spelling) -> Array:
    """Return the numbers of values as a file spells them; K where a text is none of them."""
    if categories.are_text:
        known = {text: number for number, text in enumerate(categories.values)}
        return np.array([known.get(text, categories.count) for text in texts], np.int64)
    element = BOOL if categories.are_truth else INT64 if categories.are_whole else FLOAT64
    numbers, unfit = convert_texts(texts, element, spelling)
    return np.where(unfit, categories.count, _places_of_numbers(categories, numbers))


def _places_of_numbers(categories: Categories, numbers: Array) -> Array:
    """Return the numbers of values; K where one is none of them."""
    if categories.are_text or not categories.values:
        return np.full(numbers.shape, categories.count, np.int64)
    known = np.array(categories.values, np.int64 if categories.are_whole else np.float64)
    beyond = numbers > LARGEST if numbers.dtype == np.uint64 else np.zeros(numbers.shape, bool)
    if known.dtype.kind == "i" and numbers.dtype.kind in "iu":  # as float64 neighbours could be equal
        numbers = numbers.astype(np.int64)
    elif known.dtype != numbers.dtype:
        known, numbers = known.astype(np.float64), numbers.astype(np.float64)
    places: Array = np.minimum(np.searchsorted(known, numbers), len(known) - 1).astype(np.int64)
    places[(known[places] != numbers) | beyond] = categories.count
    return places


def _no_category(values: Array | Text, row: int, element: int, where: Where) -> Problem:
    origin = where(row, element)
    if isinstance(values, Text):
        value: object = values.vocabulary[values.codes.reshape(len(values.codes), -1)[row, element]]
    else:
        value = values.reshape(len(values), -1)[row, element].item()
    if value == "" or value != value:  # noqa: PLR0124 - 0 is a value, and NaN differs from itself
        return errors.MISSING_VALUE(
            f"an empty cell where a category is due ({origin})",
            hint="category(x, missing = true) makes the missing value a category of its own",
        )
    return errors.UNSEEN_CATEGORY(
        f"{value!r} is not among the values of the training split ({origin})",
        hint="category(x, unknown = true) gives all such values one number of their own",
    )
