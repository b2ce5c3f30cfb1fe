"""``model.onnx``: the network in evaluation mode, with its weights inside and a symbolic batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np

from dslc.compile.lowering import Lowering
from dslc.graph import Builder
from dslc.graph.model import Model
from dslc.library.statistic import Statistic
from dslc.plan.indices import ranges_of
from dslc.plan.measures import applications_of
from dslc.plan.training import Shipped, TrainPlan
from dslc.plan.values import Application, FittedConstants, Placeholder, Value
from dslc.targets import Target
from dslc.targets.cpu import CPU

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
    return ["model.onnx"] if len(train.shipped) == 1 else [f"model.{one.network}.onnx" for one in train.shipped]


def inference_models(
    train: TrainPlan,
    constants: FittedConstants,
    weights: Mapping[str, np.ndarray],
    class_names: Mapping[str, Sequence[str]] = MappingProxyType({}),
    target: Target = CPU,
) -> list[InferenceModel]:
    """Compile what a train block ships: its outputs, or else each network as it is.

    ``class_names`` are what the classes of fields are called; the models' metadata says them by output, as JSON.
    """
    models = []
    for file, shipped in zip(shipped_files(train), train.shipped, strict=True):
        classes = _classes(train, shipped.outputs)
        said = {output: list(class_names[field]) for output, field in classes.items() if field in class_names}
        metadata = {"classes": json.dumps(said, ensure_ascii=False)} if said else {}
        builder = Builder(shipped.network or train.name, target)
        _build(builder, shipped, constants, weights)
        models.append(InferenceModel(file, builder.model(doc=shipped.doc, metadata=metadata), shipped.fields, classes))
    return models


def _classes(train: TrainPlan, outputs: Mapping[str, Value]) -> dict[str, str]:
    """Return the outputs with a score for each class of a field: of the one with so many that a loss or metric takes.

    That is told by their shape, (examples, classes); where two such fields have equally many, by none.
    """
    fields: dict[int, set[str]] = {}
    for application in applications_of(*(o.loss for o in train.objectives), *(m.value for m in train.metrics)):
        if _is_of_classes(application):
            scores, target = application.operands[:2]
            field = target.application.operation
            if isinstance(field, Placeholder) and field.key in train.data.fields and scores.type.rank > 1:
                outermost = train.data.fields[field.key].outermost
                count = scores.type.shape[-1]
                if outermost is not None and outermost.codes and isinstance(count, int):
                    fields.setdefault(count, set()).add(field.key)
    of_count = {count: next(iter(names)) for count, names in fields.items() if len(names) == 1}
    return {
        name: of_count[size]
        for name, value in outputs.items()
        if value.type.rank == 2 and value.type.element.is_float and isinstance(size := value.type.shape[1], int)
        and size in of_count
    }  # fmt: skip


def _is_of_classes(application: Application) -> bool:
    """Whether it is a loss or metric of a score for each class, its first operand, and of the classes, its second."""
    operation, types = application.operation, [operand.type for operand in application.operands]
    return isinstance(operation, Statistic) and bool(types[1:]) and bool(operation.takes(*types) or operation.reads)


def _build(builder: Builder, shipped: Shipped, constants: FittedConstants, weights: Mapping[str, np.ndarray]) -> None:
    outputs, docs = shipped.outputs, shipped.docs
    ranges = ranges_of(outputs.values())
    inputs: dict[str, str] = {}
    for application in applications_of(*outputs.values()):
        given = application.operation
        if isinstance(given, Placeholder) and given.key not in constants:
            counts = [known["count"] for known in ranges.get(given.key, ()) if given.given.element.is_integer]
            said = [docs[given.key]] if given.key in docs else []
            said += [f"Indices from 0 to {min(counts) - 1}; any other ends the run with an error."] if counts else []
            inputs.setdefault(given.key, "\n".join(said))
    lowering = Lowering.open(
        builder, outputs.values(), inputs=inputs, docs={key: said or None for key, said in inputs.items()},
        constants=constants, parameters=cache(lambda path: builder.parameter(path, weights[path])),
    )  # fmt: skip
    for output, tensor in zip(outputs, lowering.emit(*outputs.values()), strict=True):
        builder.output(output, tensor, docs.get(output))
