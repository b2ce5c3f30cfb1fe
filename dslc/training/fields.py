"""From raw columns to fields: fitting on the training split, the fields graph, and the examples of every split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from dslc.diagnostics import Failure, Problem
from dslc.errors import data as errors
from dslc.graph import Builder
from dslc.graph.model import Model, save_model
from dslc.model.checked import CheckedData, CheckedField, Facts, Fit
from dslc.model.columns import ColumnUse
from dslc.model.constants import FittedConstants
from dslc.model.lowering import Lowering
from dslc.model.measures import BATCH, applications_of
from dslc.model.values import Placeholder, Value
from dslc.training.data import (
    Dataset,
    Split,
    Table,
    check_finite,
    encode_categories,
    fingerprint,
    fit_categories,
    fit_mean,
    fit_median,
    fit_minmax,
    fit_standardize,
    locate,
    open_table,
    placed,
    split_rows,
    where_in,
)
from dslc.training.data.table import MEMORY, allocate
from dslc.training.evaluation import Predictor
from dslc.training.session import Settings
from dslc.types import STRING, TensorType, symbol

__all__ = ["RawData", "fields_graph", "fit_constants", "make_dataset", "raw_inputs", "read_raw"]

Vocabularies = Mapping[str, tuple[Any, ...]]
"""The sorted categories of each fitted ``category``, by its key."""


@dataclass(eq=False)
class RawData:
    """A data set's tables, open, with the rows of each split and what was fitted on the training rows."""

    tables: Mapping[str | None, Table]
    lengths: Mapping[str | None, int]
    """How many rows each table has."""
    rows: Mapping[str, tuple[str | None, np.ndarray | None]]
    """Of each split: the source it comes from, and its rows (None: all)."""
    sources: Mapping[str, Mapping[str, int | str]]
    """Size and hash of every file, by its path in the spec."""
    vocabularies: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def examples(self, split: str) -> int:
        """Return how many examples a split has."""
        source, rows = self.rows[split]
        return self.lengths[source] if rows is None else len(rows)

    @property
    def training(self) -> tuple[Table, np.ndarray | None]:
        """The table of the training split, and its rows."""
        source, rows = self.rows["train"]
        return self.tables[source], rows

    def facts(self, data: CheckedData) -> Facts:
        """Return what checking the spec again can use."""
        table, _ = self.training
        shapes = {use.key: _row_shape(table, use) for use in data.columns.values()}
        counts = {
            f.field: len(self.vocabularies[f.key])
            for checked in data.fields.values()
            for f in checked.fits
            if f.kind == "category"
        }
        return Facts(shapes, counts)


def _row_shape(table: Table, use: ColumnUse) -> tuple[int, ...]:
    with placed(use.span):
        if use.many:
            return (sum(prod(table.row_shape(name)) for name in table.match(use.patterns)),)
        table.require(use.patterns[0])
        return tuple(table.row_shape(use.patterns[0]))


def read_raw(data: CheckedData, folders: Sequence[Path]) -> RawData:
    """Open the sources, deal the rows to the splits, and find the categories.

    Raises:
        Problem, Failure: E04xx, a file or what is in it does not do.
    """
    tables: dict[str | None, Table] = {}
    sources: dict[str, Mapping[str, int | str]] = {}
    findings = []
    for name, source in data.sources.items():
        span = data.source_spans[name]
        try:
            with placed(span):
                tables[name] = open_table(source, folders)
                sources.update({path: fingerprint(locate(path, folders)) for path in source.paths})
        except Problem as problem:
            findings.append(problem.diagnostic)
        except Failure as failure:
            findings.extend(failure.diagnostics)
    for table in tables.values():
        for use in data.columns.values():
            try:
                _row_shape(table, use)
            except Problem as problem:
                findings.append(problem.diagnostic)
            except Failure as failure:
                findings.extend(failure.diagnostics)
    if findings:
        raise Failure(dict.fromkeys(findings))
    for use in data.columns.values():
        _check_alike(use, tables)
    needed = {pattern for use in data.columns.values() for pattern in use.patterns}
    rows = _deal(data, tables, needed)
    lengths = {name: table.select(table.match(tuple(needed))).rows for name, table in tables.items()}
    raw = RawData(tables, lengths, rows, sources)
    _find_categories(data, raw)
    return raw


