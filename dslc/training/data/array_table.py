"""Tables whose columns are arrays: npy, npz and idx files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod

import numpy as np
from typing_extensions import override

from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.training.data.convert import HANDFUL, Array, Origin, complaint, convert, raise_some, text_to_numbers
from dslc.training.data.table import Table, Text, allocate, chunks, common_rows
from dslc.types import STRING, ElementType

__all__ = ["ArrayTable"]


@dataclass(frozen=True)
class ArrayTable(Table):
    """Columns that are arrays already; ``files`` says what messages call the file of each."""

    arrays: Mapping[str, Array]
    files: Mapping[str, str]
    memory: int

    @property
    @override
    def title(self) -> str:  # type: ignore[override]
        return ", ".join(dict.fromkeys(self.files.values()))

    @property
    @override
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.arrays)

    @property
    @override
    def rows(self) -> int:
        return common_rows({name: len(array) for name, array in self.arrays.items()})

    @override
    def row_shape(self, name: str) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.arrays[self.require(name)].shape
        return shape[1:]

    @override
    def element(self, name: str) -> ElementType:
        return ElementType.of(self.arrays[self.require(name)].dtype)

    @override
    def origin(self, row: int, name: str) -> Origin:
        return Origin(self.files[name], name, index=row)

    @override
    def select(self, names: Sequence[str]) -> ArrayTable:
        return ArrayTable(
            {name: self.arrays[self.require(name)] for name in names},
            {name: self.files[name] for name in names},
            self.memory,
        )

    @override
    def read(self, name: str, element: ElementType | None = None) -> Array:
        array = self.arrays[self.require(name)]
        element = element or self.element(name)
        if element is STRING:
            return self.text(name).strings()
        if array.dtype == element.numpy:
            return array
        result = allocate(array.shape, element.numpy, self.memory)
        self._fill(result.reshape(len(array), -1), name, element)
        return result

    @override
    def read_block(self, names: Sequence[str], element: ElementType | None = None) -> Array:
        native = [self.element(name) for name in names]
        if STRING in (element, *native) and element in (None, STRING):
            return np.concatenate([self.text(n).strings().reshape(self.rows, -1) for n in names], axis=1)
        element = element or ElementType.of(np.result_type(*(e.numpy for e in native)))
        widths = [prod(self.row_shape(name)) for name in names]
        result = allocate((self.select(names).rows, sum(widths)), element.numpy, self.memory)
        start = 0
        for name, width in zip(names, widths, strict=True):
            self._fill(result[:, start : start + width], name, element)
            start += width
        return result

    def _fill(self, result: Array, name: str, element: ElementType) -> None:
        """Convert a column into ``result``, (rows, elements of a row)."""
        array, total, bad = self.arrays[name], 0, list[Problem]()
        for piece in chunks(array):
            part = array[piece].reshape(piece.stop - piece.start, -1)
            found, unfit = self._numbers(part, name, element) if array.dtype.kind in "US" else convert(part, element)
            result[piece] = found
            if unfit.any():
                total += int(unfit.sum())
                places = islice(zip(*np.nonzero(unfit), strict=True), max(0, HANDFUL - len(bad)))
                values = [(_plain(part[row, column]), piece.start + int(row)) for row, column in places]
                bad += [complaint(value, element, self.origin(row, name)) for value, row in values]
        if total:
            raise_some(total, iter(bad))

    def _numbers(self, part: Array, name: str, element: ElementType) -> tuple[Array, Array]:
        """Convert texts, of which '' is a missing value; return with the values which of them do not fit."""
        texts, where = np.unique(part, return_inverse=True)
        spelled = [self._decoded(text, name) for text in texts.tolist()]
        numbers = text_to_numbers(spelled, element)
        wrong = np.isnan(numbers) & np.array([bool(text.strip()) for text in spelled])
        values, unfit = convert(numbers[where].reshape(part.shape), element)
        return values, unfit | wrong[where].reshape(part.shape)

    @override
    def text(self, name: str) -> Text:
        array = self.arrays[self.require(name)]
        codes = allocate(array.shape, np.dtype(np.int64), self.memory)
        vocabulary: dict[str, int] = {}
        for piece in chunks(array):
            values, where = np.unique(array[piece], return_inverse=True)
            texts = [self._decoded(value, name) for value in values.tolist()]
            new = np.array([vocabulary.setdefault(text, len(vocabulary)) for text in texts], np.int64)
            codes[piece] = new[where].reshape(codes[piece].shape)
        return Text(codes, tuple(vocabulary))

    def _decoded(self, value: object, name: str) -> str:
        if not isinstance(value, bytes):
            return str(value)
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise errors.NOT_UTF8(f"{value!r} in column '{name}' of {self.files[name]} is not UTF-8") from None


def _plain(value: object) -> object:
    """Return an element of an array as messages show it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else value
