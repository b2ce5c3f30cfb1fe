"""What an array file says of itself in front of its values: element type, shape and order. Nothing of it is trusted."""

from __future__ import annotations

import ast
import math
import re
import struct
import warnings
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np

from dslc.errors import data as errors

__all__ = ["Layout", "read_idx_header", "read_npy_header"]

MAXIMUM_RANK = 32
LARGEST = 2**62
"""Bytes that no array has."""
NPY_MAGIC = b"\x93NUMPY"
NPY_HEADER = 1 << 16
"""Bytes that the header of an npy file may have; longer ones describe records."""
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


@dataclass(frozen=True)
class Layout:
    """How an array's values lie in a file; of an array that can be a column."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    """Bytes in front of the values."""
    order: Literal["C", "F"] = "C"
    """``F``: the first axis varies fastest."""

    def __str__(self) -> str:
        return f"{list(self.shape)} of {self.dtype.name}"

    @property
    def bytes(self) -> int:
        """How many bytes the values take."""
        return math.prod(self.shape) * self.dtype.itemsize

    def check_size(self, have: int, name: str) -> None:
        """Refuse (E0406) a file that has more or fewer bytes than that."""
        if have != self.bytes:
            what = "ends early" if have < self.bytes else "goes on behind its end"
            raise errors.BROKEN(f"'{name}' {what}: {self} takes {self.bytes:,} bytes, and it has {have:,}")


def read_npy_header(file: IO[bytes], name: str) -> Layout:
    """Read the header of an npy file; it is a Python literal, of which nothing is ever run or unpickled.

    Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.

    Raises:
        Problem: E0405, E0406, E0417.
    """
    try:
        text, start = _npy_text(file)
        shape, fortran, dtype = _npy_fields(text)
    except ValueError as error:
        raise errors.BROKEN(f"'{name}' is not an npy array: {error}") from None
    return _checked(Layout(dtype, shape, start, "F" if fortran else "C"), name)


def _npy_text(file: IO[bytes]) -> tuple[str, int]:
    """Return the literal, and how many bytes stand in front of the values."""
    start = file.read(8)
    if len(start) < 8 or start[:6] != NPY_MAGIC:
        raise ValueError(f"it begins with {start[:6].hex(' ') or 'nothing'}")
    if start[6] not in {1, 2, 3}:
        raise ValueError(f"version {start[6]}.{start[7]} of the format is not known")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(file.read(width), "little")
    if length > NPY_HEADER:
        raise ValueError(f"its header has {length:,} bytes")
    text = file.read(length)
    if len(text) < length:
        raise ValueError("it ends within its header")
    return text.decode("utf-8" if start[6] == 3 else "latin-1"), len(start) + width + length


def _npy_fields(text: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fields = ast.literal_eval(re.sub(r"(?<=\d)L\b", "", text).strip())  # Python 2 wrote 10L
            dtype = np.dtype(fields["descr"])
            shape, fortran = fields["shape"], fields["fortran_order"]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError, OverflowError):
        raise ValueError("its header is damaged") from None
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"its shape is {str(shape)[:60]}")
    if not isinstance(fortran, bool):
        raise ValueError("its header does not say in which order its values stand")
    return shape, fortran, dtype


def read_idx_header(file: IO[bytes], name: str) -> Layout:
    """Read the header of a file in MNIST's format: big-endian, sizes first (http://yann.lecun.com/exdb/mnist).

    Raises:
        Problem: E0405, E0406, E0417.
    """
    magic = file.read(4)
    if not magic:
        raise errors.EMPTY(f"'{name}' is empty")
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not 1 <= magic[3] <= MAXIMUM_RANK:
        raise errors.BROKEN(f"'{name}' is not an idx file: it begins with {magic.hex(' ')}")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise errors.BROKEN(f"'{name}' ends within its header")
    return _checked(Layout(np.dtype(IDX_TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", sizes), 4 + len(sizes)), name)


def _checked(layout: Layout, name: str) -> Layout:
    dtype, shape = layout.dtype, layout.shape
    if dtype.hasobject:
        raise errors.UNSUPPORTED_ARRAY(
            f"'{name}' holds Python objects", hint="save numbers or text: np.array(values, dtype=float) or dtype=str"
        )
    if dtype.kind not in "biufUS" or dtype.subdtype or (dtype.itemsize > 8 and dtype.kind not in "US"):
        raise errors.UNSUPPORTED_ARRAY(f"'{name}' holds {str(dtype)[:60]}, which is no element type")
    if not shape:
        raise errors.UNSUPPORTED_ARRAY(f"'{name}' is a scalar and has no rows")
    if len(shape) > MAXIMUM_RANK:
        raise errors.UNSUPPORTED_ARRAY(f"'{name}' has {len(shape)} axes, and {MAXIMUM_RANK} is the most")
    if 0 in shape or dtype.itemsize == 0:
        raise errors.EMPTY(f"'{name}' is empty: its shape is {list(shape)}")
    if layout.bytes > LARGEST:
        raise errors.BROKEN(f"'{name}' is damaged: its header tells of {layout}")
    return layout
