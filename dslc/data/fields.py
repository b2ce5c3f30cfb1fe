"""From raw columns to fields: fitted on the training split, then computed for every split and for new data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dslc.compile.fields import graph_of_values
from dslc.data.batches import Dataset, Split
from dslc.data.convert import placed
from dslc.data.field_values import computed_fields, conversion_of, run_fields
from dslc.data.raw import RawData
from dslc.data.reading import read_columns
from dslc.data.table import Table
from dslc.diagnostics import Diagnostic
from dslc.engine.protocol import Engine
from dslc.errors.data import NOT_FINITE
from dslc.export.shipping import only_outputs
from dslc.graph.model import Model, load_model, ports_of, save_model
from dslc.plan.contract import Contract
from dslc.plan.data import CONDITIONS, EXACT, DataPlan
from dslc.plan.measures import applications_of
from dslc.plan.values import FITTED, FittedConstants, Value
from dslc.types import ElementType, TensorType

__all__ = ["compute_fields", "fit_constants", "make_dataset"]


def fit_constants(data: DataPlan, raw: RawData, contract: Contract, engine: Engine) -> FittedConstants:
    """Fit the steps on the training rows, in the order of the text."""
    constants: dict[str, np.ndarray] = {}
    table, rows = raw.training
    for checked in data.fields.values():
        for fit in checked.fits:
            if fit.operand is None:
                continue
            with placed(fit.span):
                known = fit.step.known()
                shape = tuple(int(d) for d in fit.constant_of(fit.operand.type).shape)
                for name, number in known.items():
                    constants[f"{FITTED}{fit.key}/{name}"] = np.full(shape, number, fit.operand.type.element.numpy)
                if set(known) == set(fit.step.constants):
                    continue
                model = graph_of_values(data, constants, {"value": fit.operand})
                inputs = _read(data, contract, table, model)
                values = run_fields(save_model(model), inputs, table, contract, engine)["value"]
                for name, found in fit.step.fitted(values, rows, fit.over).items():
                    constants[f"{FITTED}{fit.key}/{name}"] = _stored(name, found, fit.operand.type.element)
    return constants


def _stored(name: str, found: np.ndarray, element: ElementType) -> np.ndarray:
    """Return what was fitted in the type of the values.

    Raises:
        Problem: E0423, that can't hold it.
    """
    with np.errstate(over="ignore", under="ignore"):
        stored = np.asarray(found).astype(element.numpy)
    if not np.all(np.isfinite(stored)) or np.any((stored == 0) & (found != 0)):
        least, most = (f"{each:.6g}" for each in (np.min(found), np.max(found)))
        between = least if least == most else f"{least} to {most}"
        raise NOT_FINITE(
            f"the {name} of the training split is {between}, which {element.value} does not hold",
            hint="compute in float64: leave out the cast, or write cast(x, float64)",
        )
    return stored


def _read(data: DataPlan, contract: Contract, table: Table, model: Model) -> dict[str, np.ndarray]:
    """Read what a fields graph takes, each misfit told at the place where the spec reads it."""
    found: dict[str, np.ndarray] = {}
    for value in model.graph.inputs:
        key = str(value.name)
        with placed(data.columns[key].span):
            found |= read_columns(contract, table, [key])
    return found


def make_dataset(
    data: DataPlan, constants: FittedConstants, raw: RawData, contract: Contract, engine: Engine
) -> Dataset:
    """Compute the examples of every split.

    Raises:
        Failure: E04xx, with file, row and column.
    """
    warnings = list(raw.warnings)
    fields = {
        name: _fields_of(data, constants, contract, table, engine, warnings) for name, table in raw.tables.items()
    }
    splits = {split: Split(fields[source], rows) for split, (source, rows) in raw.rows.items()}
    return Dataset(splits, tuple(dict.fromkeys(warnings)))


def _fields_of(
    data: DataPlan, constants: FittedConstants, contract: Contract, table: Table, engine: Engine,
    warnings: list[Diagnostic],
) -> dict[str, np.ndarray]:  # fmt: skip
    values: dict[str, Value] = {}
    conversions = {}
    for name, checked in data.fields.items():
        if checked.exact is not None:
            values |= {name: checked.exact, **checked.unsound.outputs(name)}
            conversions[name] = conversion_of(name, checked.type, table, contract, checked.exact.span)
    model = graph_of_values(data, constants, values)
    columns, applied = _read(data, contract, table, model), applications_of(*values.values())
    return computed_fields(save_model(model), columns, table, contract, engine, conversions, applied, warnings)


def compute_fields(
    graph: bytes, fields: Mapping[str, Mapping[str, Any]], contract: Contract, table: Table, names: Sequence[str],
    engine: Engine,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Compute fields of every row of new data, by the graph that prepared them in training.

    Args:
        graph: the fields graph.
        fields: the type and shape of each field, as the manifest has them.
        contract: how the table is read.
        table: raw columns.
        names: which fields.
        engine: what runs the graph.

    Raises:
        Problem, Failure: E04xx, a column is missing, or values do not fit or are missing, with their places.
    """
    _, outputs = ports_of(load_model(graph))
    known = {port["name"] for port in outputs}
    conversions = {}
    for name in names:
        type = TensorType(ElementType(fields[name]["type"]), tuple(fields[name]["shape"]))
        conversions[name + EXACT if name + EXACT in known else name] = conversion_of(name, type, table, contract)
    conditions = [name + suffix for name in names for suffix in CONDITIONS if name + suffix in known]
    model = only_outputs(graph, [*conversions, *conditions])
    inputs, _ = ports_of(load_model(model))
    columns = read_columns(contract, table, [port["name"] for port in inputs])
    return computed_fields(model, columns, table, contract, engine, conversions)
