"""Reading csv in one pass: each block of rows is parsed, typed per column and packed into 8 bytes a cell.

A cell is an int64, the bits of a float64, or a code into its column's vocabulary, as its column's *kind* in that
block says. Blocks go to a temporary file once they outgrow memory.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
from typing_extensions import override

from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.errors import data as errors
from dslc.library.sources import csv as Csv  # noqa: N812 - beside the module csv
from dslc.training.data.convert import HANDFUL, Array, Origin, complaint, convert, raise_some, text_to_numbers
from dslc.training.data.csv_records import Lines, Records, open_text
from dslc.training.data.paths import reading
from dslc.training.data.table import MEMORY, Table, Text, allocate, map_file
from dslc.types import FLOAT64, INT64, STRING, ElementType

__all__ = ["CsvTable", "open_csv"]

CELL = np.dtype(np.int64)
INTEGER, NUMBER, TEXT = range(3)
DTYPES = {INTEGER: np.dtype(np.int64), NUMBER: np.dtype(np.float64), TEXT: np.dtype(np.int64)}
ELEMENTS = {INTEGER: INT64, NUMBER: FLOAT64, TEXT: STRING}


@dataclass(frozen=True)
class Block:
    """Some consecutive rows: ``cells`` is (columns, rows), ``kinds`` (columns,)."""

    start: int
    cells: Array
    kinds: Array

    @property
    def stop(self) -> int:
        return self.start + int(self.cells.shape[1])


@dataclass(frozen=True)
class CsvTable(Table):
    """A parsed csv file."""

    title: str
    names: tuple[str, ...]
    positions: tuple[int, ...]
    blocks: tuple[Block, ...]
    vocabularies: tuple[tuple[str, ...], ...]
    lines: Lines
    memory: int
    reread: Callable[[int], Iterator[Sequence[str]]]
    """Pass over the file again for the texts of one column, block by block."""

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
        position = self._position(name)
        return ELEMENTS[max(int(block.kinds[position]) for block in self.blocks)]

    @override
    def origin(self, row: int, name: str) -> Origin:
        return Origin(self.title, name, line=self.lines[row])

    @override
    def select(self, names: Sequence[str]) -> CsvTable:
        return replace(self, names=tuple(names), positions=tuple(self._position(name) for name in names))

    def _position(self, name: str) -> int:
        return self.positions[self.names.index(self.require(name))]

    @override
    def read(self, name: str, element: ElementType | None = None) -> Array:
        if (element or self.element(name)) is STRING:
            return self.text(name).strings()
        block = self.read_block((name,), element)
        return block.reshape(self.rows)

    @override
    def read_block(self, names: Sequence[str], element: ElementType | None = None) -> Array:
        element = element or max((self.element(name) for name in names), key=list(ELEMENTS.values()).index)
        if element is STRING:
            return np.stack([self.text(name).strings() for name in names], axis=1)
        positions = np.array([self._position(name) for name in names])
        result = allocate((self.rows, len(names)), element.numpy, self.memory)
        total, bad = 0, list[tuple[int, int]]()
        for block in self.blocks:
            for kind in np.unique(block.kinds[positions]):
                among = np.flatnonzero(block.kinds[positions] == kind)
                values, unfit = self._converted(block, positions[among], int(kind), element)
                result[block.start : block.stop, among] = values.T
                if unfit.any():
                    total += int(unfit.sum())
                    rows, columns = np.nonzero(unfit.T)
                    first = islice(zip(rows.tolist(), columns.tolist(), strict=True), HANDFUL)
                    bad += [(block.start + row, int(among[column])) for row, column in first]
        if total:
            raise_some(total, (self._complaint(row, names[column], element) for row, column in sorted(bad)))
        return result

    def _converted(self, block: Block, positions: Array, kind: int, element: ElementType) -> tuple[Array, Array]:
        cells = block.cells[positions].view(DTYPES[kind])
        if kind != TEXT:
            return convert(cells, element)
        numbers, wrong = np.empty(cells.shape), np.empty(cells.shape, bool)
        for i, position in enumerate(positions):
            used, where = np.unique(cells[i], return_inverse=True)
            texts = [self.vocabularies[position][code] for code in used]
            known = text_to_numbers(texts, element)
            blank = np.array([_is_missing(text) for text in texts])
            numbers[i], wrong[i] = known[where], (np.isnan(known) & ~blank)[where]
        values, unfit = convert(numbers, element)
        return values, unfit | wrong

    def _complaint(self, row: int, name: str, element: ElementType) -> Problem:
        position = self._position(name)
        block = self.blocks[bisect_right([block.start for block in self.blocks], row) - 1]
        kind = int(block.kinds[position])
        cell = block.cells[position : position + 1, row - block.start].view(DTYPES[kind])[0]
        value = self.vocabularies[position][int(cell)] if kind == TEXT else cell
        return complaint(value, element, self.origin(row, name))

    @override
    def text(self, name: str) -> Text:
        position = self._position(name)
        if all(block.kinds[position] == TEXT for block in self.blocks):
            codes = allocate((self.rows,), CELL, self.memory)
            for block in self.blocks:
                codes[block.start : block.stop] = block.cells[position]
            return Text(codes, self.vocabularies[position])
        codes, vocabulary = allocate((self.rows,), CELL, self.memory), dict[str, int]()
        for block, texts in zip(self.blocks, self.reread(position), strict=True):
            codes[block.start : block.stop] = _encoded(texts, vocabulary)
        return Text(codes, tuple(vocabulary))


# --- The pass over the file --------------------------------------------------------------------------


def open_csv(path: Path, source: Csv, name: str, memory: int = MEMORY) -> CsvTable:
    """Parse a csv file under the name that messages give it.

    Raises:
        Failure: what is wrong with the file's form (E0404 to E0410), the first few findings together.
    """
    with reading(name), open_text(path, name) as file:
        records = Records(file, source, name)
        found: list[Diagnostic] = []
        spool = _Spool(memory)
        vocabularies: list[dict[str, int]] = [{} for _ in records.names]
        rows = 0
        for columns in records:
            cells = np.empty((len(columns), len(columns[0])), CELL)
            kinds = np.empty(len(columns), np.uint8)
            for position, texts in enumerate(columns):
                known = len(vocabularies[position])
                kinds[position], values = _packed(texts, vocabularies[position])
                cells[position] = values.view(CELL)
                if len(vocabularies[position]) > known:
                    new = islice(vocabularies[position], known, None)
                    found += records.undecodable(new, texts, position, rows)
            spool.add(Block(rows, cells, kinds))
            rows += cells.shape[1]
            if len(found) + len(records.found) >= HANDFUL:
                break
    found = sorted(records.found + found, key=lambda diagnostic: diagnostic.code.id)
    if found:
        raise Failure(found[:HANDFUL])
    if not rows:
        raise errors.EMPTY(f"'{name}' has a header and no rows")

    def reread(position: int) -> Iterator[Sequence[str]]:
        with reading(name), open_text(path, name) as again:
            for columns in Records(again, source, name):
                yield columns[position]

    everything = tuple(range(len(records.names)))
    distinct = tuple(tuple(vocabulary) for vocabulary in vocabularies)
    return CsvTable(name, records.names, everything, spool.blocks(), distinct, records.lines, memory, reread)


class _Spool:
    """Blocks, in memory until they outgrow it and in an unnamed temporary file from then on."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._blocks: list[Block] = []
        self._shapes: list[tuple[int, Array, tuple[int, ...]]] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def add(self, block: Block) -> None:
        self._blocks.append(block)
        self._held += block.cells.nbytes
        if self._held > self._memory:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115 - closed by blocks()
            for held in self._blocks:
                self._file.write(held.cells.data)
                self._shapes.append((held.start, held.kinds, held.cells.shape))
            self._blocks, self._held = [], self._memory  # from now on each block goes straight out

    def blocks(self) -> tuple[Block, ...]:
        if self._file is None:
            return tuple(self._blocks)
        total = self._file.tell() // CELL.itemsize
        self._file.flush()
        everything, offset, blocks = map_file(self._file, CELL, (total,)), 0, []
        self._file.close()
        for start, kinds, shape in self._shapes:
            size = shape[0] * shape[1]
            blocks.append(Block(start, everything[offset : offset + size].reshape(shape), kinds))
            offset += size
        return tuple(blocks)


def _packed(texts: Sequence[str], vocabulary: dict[str, int]) -> tuple[int, Array]:
    """Return the kind of a column's texts and their values."""
    for kind, parse in ((INTEGER, int), (NUMBER, float), (NUMBER, _float_or_missing)):
        try:
            values = np.fromiter(map(parse, texts), DTYPES[kind], len(texts))
        except (ValueError, OverflowError):
            continue
        if "_" in "".join(texts):  # a number to Python, but not in data
            break
        return kind, values
    return TEXT, _encoded(texts, vocabulary)


def _float_or_missing(text: str) -> float:
    return float(text) if text and not text.isspace() else np.nan


def _encoded(texts: Sequence[str], vocabulary: dict[str, int]) -> Array:
    return np.fromiter((vocabulary.setdefault(text, len(vocabulary)) for text in texts), CELL, len(texts))


def _is_missing(text: str) -> bool:
    return not text or text.isspace() or text.strip().lower() == "nan"
