"""Cutting a csv file into rows and cells, and finding what is wrong with its form."""

from __future__ import annotations

import csv
import io
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import IO

import numpy as np

from dslc.diagnostics import Diagnostic, Failure
from dslc.errors import data as errors
from dslc.library.sources import csv as Csv  # noqa: N812 - beside the module csv
from dslc.training.data.convert import HANDFUL, Origin, text_to_numbers
from dslc.training.data.paths import open_bytes
from dslc.types import FLOAT64

__all__ = ["Lines", "Records", "open_text"]

BLOCK_CELLS = 200_000
CELL_LIMIT = 1 << 24
"""Characters that one cell may have."""


@dataclass
class Lines:
    """At which line of the file each row begins, kept as the rows where the distance changes."""

    rows: array[int] = field(default_factory=lambda: array("q", [0]))
    ahead: array[int] = field(default_factory=lambda: array("q", [1]))

    def note(self, row: int, line: int) -> None:
        """Say where the next row begins."""
        if line - row != self.ahead[-1]:
            self.rows.append(row)
            self.ahead.append(line - row)

    def __getitem__(self, row: int) -> int:
        distance: int = self.ahead[bisect_right(self.rows, row) - 1]
        return row + distance


def open_text(path: Path, name: str) -> io.TextIOWrapper:
    """Open a text file; bytes that are not UTF-8 become lone surrogates, to be found where they stand."""
    file = open_bytes(path, name)
    start = file.read(2)
    file.seek(0)
    if not start:
        raise errors.EMPTY(f"'{name}' is empty")
    if start in (b"\xff\xfe", b"\xfe\xff"):
        raise errors.NOT_UTF8(f"'{name}' is UTF-16", hint="save it as UTF-8")
    return io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")


class Records:
    """The rows of a csv file, in blocks, as columns of text; faulty rows are left out and noted in ``found``."""

    def __init__(self, file: IO[str], source: Csv, name: str) -> None:
        self.found: list[Diagnostic] = []
        self.lines = Lines()
        self._name = name
        self._missing = source.missing
        csv.field_size_limit(CELL_LIMIT)
        self._reader = csv.reader(
            file,
            delimiter=source.delimiter,
            quotechar=source.quote or None,
            quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
            strict=True,
        )
        self._row = 0
        self._first: list[list[str]] = []
        first = self._next_filled()
        self._header_line = self._reader.line_num
        if source.header:
            self.names = tuple(cell.strip() for cell in first)
            self._check_names()
        else:
            self.names = tuple(str(number) for number in range(1, len(first) + 1))
            self._first = [first]

    def _next_filled(self) -> list[str]:
        for record in self._records():
            if record:
                return record
        raise errors.EMPTY(f"'{self._name}' is empty")

    def _records(self) -> Iterator[list[str]]:
        before = self._reader.line_num
        try:
            for record in self._reader:
                yield record
                before = self._reader.line_num
        except csv.Error as error:
            raise errors.BAD_CSV(
                f"the row that begins in line {before + 1} of {self._name} cannot be split into cells: {error}",
                hint="is a quote never closed?" if "unexpected end" in str(error) or "limit" in str(error) else None,
            ) from None

    def _check_names(self) -> None:
        seen: dict[str, int] = {}
        for number, name in zip(count(1), self.names):
            if not _decodable(name):
                message = f"the name of column {number} in line {self._header_line} of {self._name} is not UTF-8"
                self.found.append(errors.NOT_UTF8(message).diagnostic)
            if name in seen:
                message = f"columns {seen[name]} and {number} of {self._name} are both called '{name}'"
                self.found.append(errors.DUPLICATE_COLUMN(message).diagnostic)
            seen[name] = number
        if self.found:
            hint = "is the first row data already? then read it with header = false"
            numbers = all(_is_number(name) for name in self.names)
            raise Failure(replace(finding, hint=hint if numbers else finding.hint) for finding in self.found[:HANDFUL])

    def __iter__(self) -> Iterator[list[Sequence[str]]]:
        """Yield blocks as one sequence of texts per column."""
        width = len(self.names)
        size = max(1, BLOCK_CELLS // width)
        block: list[list[str]] = []
        line = self._reader.line_num
        if self._first:
            self._accept(self._first.pop(), self._header_line, block)
        for record in self._records():
            if len(record) == width:
                self.lines.note(self._row, line + 1)
                self._row += 1
                block.append(record)
            elif record:
                self._accept(record, line + 1, block)
            line = self._reader.line_num
            if len(block) >= size:
                yield self._columns(block)
                block = []
            if len(self.found) > HANDFUL:
                return
        if block:
            yield self._columns(block)

    def _accept(self, record: list[str], line: int, block: list[list[str]]) -> None:
        if len(record) == len(self.names):
            self.lines.note(self._row, line)
            self._row += 1
            block.append(record)
            return
        message = f"line {line} of {self._name} has {_cells(len(record))}, and there are {len(self.names)} columns"
        self.found.append(errors.RAGGED(message).diagnostic)

    def _columns(self, block: list[list[str]]) -> list[Sequence[str]]:
        mark = self._missing
        columns: list[Sequence[str]] = list(zip(*block, strict=True))
        if not mark:
            return columns
        return [["" if text.strip() == mark else text for text in texts] for texts in columns]

    def undecodable(self, new: Iterator[str], texts: Sequence[str], position: int, start: int) -> list[Diagnostic]:
        """Find the new vocabulary entries that were not UTF-8, and say where they stand."""
        found = []
        for text in new:
            if not _decodable(text):
                origin = Origin(self._name, self.names[position], line=self.lines[start + texts.index(text)])
                problem = errors.NOT_UTF8(f"a cell is not UTF-8 ({origin})", hint="save the file as UTF-8")
                found.append(problem.diagnostic)
        return found


def _is_number(text: str) -> bool:
    return not np.isnan(text_to_numbers([text], FLOAT64)[0])


def _decodable(text: str) -> bool:
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"
