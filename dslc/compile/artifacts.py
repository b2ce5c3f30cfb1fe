"""What ``dslc compile`` writes: graphs, first state and manifest, ready for any loop in any language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dslc.compile.evaluation import evaluation_graphs, measures_of, values_of
from dslc.compile.fields import fields_graph
from dslc.compile.state import TOTAL, StateTensor, average_name, initial_parameters, parameter_tensors
from dslc.compile.step import StepGraph, step_graphs
from dslc.export.external import SUFFIX, held_apart, is_too_large
from dslc.graph import DEFAULT_OPSET
from dslc.graph.model import Model, ports_of, save_model
from dslc.plan.contract import Contract
from dslc.plan.data import DataPlan
from dslc.plan.indices import ranges_of
from dslc.plan.paths import LoadedFile
from dslc.plan.training import Measure, TrainPlan
from dslc.plan.values import FittedConstants, Placeholder
from dslc.rewrite.passes import simplify
from dslc.storage.files import Buffer, write_atomically
from dslc.storage.manifest import FORMAT, PRODUCER, STATE
from dslc.storage.tensor_files import tensor_file
from dslc.targets import Target
from dslc.targets.cpu import CPU
from dslc.types import TensorType

__all__ = ["Artifacts", "compile_artifacts", "serialized", "laid_out", "shipped_weights", "write_model"]


@dataclass(eq=False)
class Artifacts:
    """Everything compiled from one train block."""

    steps: Sequence[StepGraph]
    models: Mapping[str, bytes]
    """Serialized graphs by file name."""
    state: Mapping[str, StateTensor]
    first_state: Callable[[], dict[str, np.ndarray]]
    """Draws the state before the first step; a run that goes on from a checkpoint has no need of it."""
    manifest: dict[str, Any] = field(default_factory=dict)
    loaded: Sequence[LoadedFile] = ()
    """What each file of ``load`` gave, once the first state has been drawn."""

    @cached_property
    def initial(self) -> dict[str, np.ndarray]:
        """The state before the first step."""
        return self.first_state()

    @property
    def step_files(self) -> list[str]:
        """Return the files of the training step's graphs, in the order in which they run."""
        return [file for step in self.steps for file in files_of(step, len(self.steps))]

    def pieces(self, state: Mapping[str, np.ndarray]) -> dict[str, list[Buffer]]:
        """Return what each file is made of, by its name: the graphs, and the state before the first step."""
        return {**{name: [data] for name, data in self.models.items()}, STATE: list(tensor_file(state))}


_COMPACT = json.JSONEncoder(ensure_ascii=False)


def laid_out(value: Any, indent: str = "") -> str:
    """Return JSON for people: a line for each thing that has no objects within (and ten times as fast as json's)."""
    inner = indent + "  "
    if isinstance(value, dict) and any(map(_holds_objects, value.values())):
        lines = [f"{inner}{_COMPACT.encode(key)}: {laid_out(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(map(_holds_objects, value)):
        return "[\n" + ",\n".join(inner + laid_out(item, inner) for item in value) + f"\n{indent}]"
    return _COMPACT.encode(value)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_holds_objects, value)))


def files_of(step: StepGraph, objectives: int) -> dict[str, Model]:
    """Return an objective's graphs by the names of their files, in the order in which they run."""
    return {f"{part}.onnx" if objectives == 1 else f"{part}.{step.name}.onnx": m for part, m in step.models.items()}


def serialized(model: Model, target: Target = CPU, passes: Sequence[str] | None = None) -> bytes:
    """Simplify a graph by passes (None: all) and return it as a file's bytes, in operators that the target has.

    Raises:
        Problem: E0616, they can't express it.
    """
    model = simplify(model, passes)
    return _legal(model, save_model(model), target)


def _legal(model: Model, data: bytes, target: Target) -> bytes:
    """Say a model, serialized as ``data``, in the target's operators."""
    from dslc.export.operator_sets import converted, is_lacking

    if target.opset == DEFAULT_OPSET and not is_lacking(model, target.missing):
        return data
    return converted(data, target.opset, target.missing)


def write_model(path: Path, model: Model, target: Target = CPU, passes: Sequence[str] | None = None) -> None:
    """Simplify a graph and write it; weights that are too large for its file get one beside it, ``NAME.onnx.data``.

    Raises:
        Problem: E0609, E0610; E0616, the target's operators can't express it.
    """
    model = simplify(model, passes)
    if is_too_large(model):
        weights = path.with_name(path.name + SUFFIX)
        data, pieces = held_apart(model, weights.name)
        write_atomically(weights, *pieces)
    else:
        data = save_model(model)
    write_atomically(path, _legal(model, data, target))


