"""Shipped models made over: another operator set, or raw columns in front."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dslc.errors.environment import FIELDS_NOT_SHIPPED, OPSET
from dslc.export.external import attached, detached
from dslc.graph.model import Model, load_model, save_model, with_outputs

__all__ = ["converted", "only_outputs", "with_fields"]


def only_outputs(data: bytes, names: Sequence[str]) -> bytes:
    """Return a model with these outputs only, and the inputs that they need."""
    return save_model(with_outputs(load_model(data), names))


def converted(data: bytes, opset: int) -> bytes:
    """Return a model in another operator set of the standard domain.

    Raises:
        Problem: E0616, there is no such set, or it can't express the model.
    """
    import onnx

    model = onnx.load_model_from_string(data)
    newest = onnx.defs.onnx_opset_version()
    if not 7 <= opset <= newest:
        raise OPSET(f"there is no operator set {opset} here", hint=f"onnx {onnx.__version__} knows 7 to {newest}")
    entry = next(entry for entry in model.opset_import if entry.domain == "")
    if opset == entry.version:
        return data
    weights = detached(model)
    try:
        result = onnx.version_converter.convert_version(model, opset)
        result.ir_version = max(ir_version_of(opset), 4)
        onnx.checker.check_model(result, full_check=True)
    except (RuntimeError, ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        operator = re.search(r"Version \$\d+ for (\w+)", str(error))
        why = f"'{operator[1]}' has no form in it" if operator else str(error).strip().partition("\n")[0]
        raise OPSET(
            f"the model cannot be written in operator set {opset}: {why}", hint=f"it is written in {entry.version}"
        ) from None
    attached(result, weights)
    converted_data: bytes = result.SerializeToString()
    return converted_data


def ir_version_of(opset: int) -> int:
    """Return the oldest file format that an operator set of the standard domain belongs to."""
    import onnx

    known = [row[1] for row in onnx.helper.VERSION_TABLE if row[2] == opset]
    return min(known) if known else int(onnx.IR_VERSION)


def with_fields(data: bytes, fields: bytes, fed_by: Mapping[str, str], manifest: Mapping[str, Any]) -> Model:
    """Return a model that takes raw columns: the fields' graph, joined to the model by the inputs' names.

    Its inputs bear the names of the columns (of the patterns, where several columns lie side by side). Text columns
    are taken as text, and coded by an ``ai.onnx.ml`` LabelEncoder with the vocabulary inside.

    Raises:
        Problem: E0617, an input of the model is no field.
    """
    import onnx
    from onnx import compose

    model, front = (
        onnx.load_model_from_string(data),
        onnx.load_model_from_string(only_outputs(fields, sorted(set(fed_by.values())))),
    )
    weights = detached(model)
    apart = {weight.name for weight in weights}
    names = [value.name for value in model.graph.input if value.name != SEED and value.name not in apart]
    strange = [name for name in names if name not in fed_by]
    if strange:
        raise FIELDS_NOT_SHIPPED(f"the model's input '{strange[0]}' is not a data field as it stands")
    front = compose.add_prefix(front, FRONT)
    back = compose.add_prefix(model, BACK, rename_outputs=False)
    merged = compose.merge_models(front, back, io_map=[(FRONT + fed_by[name], BACK + name) for name in names])
    merged.ir_version = model.ir_version
    merged.producer_name = "dslc"
    columns = {FRONT + column["input"]: column for column in manifest["columns"]}
    for value in list(merged.graph.input):
        column = columns.get(value.name)
        if column is not None and column["vocabulary"] is not None:
            _code(merged, value, manifest["vocabularies"][column["vocabulary"]])
    held = [value for value in merged.graph.input if value.name.removeprefix(BACK) in apart]
    _name_inputs([value for value in merged.graph.input if value not in held], merged, columns)
    onnx.checker.check_model(merged, full_check=True)
    attached(merged, weights, BACK)
    return load_model(merged.SerializeToString())


SEED, FRONT, BACK = "seed", "fields/", "model/"


def _code(model: Any, value: Any, keys: Sequence[Any]) -> None:
    """Put the coding of categories behind an input: raw values in, numbers out; unknown ones get the next number."""
    from onnx import TensorProto, helper

    coded = f"{value.name}/code"
    _redirect(model, value.name, coded)
    kind, element = "int64s", TensorProto.INT64
    if all(isinstance(key, str) for key in keys):
        kind, element = "strings", TensorProto.STRING
    elif any(isinstance(key, float) for key in keys):
        kind, element = "floats", TensorProto.FLOAT
    count = len(keys)
    attributes: dict[str, Any] = {f"keys_{kind}": keys, "values_int64s": list(range(count)), "default_int64": count}
    model.graph.node.insert(0, helper.make_node("LabelEncoder", [value.name], [coded], domain=ML, **attributes))
    value.type.tensor_type.elem_type = element
    if not any(entry.domain == ML for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(ML, 3))


ML = "ai.onnx.ml"


def _name_inputs(inputs: Sequence[Any], model: Any, columns: Mapping[str, Mapping[str, Any]]) -> None:
    """Call inputs as the columns are called; where two would share a name, or an output has it, by a longer one."""
    taken = {value.name for value in model.graph.output}
    for value in inputs:
        column = columns.get(value.name)
        key = value.name.removeprefix(FRONT)
        name = SEED if column is None else ", ".join(column["columns"])
        name = next(n for n in (name, key, f"column {key}") if n not in taken)
        taken.add(name)
        _redirect(model, value.name, name)
        value.name = name


def _redirect(model: Any, old: str, new: str) -> None:
    """Let every node that reads one value read another."""
    for node in model.graph.node:
        for position, name in enumerate(node.input):
            if name == old:
                node.input[position] = new
