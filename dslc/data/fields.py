"""From raw columns to fields: the fields graph, fitting on the training split, and the examples of every split."""

from __future__ import annotations

from math import prod

import numpy as np

from dslc.compile.fields import graph_of_values
from dslc.data import Dataset, Split, Table, placed, where_in
from dslc.data.checks import check_sound
from dslc.data.conversion import Conversion
from dslc.data.field_values import run_fields, telling_of_rows
from dslc.data.raw import RawData
from dslc.data.reading import read_columns
from dslc.diagnostics import Diagnostic
from dslc.engine.protocol import Engine
from dslc.errors.data import NOT_FINITE
from dslc.graph.model import Model, save_model
from dslc.plan.constants import FittedConstants
from dslc.plan.contract import Contract
from dslc.plan.data import DataPlan
from dslc.plan.measures import applications_of
from dslc.types import ElementType

__all__ = ["compute_fields", "fit_constants", "make_dataset"]


def fit_constants(data: DataPlan, raw: RawData, contract: Contract, engine: Engine) -> FittedConstants:
    """Fit the steps on the training rows, in the order of the text."""
    arrays: dict[str, np.ndarray] = {}
    constants = FittedConstants(arrays)
    table, rows = raw.training
    for checked in data.fields.values():
        for fit in checked.fits:
            if fit.operand is None:
                continue
            with placed(fit.span):
                known = fit.step.known()
                shape = tuple(int(d) for d in fit.constant_of(fit.operand.type).shape)
                for name, number in known.items():
                    arrays[f"{fit.key}/{name}"] = np.full(shape, number, fit.operand.type.element.numpy)
                if set(known) == set(fit.step.constants):
                    continue
                model = graph_of_values(data, constants, {"value": fit.operand})
                inputs = _read(data, contract, table, model)
                with telling_of_rows(table, contract):
                    values = run_fields(save_model(model), inputs, engine)["value"]
                for name, found in fit.step.fitted(values, rows, fit.over).items():
                    arrays[f"{fit.key}/{name}"] = _stored(name, found, fit.operand.type.element)
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


def compute_fields(
    data: DataPlan, constants: FittedConstants, contract: Contract, table: Table, engine: Engine
) -> tuple[dict[str, np.ndarray], list[Diagnostic]]:
    """Compute every field of every row of a table; return them, and what the conversion to their types rounded.

    Raises:
        Failure: E04xx, with file, row and column: a value is missing, or does not fit its field's type.
    """
    fields = {name: checked for name, checked in data.fields.items() if checked.exact is not None}
    values = {name: checked.exact for name, checked in fields.items() if checked.exact}
    for name, checked in fields.items():
        values |= checked.unsound.outputs(name)
    model = graph_of_values(data, constants, values)
    conversions = {
        name: Conversion(
            name,
            checked.type.element,
            where_in(table, contract.columns_of(name), prod(map(int, checked.type.shape))),
            contract.of_fields[name],
        )
        for name, checked in fields.items()
    }
    with telling_of_rows(table, contract, applications_of(*values.values())):
        found = run_fields(save_model(model), _read(data, contract, table, model), engine, conversions)
    warnings = []
    for name, conversion in conversions.items():
        exact = fields[name].exact
        with placed(exact.span if exact is not None else None):
            check_sound(name, found, conversion.where)
            conversion.raise_misfits()
            warnings += conversion.rounded(exact.span if exact is not None else None)
        shape = tuple(int(d) for d in fields[name].type.shape)
        found[name] = found[name].reshape(len(found[name]), *shape)
    return {name: found[name] for name in conversions}, warnings


def make_dataset(
    data: DataPlan, constants: FittedConstants, raw: RawData, contract: Contract, engine: Engine
) -> Dataset:
    """Compute the examples of every split.

    Raises:
        Failure: E04xx, with file, row and column.
    """
    fields: dict[str | None, dict[str, np.ndarray]] = {}
    warnings = dict.fromkeys(raw.warnings)
    for name, table in raw.tables.items():
        fields[name], found = compute_fields(data, constants, contract, table, engine)
        warnings |= dict.fromkeys(found)
    splits = {split: Split(fields[source], rows) for split, (source, rows) in raw.rows.items()}
    return Dataset(splits, tuple(warnings))
