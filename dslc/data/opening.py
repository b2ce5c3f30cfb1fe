"""From a source to its table."""

from __future__ import annotations

import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from dslc.data.paths import locate
from dslc.data.readers.array_files import open_npz
from dslc.data.readers.arrays import open_each, open_itself
from dslc.data.readers.csv_table import open_csv
from dslc.data.scratch import make_room
from dslc.data.table import Table
from dslc.errors import data as errors
from dslc.library.sources.csv import csv
from dslc.library.sources.ndarrays import idx, npy, npz
from dslc.library.sources.source import DataSource, require_available
from dslc.library.word import SOURCES

__all__ = ["STANDARD_INPUT", "open_inputs", "open_table"]

STANDARD_INPUT = Path("-")
STREAM_LIMIT = 1 << 30
"""Bytes that are taken from standard input."""
PIECE = 1 << 20


READERS: Mapping[type[DataSource], Callable[[Any, Mapping[str, Path]], Table]] = {
    csv: lambda source, found: open_csv(found[source.path], source, source.path),
    npz: open_npz,
    npy: open_each,
    idx: open_each,
}
"""What opens a source, given where each of its paths was found; any other one reads itself."""


def open_table(source: DataSource, folders: Sequence[Path]) -> Table:
    """Open a spec's source, found in ``folders`` (see :func:`~dslc.data.paths.locate`).

    Beyond :data:`~dslc.data.scratch.MEMORY` bytes of data, columns live in temporary files.

    Raises:
        Problem, Failure: E0401 to E0417, E0426, E0427.
    """
    require_available(type(source))
    return READERS.get(type(source), open_itself)(source, {path: locate(path, folders) for path in source.paths})


def open_inputs(
    path: Path, source: DataSource | None = None, *, described: bool = False, needed: Sequence[str] = ()
) -> Table:
    """Open a file that the user named on the command line, as the source of a run says; ``-`` is standard input.

    The kind is told by the file's suffix, else it is the source's, and a file of its kind is read by its options; a
    source that is ``described`` for this file tells its kind.
    A file that holds one array is the column that the source reads from a file of that name, else the only one of its
    columns that is among those ``needed``; without a source it is called as the file without its suffix.

    Raises:
        Problem, Failure: E0401 to E0417, E0421, E0426, E0427, E0429, E0453.
    """
    if path == STANDARD_INPUT:
        if described and not isinstance(source, csv):
            raise errors.BAD_SOURCE(
                f"standard input is read as csv, and --source says {getattr(source, 'name', 'nothing')}",
                hint="give the data as a file",
            )
        spooled = _spooled(getattr(sys.stdin, "buffer", None))
        try:
            table = open_csv(spooled, _with_path(csv, source, "-"), "standard input")
        except BaseException:
            spooled.unlink()
            raise
        # texts of numbers are read from it again, by this table and those made of it, which share its blocks
        weakref.finalize(table.blocks[0], spooled.unlink, missing_ok=True)
        return table
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise errors.UNREADABLE(
            f"'{path}' is a pipe or a device, not a file",
            hint="csv is read from standard input where the file is called -",
        )
    name = path.name or str(path)
    kind: type[Any] = type(source) if described and source is not None else _kind(path, source)
    require_available(kind)
    if kind.keywords:
        column = _column_of(path, source if isinstance(source, kind) else None, needed)
        found: DataSource = kind(files=((column, name),))
    else:
        found = _with_path(kind, source, name)
    return READERS.get(type(found), open_itself)(found, {name: path})


def _kind(path: Path, source: DataSource | None) -> type[Any]:
    kind = next((word for word in SOURCES.values() if _plain(path).endswith(word.suffixes or "\0")), None)
    if kind is None and source is not None:
        return type(source)
    if kind is None:
        known = ", ".join(s for word in SOURCES.values() if word.available for s in word.suffixes)
        raise errors.UNKNOWN_FORMAT(f"the suffix of '{path.name}' tells no known format", hint=f"known are {known}")
    return kind


def _with_path(kind: type[Any], source: DataSource | None, path: str) -> Any:
    """Return a source of one file, with the options of another one of its kind."""
    options = {**vars(source), "path": path} if source is not None and isinstance(source, kind) else {"path": path}
    return kind(**kind.options_for(_plain(path), options))


def _plain(path: Path | str) -> str:
    return Path(path).name.removesuffix(".gz")


def _column_of(path: Path, source: DataSource | None, needed: Sequence[str]) -> str:
    files: Mapping[str, str] = dict(getattr(source, "files", ()))
    if not files:
        return _plain(path).split(".")[0]
    named = [column for column, file in files.items() if _plain(file) == _plain(path)]
    wanted = [column for column in files if column in needed] if needed else list(files)
    for candidates in (named, wanted):
        if len(candidates) == 1:
            return candidates[0]
    raise errors.UNKNOWN_COLUMN(
        f"'{path.name}' holds one array, and the run reads {', '.join(wanted or files)}",
        hint=f"give an npz whose keys are {', '.join(wanted or files)}",
    )


def _spooled(stream: IO[bytes] | None) -> Path:
    """Copy standard input to a temporary file, and return its path.

    Raises:
        Problem: E0404, it is closed; E0426, E0429, it is too large.
    """
    if stream is None:
        raise errors.UNREADABLE("standard input is closed")
    size = 0
    with make_room(STREAM_LIMIT), tempfile.NamedTemporaryFile("wb", prefix="dslc-", delete=False) as file:
        path = Path(file.name)
        try:
            while piece := stream.read(PIECE):
                size += len(piece)
                if size > STREAM_LIMIT:
                    raise errors.TOO_MUCH(f"standard input holds more than {STREAM_LIMIT >> 20} MiB")
                file.write(piece)
        except BaseException:
            path.unlink()
            raise
    return path
