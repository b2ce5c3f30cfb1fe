"""Finished graphs: as files' bytes, and as what their inputs and outputs are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import onnx_ir as ir

from dslc.graph.values import detach

__all__ = [
    "Model", "Port", "cut_at", "gathered", "is_ours", "load_model", "ports_of", "proto_nodes", "put_in_front",
    "rename", "save_model",
    "with_outputs",
]  # fmt: skip

Model = ir.Model
"""A finished graph with its metadata."""

Port = dict[str, Any]
"""``{"name", "type", "shape"}`` of an input or output, as the manifest says it."""


def load_model(data: bytes) -> Model:
    """Read a model from a file's bytes."""
    import onnx

    return ir.from_proto(onnx.load_model_from_string(data))


def save_model(model: Model) -> bytes:
    """Return a model as a file's bytes."""
    data: bytes = ir.to_proto(model).SerializeToString()
    return data


OURS = re.compile(rb"\x08.\x12\x04dslc", re.DOTALL)
"""How a model begins: the version of the format, and the producer."""


def proto_nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph as the package onnx has it, each followed by those inside of it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from proto_nodes(attribute.g)


def rename(graph: Any, old: str, new: str) -> None:
    """Call a value by another name in the nodes of a graph as the package onnx has it."""
    for node in proto_nodes(graph):
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]


def put_in_front(graph: Any, prefix: str, kept: Collection[str] = ()) -> None:
    """Put a prefix in front of all names in a graph as the package onnx has it, but for those that are kept.

    Graphs inside of nodes take values from outside: their names change as well.
    """
    for node in graph.node:
        node.name = prefix + node.name
        for names in (node.input, node.output):
            names[:] = [prefix + name if name and name not in kept else name for name in names]
        for attribute in node.attribute:
            put_in_front(attribute.g, prefix, kept)
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        if value.name not in kept:
            value.name = prefix + value.name


def is_ours(data: bytes) -> bool:
    """Whether these bytes begin a model that dslc has written."""
    return OURS.match(data) is not None


def ports_of(model: Model) -> tuple[list[Port], list[Port]]:
    """Return the inputs and the outputs of a model."""
    return [_port(v) for v in model.graph.inputs], [_port(v) for v in model.graph.outputs]


def _port(value: ir.Value) -> Port:
    assert value.dtype is not None
    assert value.shape is not None
    element = "string" if value.dtype is ir.DataType.STRING else str(value.dtype.numpy())
    return {
        "name": value.name,
        "type": element,
        "shape": [d if isinstance(d, int) else str(d.value) for d in value.shape],
    }


def with_outputs(model: Model, names: Sequence[str]) -> Model:
    """Keep only these outputs of a model, and the inputs that they need."""
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    graph = model.graph
    for value in [v for v in graph.outputs if v.name not in names]:
        graph.outputs.remove(value)
    for node in reversed(graph):
        if not any(value.uses() or value.is_graph_output() for value in node.outputs):
            detach(node)  # also what graphs inside of it take, which the pass would leave as used
            graph.remove(node)
    RemoveUnusedNodesPass()(model)
    passed_on = {id(v) for v in graph.outputs}
    for value in [v for v in graph.inputs if not v.uses() and id(v) not in passed_on]:
        graph.inputs.remove(value)
    return model


def cut_at(model: Model, values: Sequence[ir.Value]) -> Model:
    """Make these values of a model, which nodes compute, its only outputs, and keep what they need."""
    for value in list(model.graph.outputs):
        model.graph.outputs.remove(value)
    model.graph.outputs.extend(values)
    return with_outputs(model, [str(value.name) for value in values])


def gathered(model: Model, columns: Mapping[str, tuple[str, Sequence[int]]], rows: str) -> Model:
    """Let a model take rows of columns itself.

    Args:
        model: what to change.
        columns: for names of inputs, the name of the input that takes its place and the shape of that.
        rows: the name of the new input (int64, of one dimension) that says which rows to take.
    """
    graph = model.graph
    replaced = [value for value in graph.inputs if value.name in columns]
    if not replaced:
        return model
    batch = replaced[0].shape
    assert batch is not None
    index = ir.Value(name=rows, type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape(batch[:1]))
    for value in replaced:
        name, shape = columns[str(value.name)]
        column = ir.Value(name=name, type=value.type, shape=ir.Shape(shape))
        graph.inputs[graph.inputs.index(value)] = column
        node = ir.node("Gather", [column, index], {"axis": 0}, name=f"{name}/gather")
        taken = node.outputs[0]
        taken.type, taken.shape = value.type, value.shape
        value.replace_all_uses_with(taken)
        taken.name = value.name
        graph.insert_before(graph[0], node)
    graph.inputs.append(index)
    return model
