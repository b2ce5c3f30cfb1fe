"""Shipped models made over: some of the outputs, or raw columns in front."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import onnx
from onnx import compose

from dslc.errors.environment import FIELDS_NOT_SHIPPED
from dslc.export.columns import Marks, put_columns_in_front, put_label_behind, with_checked_conversions
from dslc.export.external import attached, detached
from dslc.graph.model import Model, load_model, put_in_front, rename, save_model, with_outputs
from dslc.plan.contract import Contract

__all__ = ["only_outputs", "with_fields"]


def only_outputs(data: bytes, names: Sequence[str]) -> bytes:
    """Return a model with these outputs only, and the inputs that they need."""
    return save_model(with_outputs(load_model(data), names))


def with_fields(
    data: bytes, fields: bytes, fed_by: Mapping[str, str], classes: Mapping[str, str], contract: Contract,
    marks: Mapping[str, Marks],
) -> Model:  # fmt: skip
    """Return a model that takes raw columns: the fields' graph, joined to the model by the inputs' names.

    Its inputs are the columns as training read them, each with a documentation of its own; see
    :mod:`dslc.export.columns`. ``fed_by`` are the fields of the model's inputs, ``classes`` the fields for whose
    classes outputs have scores: the name of the one with the highest is an output more. ``marks`` are those of the
    columns.

    Raises:
        Problem: E0617, an input of the model is no field.
    """
    model = onnx.load_model_from_string(data)
    weights = detached(model)
    apart = {weight.name for weight in weights}
    names = [value.name for value in model.graph.input if value.name != SEED and value.name not in apart]
    strange = [name for name in names if name not in fed_by]
    if strange:
        raise FIELDS_NOT_SHIPPED(f"the model's input '{strange[0]}' is not a data field as it stands")
    front = with_checked_conversions(fields, sorted({fed_by[name] for name in names}))
    said = {value.name: value.doc_string for value in front.graph.output if value.doc_string}
    doc, metadata = model.doc_string, {entry.key: entry.value for entry in model.metadata_props}
    put_in_front(front.graph, FRONT)
    put_in_front(model.graph, BACK, {value.name for value in model.graph.output})
    merged = compose.merge_models(front, model, io_map=[(FRONT + fed_by[name], BACK + name) for name in names])
    merged.ir_version = model.ir_version
    merged.producer_name, merged.doc_string = "dslc", doc
    merged.graph.doc_string = ""
    del merged.metadata_props[:]
    given = {value.name for value in merged.graph.input}
    used = [one for one in contract.inputs if FRONT + one.key in given]
    taken = frozenset({SEED, *(value.name for value in merged.graph.output)})
    for output, field in classes.items():
        class_names = contract.class_names(field)
        if class_names is not None and field not in taken:
            put_label_behind(merged, output, field, class_names)
    taken |= {value.name for value in merged.graph.output}
    raw = put_columns_in_front(merged, FRONT, used, contract.categories, marks, taken)
    ports = {value.name: value for value in merged.graph.input}
    for one in raw:
        keys = {use.key for use in one.uses}
        docs = [said[field] for field, made_of in contract.of_fields.items() if field in said and keys & {*made_of}]
        gone = dict.fromkeys(mark for column in one.columns for mark in marks[column].texts)
        said_of = f"; missing: {', '.join(map(repr, gone))}" if gone else ""
        ports[one.name].doc_string = "\n".join([one.described + said_of, *docs])
    if BACK + SEED in ports:
        rename(merged.graph, BACK + SEED, SEED)
        ports[BACK + SEED].name = SEED
    columns = {one.name: list(one.columns) for one in raw}
    onnx.helper.set_model_props(merged, metadata | {"columns": json.dumps(columns, ensure_ascii=False)})
    onnx.checker.check_model(merged, full_check=True)
    attached(merged, weights, BACK)
    return load_model(merged.SerializeToString())


SEED, FRONT, BACK = "seed", "fields/", "model/"
