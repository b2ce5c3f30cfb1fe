"""Reading a file's bytes once, from front to back: hashed on the way, decompressed, and never without a limit."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from typing_extensions import override

from dslc.errors import data as errors

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Fingerprint", "Limited", "Stream", "open_stream", "reading"]

GZIP_MAGIC = b"\x1f\x8b"
BUFFER = 1 << 18
RECORD_LIMIT = 1 << 24
"""Bytes that one record of a text file may have."""
Fingerprint = dict[str, "int | str"]
"""``size`` in bytes and ``sha256`` of a file, as the manifest keeps them."""


def open_regular(path: Path, name: str) -> int:
    """Open a regular file for reading and return its descriptor; what would wait for a writer or never end is refused.

    Raises:
        Problem: E0404, it is a folder, a pipe or a device.
        OSError: it can't be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    if path.is_dir():
        raise errors.UNREADABLE(f"'{name}' is a folder, not a file")
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise errors.UNREADABLE(f"'{name}' is a pipe or a device, not a file")
    return descriptor


class _Hashing(io.RawIOBase):
    """A file whose bytes are hashed as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.size = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = cast("io.RawIOBase", self.file).readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:count])
        self.size += count
        return count

    @override
    def close(self) -> None:
        self.file.close()
        super().close()


class Stream:
    """A data file that is open: ``file`` gives its bytes, decompressed, and is read from front to back."""

    def __init__(self, path: Path, name: str) -> None:
        self._raw = _Hashing(os.fdopen(open_regular(path, name), "rb", buffering=0))
        buffered = io.BufferedReader(self._raw, BUFFER)
        magic = buffered.peek(2)[:2]
        self.packed = magic == GZIP_MAGIC
        self.file: IO[bytes] = buffered
        if self.packed:
            self.file = cast("IO[bytes]", gzip.GzipFile(fileobj=buffered, mode="rb"))
        self._buffered = buffered
        if path.suffix == ".gz" and magic and not self.packed:
            self.close()
            raise errors.BROKEN(f"'{name}' is named .gz but is not a gzip file")

    def descriptor(self) -> int:
        """Return the descriptor of the file itself, to map it or to read anywhere in it."""
        return self._raw.file.fileno()

    def fingerprint(self) -> Fingerprint:
        """Read what is left, and return size and hash of all that was read."""
        while self._buffered.read(BUFFER):
            pass
        return {"size": self._raw.size, "sha256": self._raw.digest.hexdigest()}

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        self._buffered.close()


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn the ways in which reading a file fails into E0403, E0404 and E0406 under the name the user gave it."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise errors.BROKEN(f"'{name}' holds damaged compressed data: {error}") from None
    except FileNotFoundError:
        raise errors.FILE_MISSING(f"there is no file '{name}'") from None
    except OSError as error:
        raise errors.UNREADABLE(f"'{name}' cannot be read: {error.strerror or error}") from None


@contextmanager
def open_stream(path: Path, name: str) -> Iterator[Stream]:
    """Open a data file under the name that messages give it; what fails while it is open is told as :func:`reading`."""
    with reading(name), closing(Stream(path, name)) as stream:
        yield stream


class Limited(io.BufferedIOBase):
    """A stream of records, none of which is longer than :data:`RECORD_LIMIT` bytes.

    ``count`` says how many records were taken so far: what is read while it stays the same belongs to one.
    """

    def __init__(self, file: IO[bytes], name: str, count: Callable[[], int]) -> None:
        self._file = file
        self._name = name
        self._count = count
        self._before = 0
        self._length = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def read1(self, size: int = -1, /) -> bytes:
        piece = cast("io.BufferedIOBase", self._file).read1(size)
        now = self._count()
        if now != self._before:
            self._before, self._length = now, 0
        self._length += len(piece)
        if self._length > RECORD_LIMIT:
            raise errors.TOO_LONG(
                f"row {now + 1} of {self._name} is longer than {RECORD_LIMIT >> 20} MiB",
                hint="is a quote never closed, or is it no csv file?",
            )
        return piece
