"""A model in other operators of the standard domain: in another set, or without those that a runtime lacks.

Newer sets take the operators that dslc emits as they are. For older ones the graph is walked once: what has another
form there is brought into it, what did not exist, or has no kernel, is said in other operators
(:mod:`dslc.export.older`), and every node is held against the definitions of that set.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx
import onnx_ir as ir

from dslc.errors.environment import OPSET
from dslc.export.external import attached, detached
from dslc.export.older.axes import AXES
from dslc.export.older.numbers import NUMBERS
from dslc.export.older.picking import PICKING
from dslc.export.older.rewriting import Inexpressible, Place, Rules
from dslc.graph.model import load_model, save_model
from dslc.graph.values import drop_unused_weights, nodes_of, onnx_type
from dslc.types import ElementType

__all__ = ["OLDEST", "converted", "is_lacking"]

OLDEST = 9
"""The first set with the operators that nearly every graph needs: ConstantOfShape, Where, Erf, IsNaN."""
RULES: Rules = {**AXES, **NUMBERS, **PICKING}
CHANGED_SINCE = {"GroupNormalization": 21}
"""Operators that say another thing from a newer set on. No graph of dslc has them."""
ML = "ai.onnx.ml"


Missing = Mapping[str, frozenset[ElementType]]
"""Operators without a kernel, and the element types for which there is none."""


def is_lacking(model: ir.Model, missing: Missing) -> bool:
    """Whether there are nodes in a model without a kernel."""
    return any(_is_missing(node, missing) for node in nodes_of(model.graph))


def _is_missing(node: ir.Node, missing: Missing) -> bool:
    if node.domain or node.op_type not in missing:
        return False
    types = [value.dtype for value in node.inputs if value is not None]
    # the condition of a Where doesn't choose the kernel, nor do axes and indices
    type = next((found for found in types if found is not ir.DataType.BOOL), ir.DataType.BOOL)
    return any(onnx_type(element) is type for element in missing[node.op_type])


def converted(data: bytes, opset: int, missing: Missing = MappingProxyType({})) -> bytes:
    """Return a model in another operator set of the standard domain, without operators whose kernels are missing.

    Weights that lie in a file of their own stay there.

    Raises:
        Problem: E0616, there is no such set, or it can't express the model.
    """
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST <= opset <= newest:
        raise OPSET(
            f"models are not written in operator set {opset}",
            hint=f"{OLDEST} to {newest} can be asked for; onnx {onnx.__version__} knows none that is newer",
        )
    model = load_model(data)
    before = model.graph.opset_imports[""]
    if opset == before and not is_lacking(model, missing):
        return data
    if any(value.dtype is None or value.shape is None for node in nodes_of(model.graph) for value in node.outputs):
        data = _typed(data)
        model = load_model(data)
    lost = _rewritten(model, opset, missing)
    if lost:
        first, *others = lost
        more = f", nor have {len(others)} more operators" if others else ""
        what = f"the model cannot be written in operator set {opset}: {_described(first)} has no form in it"
        if not _rewritten(load_model(data), opset):
            raise OPSET(f"{what} that the target has kernels for{more}")
        towards = 1 if opset < before else -1
        between = range(opset + towards, before, towards)
        enough = next((number for number in between if not _rewritten(load_model(data), number)), before)
        raise OPSET(
            f"{what}{more}",
            hint=f"operator set {enough} expresses all of it: --opset {enough}",
        )
    result = save_model(model)
    _check(result)
    return result


def _rewritten(model: ir.Model, opset: int, missing: Missing = MappingProxyType({})) -> list[ir.Node]:
    """Bring a model into another operator set; return the nodes that have no form there."""
    graph = model.graph
    lost: dict[int, ir.Node] = {}

    def lower(node: ir.Node) -> None:
        lacks = _is_missing(node, missing)
        for below, rule in RULES.get(node.op_type, ()):
            if opset < below or lacks:
                place = Place(node, opset, lower)
                rule(place)
                if place.became:  # lowered by then
                    return
        if lacks or not _exists(node, opset):
            raise Inexpressible

    for node in [node for node in nodes_of(graph) if not node.domain]:
        try:
            lower(node)
        except Inexpressible:
            lost[id(node)] = node
    graph.opset_imports[""] = opset
    known = [row for row in onnx.helper.VERSION_TABLE if row[2] == opset]
    model.ir_version = max(min((row[1] for row in known), default=int(onnx.IR_VERSION)), 4)
    if ML in graph.opset_imports and known:
        graph.opset_imports[ML] = min(graph.opset_imports[ML], max(2, *(row[3] for row in known)))
    drop_unused_weights(graph)  # constants have become attributes
    return list(lost.values())


def _exists(node: ir.Node, opset: int) -> bool:
    """Whether a set has an operator with these operands, of these types, and these attributes."""
    if opset >= CHANGED_SINCE.get(node.op_type, opset + 1):
        return False
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return False
    if schema.deprecated or not schema.min_input <= len(node.inputs) <= schema.max_input:
        return False
    if not set(node.attributes) <= set(schema.attributes):
        return False
    last = len(schema.inputs) - 1  # which may be repeated
    return all(
        value is None or value.dtype is None or _type_name(value.dtype) in schema.inputs[min(number, last)].types
        for number, value in enumerate(node.inputs)
    )


def _type_name(element: ir.DataType) -> str:
    names = {ir.DataType.FLOAT: "float", ir.DataType.DOUBLE: "double"}
    return f"tensor({names.get(element, element.name.lower())})"


def _described(node: ir.Node) -> str:
    """Say which operator it is, of which types, and where it comes from."""
    types = ", ".join(value.dtype.name.lower() for value in node.inputs[:1] if value is not None and value.dtype)
    origin = node.metadata_props.get("origin")
    layer = str(node.name).rpartition("/")[0]
    where = " ".join([*([f"of {layer}"] if layer else []), *([f"at {origin}"] if origin else [])])
    return f"'{node.op_type}' ({types}){' ' + where if where else ''}"


def _typed(data: bytes) -> bytes:
    """Find out the types of values that have none."""
    model = onnx.load_model_from_string(data)
    weights = detached(model)
    model = onnx.shape_inference.infer_shapes(model, check_type=True, data_prop=True)
    attached(model, weights)
    result: bytes = model.SerializeToString()
    return result


def _check(data: bytes) -> None:
    """Hold a model against ONNX's own checker; what it finds is a mistake of ours."""
    model = onnx.load_model_from_string(data)
    detached(model)
    onnx.checker.check_model(model, full_check=True)
