"""``metrics.jsonl``: a line of figures per epoch and per logging step, appended while a run goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dslc.diagnostics import Diagnostic, Problem
from dslc.errors.runs import LOG_REPAIRED
from dslc.storage.entries import Entry, without_nan
from dslc.storage.files import write_atomically, writing
from dslc.storage.folder import read_file
from dslc.storage.manifest import LOG

__all__ = ["PLACE", "Log", "line_of", "records_of"]

PLACE = ("epoch", "step", "batch")
"""Where in a run a line's figures belong; each line has all three."""


def line_of(record: Mapping[str, Any]) -> bytes:
    """Return a flat record as a line of JSON; numbers that JSON has no word for (NaN, infinity) become null."""
    return json.dumps(without_nan(record), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def records_of(lines: Iterable[bytes]) -> list[dict[str, Any] | None]:
    """Return the record of each line, None for one that is torn or damaged."""
    return [_record(line) for line in lines]


def _record(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not all(value is None or _is_figure(value) for value in record.values()):
        return None
    return record if all(_is_figure(record.get(key)) for key in PLACE) else None


def _is_figure(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Log:
    """The log of a run that goes on, with the hash of all that it holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / LOG
        self._begin()

    def _begin(self) -> None:
        self.lines, self._size, self._digest = 0, 0, hashlib.sha256()

    def append(self, record: Mapping[str, Any], *, sync: bool = False) -> None:
        """Append a record.

        Args:
            record: what to append.
            sync: have the whole file on the disk before returning, as before a checkpoint that counts on it.

        Raises:
            Problem: E0609, E0610.
        """
        line = line_of(record)
        with writing(self.path), self.path.open("ab") as file:
            file.write(line)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        self._count(line, 1)

    def _count(self, data: bytes, lines: int) -> None:
        self._digest.update(data)
        self._size += len(data)
        self.lines += lines

    def mark(self) -> dict[str, Any]:
        """Return what a checkpoint has to know to cut the log back to here."""
        return {"lines": self.lines, "size": self._size, "sha256": self._digest.hexdigest()}

    def start(self, lines: Sequence[bytes] = ()) -> None:
        """Begin the log anew, with these lines.

        Raises:
            Problem: E0609, E0610.
        """
        self._begin()
        write_atomically(self.path, *lines)
        for line in lines:
            self._count(line, 1)

    def go_on(self, mark: Entry, history: Sequence[Mapping[str, Any]]) -> Diagnostic | None:
        """Cut the log back to what it was at a checkpoint; mend it where it is damaged, and return a warning then.

        Args:
            mark: what :meth:`mark` returned.
            history: the records of the evaluations up to then.

        Raises:
            Problem: E0609, E0610; the code of ``mark``, it is damaged.
        """
        lines, size, digest = mark["lines"].whole(), mark["size"].whole(), mark["sha256"].text()
        try:
            data = read_file(self._folder, LOG)
        except Problem:
            data = b""
        whole = data[:size]
        self._count(whole, lines)
        if self.mark() == {"lines": lines, "size": size, "sha256": digest}:
            if len(data) > len(whole):
                with writing(self.path), self.path.open("r+b") as file:
                    file.truncate(len(whole))
                    file.flush()
                    os.fsync(file.fileno())
            return None
        return self._mended(data, lines, history)

    def _mended(self, data: bytes, count: int, history: Sequence[Mapping[str, Any]]) -> Diagnostic:
        """Write the log again, of the lines that can be read and of the evaluations' records."""
        records = records_of(data.splitlines(keepends=True)[:count])
        damaged = [str(number) for number, record in enumerate(records, start=1) if record is None]
        evaluated = {_place(record) for record in history}
        kept = [record for record in records if record is not None and _place(record) not in evaluated]
        merged = sorted([*kept, *history], key=lambda record: (record["batch"], _place(record) in evaluated))
        lines = [line_of(record) for record in merged]
        self.start(lines)
        if not data:
            what = "it is empty or gone"
        elif damaged:
            listed = ", ".join(damaged[:8]) + (", ..." if len(damaged) > 8 else "")
            what = f"line{'s' * (len(damaged) > 1)} {listed} cannot be read"
        else:
            what = "it does not hold what the run wrote"
        return LOG_REPAIRED(
            f"{self.path} is damaged: {what}; of {count:,} lines, {len(lines):,} are there now"
        ).diagnostic


def _place(record: Mapping[str, Any]) -> tuple[float, float, float]:
    return record["epoch"], record["step"], record["batch"]
