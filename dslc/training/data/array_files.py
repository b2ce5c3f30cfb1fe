"""Reading arrays from npy, npz and idx files: mapped where the file allows it, else unpacked piece by piece."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from dslc.errors import data as errors
from dslc.training.data.convert import Array
from dslc.training.data.paths import GZIP_MAGIC, open_bytes, reading
from dslc.training.data.table import allocate

__all__ = ["read_idx", "read_npy", "read_npz"]

PIECE = 8 << 20
MAXIMUM_RANK = 32
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
Layout = tuple[np.dtype[Any], tuple[int, ...], bool]
"""Element type, shape, and whether the first axis varies fastest (Fortran's order)."""
LOCAL_HEADER = 30
"""Bytes of a zip member's own header before its name."""


def read_npy(path: Path, name: str, memory: int) -> Array:
    """Read an npy file under the name that messages give it; E0404 to E0406, E0417 if that fails."""
    with reading(name), open_bytes(path, name) as file:
        dtype, shape, fortran = _npy_header(file, name)
        start = file.tell()
        if _is_gzip(path):
            return _unpack(file, (dtype, shape, fortran), name, memory)
        _check_size(path.stat().st_size - start, dtype, shape, name)
        return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def read_npz(path: Path, name: str, memory: int) -> dict[str, Array]:
    """Read every array of an npz file; those stored without compression are mapped."""
    arrays: dict[str, Array] = {}
    with reading(name), _zip_errors(name), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            title = f"{name}[{member.filename.removesuffix('.npy')!r}]"
            if member.filename.endswith("/") or member.filename.removesuffix(".npy") in arrays:
                raise errors.BROKEN(f"'{name}' is not an npz file: it holds a folder, or a name twice")
            with archive.open(member) as file:
                dtype, shape, fortran = _npy_header(file, title)
                start = file.tell()
                _check_size(member.file_size - start, dtype, shape, title)
                if member.compress_type == zipfile.ZIP_STORED:
                    offset = _member_start(path, member) + start
                    array: Array = np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
                else:
                    array = _unpack(file, (dtype, shape, fortran), title, memory)
            arrays[member.filename.removesuffix(".npy")] = array
    if not arrays:
        raise errors.EMPTY(f"'{name}' holds no arrays")
    return arrays


def read_idx(path: Path, name: str, memory: int) -> Array:
    """Read a file in MNIST's format (http://yann.lecun.com/exdb/mnist: big-endian, sizes first), gzipped or not."""
    with reading(name), open_bytes(path, name) as file:
        magic = file.read(4)
        if not magic:
            raise errors.EMPTY(f"'{name}' is empty")
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not 1 <= magic[3] <= MAXIMUM_RANK:
            raise errors.BROKEN(f"'{name}' is not an idx file: it begins with {magic.hex(' ')}")
        sizes = file.read(4 * magic[3])
        if len(sizes) < 4 * magic[3]:
            raise errors.BROKEN(f"'{name}' ends within its header")
        shape = struct.unpack(f">{magic[3]}I", sizes)
        dtype = np.dtype(IDX_TYPES[magic[2]])
        _check_column(dtype, shape, name)
        if _is_gzip(path):
            return _unpack(file, (dtype, shape, False), name, memory)
        start = 4 + len(sizes)
        _check_size(path.stat().st_size - start, dtype, shape, name)
        return np.memmap(path, dtype, "r", start, shape)


def _npy_header(file: IO[bytes], name: str) -> Layout:
    """Read an npy header; nothing in it is ever run or unpickled."""
    try:
        version = npy_format.read_magic(file)
        header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, fortran, dtype = header(file)
    except ValueError as error:
        raise errors.BROKEN(f"'{name}' is not an npy array: {error}") from None
    _check_column(dtype, shape, name)
    return dtype, shape, fortran


def _check_column(dtype: np.dtype[Any], shape: tuple[int, ...], name: str) -> None:
    if dtype.hasobject:
        raise errors.UNSUPPORTED_ARRAY(
            f"'{name}' holds Python objects", hint="save numbers or text: np.array(values, dtype=float) or dtype=str"
        )
    if dtype.kind not in "biufUS" or (dtype.itemsize > 8 and dtype.kind not in "US"):
        raise errors.UNSUPPORTED_ARRAY(f"'{name}' holds {dtype}, which is no element type")
    if not shape:
        raise errors.UNSUPPORTED_ARRAY(f"'{name}' is a scalar and has no rows")
    if 0 in shape or dtype.itemsize == 0:
        raise errors.EMPTY(f"'{name}' is empty: its shape is {list(shape)}")


def _check_size(have: int, dtype: np.dtype[Any], shape: tuple[int, ...], name: str) -> None:
    need = math.prod(shape) * dtype.itemsize
    if have != need:
        what = "ends early" if have < need else "goes on behind its end"
        raise errors.BROKEN(f"'{name}' {what}: {list(shape)} of {dtype.name} takes {need:,} bytes, and it has {have:,}")


def _unpack(file: IO[bytes], layout: Layout, name: str, memory: int) -> Array:
    """Read the array that follows in a compressed file."""
    dtype, shape, fortran = layout
    need = math.prod(shape) * dtype.itemsize
    if need <= memory:
        content = bytearray(file.read(need + 1))
        _check_size(len(content), dtype, shape, name)
        flat: Array = np.frombuffer(content, dtype)
    else:
        flat = allocate((math.prod(shape),), dtype, memory)
        content_bytes, have = flat.view(np.uint8), 0
        while piece := file.read(min(PIECE, need + 1 - have)):
            kept = piece[: need - have]
            content_bytes[have : have + len(kept)] = np.frombuffer(kept, np.uint8)
            have += len(piece)
        _check_size(have, dtype, shape, name)
    return flat.reshape(shape, order="F" if fortran else "C")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def _member_start(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where a member's bytes begin: behind its local header, whose name and extra field vary in length."""
    with path.open("rb") as file:
        file.seek(member.header_offset + LOCAL_HEADER - 4)
        name, extra = struct.unpack("<HH", file.read(4))
    return member.header_offset + LOCAL_HEADER + int(name) + int(extra)


@contextmanager
def _zip_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error) as error:
        raise errors.BROKEN(f"'{name}' is not a whole npz file: {error}") from None
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, a password
        raise errors.UNREADABLE(f"'{name}' cannot be read: {error}") from None
