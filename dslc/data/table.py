"""A table: named columns of equally many rows, read without requiring that a file fits in memory."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from dslc.data.convert import Array, Origin, clipped, convert_texts
from dslc.data.spellings import Spelling, delimiter_hint
from dslc.data.streams import Fingerprint
from dslc.diagnostics import Failure, Problem, did_you_mean
from dslc.errors import data as errors
from dslc.plan.columns import is_pattern, pattern_of
from dslc.types import BOOL, STRING, ElementType

__all__ = ["Table", "Text", "as_written", "chunks", "common_rows", "gaps", "marked"]

CHUNK = 8 << 20
"""Bytes that one step of a pass over an array takes."""


@dataclass(frozen=True)
class Text:
    """A column of text: for each row the position of its value in a vocabulary of distinct values."""

    codes: Array
    vocabulary: tuple[str, ...]

    def strings(self) -> Array:
        """Return the values as an array of Python strings (equal ones are one object)."""
        texts: Array = np.array(self.vocabulary, object)[self.codes]
        return texts

    def at(self, row: int, element: int) -> str:
        """Return the value at a flat place in a row."""
        return self.vocabulary[int(self.codes[row].reshape(-1)[element])]


def gaps(values: Array | Text) -> Array:
    """Return which values of a column are missing."""
    if isinstance(values, Text):
        return np.array([not text for text in values.vocabulary], bool)[values.codes]
    missing: Array = values == "" if values.dtype.kind in "OU" else values != values  # noqa: PLR0124 - NaN alone does
    return missing


def marked(values: Array, spelling: Spelling) -> Array:
    """Return which numbers are marks for a missing value."""
    found: Array = np.zeros(values.shape, bool)
    values = values.view(np.uint8) if values.dtype.kind == "b" else values
    largest = float(np.finfo(values.dtype).max) if values.dtype.kind == "f" else inf
    for number in spelling.numbers:
        if not largest < abs(number) < inf:  # as a float16, 99999 would be infinite
            found |= values == (int(number) if float(number).is_integer() else number)
    return found


def as_written(table: Table, name: str) -> Array:
    """Return a column to be passed on: numbers, or text where the numbers would not say what is written (``007``)."""
    array = table.read(name)
    if array.dtype.kind == "O":
        return array.astype(np.str_)
    if array.ndim != 1 or array.dtype.kind == "b":
        return array
    text = table.text(name)
    if all(_says(written) for written in text.vocabulary):
        return array
    return text.strings().astype(np.str_)


def _says(text: str) -> bool:
    """Return whether a number says all that a text does."""
    try:
        float(text or "nan")
    except ValueError:  # 3,5 %
        return False
    return re.match(r"[+-]?0[0-9]", text) is None


def chunks(array: Array) -> Iterator[slice]:
    """Cut the first axis into pieces of about :data:`CHUNK` bytes."""
    row = max(1, array.nbytes // max(1, len(array)))
    step = max(1, CHUNK // row)
    return (slice(start, min(start + step, len(array))) for start in range(0, len(array), step))


class Table(ABC):
    """Columns read from files. Names keep the file's order.

    ``row_shape`` is the shape of one row of a column: ``()`` for a number per row, ``(28, 28)`` for an image.
    """

    title: str
    """What messages call the table: the names of its files."""
    names: tuple[str, ...]
    fingerprints: Mapping[str, Fingerprint]
    """Size and hash of each file, by its path in the spec: of the very bytes that were read."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows every column has; columns that differ are an error (E0416)."""

    @abstractmethod
    def row_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of one row of a column."""

    @abstractmethod
    def element(self, name: str) -> ElementType:
        """Return the element type that the column has by itself."""

    @abstractmethod
    def read(self, name: str, element: ElementType | None = None) -> Array:
        """Return a column, (rows, *row_shape), as ``element``, or as its own type; text as an array of objects.

        A missing value is NaN where ``element`` is a float.

        Raises:
            Failure: values that do not fit (E0412 to E0415), the first few with their places.
        """

    @abstractmethod
    def read_block(self, names: Sequence[str], element: ElementType | None = None) -> Array:
        """Return several columns side by side, (rows, elements of a row): the values of ``columns(...)``."""

    @abstractmethod
    def text(self, name: str) -> Text:
        """Return a column as text, however it looks; a missing value is ''."""

    @abstractmethod
    def origin(self, row: int, name: str) -> Origin:
        """Return where a row of a column stands."""

    @abstractmethod
    def select(self, names: Sequence[str]) -> Table:
        """Return the table of these columns only, in the given order."""

    @abstractmethod
    def marking(self, missing: Mapping[str, Sequence[str]]) -> Table:
        """Return the table in which these texts mark a missing value, too, each in the column it is given for.

        Raises:
            Problem: E0411, there is no such column.
        """

    @abstractmethod
    def spelling(self, name: str) -> Spelling:
        """Return what the texts of a column mean as numbers, and which of them mark a missing value."""

    def is_spelled(self, name: str) -> bool:
        """Return whether a column's text is what the file has, so that numbers may have been made of it."""
        return self.element(name) is STRING

    @abstractmethod
    def has_codes(self, name: str) -> bool:
        """Return whether a number has zeros in front, as codes do (``02138``), so that the column's texts say more."""

    def is_truth(self, name: str) -> bool:
        """Return whether a column of text says true or false wherever it says anything."""
        said = [text for text in self.text(name).vocabulary if text]
        _, unfit = convert_texts(said, BOOL, self.spelling(name))
        return bool(said) and not unfit.any()

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where in ``names`` each column stands."""
        return {name: place for place, name in enumerate(self.names)}

    def require(self, name: str) -> str:
        """Return the name if there is such a column; else raise E0411 with what was probably meant."""
        if name not in self.places:
            raise self._unknown(name)
        return name

    def _unknown(self, name: str, *, as_pattern: bool = False) -> Problem:
        there_is_none = f"no column of {self.title} matches '{name}'"
        message = there_is_none if as_pattern else f"there is no column '{name}' in {self.title}"
        hint = did_you_mean(name.strip("*") if as_pattern else name, self.names) or delimiter_hint(self.names)
        more = ", ..." if len(self.names) > 12 else ""
        hint = hint or f"the columns are {', '.join(map(clipped, self.names[:12]))}{more}"
        return errors.UNKNOWN_COLUMN(message, hint=hint)

    def match(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that match any of the patterns, in the file's order.

        Raises:
            Failure: patterns that match nothing (E0411).
        """
        found = {pattern: list(filter(pattern_of(pattern).fullmatch, self.names)) for pattern in patterns}
        idle = [self._unknown(each, as_pattern=is_pattern(each)) for each, names in found.items() if not names]
        if idle:
            raise Failure(problem.diagnostic for problem in idle)
        chosen = {name for names in found.values() for name in names}
        return tuple(name for name in self.names if name in chosen)


def common_rows(counts: Mapping[str, int]) -> int:
    """Return the one number of rows, or raise E0416 with all of them."""
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"'{name}' has {count:,}" for name, count in counts.items())
        raise errors.ROW_COUNTS(f"columns have different numbers of rows: {listed}")
    return next(iter(counts.values()))
