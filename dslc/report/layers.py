"""What a spec amounts to, layer by layer: shapes, parameters, cost, and every default spelled out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dslc.check import Program, check_model
from dslc.data.binding import Bound
from dslc.data.loading import loaded_from
from dslc.diagnostics import Diagnostics, Failure, Problem
from dslc.dimensions import is_class_count, substitute, symbols_of
from dslc.library.operation import Layer, Role
from dslc.limits import Limits
from dslc.plan.measures import applications_of
from dslc.plan.training import TrainPlan
from dslc.plan.values import Application, ParameterRecord, Placeholder
from dslc.report.drawing import draw_network
from dslc.report.spelling import spelled
from dslc.types import Dimension, Symbolic, TensorType, element_count

__all__ = ["Overview", "Parameter", "Row", "of_models", "of_train"]


@dataclass(frozen=True)
class Parameter:
    """A tensor of a network's state."""

    path: str
    type: str
    role: str
    """``kernel``, ``bias``, ``statistic``, ..."""
    initializer: str
    """What it starts from: an initializer, or ``loaded from "FILE"``."""
    trained: bool


@dataclass(frozen=True)
class Row:
    """One application of a layer, or of a function that costs multiplications; numbers are per example.

    A number that depends on a size known at run time only is a text: ``"64 * T"``.
    """

    path: str
    """Where its parameters live; empty for a function."""
    word: str
    """The word with every option."""
    output: str
    parameters: int | str
    """Trainable numbers that this application brings along; a shared layer brings them once."""
    multiply_adds: int | str
    activation_bytes: int | str
    line: int | None


@dataclass(frozen=True)
class Overview:
    """What ``dslc show`` shows."""

    name: str
    params: Mapping[str, Any]
    fields: Mapping[str, str]
    inputs: Mapping[str, str]
    """What flows in, by name."""
    layers: Sequence[Row]
    parameters: Sequence[Parameter]
    total_parameters: int | str
    trained_parameters: int | str
    multiply_adds: int | str
    activation_bytes: int | str
    settings: Mapping[str, str] = field(default_factory=dict)
    """The training's settings, defaults included, as the spec would write them."""
    picture: str = field(default="", repr=False)
    """The network as an SVG."""
    notes: Sequence[str] = ()
    """What is not told because a file could not be read, and why."""


def of_train(bound: Bound) -> Overview:
    """Lay out a train block; its data is read only if a size depends on it, as on the number of categories.

    Where the data can't be read and the layers can be told without it, such sizes stay as ``classes(town)``.

    Raises:
        Problem, Failure: the spec is wrong, or data that it needs is missing.
    """
    train, notes = _with_sizes(bound)
    loaded: Mapping[str, str] = {}
    if train.load:
        try:
            loaded = loaded_from(train, bound.folders)
        except (Problem, Failure) as error:
            notes.append(f"what is loaded is not shown: {error.diagnostics[0].message}")
    trained = {path for objective in train.objectives for group in objective.groups for path in group.paths}
    overview = _overview(train.name, bound.params, _applications(train), train.parameters, trained, loaded)
    fields = {name: str(f.type) for name, f in train.data.fields.items()}
    return replace(overview, fields=fields, settings=_settings(train), notes=notes)


def _with_sizes(bound: Bound) -> tuple[TrainPlan, list[str]]:
    """Return a train block, with its data where a size hangs on it; where that can't be read, without, and say why."""
    train = bound.alone or bound.train
    types = [record.type for record in train.parameters.values()]
    types += [value.type for application in _applications(train) for value in application.outputs]
    if not any(is_class_count(name) for type in types for name in type.symbols):
        return train, []
    try:
        return bound.train, []
    except (Problem, Failure) as error:
        if any(d.code.exit_code != FILE_WRONG for d in error.diagnostics if d.severity == "error"):
            raise
        return train, [f"numbers of categories are not shown: {error.diagnostics[0].message}"]


FILE_WRONG = 3
"""Exit code of what is said about a file, not about the spec."""


def _applications(train: TrainPlan) -> list[Application]:
    """Return what is applied in evaluation mode: for losses and metrics, and whatever else is shipped."""
    measured = [o.measure.value for o in train.objectives] + [metric.value for metric in train.metrics]
    found = applications_of(*measured)
    known = {application.site for application in found}
    others = applications_of(*(value for shipped in train.shipped for value in shipped.outputs.values()))
    return found + [a for a in others if a.site and a.site not in known]


def of_models(program: Program, limits: Limits) -> list[Overview]:
    """Lay out the models of a spec that trains nothing; those whose arguments have no defaults are left out."""
    found = []
    for name, block in program.scope.blocks.items():
        if block.node.kind != "model" or any(formal.default is None for formal in block.node.formals):
            continue
        diagnostics = Diagnostics()
        outputs, parameters = check_model(block, diagnostics, limits)
        diagnostics.raise_errors()
        found.append(_overview(name, program.params, applications_of(*outputs), parameters, set(parameters), {}))
    return found


