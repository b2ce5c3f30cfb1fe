"""Checks that a transformation left a sound graph: single assignment, order, and the types that were stamped.

Meant for tests: types are derived anew by ONNX's shape inference, independently of the builder's own rules.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from dslc.graph.values import onnx_type, type_of
from dslc.types import TensorType

__all__ = ["verify"]


def verify(model: ir.Model) -> None:
    """Raise AssertionError, or the exception of ONNX's checker, where the graph is not sound."""
    _check_order(model.graph)
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    del proto.graph.value_info[:]
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    derived = {info.name: info.type.tensor_type for info in (*inferred.graph.value_info, *inferred.graph.output)}
    symbols = {str(d) for value in model.graph.inputs for d in type_of(value).shape}
    for node in model.graph:
        for value in node.outputs:
            if value.name in derived:
                _check_type(str(value.name), type_of(value), derived[value.name], symbols)


def _check_order(graph: ir.Graph) -> None:
    """Every operand is an input, a weight or made by an earlier node; no name is given twice."""
    known = {*graph.inputs, *graph.initializers.values()}
    for node in graph:
        for value in node.inputs:
            assert value is None or value in known, f"{node.name} reads {value} before it is made"
        known.update(node.outputs)
    names = [value.name for value in known]
    assert len(names) == len(set(names)), "two values have one name"
    assert all(output in known for output in graph.outputs), "an output is never made"


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