def compile_artifacts(
    train: TrainPlan, contract: Contract, constants: FittedConstants, *, seed: int, total_steps: int,
    load: Callable[[], tuple[Mapping[str, np.ndarray], Sequence[LoadedFile]]] = lambda: ({}, ()),
    target: Target = CPU, passes: Sequence[str] | None = None, apart: bool = False,
) -> Artifacts:  # fmt: skip
    """Compile a train block.

    ``load`` reads the first weights that come from files, ``passes`` simplify the graphs (None: all); ``apart`` makes
    graphs of their own of the gradient and the update.

    Raises:
        Problem: E0526, they can't be had apart; E0590; E0616, the operator set can't express a graph.
    """
    steps = step_graphs(train, constants, target, apart=apart)
    accumulate, finish = evaluation_graphs(train, constants, target)
    state: dict[str, StateTensor] = {}
    for step in steps:
        state.update(step.state)
    for tensor in parameter_tensors(train):
        state.setdefault(tensor.name, tensor)

    def first_state() -> dict[str, np.ndarray]:
        loaded, artifacts.loaded = load()
        drawn = {**initial_parameters(train.parameters, seed), **loaded}
        return {name: _first(tensor, drawn, total_steps) for name, tensor in state.items()}

    graphs = {file: model for step in steps for file, model in files_of(step, len(steps)).items()}
    graphs |= {
        "eval.onnx": accumulate,
        "metrics.onnx": finish,
        "fields.onnx": fields_graph(train.data, constants, target),
    }
    models = {name: serialized(graph, target, passes) for name, graph in graphs.items()}
    artifacts = Artifacts(steps, models, state, first_state)
    artifacts.manifest = _manifest(train, contract, artifacts, graphs, seed, target.opset)
    return artifacts


def _first(tensor: StateTensor, drawn: Mapping[str, np.ndarray], total_steps: int) -> np.ndarray:
    if tensor.of is not None:
        value: np.ndarray = drawn[tensor.of].astype(tensor.type.element.numpy, copy=tensor.of != tensor.name)
        return value
    initial = total_steps if tensor.name == TOTAL else tensor.initial
    return np.full([int(d) for d in tensor.type.shape], initial, tensor.type.element.numpy)


def shipped_weights(train: TrainPlan, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters and statistics that are evaluated and shipped: averages where there are any."""
    return {path: state.get(average_name(path), state[path]) for path in train.parameters}


# --- manifest --------------------------------------------------------------------------------------


def _manifest(
    train: TrainPlan, contract: Contract, artifacts: Artifacts, graphs: Mapping[str, Model], seed: int, opset: int
) -> dict[str, Any]:
    from dslc.engine.environment import environment

    data = train.data
    changing = {name for step in artifacts.steps for name in step.changes}
    return {
        "producer": PRODUCER,
        "format": FORMAT,
        "name": train.name,
        "opset": opset,
        "seed": seed,
        "environment": environment(),
        "graphs": {
            name: dict(zip(("inputs", "outputs"), ports_of(graph), strict=True)) for name, graph in graphs.items()
        },
        **_steps(train, artifacts.steps),
        "state": [
            {"name": t.name, **_type(t.type), "role": t.role.value, "changes": t.name in changing}
            for t in artifacts.state.values()
        ],
        "host_schedules": [
            {"state": h.state, "schedule": repr(h.schedule)} for step in artifacts.steps for h in step.host_schedules
        ],
        "figures": [
            {"name": m.name, "direction": m.direction, "classes": _field_of_classes(m, data)}
            for m in measures_of(train)
        ],
        "fields": {name: {**_type(f.type), "doc": f.doc} for name, f in data.fields.items()},
        "indices": {name: uses for name, uses in ranges_of(values_of(train)).items() if name in data.fields},
        "contract": contract.described(),
        "sources": {},
    }


def _field_of_classes(measure: Measure, data: DataPlan) -> str | None:
    """Return the field that names a table's classes, or the labels of a table for each; None of any other measure."""
    if measure.value.type.rank not in (2, 3):
        return None
    targets = [site.operands[1].application.operation for site in measure.sites if len(site.operands) > 1]
    fields = {t.key for t in targets if isinstance(t, Placeholder) and t.key in data.fields}
    if len(fields) != 1:
        return None
    (field,) = fields
    fit = data.fields[field].outermost
    is_category = fit is not None and fit.codes
    return field if is_category is (measure.value.type.rank == 2) else None


def _steps(train: TrainPlan, steps: Sequence[StepGraph]) -> dict[str, Any]:
    """Describe what a step runs, in order; apart, also what is added up in between, and over how many batches."""
    files = [list(files_of(step, len(steps))) for step in steps]
    if not any(step.sums for step in steps):
        return {"steps": [file for (file,) in files]}
    parts = [dict(zip(step.models, names, strict=True)) for step, names in zip(steps, files, strict=True)]
    return {
        "steps": [{**part, "sums": step.sums} for part, step in zip(parts, steps, strict=True)],
        "accumulate": train.accumulate,
    }


def _type(type: TensorType) -> dict[str, Any]:
    return {"type": type.element.value, "shape": [d if isinstance(d, int) else str(d) for d in type.shape]}
