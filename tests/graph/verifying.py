"""Checks that a transformation left a sound graph, also inside of nodes: single assignment, order, stamped types.

Types are derived anew by ONNX's shape inference, independently of the builder's own rules.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import onnx_ir as ir

from dslc.graph.values import bodies_of, nodes_of, onnx_type, type_of
from dslc.types import TensorType

__all__ = ["verify"]


def verify(model: ir.Model) -> None:
    """Raise AssertionError, or the exception of ONNX's checker, where the graph is not sound."""
    names = [value.name for value in _check_order(model.graph, frozenset())]
    assert len(names) == len(set(names)), "two values have one name"
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    for graph in _graphs(proto.graph):
        del graph.value_info[:]
        for output in graph.output:
            output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    infos = (info for graph in _graphs(inferred.graph) for info in (*graph.value_info, *graph.output))
    derived = {info.name: info.type.tensor_type for info in infos}
    symbols = {str(d) for value in model.graph.inputs for d in type_of(value).shape}
    for node in nodes_of(model.graph):
        for value in node.outputs:
            if value.name in derived:
                _check_type(str(value.name), type_of(value), derived[value.name], symbols)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and those inside of its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def _check_order(graph: ir.Graph, outside: frozenset[ir.Value]) -> list[ir.Value]:
    """Every operand is an input, a weight or made by an earlier node, here or around; return all that is made here."""
    own = [*graph.inputs, *graph.initializers.values()]
    known = {*outside, *own}
    made: list[ir.Value] = []
    for node in graph:
        for value in node.inputs:
            assert value is None or value in known, f"{node.name} reads {value} before it is made"
        for body in bodies_of(node):
            made += _check_order(body, frozenset(known))
        known.update(node.outputs)
        own += node.outputs
    here = set(own)
    assert all(output in here for output in graph.outputs), "an output is never made"
    return own + made


def _check_type(name: str, stamped: TensorType, derived: onnx.TypeProto.Tensor, symbols: set[str]) -> None:
    assert derived.elem_type == onnx_type(stamped.element), f"{name} is not {stamped}"
    if not derived.HasField("shape"):
        return
    dimensions = derived.shape.dim
    assert len(dimensions) == stamped.rank, f"{name} has rank {len(dimensions)}, not {stamped}"
    for known, dimension in zip(stamped.shape, dimensions, strict=True):
        if dimension.HasField("dim_value"):
            assert known == dimension.dim_value, f"{name} has {dimension.dim_value} in {stamped}"
        elif dimension.dim_param in symbols:
            assert str(known) == dimension.dim_param, f"{name} has {dimension.dim_param} in {stamped}"
