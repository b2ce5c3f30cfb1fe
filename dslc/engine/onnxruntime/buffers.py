"""Tensors in ONNX Runtime's memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from dslc.engine.onnxruntime.runtime import Provider, runtime

__all__ = ["allocate", "element_dtype", "lend", "place"]


def element_dtype(code: int) -> np.dtype[Any]:
    """Return the NumPy type of ONNX's code of an element type."""
    from onnx import helper

    return np.dtype(helper.tensor_dtype_to_np_dtype(code))


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any], provider: Provider) -> Any:
    """Return an ``OrtValue`` with memory of the provider's own.

    Kernels sum in an order that depends on where in memory a tensor begins; the runtime's own memory is
    always aligned alike, so that equal runs give equal bits.
    """
    return runtime().OrtValue.ortvalue_from_shape_and_type(list(shape), dtype.type, provider.device, 0)


def place(array: np.ndarray, provider: Provider) -> Any:
    """Return an ``OrtValue`` that holds a copy of an array."""
    value = allocate(array.shape, array.dtype, provider)
    value.update_inplace(np.require(array, requirements="C"))
    return value


def lend(array: np.ndarray) -> Any:
    """Return an ``OrtValue`` on the processor that reads an array (C-contiguous) where it lies."""
    return runtime().OrtValue.ortvalue_from_numpy(array)
