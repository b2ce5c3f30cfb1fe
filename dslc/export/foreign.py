"""Models from a run's folder, which anybody may have written: only what dslc itself writes is run or exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto

from dslc.autodiff import rules  # noqa: F401 - the table is filled by its rules
from dslc.autodiff.table import RULES
from dslc.errors.runs import DAMAGED_FILE, FOREIGN_MODEL
from dslc.export.external import SUFFIX, detached
from dslc.graph.model import proto_nodes

__all__ = ["Ports", "check_model", "is_emitted"]

WITHOUT_RULES = frozenset({"ConstantOfShape", "GRU", "Gemm", "LSTM", "RNN"})
"""Operators that are not in the table of gradients: passes make them, or models that are not differentiated."""
LOOP = "Scan"
"""The one operator with a graph inside that words make: it ends, with what it goes along."""
DOMAINS = frozenset({"", "ai.onnx.ml"})
HIDING = frozenset(
    {AttributeProto.GRAPH, AttributeProto.GRAPHS, AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS}
)
"""Attributes that may hold more than what is looked at."""


def is_emitted(domain: str, operator: str) -> bool:
    """Whether dslc writes nodes of this operator."""
    if domain == "ai.onnx.ml":
        return operator == "LabelEncoder"
    return domain == "" and (operator in RULES or operator in WITHOUT_RULES or operator == LOOP)


@dataclass(frozen=True)
class Ports:
    """What a model takes and gives: shapes by name, in which 0 stands for what is not known."""

    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]


def check_model(data: bytes, title: str, file: str) -> Ports:
    """Refuse a model that dslc cannot have written; return what it takes and gives.

    Args:
        data: the model's file.
        title: what messages call it.
        file: its name, which decides over that of its weights' file.

    Raises:
        Problem: E0626, it is no model; E0627, it holds other operators, functions, graphs within nodes, or references
            to other files.
    """
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError:
        raise DAMAGED_FILE(f"{title} is damaged: it is no ONNX model") from None
    if not model.graph.output or not model.opset_import:
        raise DAMAGED_FILE(f"{title} is damaged: it is no ONNX model, or an empty one")
    strange = next(_strange(model), None)
    if strange is not None:
        raise FOREIGN_MODEL(f"{title} holds {strange}, which dslc does not write")
    locations = {entry.value for tensor in _tensors(model) for entry in tensor.external_data if entry.key == "location"}
    if any(location != file + SUFFIX for location in locations):
        other = min(location for location in locations if location != file + SUFFIX)
        raise FOREIGN_MODEL(f"{title} has weights in '{other}', and dslc keeps them in '{file}{SUFFIX}' beside it")
    inputs, outputs = (
        {port.name: tuple(size.dim_value for size in port.type.tensor_type.shape.dim) for port in ports}
        for ports in (model.graph.input, model.graph.output)
    )
    try:
        detached(model)
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DAMAGED_FILE(f"{title} is damaged: {reason[:200]}") from None
    return Ports(inputs, outputs)


def _strange(model: Any) -> Iterator[str]:
    """Yield what a model holds that dslc never writes."""
    if model.functions:
        yield f"the function '{model.functions[0].name}'"
    if model.training_info:
        yield "training information"
    if model.graph.sparse_initializer:
        yield "sparse weights"
    for entry in model.opset_import:
        if entry.domain not in DOMAINS:
            yield f"operators of the domain '{entry.domain}'"
    for node in proto_nodes(model.graph):
        if not is_emitted(node.domain, node.op_type):
            yield f"the operator '{node.domain or 'ai.onnx'}.{node.op_type}'"
        for attribute in node.attribute:
            if attribute.type in HIDING or attribute.HasField("g") or attribute.graphs:
                body = attribute.g
                if node.op_type != LOOP or (attribute.name, attribute.type) != ("body", AttributeProto.GRAPH):
                    yield f"a graph within the node '{node.name}'"
                elif body.initializer or body.sparse_initializer:
                    yield f"weights within the loop '{node.name}'"


def _tensors(model: Any) -> Iterator[Any]:
    yield from model.graph.initializer
    for node in proto_nodes(model.graph):
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
