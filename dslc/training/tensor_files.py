"""Tensors as a safetensors file, piece by piece, so that writing a large state takes no second copy of it.

The format is that of https://huggingface.co/docs/safetensors: the length of the header (8 bytes, little-endian), the
header (JSON, padded with spaces to a multiple of 8 bytes), and the tensors' bytes one after the other. The package
``safetensors``, which reads it, only writes from one string of bytes per tensor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["tensor_file"]

NAMES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


def tensor_file(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Yield the pieces of a file: its header, then each tensor's memory where it lies.

    Args:
        tensors: the arrays by name; those that are not C-contiguous in native byte order are copied one at a time.
        metadata: texts to put into the header.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
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
