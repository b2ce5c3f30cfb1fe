"""Values of ONNX graphs: their exact types, their constants, and the attributes of what makes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import onnx_ir as ir

from dslc.targets import Target
from dslc.types import ElementType, TensorType

__all__ = ["Attribute", "add_constant", "attribute_of", "constant_value", "onnx_type", "stamp", "target_of", "type_of"]

Attribute = int | float | str | Sequence[int] | Sequence[float]


def type_of(value: ir.Value) -> TensorType:
    """Return the exact type that the builder stamped on a value."""
    known: TensorType = value.meta.data["type"]  # asked most often of all: past the dictionary's own methods
    return known


def target_of(node: ir.Node) -> Target:
    """Return what the graph is made for that a node belongs to."""
    assert node.graph is not None
    target: Target = node.graph.meta["target"]
    return target


def onnx_type(element: ElementType) -> ir.DataType:
    """Return ONNX's name of an element type."""
    return ir.DataType.STRING if element is ElementType.STRING else ir.DataType.from_numpy(element.numpy)


def stamp(value: ir.Value, name: str, type: TensorType) -> None:
    """Name a value and give it its type, for ONNX and exactly."""
    value.name = name
    value.type, value.shape = _onnx_types(type)
    value.meta["type"] = type


@lru_cache
def _onnx_types(type: TensorType) -> tuple[ir.TensorType, ir.Shape]:
    """Return a type as ONNX has it; values share it, since a graph has few types and many values."""
    shape = ir.Shape([d if isinstance(d, int) else str(d) for d in type.shape], frozen=True)
    return ir.TensorType(onnx_type(type.element)), shape


def add_constant(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    """Add a constant to a graph under a name, counted if that is taken; see :meth:`Builder.constant`."""
    unique, count = name, 1
    while unique in graph.initializers:
        count += 1
        unique = f"{name}_{count}"
    value = ir.Value(const_value=ir.Tensor(array, name=unique))
    stamp(value, unique, TensorType(ElementType.of(array.dtype), array.shape))
    value.meta["constant"] = True
    graph.initializers[unique] = value
    return value


def constant_value(value: ir.Value) -> np.ndarray | None:
    """Return the value of a constant (not of state or a parameter), None of anything else."""
    # asked of every operand of every node: the cheap question comes first
    return value.const_value.numpy() if value.const_value is not None and value.meta.get("constant") else None


def attribute_of(name: str, value: Attribute) -> ir.Attr:
    """Return an attribute of a node."""
    if isinstance(value, str):
        return ir.AttrString(name, value)
    if isinstance(value, (bool, int, np.integer)):
        return ir.AttrInt64(name, int(value))
    if isinstance(value, float):
        return ir.AttrFloat32(name, value)
    values = list(value)
    if values and isinstance(values[0], str):
        return ir.AttrStrings(name, values)
    if values and isinstance(values[0], float):
        return ir.AttrFloat32s(name, [float(v) for v in values])
    return ir.AttrInt64s(name, [int(v) for v in values])
