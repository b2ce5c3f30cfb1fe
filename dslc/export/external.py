"""Models whose weights are too large for one file: ONNX's external data, in a file beside the model's.

Protocol buffers, of which ONNX files are made, end at 2 GB. Weights are written from where they lie in memory, and
whoever reads such a model maps its file; nothing here makes a copy of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper

from dslc.graph.model import Model

__all__ = ["SUFFIX", "attached", "detached", "held_apart", "is_too_large", "located"]

LARGEST_FILE = 2**31 - 2**26
"""Bytes of weights that a model's own file holds; the rest of protobuf's 2 GB is left to the graph."""
SMALLEST_APART = 1024
"""Bytes from which on a tensor is held apart; shapes and scalars stay in the graph, which hangs on their values."""
ALIGNMENT = 4096
"""Each tensor begins on a page, so that it can be mapped."""
SUFFIX = ".data"
"""What the name of the weights' file adds to that of the model's."""


def is_too_large(model: Model) -> bool:
    """Whether the weights exceed what one file holds."""
    weights = (value.const_value for value in model.graph.initializers.values())
    return sum(weight.nbytes for weight in weights if weight is not None) > LARGEST_FILE


def held_apart(model: Model, file: str) -> tuple[bytes, list[bytes | memoryview]]:
    """Return a model's own file with references into another file of that name, and what that one is made of."""
    pieces: list[bytes | memoryview] = []
    end = 0
    held: list[tuple[ir.Value, Any]] = []
    try:
        for value in model.graph.initializers.values():
            weight = value.const_value
            if weight is None or weight.nbytes < SMALLEST_APART:
                continue
            gap = -end % ALIGNMENT
            end += gap
            array = np.ascontiguousarray(weight.numpy())
            pieces += [bytes(gap), array.reshape(-1).view(np.uint8).data]
            held.append((value, weight))
            value.const_value = ir.ExternalTensor(
                file, end, weight.nbytes, weight.dtype, shape=ir.Shape(array.shape), name=str(value.name)
            )
            end += weight.nbytes
        data: bytes = ir.to_proto(model).SerializeToString()
    finally:
        for value, weight in held:
            value.const_value = weight
    return data, pieces


def detached(model: Any) -> list[Any]:
    """Take the weights that are held apart out of a ``ModelProto``, inputs in their place; return them.

    ONNX's own tools look for the values of such weights, which they neither find nor need.
    """
    weights = [t for t in model.graph.initializer if t.data_location == TensorProto.EXTERNAL]
    names = {weight.name for weight in weights}
    kept = [t for t in model.graph.initializer if t.name not in names]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    known = {value.name for value in model.graph.input}
    for weight in weights:
        if weight.name not in known:
            model.graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims))
    return weights


def attached(model: Any, weights: Sequence[Any], prefix: str = "") -> None:
    """Put detached weights back, under names that have got a prefix since."""
    names = {prefix + weight.name for weight in weights}
    inputs = [value for value in model.graph.input if value.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for weight in weights:
        model.graph.initializer.add().CopyFrom(weight)
        model.graph.initializer[-1].name = prefix + weight.name


def located(data: bytes, file: str) -> bytes:
    """Return a model that finds its weights, if they are not inside of it, in a file of this name."""
    model = onnx.load_model_from_string(data)
    moved = False
    for weight in model.graph.initializer:
        for entry in weight.external_data:
            if entry.key == "location":
                moved, entry.value = True, file
    return bytes(model.SerializeToString()) if moved else data
