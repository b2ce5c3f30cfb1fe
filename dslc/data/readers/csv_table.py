"""Reading csv in one pass: each block of rows is parsed, typed per column and packed into 8 bytes a cell."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

import numpy as np
from typing_extensions import override

from dslc.data.convert import EXACT, HANDFUL, Array, Misfits, Origin, complaint, convert, convert_texts
from dslc.data.readers.csv_cells import CELL, DTYPES, Block, Blocks, Codes, Kind, beyond, pack, together, typed
from dslc.data.readers.csv_records import Lines, Records, decodable
from dslc.data.scratch import allocate
from dslc.data.spellings import Spelling
from dslc.data.streams import Fingerprint, open_stream
from dslc.data.table import Table, Text, marked
from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.errors import data as errors
from dslc.interpreter import nothing_collected
from dslc.library.sources.csv import csv as Csv  # noqa: N812 - beside the module csv
from dslc.types import FLOAT64, INT64, STRING, ElementType

__all__ = ["CsvTable", "open_csv"]

CODE = re.compile(r"[+-]?0\d")
ELEMENTS: Mapping[int, ElementType] = {Kind.INTEGER: INT64, Kind.NUMBER: FLOAT64, Kind.TEXT: STRING}


@dataclass(frozen=True)
class CsvTable(Table):
    """A parsed csv file."""

    title: str
    names: tuple[str, ...]
    fingerprints: Mapping[str, Fingerprint]
    positions: tuple[int, ...]
    blocks: tuple[Block, ...]
    large: Array
    """Which columns hold a whole number beyond 2^53."""
    plain: Array
    """Which columns are whole numbers spelled in as few characters as they need, or text."""
    vocabularies: tuple[tuple[str, ...], ...]
    lines: Lines
    path: Path
    source: Csv
    missing: Mapping[str, Spelling]
    """What cells mean in the columns that have further marks for missing values."""

    @property
    @override
    def rows(self) -> int:
        return self.blocks[-1].stop

    @override
    def row_shape(self, name: str) -> tuple[int, ...]:
        self.require(name)
        return ()

    @override
    def element(self, name: str) -> ElementType:
        return ELEMENTS[self._kind(name)]

    @override
    def origin(self, row: int, name: str) -> Origin:
        return Origin(self.title, name, line=self.lines[row])

    @override
    def select(self, names: Sequence[str]) -> CsvTable:
        return replace(self, names=tuple(names), positions=tuple(self._position(name) for name in names))

    @override
    def marking(self, missing: Mapping[str, Sequence[str]]) -> CsvTable:
        marks = {
            self.require(name): replace(self.spelling(name), missing=(*self.spelling(name).missing, *texts))
            for name, texts in missing.items()
            if not {*texts} <= {*self.source.missing}
        }
        return replace(self, missing={**self.missing, **marks})

    @override
    def is_spelled(self, name: str) -> bool:
        return True

    def _position(self, name: str) -> int:
        return self.positions[self.places[self.require(name)]]

    @override
    def spelling(self, name: str) -> Spelling:
        return self.missing.get(name, self._spelling)

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling.of(self.source)

    @cached_property
    def _kinds(self) -> Array:
        """The kind of each column of the file, (columns,)."""
        kinds: Array = np.max([block.kinds for block in self.blocks], axis=0)
        return np.where(self.large & (kinds == Kind.NUMBER), Kind.TEXT, kinds)

    def _kind(self, name: str) -> int:
        position, spelling = self._position(name), self.missing.get(name)
        if spelling is None:
            return int(self._kinds[position])
        large, kinds = False, set[int]()
        for block in self.blocks:
            kind, cells = self._cells(block, position)
            if kind != Kind.TEXT:
                gone = marked(cells, spelling)
                kinds |= {Kind.NUMBER if gone.any() else kind}
                large |= kind == Kind.INTEGER and bool(beyond(cells[~gone]).any())
            elif Kind.TEXT not in kinds:
                kinds.add(Kind.TEXT)
        if Kind.TEXT in kinds:
            kind, more = typed(self.vocabularies[position], spelling)
            kinds, large = kinds - {Kind.TEXT} | {kind}, large or more
        return together(kinds, large)

    @staticmethod
    def _cells(block: Block, position: int) -> tuple[int, Array]:
        kind = int(block.kinds[position])
        return kind, block.cells[position].view(DTYPES[kind])

    @override
    def read(self, name: str, element: ElementType | None = None) -> Array:
        return self.read_block((name,), element).reshape(self.rows)

    @override
    def read_block(self, names: Sequence[str], element: ElementType | None = None) -> Array:
        element = element or max((self.element(name) for name in names), key=list(ELEMENTS.values()).index)
        if element is STRING:
            return np.stack([self.text(name).strings() for name in names], axis=1)
        positions = np.array([self._position(name) for name in names])
        result = allocate((self.rows, len(names)), element.numpy)
        misfits = Misfits()
        for block in self.blocks:
            unfit = np.empty((len(names), block.stop - block.start), bool)
            for kind in sorted(set(block.kinds[positions].tolist())):
                among = np.flatnonzero(block.kinds[positions] == kind)
                values, unfit[among] = self._converted(block, [names[n] for n in among.tolist()], kind, element)
                result[block.start : block.stop, among] = values.T
            misfits.note(unfit.T, lambda row, column: self._complaint(row, names[column], element), block.start)
        misfits.raise_any()
        return result

    def _converted(self, block: Block, names: Sequence[str], kind: int, element: ElementType) -> tuple[Array, Array]:
        """Return some columns of a block, all of one kind, in another type, and which values do not fit it."""
        positions = [self._position(name) for name in names]
        cells = block.cells[positions].view(DTYPES[kind])
        if kind != Kind.TEXT:
            values, unfit = convert(cells, element)
            for row in (row for row, name in enumerate(names) if name in self.missing):
                gone = marked(cells[row], self.missing[names[row]])
                unfit[row] = np.where(gone, not element.is_float, unfit[row])
                if element.is_float and gone.any():
                    values = values.copy() if values.base is not None else values
                    values[row, gone] = np.nan
            return values, unfit
        values, unfit = np.empty(cells.shape, element.numpy), np.empty(cells.shape, bool)
        for row, (position, name) in enumerate(zip(positions, names, strict=True)):
            used, where = np.unique(cells[row], return_inverse=True)
            texts = [self.vocabularies[int(position)][code] for code in used.tolist()]
            known, wrong = convert_texts(texts, element, self.spelling(name))
            values[row], unfit[row] = known[where], wrong[where]
        return values, unfit

    @override
    def has_codes(self, name: str) -> bool:
        return not self.plain[self._position(name)] and any(map(CODE.match, self.text(name).vocabulary))

    def _complaint(self, row: int, name: str, element: ElementType) -> Problem:
        position, spelling = self._position(name), self.spelling(name)
        block = self.blocks[bisect_right([block.start for block in self.blocks], row) - 1]
        kind, cells = self._cells(block, position)
        cell = cells[row - block.start]
        value: object = self.vocabularies[position][int(cell)] if kind == Kind.TEXT else cell
        if kind != Kind.TEXT and marked(cell, spelling):
            value = np.float64(np.nan)
        return complaint(value, element, self.origin(row, name), spelling)

    @override
    def text(self, name: str) -> Text:
        position, spelling = self._position(name), self.spelling(name)
        found = Codes(spelling)
        codes = allocate((self.rows,), CELL)
        if all(block.kinds[position] == Kind.TEXT for block in self.blocks):
            vocabulary = self.vocabularies[position]
            for block in self.blocks:
                codes[block.start : block.stop] = block.cells[position]
            if name not in self.missing:
                return Text(codes, vocabulary)
            new = found.of(vocabulary)
            codes[:] = new[codes]
        else:
            for block, texts in zip(self.blocks, self._reread(position), strict=True):
                codes[block.start : block.stop] = found.of(texts)
        return Text(codes, found.vocabulary)

    def _reread(self, position: int) -> Iterator[Sequence[str]]:
        """Pass over the file again, and yield the texts of one column, block by block.

        Raises:
            Problem: E0428, the file is another one.
        """
        changed = errors.CHANGED(f"'{self.title}' was changed while it was read")
        try:
            with nothing_collected(), open_stream(self.path, self.title) as stream:
                records = Records(stream.file, self.source, self.title)
                for columns, block in zip_longest(records, self.blocks):
                    if columns is None or block is None or position >= len(columns):
                        raise changed
                    if len(columns[0]) != block.stop - block.start:
                        raise changed
                    yield columns[position]
                if stream.fingerprint() != self.fingerprints[self.source.path]:
                    raise changed
        except (Problem, Failure):
            raise changed from None


def open_csv(path: Path, source: Csv, name: str) -> CsvTable:
    """Parse a csv file under the name that messages give it.

    Raises:
        Failure: what is wrong with the file's form (E0404 to E0410, E0426, E0427), the first few findings together.
    """
    found: list[Diagnostic] = []
    with nothing_collected(), open_stream(path, name) as stream:
        records = Records(stream.file, source, name)
        blocks, spelling, start = Blocks(), Spelling.of(source), 0
        codes = [Codes(spelling) for _ in records.names]
        large, plain = np.zeros(len(records.names), bool), np.ones(len(records.names), bool)
        for columns in records:
            block = Block(start, np.empty((len(columns), len(columns[0])), CELL), np.empty(len(columns), np.uint8))
            for position, texts in enumerate(columns):
                known = len(codes[position])
                kind, values, says_all = pack(texts, codes[position], spelling)
                plain[position] &= says_all
                block.kinds[position], block.cells[position] = kind, values.view(CELL)
                large[position] |= kind == Kind.INTEGER and bool(values.max() > EXACT or values.min() < -EXACT)
                new = "".join(codes[position].since(known)) if len(codes[position]) > known else ""
                if len(found) < HANDFUL and not decodable(new):
                    found += records.undecodable(texts, records.names[position], start)
            blocks.add(block)
            start = block.stop
            if len(found) + len(records.found) >= HANDFUL:
                break
        found = sorted(records.found + found, key=lambda diagnostic: diagnostic.code.id)
        if found:
            raise Failure(found[:HANDFUL])
        if not start:
            raise errors.EMPTY(f"'{name}' has a header and no rows")
        fingerprint = stream.fingerprint()
    return CsvTable(
        name, records.names, {source.path: fingerprint}, tuple(range(len(records.names))), blocks.all(), large, plain,
        tuple(column.vocabulary for column in codes), records.lines, path, source, {},
    )  # fmt: skip
