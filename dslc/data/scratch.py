"""Room for what is larger than memory: arrays in unnamed temporary files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import IO, Any

import numpy as np

from dslc.data.convert import Array
from dslc.errors import data as errors

__all__ = ["MEMORY", "Spool", "allocate", "make_room"]

MEMORY = 256 << 20
"""Bytes of one file's data beyond which it lives in a temporary file instead of memory."""
ZEROS = bytes(1 << 20)


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array to fill: in memory, or in an unnamed temporary file if it takes more than :data:`MEMORY` bytes.

    Raises:
        Problem: E0426, the file does not fit where temporary files go.
    """
    size = prod(shape) * dtype.itemsize
    if size <= MEMORY:
        return np.empty(shape, dtype)
    with make_room(size), tempfile.TemporaryFile() as file:
        # made so large now that writing through memory can't find the disk full, which would kill the process
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            for start in range(0, size, len(ZEROS)):
                file.write(ZEROS[: size - start])
            file.flush()
        return np.memmap(file, dtype, "r+", 0, shape)  # the file vanishes with the last array that shows it


@contextmanager
def make_room(size: int) -> Iterator[None]:
    """Say E0426 of what goes wrong with temporary files of that many bytes."""
    try:
        yield
    except OSError as error:
        raise errors.NO_ROOM(
            f"there is no room for {size:,} bytes of temporary data in {tempfile.gettempdir()}: "
            f"{error.strerror or error}",
            hint="set TMPDIR to a folder on a disk with room",
        ) from None


class Spool:
    """Bytes that are appended, in memory until they outgrow :data:`MEMORY`, and then in an unnamed temporary file.

    Where more than that is ``expected``, they are in the file from the beginning.
    """

    def __init__(self, expected: int = 0) -> None:
        self.size = 0
        self._memory = MEMORY if expected <= MEMORY else 0
        self._held = bytearray()
        self._file: IO[bytes] | None = None

    def write(self, piece: bytes | memoryview) -> None:
        """Append some bytes; E0426 if there is no room for them."""
        if self._file is None and self.size + len(piece) > self._memory:
            with make_room(self.size):
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by array()
            self._write(self._held)
            self._held = bytearray()
        self.size += len(piece)
        if self._file is None:
            self._held += piece
        else:
            self._write(piece)

    def _write(self, piece: bytes | bytearray | memoryview) -> None:
        assert self._file is not None
        with make_room(self.size):
            self._file.write(piece)

    def array(self, dtype: np.dtype[Any]) -> Array:
        """Return all that was written as a flat array; nothing more can be written."""
        if self._file is None:
            return np.frombuffer(self._held, dtype)
        with make_room(self.size), self._file as file:
            file.flush()
            return np.memmap(file, dtype, "r+", 0, (self.size // dtype.itemsize,))
