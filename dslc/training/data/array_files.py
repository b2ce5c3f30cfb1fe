"""Reading arrays from npy, npz and idx files: into memory as far as they fit, else mapped or into a temporary file."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.training.data.array_headers import Layout, read_idx_header, read_npy_header
from dslc.training.data.convert import Array
from dslc.training.data.paths import reading
from dslc.training.data.scratch import Spool
from dslc.training.data.streams import Fingerprint, Stream, open_stream

__all__ = ["read_idx", "read_npy", "read_npz"]

PIECE = 8 << 20
LOCAL_HEADER = 30
"""Bytes of a zip member's own header before its name."""
MOST = 1100
"""Deflated data is at most about 1032 times as long as what it was deflated to."""


def read_npy(path: Path, name: str, memory: int) -> tuple[Array, Fingerprint]:
    """Read an npy file under the name that messages give it; E0404 to E0406, E0417, E0426 if that fails."""
    return _read_one(path, name, memory, read_npy_header)


def read_idx(path: Path, name: str, memory: int) -> tuple[Array, Fingerprint]:
    """Read a file in MNIST's format, gzipped or not; E0404 to E0406, E0417, E0426 if that fails."""
    return _read_one(path, name, memory, read_idx_header)


def _read_one(path: Path, name: str, memory: int, header: Any) -> tuple[Array, Fingerprint]:
    with reading(name), open_stream(path, name) as stream:
        layout: Layout = header(stream.file, name)
        if stream.packed:
            if layout.bytes > os.fstat(stream.descriptor()).st_size * MOST:
                raise errors.BROKEN(f"'{name}' ends early: its header tells of {layout}")
            array = _unpack(stream.file, layout, name, memory)
        else:
            layout.check_size(os.fstat(stream.descriptor()).st_size - layout.start, name)
            array = _read_or_map(stream, layout, name, memory)
        return array, stream.fingerprint()


def _read_or_map(stream: Stream, layout: Layout, name: str, memory: int) -> Array:
    """Read what fits into memory, where nothing can change it any more, and map what does not."""
    if layout.bytes <= memory:
        return _unpack(stream.file, layout, name, memory)
    with open(stream.descriptor(), "rb", closefd=False) as file:
        return np.memmap(file, layout.dtype, "r", layout.start, layout.shape, layout.order)


def read_npz(path: Path, name: str, memory: int) -> tuple[dict[str, Array | Problem], Fingerprint]:
    """Read every array of an npz file; large ones that are stored without compression are mapped.

    Every member's checksum is compared. In place of an array that can be no column (E0405, E0417) there is what is to
    be said of it: it need not be one that is asked for.
    """
    arrays: dict[str, Array | Problem] = {}
    with reading(name), open_stream(path, name) as stream:
        if stream.packed:
            raise errors.BROKEN(f"'{name}' is gzipped, which an npz file is not")
        fingerprint = stream.fingerprint()
        file = open(stream.descriptor(), "rb", closefd=False)  # noqa: SIM115 - the stream closes it
        with _zip_errors(name), zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                column = member.filename.removesuffix(".npy")
                if member.filename.endswith("/") or column in arrays:
                    raise errors.BROKEN(f"'{name}' is not an npz file: it holds a folder, or a name twice")
                try:
                    arrays[column] = _read_member(archive, member, file, f"{name}[{column!r}]", memory)
                except Problem as problem:
                    if problem.diagnostic.code not in (errors.UNSUPPORTED_ARRAY, errors.EMPTY):
                        raise
                    arrays[column] = problem
    if not arrays:
        raise errors.EMPTY(f"'{name}' holds no arrays")
    return arrays, fingerprint


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: IO[bytes], title: str, memory: int) -> Array:
    stored = member.compress_type == zipfile.ZIP_STORED
    with archive.open(member) as content:
        layout = read_npy_header(content, title)
        layout.check_size(member.file_size - layout.start, title)
        if member.file_size > (member.compress_size if stored else member.compress_size * MOST):
            raise errors.BROKEN(f"{title} ends early: its header tells of {layout}")
        if not stored or layout.bytes <= memory:
            return _unpack(content, layout, title, memory)
        while content.read(PIECE):  # to its end, where the checksum is compared
            pass
    file.seek(member.header_offset + LOCAL_HEADER - 4)  # the member's own name and extra field vary in length
    offset = member.header_offset + LOCAL_HEADER + sum(struct.unpack("<HH", file.read(4))) + layout.start
    return np.memmap(file, layout.dtype, "r", offset, layout.shape, layout.order)


def _unpack(file: IO[bytes], layout: Layout, name: str, memory: int) -> Array:
    """Read the array that makes the rest of a stream."""
    spool, need = Spool(memory), layout.bytes
    while piece := file.read(min(PIECE, need + 1 - spool.size)):
        spool.write(piece)
    layout.check_size(spool.size, name)
    array = spool.array(layout.dtype).reshape(layout.shape, order=layout.order)
    if layout.dtype.kind == "b" and array.view(np.uint8).max() > 1:
        raise errors.BROKEN(f"'{name}' holds booleans that are neither 0 nor 1")
    return array


@contextmanager
def _zip_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, IndexError, OverflowError) as error:
        raise errors.BROKEN(f"'{name}' is not a whole npz file: {error}") from None
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, a password
        raise errors.UNREADABLE(f"'{name}' cannot be read: {error}") from None
