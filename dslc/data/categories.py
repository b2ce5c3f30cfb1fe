"""Categories: the distinct values of a column of the training split, numbered, and other columns coded by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unicodedata import normalize

import numpy as np

from dslc.data.checks import Where
from dslc.data.convert import Array, clipped, convert_texts, fits_double, raise_where
from dslc.data.spellings import PLAIN, Spelling
from dslc.data.table import Table, Text, gaps
from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.library.sources.source import TRUTH
from dslc.lookalikes import appearance, difference
from dslc.plan.contract import Categories, CategoryValue
from dslc.types import BOOL, FLOAT64, INT64, STRING, ElementType

__all__ = ["encode", "fit_categories", "refuse_lookalikes"]

LARGEST = np.uint64(np.iinfo(np.int64).max)
UNKNOWN, DOUBTFUL = -1, -2
"""In place of a category's number: the value is none, or it may be several."""


def fit_categories(table: Table, name: str, rows: Array | None) -> tuple[CategoryValue, ...]:
    """Return the sorted distinct values of a column; text sorts by code points. A missing value is none of them.

    Numbers of which one has zeros in front are text: 007 and 7 are two.

    Raises:
        Problem: E0468, two texts look the same; E0414, a number is beyond int64.
    """
    if table.element(name) is STRING or table.has_codes(name):
        text = table.text(name)
        used = np.unique(text.codes if rows is None else text.codes[rows])
        found = sorted(value for value in (text.vocabulary[code] for code in used) if value)
        refuse_lookalikes(found, table, name)
        return tuple(found)
    values = table.read(name)
    distinct = np.unique(values if rows is None else values[rows])
    if distinct.dtype.kind == "u" and distinct[-1] > LARGEST:
        raise errors.OUT_OF_TYPE(
            f"{distinct[-1]} in column '{name}' of {table.title} is outside int64, which categories of numbers have",
            hint="an identifier of 20 digits can be text",
        )
    if distinct.dtype.kind == "f":
        distinct = distinct[np.isfinite(distinct)].astype(np.float64)
        if np.all((distinct == np.floor(distinct)) & (np.abs(distinct) < 2**53)):
            distinct = distinct.astype(np.int64)  # a gap makes numbers of a csv float64
    return tuple(distinct.tolist())


def refuse_lookalikes(texts: Sequence[str], table: Table, name: str, known: Sequence[str] = ()) -> None:
    """Refuse distinct texts of a column that look the same, or like a known one.

    Raises:
        Problem: E0468, with the place of the first.
    """
    if all(map(str.isascii, texts)) and all(map(str.isascii, known)):
        return
    looks = {appearance(text): text for text in known}
    for text in texts:
        twin = looks.setdefault(appearance(text), text)
        if twin != text:
            column = table.text(name)
            row = int(np.argwhere(column.codes == column.vocabulary.index(text))[0, 0])
            raise errors.LOOKS_ALIKE(
                f"'{clipped(text)}' looks like '{clipped(twin)}' and is another text: it has {difference(text, twin)} "
                f"({table.origin(row, name)})",
                hint='unicodedata.normalize("NFC", text) in Python brings both into one form'
                if normalize("NFC", text) == normalize("NFC", twin)
                else "spell it in one way in all of the data",
            )


def encode(table: Table, name: str, categories: Categories, where: Where, kind: ElementType | None = None) -> Array:
    """Return the numbers of a column's values among the categories, (rows, ...) int64.

    Values of another kind than the categories are compared as what they mean: texts as the numbers that they spell,
    fractions in the narrower of both types.

    Args:
        table: where the column is.
        name: the column's.
        categories: what its values are coded by.
        where: where its values stand.
        kind: the type that the column had in training, whose values the categories are; None: the same as now.

    Raises:
        Failure: a value that is no category (E0419) or missing (E0415), the first few with their places; E0467, numbers
            that do not tell which of several texts they are, or that none of the texts is.
        Problem: E0468, a text that looks like a category and is none.
    """
    values: Array | Text
    if table.element(name) is STRING or (categories.are_text and table.is_spelled(name)):
        values = table.text(name)
        numbers = _places_of_texts(categories, values.vocabulary, table.spelling(name), kind)
        if categories.are_text:
            strange = [t for t, number in zip(values.vocabulary, numbers, strict=True) if number == UNKNOWN and t]
            refuse_lookalikes(strange, table, name, [str(value) for value in categories.values])
        codes = numbers[values.codes]
    else:
        values = table.read(name)
        known = _meanings(categories, name, table.title) if categories.are_text else categories.values
        codes = _places_of_numbers(known, values, kind)
    missing = gaps(values)

    def doubtful(row: int, element: int) -> Problem:
        return errors.NO_MEANING(
            f"{_value(values, row, element)!r} may be one of several categories of training, which this column's type "
            f"does not tell apart ({where(row, element)})",
            hint="give the column in the type that it had in training",
        )

    raise_where(codes == DOUBTFUL, doubtful)
    if categories.missing:
        codes[missing] = categories.count - 1
    codes[codes == UNKNOWN] = categories.count
    wrong = np.zeros(codes.shape, bool) if categories.missing else missing
    if not categories.unknown:
        wrong = wrong | ((codes == categories.count) & ~(missing & categories.missing))
    raise_where(wrong, lambda row, element: _no_category(values, row, element, categories, where))
    return codes


