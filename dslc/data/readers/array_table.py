"""Tables whose columns are arrays: npy, npz and idx files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from typing_extensions import override

from dslc.data.convert import Array, Misfits, Origin, complaint, convert, convert_texts
from dslc.data.scratch import allocate
from dslc.data.spellings import PLAIN, Spelling
from dslc.data.streams import Fingerprint
from dslc.data.table import Table, Text, chunks, common_rows, marked
from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.types import FLOAT64, STRING, ElementType

__all__ = ["ArrayTable"]


@dataclass(frozen=True)
class ArrayTable(Table):
    """Columns that are arrays already; ``files`` says what messages call the file of each."""

    arrays: Mapping[str, Array]
    files: Mapping[str, str]
    fingerprints: Mapping[str, Fingerprint] = field(default_factory=dict)
    missing: Mapping[str, Spelling] = field(default_factory=dict)
    """What marks a missing value, by column."""
    unread: Mapping[str, Problem] = field(default_factory=dict)
    """Arrays of the files that can be no columns, and why."""

    @property
    @override
    def title(self) -> str:  # type: ignore[override]
        return ", ".join(dict.fromkeys(self.files.values()))

    @property
    @override
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.files)

    @override
    def require(self, name: str) -> str:
        if name in self.unread:
            raise self.unread[name]
        return super().require(name)

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
        own = ElementType.of(self.arrays[self.require(name)].dtype)
        return FLOAT64 if own.is_integer and marked(self.arrays[name], self.spelling(name)).any() else own

    @override
    def origin(self, row: int, name: str) -> Origin:
        return Origin(self.files[name], name, index=row)

    @override
    def select(self, names: Sequence[str]) -> ArrayTable:
        return replace(
            self,
            arrays={name: self.arrays[self.require(name)] for name in names},
            files={name: self.files[name] for name in names},
        )

    @override
    def marking(self, missing: Mapping[str, Sequence[str]]) -> ArrayTable:
        marks = {
            self.require(name): Spelling((*self.missing.get(name, PLAIN).missing, *texts), trim=False)
            for name, texts in missing.items()
        }
        return replace(self, missing={**self.missing, **marks})

    @override
    def spelling(self, name: str) -> Spelling:
        return self.missing.get(name, PLAIN)

    @override
    def has_codes(self, name: str) -> bool:
        return False  # an array's numbers are not spelled, and its texts are text

    @override
    def read(self, name: str, element: ElementType | None = None) -> Array:
        array = self.arrays[self.require(name)]
        element = element or self.element(name)
        if element is STRING:
            return self.text(name).strings()
        if array.dtype == element.numpy and name not in self.missing:
            return array
        result = allocate(array.shape, element.numpy)
        self._fill(result.reshape(len(array), -1), name, element)
        return result

    @override
    def read_block(self, names: Sequence[str], element: ElementType | None = None) -> Array:
        native = [self.element(name) for name in names]
        if STRING in (element, *native) and element in (None, STRING):
            return np.concatenate([self.text(n).strings().reshape(self.rows, -1) for n in names], axis=1)
        element = element or ElementType.of(np.result_type(*(e.numpy for e in native)))
        widths = [prod(self.row_shape(name)) for name in names]
        result = allocate((self.select(names).rows, sum(widths)), element.numpy)
        start = 0
        for name, width in zip(names, widths, strict=True):
            self._fill(result[:, start : start + width], name, element)
            start += width
        return result

    def _fill(self, result: Array, name: str, element: ElementType) -> None:
        """Convert a column into ``result``, (rows, elements of a row)."""
        array, misfits = self.arrays[name], Misfits()

        def problem(row: int, place: int) -> Problem:
            return complaint(_plain(array[row].reshape(-1)[place]), element, self.origin(row, name))

        for piece in chunks(array):
            part = array[piece].reshape(piece.stop - piece.start, -1)
            is_text = array.dtype.kind in "US"
            result[piece], unfit = self._numbers(part, name, element) if is_text else convert(part, element)
            if not is_text and (gone := marked(part, self.spelling(name))).any():
                unfit = np.where(gone, not element.is_float, unfit)
                result[piece][gone & element.is_float] = np.nan
            misfits.note(unfit, problem, piece.start)
        misfits.raise_any()

    def _numbers(self, part: Array, name: str, element: ElementType) -> tuple[Array, Array]:
        """Convert texts, of which '' is a missing value; return with the values which of them do not fit."""
        distinct, where = np.unique(part, return_inverse=True)
        values, unfit = convert_texts(self._texts(distinct, name), element, self.spelling(name))
        return values[where].reshape(part.shape), unfit[where].reshape(part.shape)

    @override
    def text(self, name: str) -> Text:
        array, spelling = self.arrays[self.require(name)], self.missing.get(name)
        codes = allocate(array.shape, np.dtype(np.int64))
        vocabulary: dict[str, int] = {}
        for piece in chunks(array):
            values, where = np.unique(array[piece], return_inverse=True)
            texts = self._texts(values, name)
            texts = list(map(spelling.text, texts)) if spelling else texts
            new = np.array([vocabulary.setdefault(text, len(vocabulary)) for text in texts], np.int64)
            codes[piece] = new[where].reshape(codes[piece].shape)
        return Text(codes, tuple(vocabulary))

    def _texts(self, values: Array, name: str) -> list[str]:
        """Return values as texts that can be written to a file."""
        where = f"column '{name}' of {self.files[name]}"
        try:
            if values.dtype.kind == "U" and values.view(f"{values.dtype.byteorder}u4").max() > sys.maxunicode:
                raise errors.BROKEN(f"{where} holds what is no text")
            texts = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
            "".join(texts).encode()
        except UnicodeDecodeError as error:
            raise errors.NOT_UTF8(f"{error.object!r} in {where} is not UTF-8") from None
        except UnicodeEncodeError:
            raise errors.BROKEN(f"{where} holds what is no text") from None
        return texts


def _plain(value: object) -> object:
    """Return an element of an array as messages show it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else value
