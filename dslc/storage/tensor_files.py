"""Tensors as a safetensors file, piece by piece, so that writing a large state takes no second copy of it.

The format is that of https://huggingface.co/docs/safetensors: the length of the header (8 bytes, little-endian), the
header (JSON, padded with spaces to a multiple of 8 bytes), and the tensors' bytes one after the other. The package
``safetensors`` only writes from one string of bytes per tensor, and what it reads it copies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

__all__ = ["DTYPES", "read_tensors", "tensor_file"]

NAMES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
METADATA = "__metadata__"


def tensor_file(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Yield the pieces of a file: its header, then each tensor's memory where it lies.

    Args:
        tensors: the arrays by name; those that are not C-contiguous in native byte order are copied one at a time.
        metadata: texts to put into the header.
    """
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    # as the package does: larger element types first, so that each tensor is aligned for its type
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    offset = 0
    for name, array in ordered:
        end = offset + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype.name], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for _, array in ordered:
        little_endian = np.require(array, array.dtype.newbyteorder("<"), requirements="C")
        yield little_endian.reshape(-1).view(np.uint8).data


DTYPES = {short: name for name, short in NAMES.items()}
"""The format's words for element types that NumPy has too."""


def read_tensors(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the tensors of a file that :func:`tensor_file` made, where they lie in it, and the texts in its header.

    Raises:
        ValueError: it is damaged; the message says how.
    """
    begin = 8 + int.from_bytes(data[:8], "little")
    if len(data) < 8 or begin > len(data):
        raise ValueError("it is cut short")
    try:
        header = json.loads(data[8:begin])
    except (ValueError, RecursionError):
        raise ValueError("its header is no JSON") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its header's metadata is not text")
    return {name: _tensor(name, entry, memoryview(data)[begin:]) for name, entry in header.items()}, metadata


def _tensor(name: str, entry: Any, content: memoryview) -> np.ndarray:
    fits = isinstance(entry, dict) and isinstance(entry.get("dtype"), str) and entry["dtype"] in DTYPES
    shape: Any = entry.get("shape") if fits else None
    bounds: Any = entry.get("data_offsets") if fits else None
    if not _are_sizes(shape) or not _are_sizes(bounds) or len(bounds) != 2 or len(shape) > 32:
        raise ValueError(f"its header's entry '{name}' is damaged")
    begin, end = bounds
    dtype = np.dtype(DTYPES[entry["dtype"]]).newbyteorder("<")
    if not begin <= end <= len(content) or end - begin != prod(shape) * dtype.itemsize:
        raise ValueError(f"its tensor '{name}' does not have the size that its shape needs")
    array: np.ndarray = np.frombuffer(content[begin:end], dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and 0 <= size < 2**62 for size in value)
