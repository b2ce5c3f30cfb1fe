"""Cutting a csv file into rows and cells, and finding what is wrong with its form."""

from __future__ import annotations

import csv
import io
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import IO, cast

from dslc.data.convert import HANDFUL, Origin, clipped
from dslc.data.spellings import PLAIN, delimiter_hint
from dslc.data.streams import Limited
from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.errors import data as errors
from dslc.library.sources.csv import codec_of
from dslc.library.sources.csv import csv as Csv  # noqa: N812 - beside the module csv

__all__ = ["Lines", "Records", "decodable"]

BLOCK_CELLS = 200_000
CELL_LIMIT = 1 << 24
"""Characters that one cell may have."""
MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
"""Byte order marks and the encodings that they tell."""
OTHER_ENCODING = 'name its encoding, csv(..., encoding = "latin-1") or "cp1252" or another, or save the file as UTF-8'


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


class Records:
    """The rows of a csv file, in blocks, as columns of text; faulty rows are left out and noted in ``found``."""

    def __init__(self, file: IO[bytes], source: Csv, name: str) -> None:
        self.found: list[Diagnostic] = []
        self.lines = Lines()
        self.encoding = _encoding(file, source, name)
        self._name = name
        self._row = 0
        self._others = 0
        """Records that are no row: blank, a comment, the header, or faulty."""
        self._skipped = 0
        """Lines that the reader never sees."""
        self._before = 0
        """The line that the next record, or the current one, stands behind."""
        self._between = True
        """Whether the next line begins a record."""
        self._fresh: list[list[str]] = []
        """Records that the reader has given and that were not looked at."""
        text = io.TextIOWrapper(
            cast("IO[bytes]", Limited(file, name, lambda: self._row + self._others + len(self._fresh))),
            self.encoding, "surrogateescape", newline="",
        )  # fmt: skip
        self._has_comments = bool(source.comment)
        csv.field_size_limit(CELL_LIMIT)
        self._reader = csv.reader(
            self._without_comments(text, source.comment) if source.comment else text,
            delimiter=source.delimiter,
            quotechar=source.quote or None,
            quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
            skipinitialspace=source.trim and source.delimiter != " ",
            strict=True,
        )
        self._skip(text, source.skip)
        self._begin()
        self._first: list[list[str]] = []
        first = self._next_filled()
        self._header_line = self._reader.line_num + self._skipped
        self.names = tuple(first)
        if source.header:
            self._others += 1
            self.names = tuple(cell.strip() for cell in first) if source.trim else self.names
            self._check_names()
            return
        self._first = [first]
        self.names = source.names or tuple(str(number) for number in range(1, len(first) + 1))
        if len(self.names) != len(first):
            raise errors.RAGGED(
                f"line {self._header_line} of {name} has {_cells(len(first))}, and 'names' has {len(self.names)}"
            )

    def _skip(self, text: IO[str], lines: int) -> None:
        for _ in range(lines):
            self._others += 1
            self._skipped += 1
            self._before += 1
            if not text.readline():
                raise errors.EMPTY(f"'{self._name}' has no more than the {lines:,} lines that are skipped")

    def _without_comments(self, text: IO[str], comment: str) -> Iterator[str]:
        """Yield the lines that are part of the table: a comment stands between rows, not within a quoted cell."""
        for line in text:
            if self._between and line.startswith(comment):
                self._skipped += 1
                self._before += 1
                self._others += 1
                continue
            self._between = False
            yield line

    def _next_filled(self) -> list[str]:
        with self._faults():
            for record in self._reader:
                if record:
                    return record
                self._others += 1
                self._begin()
        raise errors.EMPTY(f"'{self._name}' is empty")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Say what is wrong where the reader can't go on."""
        try:
            yield
        except UnicodeError as error:
            # without the mark, what Python says differs from version to version
            reason = error.reason if isinstance(error, UnicodeDecodeError) else "it begins with no byte order mark"
            raise errors.NOT_UTF8(
                f"{self._name} is not {self.encoding}: {reason}, behind line {self._before}", hint=OTHER_ENCODING
            ) from None
        except csv.Error as error:
            raise errors.BAD_CSV(
                f"the row that begins in line {self._before + 1} of {self._name} cannot be split into cells: {error}",
                hint="is a quote never closed?" if "unexpected end" in str(error) or "limit" in str(error) else None,
            ) from None

    def _check_names(self) -> None:
        seen: dict[str, int] = {}
        for number, name in zip(count(1), self.names):
            if not decodable(name):
                place = f"line {self._header_line} of {self._name}"
                self.found.append(self._undecoded(f"the name of column {number} in {place}").diagnostic)
            if name in seen:
                message = f"columns {seen[name]} and {number} of {self._name} are both called '{clipped(name)}'"
                self.found.append(errors.DUPLICATE_COLUMN(message).diagnostic)
            seen[name] = number
        if self.found:
            hint = "is the first row data already? then read it with header = false"
            numbers = all(_is_number(name) for name in self.names)
            raise Failure(replace(finding, hint=hint if numbers else finding.hint) for finding in self.found[:HANDFUL])

    def __iter__(self) -> Iterator[list[Sequence[str]]]:
        """Yield blocks as one sequence of texts per column."""
        size = max(1, BLOCK_CELLS // len(self.names))
        block: list[list[str]] = []
        if self._first:
            self._before = self._header_line - 1
            self._take(self._first.pop(), block)
        self._begin()
        with self._faults():
            while self._read(1 if self._has_comments else size - len(block), block):
                if len(self.found) > HANDFUL:
                    return
                if len(block) == size:
                    yield list(zip(*block, strict=True))
                    block = []
        if block:
            yield list(zip(*block, strict=True))

    def _read(self, count: int, block: list[list[str]]) -> bool:
        """Take up to so many records at once; return whether there were any."""
        fresh = self._fresh = []
        try:
            fresh.extend(islice(self._reader, count))
        except (UnicodeError, csv.Error):
            self._take_all(fresh, block)  # so that the message knows the line
            raise
        self._take_all(fresh, block)
        self._begin()
        return bool(fresh)

    def _take_all(self, records: list[list[str]], block: list[list[str]]) -> None:
        """Take records that stand one behind the other; the reader tells the line behind the last of them only."""
        self._fresh = []
        width, lines = len(self.names), self._reader.line_num + self._skipped - self._before
        each_has_one = lines == len(records)
        if each_has_one and self._before + 1 - self._row == self.lines.ahead[-1] and set(map(len, records)) <= {width}:
            block += records
            self._row += len(records)
            self._before += len(records)
            return
        for record in records:
            if len(record) == width and self._before + 1 - self._row == self.lines.ahead[-1]:
                self._row += 1
                block.append(record)
            else:
                self._take(record, block)
            self._before += 1 if each_has_one else 1 + sum(map(_breaks, record))

    def _begin(self) -> None:
        """Stand behind a record."""
        self._before = self._reader.line_num + self._skipped
        self._between = True

    def _take(self, record: list[str], block: list[list[str]]) -> None:
        """Take a record that is a row, is none, or begins where the last one does not say."""
        if len(record) == len(self.names):
            self.lines.note(self._row, self._before + 1)
            self._row += 1
            block.append(record)
            return
        self._others += 1
        if not record or (len(record) == 1 and not record[0].strip()):  # a blank line
            return
        known = "is one column" if len(self.names) == 1 else f"are {len(self.names)} columns"
        cells = f"{_cells(len(record))}, and there {known}"
        message = f"line {self._before + 1} of {self._name} has {cells}"
        self.found.append(errors.RAGGED(message, hint=delimiter_hint(self.names)).diagnostic)

    def undecodable(self, texts: Sequence[str], name: str, start: int) -> list[Diagnostic]:
        """Return the first of a column's texts, from row ``start`` on, that was not in the file's encoding."""
        for row, text in enumerate(texts, start):
            if not decodable(text):
                origin = Origin(self._name, name, line=self.lines[row])
                return [self._undecoded("a cell", f" ({origin})").diagnostic]
        return []

    def _undecoded(self, what: str, where: str = "") -> Problem:
        encoding = "UTF-8" if self.encoding.startswith(("utf_8", "utf-8")) else self.encoding
        return errors.NOT_UTF8(f"{what} is not {encoding}{where}", hint=OTHER_ENCODING)


def _encoding(file: IO[bytes], source: Csv, name: str) -> str:
    """Return the encoding of a text file: what its byte order mark says, else what the source says."""
    start = cast("io.BufferedReader", file).peek(4)[:4]
    if not start:
        raise errors.EMPTY(f"'{name}' is empty")
    return next((encoding for mark, encoding in MARKS if start.startswith(mark)), codec_of(source.encoding))


def _breaks(cell: str) -> int:
    """Return how many lines end within a quoted cell."""
    if "\r" in cell:
        return len(cell.replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1
    return cell.count("\n")


def _is_number(text: str) -> bool:
    value = PLAIN.number(text)
    return value is not None and value == value  # noqa: PLR0124 - NaN differs from itself


def decodable(text: str) -> bool:
    """Return whether a text was free of bytes that its encoding has no character for."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"
