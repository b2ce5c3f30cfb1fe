"""Writing files so that a reader, or a run that goes on after a crash, never meets half of one."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from dslc.errors.environment import DISK_FULL, UNWRITABLE

__all__ = ["PARTIAL", "append_jsonl", "truncate_jsonl", "write_atomically", "writing"]

Buffer: TypeAlias = "bytes | memoryview"

PARTIAL = ".partial"
"""Ends the name of a file that is being written."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what can go wrong while writing a file into E0609 (disk full) and E0610 (anything else)."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DISK_FULL(f"no room to write {path}", hint="free some space, then go on with --resume") from error
        raise UNWRITABLE(f"{path} can't be written: {error.strerror or error}") from error


def write_atomically(path: Path, *pieces: Buffer) -> None:
    """Write a file of these pieces whole or not at all, and have it on the disk before returning.

    Raises:
        Problem: E0609, E0610.
    """
    partial = path.with_name(path.name + PARTIAL)
    with writing(path):
        try:
            with partial.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle to sync a folder by; its file systems journal names
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_jsonl(path: Path, record: Mapping[str, Any], *, sync: bool = False) -> None:
    """Append a flat record as one line of JSON; numbers that JSON has no word for (NaN, infinity) become null.

    Args:
        path: the file, made if need be.
        record: what to append.
        sync: have the whole file on the disk before returning, as before a checkpoint that counts on it.

    Raises:
        Problem: E0609, E0610.
    """
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
    line = json.dumps(finite, ensure_ascii=False, allow_nan=False) + "\n"
    with writing(path), path.open("ab") as file:
        file.write(line.encode())
        if sync:
            file.flush()
            os.fsync(file.fileno())


def truncate_jsonl(path: Path, keep: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Cut a file before the first line that is torn, damaged or not to be kept; return the records that stay.

    A file that does not exist has no records.

    Raises:
        Problem: E0610.
    """
    if not path.exists():
        return []
    records: list[dict[str, Any]] = []
    with writing(path), path.open("r+b") as file:
        end = 0
        for line in file:
            record = _record(line)
            if record is None or not keep(record):
                break
            records.append(record)
            end += len(line)
        file.truncate(end)
        file.flush()
        os.fsync(file.fileno())
    return records


def _record(line: bytes) -> dict[str, Any] | None:
    """Return the record of a whole line."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
