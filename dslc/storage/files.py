"""Writing files so that a reader, or a run that goes on after a crash, never meets half of one."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeAlias

from dslc.errors.environment import DISK_FULL, UNWRITABLE

__all__ = ["ESCAPED", "Buffer", "is_partial", "remove_partials", "replacing", "write_atomically", "writing"]

Buffer: TypeAlias = "bytes | memoryview"

PARTIAL = re.compile(r"\.dslc-[0-9a-f]{16}\.partial")
"""The name of a file that is being written: ours, whatever stands beside it."""


def is_partial(name: str) -> bool:
    """Return whether this is the name of a file that was being written when its writer was killed."""
    return PARTIAL.fullmatch(name) is not None


def remove_partials(folder: Path) -> None:
    """Remove from a folder what was half written when its writer was killed."""
    for entry in folder.iterdir():
        if is_partial(entry.name):
            entry.unlink()


ESCAPED = "backslashreplace"
"""How JSON is encoded: a byte of a file name that is no UTF-8 is written as ``\\udcff``, by JSON's own escape."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what can go wrong while writing a file into E0609 (disk full) and E0610 (anything else)."""
    try:
        yield
    except BrokenPipeError:  # whoever read it has seen enough
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            hint = "free some space; a run that was interrupted goes on with --resume"
            raise DISK_FULL(f"no room to write {path}", hint=hint) from error
        raise UNWRITABLE(f"{path} can't be written: {error.strerror or error}") from error


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to fill, which then takes the place of what bears the name: whole, on the disk, or not at all.

    A file that was there hands on its permissions; a link is replaced itself, not what it leads to.

    Raises:
        Problem: E0609, E0610.
    """
    temporary = path.with_name(f".dslc-{secrets.token_hex(8)}.partial")
    with writing(path):
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            with os.fdopen(descriptor, "wb") as file:
                _keep_mode(path, temporary)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            with suppress(OSError):  # it bears its name by now
                temporary.unlink()
        _sync_folder(path.parent)


def _keep_mode(path: Path, temporary: Path) -> None:
    """Give a new file the permissions, and where that is allowed the owner, of the one that it is to replace."""
    if not path.is_file() or path.is_symlink():
        return
    before, now = path.stat(), temporary.stat()
    if hasattr(os, "chown") and (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        with suppress(OSError):
            os.chown(temporary, before.st_uid, before.st_gid)
    temporary.chmod(before.st_mode & 0o7777)


def write_atomically(path: Path, *pieces: Buffer) -> None:
    """Write a file of these pieces, as :func:`replacing` does.

    Raises:
        Problem: E0609, E0610.
    """
    with replacing(path) as file:
        for piece in pieces:
            file.write(piece)


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    if os.name == "nt":  # Windows has no handle to sync a folder by; its file systems journal names
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
