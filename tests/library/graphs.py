"""Building a graph of one word, running it, and the rows of stored values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime

from dslc.graph import Builder, Tensor
from dslc.types import ElementType, TensorType, symbol

DATA = Path(__file__).parent / "data"


def stored(name: str) -> Any:
    """What an oracle wrote: rows, or groups of them by name."""
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def loss_rows() -> list[dict[str, Any]]:
    """The rows of all losses, each with the gradients by the operands that have one, by their places.

    Operands at the places ``tables`` have no entry for each example.
    """
    files = sorted((DATA / "losses").glob("*.json"))
    rows = [*stored("losses.json"), *(row for file in files for row in stored(f"losses/{file.name}"))]
    for row in rows:
        found = row.get("gradients", {"0": row.get("gradient")})
        row["gradients"] = {int(place): gradient for place, gradient in found.items()}
        row.setdefault("tables", [])
    return rows


def array_of(operand: Mapping[str, Any]) -> np.ndarray:
    return np.array(operand["values"], operand["element"]).reshape(operand["shape"])


def listless(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a spec would give them: lists are tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}


def compiled(build: Callable[..., Sequence[Tensor]], types: Sequence[TensorType]) -> Callable[..., list[np.ndarray]]:
    """Build a graph with inputs of these types, made by ``build(builder, *inputs)``; return it as a function."""
    builder = Builder("test")
    inputs = [builder.input(f"x{i}", type) for i, type in enumerate(types)]
    results = list(build(builder, *inputs))
    for i, result in enumerate(results):
        builder.output(f"y{i}", result)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(ir.to_proto(builder.model()).SerializeToString(), options)

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        values = session.run(None, {f"x{i}": array for i, array in enumerate(arrays)})
        for value, result in zip(values, results, strict=True):
            assert ElementType.of(value.dtype) is result.element
            assert len(value.shape) == result.rank
            assert all(d == n for d, n in zip(result.shape, value.shape, strict=True) if isinstance(d, int))
        return values

    return run


def type_of_array(array: np.ndarray, *, symbolic: bool) -> TensorType:
    """The array's type, its first dimension the symbol N if asked for."""
    shape = (symbol("N"), *array.shape[1:]) if symbolic else array.shape
    return TensorType(ElementType.of(array.dtype), shape)