def _places_of_texts(
    categories: Categories, texts: Sequence[str], spelling: Spelling, kind: ElementType | None
) -> Array:
    """Return the numbers of values as a file spells them."""
    if categories.are_text:
        known = categories.places
        return np.array([known.get(text, UNKNOWN) for text in texts], np.int64)
    element = BOOL if set(categories.values) <= {0, 1} else INT64 if categories.are_whole else FLOAT64
    numbers, unfit = convert_texts(texts, element, spelling)
    return np.where(unfit, UNKNOWN, _places_of_numbers(categories.values, numbers, kind))


def _meanings(categories: Categories, name: str, title: str) -> tuple[float | None, ...]:
    """Return the numbers that categories of text spell, or true and false where all are words for these.

    Raises:
        Problem: E0467, none of them is a number.
    """
    texts = [str(value) for value in categories.values]
    said: list[Any] = [PLAIN.number(text) for text in texts]
    if said and all(number is None and text.lower() in TRUTH for number, text in zip(said, texts, strict=True)):
        said = [TRUTH[text.lower()] for text in texts]
    if all(number is None for number in said):
        raise errors.NO_MEANING(
            f"column '{name}' of {title} holds numbers, and was text in training, such as '{clipped(texts[0])}'",
            hint="give the texts",
        )
    return tuple(said)


def _places_of_numbers(known: Sequence[Any], numbers: Array, kind: ElementType | None) -> Array:
    """Return the places of numbers among others; DOUBTFUL where one has several."""
    places = np.array([place for place, value in enumerate(known) if value is not None], np.int64)
    if not len(places):
        return np.full(numbers.shape, UNKNOWN, np.int64)
    whole = all(isinstance(known[place], int) for place in places)
    values = np.array([known[place] for place in places], np.int64 if whole else np.float64)
    beyond = np.zeros(numbers.shape, bool)
    if whole and numbers.dtype.kind in "iu":  # as float64 neighbours could be equal
        beyond = numbers > LARGEST if numbers.dtype == np.uint64 else beyond
        numbers = numbers.astype(np.int64)
    else:
        beyond = ~fits_double(numbers) if numbers.dtype.kind in "iu" else beyond
        values, numbers = _alike(values, numbers, kind)
    order = np.argsort(values, kind="stable")
    values, places = values[order], places[order]
    first = np.minimum(np.searchsorted(values, numbers), len(values) - 1)
    found: Array = places[first].astype(np.int64)
    found[(values[first] != numbers) | beyond] = UNKNOWN
    twice = values[np.minimum(first + 1, len(values) - 1)] == numbers
    found[twice & (first + 1 < len(values)) & (found != UNKNOWN)] = DOUBTFUL
    return found


def _alike(values: Array, numbers: Array, kind: ElementType | None) -> tuple[Array, Array]:
    """Return categories and numbers as float64, both rounded to the narrower type of the two.

    A whole number is only what it is: 2049 is not 2048, though float16 has nothing nearer.
    """
    own = kind.numpy if kind is not None and kind.is_float else np.dtype(np.float64)
    other = numbers.dtype if numbers.dtype.kind == "f" else np.dtype(np.float64)
    narrow = min(own, other, key=lambda dtype: dtype.itemsize)
    wide = numbers.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = wide.astype(narrow).astype(np.float64)
        return values.astype(narrow).astype(np.float64), np.where(wide == np.floor(wide), wide, rounded)


def _value(values: Array | Text, row: int, element: int) -> object:
    return values.at(row, element) if isinstance(values, Text) else values[row].reshape(-1)[element].item()


def _no_category(values: Array | Text, row: int, element: int, categories: Categories, where: Where) -> Problem:
    origin = where(row, element)
    value = _value(values, row, element)
    if value == "" or value != value:  # noqa: PLR0124 - 0 is a value, and NaN differs from itself
        return errors.MISSING_VALUE(
            f"an empty cell where a category is due ({origin})",
            hint="category(x, missing = true) makes the missing value a category of its own",
        )
    hint = "category(x, unknown = true) gives all such values one number of their own"
    if categories.are_text:
        bare = str(value).lstrip("0")
        alike = [known for known in categories.values if str(known).lstrip("0") == bare and bare]
        hint = f"training has {alike[0]!r}: zeros in front count" if alike else hint
    return errors.UNSEEN_CATEGORY(f"{value!r} is not among the values of the training split ({origin})", hint=hint)