def _check_alike(use: ColumnUse, tables: Mapping[str | None, Table]) -> None:
    """Refuse sources whose examples have different shapes."""
    shapes = {table.title: _row_shape(table, use) for table in tables.values()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{list(shape)} in {title}" for title, shape in shapes.items())
        what = "columns" if use.many else f"column '{use.patterns[0]}'"
        raise errors.SHAPES_DIFFER(f"an example's {what} has shape {listed}").at(use.span)


def _deal(
    data: CheckedData, tables: Mapping[str | None, Table], patterns: set[str]
) -> dict[str, tuple[str | None, np.ndarray | None]]:
    found: dict[str, tuple[str | None, np.ndarray | None]] = {}
    plan = data.split
    for name, table in tables.items():
        with placed(data.source_spans[name]):
            count = table.select(table.match(tuple(patterns))).rows
        if not count:
            raise errors.EMPTY(f"{table.title} has no rows").at(data.source_spans[name])
        if name is not None and (name != "train" or not plan.fractions):
            found[name] = (name, None)
            continue
        with placed(plan.span):
            modes = [mode for mode in ("by", "order", "group") if getattr(plan, mode)]
            values = {mode: _column_of(data, table, getattr(plan, mode)) for mode in modes}
        fractions = dict(plan.fractions)
        rest = "train" if name is not None else None
        if rest is None and set(fractions) == {"train"}:
            found["train"] = (name, None)
            continue
        with placed(plan.span):
            dealt = split_rows(count, fractions, plan.seed, rest=rest, **values)
        found.update({split: (name, rows) for split, rows in dealt.items()})
    return found


def _column_of(data: CheckedData, table: Table, name: str) -> np.ndarray:
    """Return the values that a split goes by: of a column, or of the one column that a field is made of."""
    if name not in table.names and name in data.fields:
        value = data.fields[name].value
        keys = (
            {a.operation.key for a in applications_of(value) if isinstance(a.operation, Placeholder)}
            if value
            else set()
        )
        uses = [data.columns[key] for key in keys if key in data.columns]
        if len(uses) == 1 and not uses[0].many:
            name = uses[0].patterns[0]
    table.require(name)
    values: np.ndarray = table.read(name, table.element(name))
    if values.ndim > 1:
        raise errors.UNSUPPORTED_ARRAY(
            f"a split goes by a column with one value per row, and '{name}' has {list(values.shape[1:])}"
        )
    return values


def _find_categories(data: CheckedData, raw: RawData) -> None:
    table, rows = raw.training
    for checked in data.fields.values():
        for fit in checked.fits:
            if fit.kind == "category" and fit.column is not None:
                with placed(fit.span):
                    name = data.columns[fit.column].patterns[0]
                    raw.vocabularies[fit.key] = fit_categories(_category_values(table, name), rows)


def _category_values(table: Table, name: str) -> Any:
    return table.text(name) if table.element(name) is STRING else table.read(name)


# --- the fields graph ----------------------------------------------------------------------------------


def fields_graph(data: CheckedData, constants: FittedConstants, *, names: Sequence[str] | None = None) -> Model:
    """Compile raw columns to fields, all of them or those named; what was fitted is inside."""
    chosen = {name: f for name, f in data.fields.items() if names is None or name in names}
    return _graph(data, constants, {name: f.value for name, f in chosen.items() if f.value is not None},
                  docs={name: f.doc for name, f in chosen.items()})  # fmt: skip


def _graph(
    data: CheckedData, constants: FittedConstants, values: Mapping[str, Value],
    docs: Mapping[str, str | None] | None = None,
) -> Model:  # fmt: skip
    builder = Builder(f"{data.name}.fields")
    keys = {a.operation.key for a in applications_of(*values.values()) if isinstance(a.operation, Placeholder)}
    inputs = {
        use.key: builder.input(use.key, TensorType(use.element, (symbol(BATCH), *use.shape)))
        for use in data.columns.values() if use.key in keys
    }  # fmt: skip
    lowering = Lowering(
        builder, lambda key: inputs[key] if key in inputs else constants.tensor(builder, key), lambda path: inputs[path]
    )
    for name, tensor in zip(values, lowering.emit(*values.values()), strict=True):
        builder.output(name, tensor, (docs or {}).get(name))
    return builder.model(doc=data.doc)


def raw_inputs(
    data: CheckedData, table: Table, vocabularies: Vocabularies, keys: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Read a table's columns in the form that the fields graph takes.

    Raises:
        Problem, Failure: E04xx, a column is missing or its values do not fit.
    """
    fits = {f.key: f for checked in data.fields.values() for f in checked.fits}
    found: dict[str, np.ndarray] = {}
    for use in data.columns.values():
        if keys is not None and use.key not in keys:
            continue
        with placed(use.span):
            if use.coded is not None:
                name = use.patterns[0]
                table.require(name)
                found[use.key] = encode_categories(
                    _category_values(table, name),
                    vocabularies[use.coded],
                    where_in(table, [name]),
                    unknown=fits[use.coded].unknown,
                )
            elif use.many:
                found[use.key] = table.read_block(table.match(use.patterns), use.element)
            else:
                table.require(use.patterns[0])
                found[use.key] = table.read(use.patterns[0], use.element)
            array = found[use.key]
            found[use.key] = array.reshape(len(array), *use.shape)
    return found


# --- fitting and examples --------------------------------------------------------------------------------


def fit_constants(data: CheckedData, raw: RawData, settings: Settings) -> FittedConstants:
    """Fit standardize, minmax and impute on the training rows, in the order of the text."""
    arrays: dict[str, np.ndarray] = {}
    constants = FittedConstants(arrays)
    steps = [f for checked in data.fields.values() for f in checked.fits if f.operand is not None]
    if not steps:
        return constants
    table, rows = raw.training
    inputs = raw_inputs(data, table, raw.vocabularies)
    for fit in steps:
        assert fit.operand is not None
        with placed(fit.span):
            if fit.kind == "impute" and not isinstance(fit.fill, str):
                shape = tuple(int(d) for d in fit.operand.type.shape[1:])
                arrays[f"{fit.key}/fill"] = np.full(shape, fit.fill, fit.operand.type.element.numpy)
                continue
            values = _evaluate(_graph(data, constants, {"value": fit.operand}), inputs, settings)["value"]
            for name, found in _fitted(fit, values, rows).items():
                arrays[f"{fit.key}/{name}"] = np.asarray(found).astype(fit.operand.type.element.numpy)
    return constants


def _fitted(fit: Fit, values: np.ndarray, rows: np.ndarray | None) -> dict[str, np.ndarray]:
    match fit.kind, fit.fill:
        case "standardize", _:
            return dict(zip(("mean", "scale"), fit_standardize(values, rows), strict=True))
        case "minmax", _:
            return dict(zip(("low", "range"), fit_minmax(values, rows), strict=True))
        case "impute", "median":
            return {"fill": fit_median(values, rows)}
    return {"fill": fit_mean(values, rows)}


CHUNK = 4096
"""Rows that go through the fields graph at a time."""


def _evaluate(model: Model, inputs: Mapping[str, np.ndarray], settings: Settings) -> dict[str, np.ndarray]:
    """Run a fields graph over all rows; large results live in temporary files."""
    predictor = Predictor(save_model(model), settings)
    wanted = {value.name or "" for value in model.graph.inputs}
    rows = len(next(iter(inputs.values())))
    results: dict[str, np.ndarray] = {}
    for start in range(0, max(rows, 1), CHUNK):
        piece = {name: inputs[name][start : start + CHUNK] for name in wanted}
        for name, array in predictor.run(piece, chunk=CHUNK).items():
            if name not in results:
                results[name] = allocate((rows, *array.shape[1:]), array.dtype, MEMORY)
            results[name][start : start + len(array)] = array
    return results


def make_dataset(data: CheckedData, constants: FittedConstants, raw: RawData, settings: Settings) -> Dataset:
    """Compute every field of every row, and check that none is missing.

    Raises:
        Failure: E04xx, with file, row and column.
    """
    model = fields_graph(data, constants)
    fields: dict[str | None, dict[str, np.ndarray]] = {}
    for name, table in raw.tables.items():
        fields[name] = _evaluate(model, raw_inputs(data, table, raw.vocabularies), settings)
        for checked in data.fields.values():
            with placed(checked.span):
                check_finite(
                    checked.name, fields[name][checked.name], where_in(table, columns_of(data, table, checked))
                )
    return Dataset({split: Split(fields[source], rows) for split, (source, rows) in raw.rows.items()})


def columns_of(data: CheckedData, table: Table, checked: CheckedField) -> list[str]:
    """Return the columns that a field is made of."""
    assert checked.value is not None
    keys = [a.operation.key for a in applications_of(checked.value) if isinstance(a.operation, Placeholder)]
    uses = [data.columns[key] for key in keys if key in data.columns]
    names = [n for use in uses for n in (table.match(use.patterns) if use.many else use.patterns)]
    return list(dict.fromkeys(names))
