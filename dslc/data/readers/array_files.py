"""Reading arrays from npy, npz and idx files: into memory as far as they fit, else into a temporary file.

No file of the user's is mapped: another program may cut or change it, which would end the process or change the data
behind the hash that the manifest keeps.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from dslc.data.convert import Array
from dslc.data.readers.array_headers import Layout, read_npy_header
from dslc.data.readers.array_table import ArrayTable
from dslc.data.scratch import Spool
from dslc.data.streams import Fingerprint, Stream, open_stream
from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.library.sources.ndarrays import npz

__all__ = ["open_npz", "read_array"]

PIECE = 8 << 20
MOST = 1100
"""Deflated data is at most about 1032 times as long as what it was deflated to."""


def read_array(path: Path, name: str, header: Callable[[IO[bytes], str], Layout]) -> tuple[Array, Fingerprint]:
    """Read a file of one array, gzipped or not, under the name that messages give it.

    Raises:
        Problem: E0404 to E0406, E0417, E0426; those of ``header``, which reads what stands in front of the values.
    """
    with open_stream(path, name) as stream:
        layout = header(stream.file, name)
        if stream.packed:
            if layout.bytes > os.fstat(stream.descriptor()).st_size * MOST:
                raise errors.BROKEN(f"'{name}' ends early: its header tells of {layout}")
        else:
            layout.check_size(os.fstat(stream.descriptor()).st_size - layout.start, name)
        array = _unpack(stream.file, layout, name)
        return array, stream.fingerprint()


def open_npz(source: npz, found: Mapping[str, Path]) -> ArrayTable:
    """Read every array of an npz file, and compare checksums; E0404 to E0406, E0417, E0426, E0428 if that fails.

    Of an array that can be no column (E0405, E0417) the table keeps what is to be said of it: it need not be one that
    is asked for.
    """
    path, name = found[source.path], source.path
    arrays: dict[str, Array] = {}
    unread: dict[str, Problem] = {}
    files: dict[str, str] = {}
    with open_stream(path, name) as stream:
        if stream.packed:
            raise errors.BROKEN(f"'{name}' is gzipped, which an npz file is not")
        file = open(stream.descriptor(), "rb", closefd=False)  # noqa: SIM115 - the stream closes it
        with _unchanged(stream, name), _zip_errors(name):
            fingerprint = stream.fingerprint()
            archive = zipfile.ZipFile(file)
            for member in archive.infolist():
                column = member.filename.removesuffix(".npy")
                if member.filename.endswith("/") or column in files:
                    raise errors.BROKEN(f"'{name}' is not an npz file: it holds a folder, or a name twice")
                files[column] = name
                try:
                    arrays[column] = _read_member(archive, member, f"{name}[{column!r}]")
                except Problem as problem:
                    if problem.diagnostic.code not in (errors.UNSUPPORTED_ARRAY, errors.EMPTY):
                        raise
                    unread[column] = problem
    if not files:
        raise errors.EMPTY(f"'{name}' holds no arrays")
    return ArrayTable(arrays, files, {name: fingerprint}, unread=unread)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, title: str) -> Array:
    stored = member.compress_type == zipfile.ZIP_STORED
    with archive.open(member) as content:
        layout = read_npy_header(content, title)
        layout.check_size(member.file_size - layout.start, title)
        if member.file_size > (member.compress_size if stored else member.compress_size * MOST):
            raise errors.BROKEN(f"{title} ends early: its header tells of {layout}")
        return _unpack(content, layout, title)


def _unpack(file: IO[bytes], layout: Layout, name: str) -> Array:
    """Read the array that makes the rest of a stream."""
    spool = Spool(layout.bytes)
    while piece := file.read(min(PIECE, layout.bytes + 1 - spool.size)):
        spool.write(piece)
    layout.check_size(spool.size, name)
    array = spool.array(layout.dtype).reshape(layout.shape, order=layout.order)
    if layout.dtype.kind == "b" and array.view(np.uint8).max() > 1:
        raise errors.BROKEN(f"'{name}' holds booleans that are neither 0 nor 1")
    return array


@contextmanager
def _unchanged(stream: Stream, name: str) -> Iterator[None]:
    """Refuse (E0428) a file that another program writes to meanwhile: what was hashed is not what was read."""
    before = os.fstat(stream.descriptor())
    try:
        yield
    finally:
        after = os.fstat(stream.descriptor())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise errors.CHANGED(f"'{name}' was changed while it was read") from None


@contextmanager
def _zip_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, IndexError, OverflowError) as error:
        raise errors.BROKEN(f"'{name}' is not a whole npz file: {error}") from None
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, a password
        raise errors.UNREADABLE(f"'{name}' cannot be read: {error}") from None
