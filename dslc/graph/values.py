"""Values of ONNX graphs: their exact types, their constants, and the attributes of what makes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, count

import numpy as np
import onnx_ir as ir

from dslc.targets import Target
from dslc.types import ElementType, TensorType

__all__ = [
    "NESTING", "Attribute", "add_constant", "add_initializer", "attribute_of", "become", "bodies_of", "captured_by",
    "constant_value", "detach", "drop_unused_weights", "makers_of", "nodes_of", "onnx_type", "operand", "operands_of",
    "stamp", "succeed", "target_of", "type_of",
]  # fmt: skip

Attribute = int | float | str | Sequence[int] | Sequence[float] | np.ndarray | ir.Graph


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
    """Add a constant to the outermost graph under a name, counted if that is taken; see :meth:`Builder.constant`."""
    graph = graph.meta.get("root", graph)
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    value = add_initializer(graph, next(one for one in names if one not in graph.initializers), array)
    value.meta["constant"] = True
    return value


def add_initializer(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    """Add a value that lives inside a graph."""
    value = ir.Value(const_value=ir.Tensor(array, name=name))
    stamp(value, name, TensorType(ElementType.of(array.dtype), array.shape))
    graph.initializers[name] = value
    return value


def drop_unused_weights(graph: ir.Graph) -> None:
    """Drop the weights and constants of a graph that nothing takes."""
    for name, value in list(graph.initializers.items()):
        if not (value.uses() or value.is_graph_output() or value.is_graph_input()):
            del graph.initializers[name]


def makers_of(values: Iterable[ir.Value | None]) -> list[ir.Node]:
    """Return the nodes that make values, one for each value that is made by one."""
    return [node for value in values if value is not None and (node := value.producer()) is not None]


def constant_value(value: ir.Value) -> np.ndarray | None:
    """Return the value of a constant (not of state or a parameter), None of anything else."""
    # asked of every operand of every node: the cheap question comes first
    return value.const_value.numpy() if value.const_value is not None and value.meta.get("constant") else None


def attribute_of(name: str, value: Attribute) -> ir.Attr:
    """Return an attribute of a node."""
    if isinstance(value, ir.Graph):
        return ir.AttrGraph(name, value)
    if isinstance(value, np.ndarray):
        return ir.AttrTensor(name, ir.Tensor(value))
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


def operand(node: ir.Node, index: int) -> ir.Value:
    """Return an operand that is there."""
    value = node.inputs[index]
    assert value is not None
    return value


def become(node: ir.Node, operator: str, operands: Sequence[ir.Value | None], **attributes: Attribute) -> bool:
    """Turn a node into another operator of the same result; return True, as what tells that it changed something."""
    node.op_type = operator
    node.resize_inputs(len(operands))
    for index, value in enumerate(operands):
        node.replace_input_with(index, value)
    node.attributes.clear()
    node.attributes.update((name, attribute_of(name, value)) for name, value in attributes.items())
    return True


def succeed(value: ir.Value, by: ir.Value) -> None:
    """Let a value take the place of another, which it may be computed from, and its name if that is an output's."""
    for use in value.uses():
        if use.node is not by.producer():
            use.node.replace_input_with(use.idx, by)
    by.meta.update((key, known) for key, known in value.meta.items() if key != "type")
    if value.is_graph_output():
        assert value.graph is not None
        value.name, by.name = f"{value.name}/inside", value.name
        by.doc_string = value.doc_string
        outputs = value.graph.outputs
        outputs[outputs.index(value)] = by


# --- graphs in the graph ---------------------------------------------------------------------------


NESTING = frozenset({"If", "Loop", "Scan", "SequenceMap"})
"""The operators with graphs inside; asked of every node, the operator answers faster than the attributes."""


def bodies_of(node: ir.Node) -> list[ir.Graph]:
    """Return the graphs that are attributes of a node."""
    if node.op_type not in NESTING:
        return []
    return [value.as_graph() for value in node.attributes.values() if value.type is ir.AttributeType.GRAPH]


def nodes_of(graph: ir.Graph) -> Iterator[ir.Node]:
    """Yield the nodes of a graph, each followed by those inside of it."""
    for node in graph:
        yield node
        if node.op_type in NESTING:
            for body in bodies_of(node):
                yield from nodes_of(body)


def detach(node: ir.Node) -> list[ir.Node]:
    """Let go of what a node takes, and of what those inside of it take; return all of them."""
    all_ = [node, *(inner for body in bodies_of(node) for inner in nodes_of(body))]
    for one in all_:
        for index in range(len(one.inputs)):
            one.replace_input_with(index, None)
    return all_


def captured_by(node: ir.Node) -> list[ir.Value]:
    """Return what the graphs inside of a node take from outside of it, each value once."""
    found: dict[ir.Value, None] = {}
    for body in bodies_of(node):
        own = {body, *body.subgraphs()}
        taken = (value for inner in nodes_of(body) for value in inner.inputs)
        found.update((value, None) for value in taken if value is not None and value.graph not in own)
    return list(found)


def operands_of(node: ir.Node) -> Sequence[ir.Value | None]:
    """Return all that a node's results depend on: its inputs, then what the graphs inside of it take from outside."""
    return (*node.inputs, *captured_by(node)) if node.op_type in NESTING else node.inputs
