"""``model.onnx``: the network in evaluation mode, with its weights inside and a symbolic batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dslc.compile.lowering import Lowering
from dslc.graph import Builder, Tensor
from dslc.graph.model import Model
from dslc.graph.random import Randomness
from dslc.library.operation import Statistic
from dslc.plan.constants import FittedConstants
from dslc.plan.indices import ranges_of
from dslc.plan.measures import applications_of
from dslc.plan.training import TrainPlan
from dslc.plan.values import Placeholder, Value
from dslc.syntax import tree
from dslc.targets import Target
from dslc.targets.cpu import CPU
from dslc.types import INT64, TensorType

__all__ = ["InferenceModel", "inference_models", "shipped_files"]


@dataclass(frozen=True)
class InferenceModel:
    """A shipped network."""

    file: str
    model: Model
    fields: Mapping[str, str]
    """The data field that feeds each input."""
    classes: Mapping[str, str]
    """For outputs with a score per class, (examples, classes), the field whose classes these are."""


def shipped_files(train: TrainPlan) -> list[str]:
    """Return the files' names of what a train block ships: one model, or a network each."""
    if train.outputs is not None or len(train.shipped) == 1:
        return ["model.onnx"]
    return [f"model.{name}.onnx" for name in train.shipped]


def inference_models(
    train: TrainPlan,
    constants: FittedConstants,
    weights: Mapping[str, np.ndarray],
    class_names: Mapping[str, Sequence[str]] | None = None,
    target: Target = CPU,
) -> list[InferenceModel]:
    """Compile what a train block ships: its outputs, or else each network as it is.

    ``class_names`` are what the classes of fields are called; the models' metadata says them by output, as JSON.
    """

    def shipped(
        file: str, name: str, doc: str | None, outputs: Mapping[str, Value], docs: Mapping[str, str]
    ) -> InferenceModel:
        classes = _classes(train, outputs)
        said = {output: list((class_names or {}).get(field, ())) for output, field in classes.items()}
        said = {output: names for output, names in said.items() if names}
        metadata = {"classes": json.dumps(said, ensure_ascii=False)} if said else {}
        model = _inference(Builder(name, target), outputs, constants, weights, docs).model(doc=doc, metadata=metadata)
        return InferenceModel(file, model, {}, classes)

    if train.outputs is not None:
        docs = _docs(train.node.body, tree.Output)
        docs |= {name: field.doc for name, field in train.data.fields.items() if field.doc and name not in docs}
        found = shipped("model.onnx", train.name, train.doc, train.outputs, docs)
        inputs = [value.name or "" for value in found.model.graph.inputs]
        return [replace(found, fields={name: name for name in inputs if name in train.data.fields})]
    models = []
    for file, (name, outputs) in zip(shipped_files(train), train.shipped.items(), strict=True):
        network = train.networks[name]
        fields = {i: f for i, f in network.fed_by.items() if f in train.data.fields}
        node = network.declaration.node
        docs = {name: doc for name, field in fields.items() if (doc := train.data.fields[field].doc)}
        docs |= _docs(node.body, tree.Output) | _docs(node.body, tree.Input)
        models.append(replace(shipped(file, name, node.doc, outputs, docs), fields=fields))
    return models


def _docs(statements: Iterable[tree.Node], kind: type[tree.Input | tree.Output]) -> dict[str, str]:
    """Return what is said of inputs or outputs by the comments in front of them, also inside of conditions."""
    found: dict[str, str] = {}
    for statement in statements:
        if isinstance(statement, kind) and statement.doc:
            found.setdefault(statement.name or "output", statement.doc)
        elif isinstance(statement, (tree.If, tree.For)):
            inner = (*statement.body, *(statement.otherwise if isinstance(statement, tree.If) else ()))
            found = {**_docs(inner, kind), **found}
    return found


def _classes(train: TrainPlan, outputs: Mapping[str, Value]) -> dict[str, str]:
    """Return the outputs with a score for each class of a field: of the one with so many that a loss or metric takes.

    That is told by their shape, (examples, classes); where two such fields have equally many, by none.
    """
    fields: dict[int, set[str]] = {}
    for application in applications_of(*(o.loss for o in train.objectives), *(m.value for m in train.metrics)):
        if isinstance(application.operation, Statistic) and len(application.operands) > 1:
            scores, target = application.operands[:2]
            field = target.application.operation
            if isinstance(field, Placeholder) and field.key in train.data.fields and scores.type.rank > 1:
                outermost = train.data.fields[field.key].outermost
                count = scores.type.shape[-1]
                if outermost is not None and outermost.kind == "category" and isinstance(count, int):
                    fields.setdefault(count, set()).add(field.key)
    of_count = {count: next(iter(names)) for count, names in fields.items() if len(names) == 1}
    return {
        name: of_count[size]
        for name, value in outputs.items()
        if value.type.rank == 2 and value.type.element.is_float and isinstance(size := value.type.shape[1], int)
        and size in of_count
    }  # fmt: skip


def _inference(
    builder: Builder,
    outputs: Mapping[str, Value],
    constants: FittedConstants,
    weights: Mapping[str, np.ndarray],
    docs: Mapping[str, str],
) -> Builder:
    """Build the graph; ``docs`` are what is said of its inputs and outputs."""
    applications = applications_of(*outputs.values())
    ranges = ranges_of(outputs.values())
    inputs: dict[str, Tensor] = {}
    for application in applications:
        operation = application.operation
        if not isinstance(operation, Placeholder) or operation.key.removeprefix("fitted:") in constants.arrays:
            continue
        if operation.key not in inputs:
            is_index = operation.given.element.is_integer
            counts = [known["count"] for known in ranges.get(operation.key, ()) if is_index]
            said = [docs[operation.key]] if operation.key in docs else []
            said += [f"Indices from 0 to {min(counts) - 1}; any other ends the run with an error."] if counts else []
            inputs[operation.key] = builder.input(operation.key, operation.given, "\n".join(said) or None)
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
        builder.output(output, tensor, docs.get(output))
    return builder