def _overview(
    name: str,
    params: Mapping[str, Any],
    applications: Sequence[Application],
    records: Mapping[str, ParameterRecord],
    trained: set[str],
    loaded: Mapping[str, str],
) -> Overview:
    given = [a.operation for a in applications if isinstance(a.operation, Placeholder)]
    fed = [operation for operation in given if not operation.key.startswith("fitted:")]
    firsts = [dimension for operation in fed for dimension in operation.given.shape[:1]]
    one: dict[str, Dimension] = {name: 1 for dimension in firsts for name in symbols_of(dimension)}
    rows: list[Row] = []
    seen: set[str] = set()
    total_cost: Dimension = 0
    for application in applications:
        cost = substitute(application.operation.multiply_adds(*(o.type for o in application.operands)), one)
        total_cost = total_cost + cost
        if isinstance(application.operation, Layer) or cost != 0:
            own = [path for path in application.variables.values() if path not in seen]
            seen.update(own)
            rows.append(_row(application, _numbers(own, records), cost, one))
    computed = [a for a in applications if a.operation.family != "leaf"]
    trainable = [path for path in records if _is_trainable(records[path])]
    return Overview(
        name=name,
        params=dict(params),
        fields={},
        inputs={operation.key: str(operation.given) for operation in fed},
        layers=rows,
        parameters=[
            Parameter(path, str(r.type), r.variable.role.value, _start(path, r, loaded), path in trained)
            for path, r in records.items()
        ],
        total_parameters=_number(_numbers(trainable, records)),
        trained_parameters=_number(_numbers([path for path in trainable if path in trained], records)),
        multiply_adds=_number(total_cost),
        activation_bytes=_number(sum(_bytes(value.type, one) for a in computed for value in a.outputs)),
        picture=draw_network(applications),
    )


def _start(path: str, record: ParameterRecord, loaded: Mapping[str, str]) -> str:
    return f'loaded from "{loaded[path]}"' if path in loaded else spelled(record.variable.initializer)


def _row(application: Application, parameters: Dimension, cost: Dimension, one: Mapping[str, Dimension]) -> Row:
    return Row(
        path=application.site.partition("#")[0],
        word=spelled(application.operation),
        output=", ".join(str(value.type) for value in application.outputs),
        parameters=_number(parameters),
        multiply_adds=_number(cost),
        activation_bytes=_number(sum(_bytes(value.type, one) for value in application.outputs)),
        line=application.span.first[0] if application.span is not None else None,
    )


# --- numbers ------------------------------------------------------------------------------------------


def _is_trainable(record: ParameterRecord) -> bool:
    return record.variable.role is not Role.STATISTIC


def _numbers(paths: Iterable[str], records: Mapping[str, ParameterRecord]) -> Dimension:
    return sum(element_count(records[path].variable.shape) for path in paths if _is_trainable(records[path]))


def _bytes(type: TensorType, one: Mapping[str, Dimension]) -> Dimension:
    """Return the size of a tensor; ``one`` has the symbols that count examples, each as 1."""
    size = 1 if type.element.value == "string" else type.element.numpy.itemsize
    return substitute(element_count(type.shape), one) * size


def _number(dimension: Dimension) -> int | str:
    return str(dimension) if isinstance(dimension, Symbolic) else dimension


# --- settings -----------------------------------------------------------------------------------------


def _settings(train: TrainPlan) -> dict[str, str]:
    found: dict[str, str] = {}
    for objective in train.objectives:
        groups = [f"{spelled(g.optimizer)} over {len(g.paths)} tensors" for g in objective.groups]
        found[f"minimize {objective.name}"] = "; ".join(groups)
    lengths = {"epochs": train.epochs, "steps": train.steps}
    found |= {name: str(value) for name, value in lengths.items() if value is not None}
    found |= {
        "batch": f"{train.batch}, shuffle = {spelled(train.shuffle)}, drop_last = {spelled(train.drop_last)}",
        "evaluate": "every epoch" + (f", every {train.evaluate_every} steps" if train.evaluate_every else ""),
        "stop when": train.stop.text if train.stop else "none",
        "keep": "the last weights",
        "clip norm": spelled(train.clip_norm),
        "clip value": spelled(train.clip_value),
        "accumulate": str(train.accumulate),
        "average": f"ema({train.average})" if train.average else "none",
        "seed": str(train.seed),
    }
    if train.keep is not None:
        found["keep"] = f"{'highest' if train.keep.highest else 'lowest'} {train.keep.figure.text}"
    return found
