"""``model.onnx``: the network in evaluation mode, with its weights inside and a symbolic batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dslc.graph import Builder, Tensor
from dslc.graph.model import Model
from dslc.graph.random import Randomness
from dslc.model.checked import CheckedTrain
from dslc.model.constants import FittedConstants
from dslc.model.lowering import Lowering
from dslc.model.measures import applications_of
from dslc.model.values import Placeholder, Value
from dslc.types import INT64, TensorType

__all__ = ["InferenceModel", "inference_models"]


@dataclass(frozen=True)
class InferenceModel:
    """A shipped network: its file's name, its graph, and the data field that feeds each input."""

    file: str
    model: Model
    fields: Mapping[str, str]


def inference_models(
    train: CheckedTrain, constants: FittedConstants, weights: Mapping[str, np.ndarray]
) -> list[InferenceModel]:
    """Compile what a train block ships: its outputs, or else each network as it is."""
    if train.outputs is not None:
        model = _inference(train.name, train.doc, train.outputs, constants, weights)
        inputs = [value.name or "" for value in model.graph.inputs]
        return [InferenceModel("model.onnx", model, {name: name for name in inputs if name in train.data.fields})]
    found = []
    for name, outputs in train.shipped.items():
        network = train.networks[name]
        model = _inference(name, network.declaration.node.doc, outputs, constants, weights)
        file = "model.onnx" if len(train.shipped) == 1 else f"model.{name}.onnx"
        found.append(InferenceModel(file, model, {i: f for i, f in network.fed_by.items() if f in train.data.fields}))
    return found


def _inference(
    name: str,
    doc: str | None,
    outputs: Mapping[str, Value],
    constants: FittedConstants,
    weights: Mapping[str, np.ndarray],
) -> Model:
    builder = Builder(name)
    applications = applications_of(*outputs.values())
    inputs: dict[str, Tensor] = {}
    for application in applications:
        operation = application.operation
        if not isinstance(operation, Placeholder) or operation.key.removeprefix("fitted:") in constants.arrays:
            continue
        if operation.key not in inputs:
            inputs[operation.key] = builder.input(operation.key, operation.given)
    draws = any(a.operation.draws(a.training) for a in applications)
    randomness = (
        Randomness(builder, builder.input("seed", TensorType(INT64)), builder.constant(0, INT64)) if draws else None
    )
    parameters: dict[str, Tensor] = {}

    def parameter(path: str) -> Tensor:
        if path not in parameters:
            parameters[path] = builder.parameter(path, weights[path])
        return parameters[path]

    def given(key: str) -> Tensor:
        return inputs[key] if key in inputs else constants.tensor(builder, key)

    lowering = Lowering(builder, given, parameter, randomness)
    for output, tensor in zip(outputs, lowering.emit(*outputs.values()), strict=True):
        builder.output(output, tensor)
    return builder.model(doc=doc)
