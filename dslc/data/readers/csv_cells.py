"""Cells of a csv file, packed into 8 bytes each: an int64, the bits of a float64, or a code into a vocabulary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import count, islice
from typing import Any

import numpy as np

from dslc.data.convert import EXACT, Array
from dslc.data.scratch import Spool
from dslc.data.spellings import Spelling, is_whole
from dslc.data.table import marked

__all__ = [
    "CELL", "DTYPES", "Block", "Blocks", "Codes", "Kind", "beyond", "pack", "together", "typed",
]  # fmt: skip

CELL = np.dtype(np.int64)


class Kind(IntEnum):
    """What the cells of a column are in a block, or in the whole file; of several, the column is the last."""

    INTEGER = 0
    NUMBER = 1
    TEXT = 2


DTYPES: Mapping[int, np.dtype[Any]] = {Kind.INTEGER: CELL, Kind.NUMBER: np.dtype(np.float64), Kind.TEXT: CELL}


@dataclass(frozen=True)
class Block:
    """Some consecutive rows: ``cells`` is (columns, rows), ``kinds`` (columns,)."""

    start: int
    cells: Array
    kinds: Array

    @property
    def stop(self) -> int:
        """The row behind the last."""
        return self.start + int(self.cells.shape[1])


class Blocks:
    """Blocks as they are read, in memory until they outgrow it and in an unnamed temporary file from then on."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._shapes: list[tuple[int, Array, tuple[int, ...]]] = []

    def add(self, block: Block) -> None:
        """Append a block."""
        self._spool.write(np.ascontiguousarray(block.cells).data.cast("B"))
        self._shapes.append((block.start, block.kinds, block.cells.shape))

    def all(self) -> tuple[Block, ...]:
        """Return the blocks; none can be added."""
        everything, offset, blocks = self._spool.array(CELL), 0, []
        for start, kinds, shape in self._shapes:
            size = shape[0] * shape[1]
            blocks.append(Block(start, everything[offset : offset + size].reshape(shape), kinds))
            offset += size
        return tuple(blocks)


class Codes:
    """Numbers the texts that a column's cells spell, in the order in which they first occur."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._known: defaultdict[str, int] = defaultdict(count().__next__)
        self._missing: list[int] = []
        """The codes of texts that stand for a missing value; cells have the code of ''."""

    def __len__(self) -> int:
        return len(self._known)

    def since(self, code: int) -> list[str]:
        """Return the texts from a code on, as fast as there are few of them."""
        return list(islice(reversed(self._known), len(self._known) - code))[::-1]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The text of each code."""
        missing = set(self._missing)
        return tuple("" if code in missing else text for text, code in self._known.items())

    def of(self, cells: Sequence[str]) -> Array:
        """Return the codes of cells, (cells,)."""
        known, before = self._known, len(self._known)
        texts = map(str.strip, cells) if self._spelling.trim else cells
        codes: Array = np.fromiter(map(known.__getitem__, texts), CELL, len(cells))
        if len(known) > before:
            new = self.since(before)
            gone = [before + place for place, text in enumerate(self._spelling.texts(new)) if not text and new[place]]
            self._missing += gone
        if self._missing:
            codes[np.isin(codes, self._missing)] = known[""]
        return codes


def typed(texts: Iterable[str], spelling: Spelling) -> tuple[int, bool]:
    """Return the kind of a column that is made of these cells, and whether a whole number in it is beyond 2^53.

    INTEGER: all are whole numbers in int64. NUMBER: all are numbers or missing, and the whole ones not beyond 2^53, so
    that float64 holds them. TEXT: all else.
    """
    kind, beyond = Kind.INTEGER, False
    for text in texts:
        value = spelling.number(text)
        if value is None or (isinstance(value, int) and not -(2**63) <= value < 2**63):
            return Kind.TEXT, False
        if isinstance(value, int):
            beyond = beyond or abs(value) > EXACT
        elif is_whole(text) and value == value:  # noqa: PLR0124 - not missing: too large for any integer
            return Kind.TEXT, False
        else:
            kind = Kind.NUMBER
    return together([kind], beyond), beyond


def together(kinds: Iterable[int], beyond: bool) -> int:
    """Return the kind of a column of such parts; ``beyond``: a whole number in it is beyond 2^53."""
    kind = max(kinds)
    return Kind.TEXT if beyond and kind == Kind.NUMBER else kind


def pack(texts: Sequence[str], codes: Codes, spelling: Spelling) -> tuple[int, Array, bool]:
    """Return the kind of some cells of a column (see :func:`typed`), their values, and whether these say all.

    They do where whole numbers are spelled in no more characters than they need: without zeros in front, say.
    """
    found = _whole(texts, spelling)
    if found is None:
        found = _numbers(texts, spelling) if spelling.plain else None
    if found is None:
        found = _spelled(texts, spelling)
    joined = "".join(texts) if found is not None else ""
    if found is None or "_" in joined:  # 1_000 is a number to Python, but not in data
        return Kind.TEXT, codes.of(texts), True
    if found.dtype == CELL:
        return Kind.INTEGER, found, len(joined) == _characters(found)
    return Kind.NUMBER, found, False


def _characters(values: Array) -> int:
    """Return how many characters whole numbers need, all together."""
    most = max(abs(int(values.max())), abs(int(values.min())))
    count = len(values) + int(np.count_nonzero(values < 0))
    for power in range(1, len(str(most))):
        count += int(np.count_nonzero((values >= 10**power) | (values <= -(10**power))))
    return count


def beyond(values: Array) -> Array:
    """Return which numbers are beyond 2^53, where float64 does not hold every whole number."""
    found: Array = (values > EXACT) | (values < -EXACT)
    return found


def _whole(texts: Sequence[str], spelling: Spelling) -> Array | None:
    """Return whole numbers as int64, or as float64 where some are missing by a mark; None where some are not whole."""
    try:
        values: Array = np.fromiter(map(int, texts), CELL, len(texts))
    except (ValueError, OverflowError):
        return None
    missing = marked(values, spelling) if spelling.numbers else np.zeros(0, bool)
    if not missing.any():
        return values
    return None if beyond(values[~missing]).any() else np.where(missing, np.nan, values)


def _numbers(texts: Sequence[str], spelling: Spelling) -> Array | None:
    """Return numbers as float64, NaN where a cell is blank; None if some are text, or whole and beyond 2^53."""
    for parse in (float, _float_or_missing):
        try:
            values: Array = np.fromiter(map(parse, texts), np.float64, len(texts))
        except ValueError:
            continue
        if spelling.numbers:
            values[marked(values, spelling)] = np.nan
        large = (texts[place] for place in np.flatnonzero((values >= EXACT) | (values <= -EXACT)).tolist())
        whole = any(is_whole(text) and typed([text], spelling) != (Kind.INTEGER, False) for text in large)
        return None if whole else values
    return None


def _float_or_missing(text: str) -> float:
    return float(text) if text and not text.isspace() else np.nan


def _spelled(texts: Sequence[str], spelling: Spelling) -> Array | None:
    """Return the numbers that texts are as the file spells them; None if they make a column of text."""
    if spelling.plain and not spelling.marks:
        return None
    known: dict[str, int | float] = {}
    for text in texts:
        if text not in known:
            value = spelling.number(text)
            if value is None:
                return None
            known[text] = value
    kind, _ = typed(known, spelling)
    return None if kind == Kind.TEXT else np.fromiter(map(known.__getitem__, texts), DTYPES[kind], len(texts))
