"""Running a fields graph over a table of any length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

import numpy as np

from dslc.compile.lowering import origin_of
from dslc.data.checks import check_sound, where_in
from dslc.data.conversion import Conversion
from dslc.data.convert import placed
from dslc.data.scratch import allocate
from dslc.data.table import Table
from dslc.diagnostics import Diagnostic, Problem
from dslc.engine.evaluation import Predictor
from dslc.engine.outside import IndexFailure
from dslc.engine.protocol import Engine, Model
from dslc.errors.objectives import INDEX_OUTSIDE
from dslc.errors.runs import DAMAGED_FILE
from dslc.plan.contract import Contract
from dslc.plan.values import Application
from dslc.source import Span
from dslc.types import TensorType

__all__ = ["computed_fields", "conversion_of", "run_fields"]

CHUNK = 4096
"""Rows that go through the fields graph at a time."""


def conversion_of(
    name: str, type: TensorType, table: Table, contract: Contract, span: Span | None = None
) -> Conversion:
    """Return what converts a field of this type, made of a table that is read as the contract says."""
    shape = tuple(map(int, type.shape))
    where = where_in(table, contract.columns_of(name), prod(shape))
    return Conversion(name, type.element, shape, where, contract.of_fields[name], span)


def computed_fields(
    model: Model, columns: Mapping[str, np.ndarray], table: Table, contract: Contract, engine: Engine,
    conversions: Mapping[str, Conversion], applications: Iterable[Application] = (),
    warnings: list[Diagnostic] | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return fields of all rows of a table, (rows, ...) each, in their declared types.

    Args:
        model: the fields graph.
        columns: what it takes, by its inputs' names.
        table: where that comes from.
        contract: how it was read.
        engine: what runs the graph.
        conversions: of the fields, by the names of the graph's outputs.
        applications: what the graph does, where the spec is known.
        warnings: takes what was rounded; None where nobody is to be warned.

    Raises:
        Problem, Failure: E04xx, with file, row and column; E0540; E0604; E0626, the graph gives another shape.
    """
    found = run_fields(model, columns, table, contract, engine, conversions, applications)
    result = {}
    for output, conversion in conversions.items():
        name, array, shape = conversion.name, found[output], conversion.shape
        with placed(conversion.span):
            check_sound(name, found, conversion.where)
            conversion.misfits.raise_any()
            if warnings is not None:
                warnings += conversion.rounded()
        if prod(array.shape[1:]) != prod(shape):
            raise DAMAGED_FILE(f"the fields graph gives '{name}' {list(array.shape[1:])}, not {list(shape)}")
        result[name] = array.reshape(len(array), *shape)
    return result


def run_fields(
    model: Model, columns: Mapping[str, np.ndarray], table: Table, contract: Contract, engine: Engine,
    conversions: Mapping[str, Conversion] | None = None, applications: Iterable[Application] = (),
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return a fields graph's outputs for all rows, those converted that have conversions; large ones live in files.

    The arguments are those of :func:`computed_fields`.

    Raises:
        Problem: E0540, an index is outside of what it picks from, with its place in the file and in the spec; E0604.
    """
    predictor = Predictor(model, engine)
    rows = len(next(iter(columns.values())))
    results: dict[str, np.ndarray] = {}
    for start in range(0, max(rows, 1), CHUNK):
        piece = {name: columns[name][start : start + CHUNK] for name in predictor.graph.inputs}
        try:
            computed = predictor.run(piece, chunk=CHUNK)
        except IndexFailure as failure:
            raise _told(failure.of_rows(range(start, start + CHUNK)), table, contract, applications) from None
        for name, exact in computed.items():
            array = conversions[name].convert(exact, start, piece) if conversions and name in conversions else exact
            if name not in results:
                results[name] = allocate((rows, *array.shape[1:]), array.dtype)
            results[name][start : start + len(array)] = array
    return results


def _told(
    failure: IndexFailure, table: Table, contract: Contract, applications: Iterable[Application]
) -> IndexFailure | Problem:
    """Say of an index that is outside where it stands in the file, and in the spec, if that is known."""
    found = failure.outside
    columns = [column for one in contract.inputs if one.key in found.inputs for column in one.columns]
    if found.row is None or not columns:
        return failure
    origin = where_in(table, columns, 0)(found.row, 0)
    span = next((a.span for a in applications if a.span and str(origin_of(a.span)) == found.origin), None)
    return INDEX_OUTSIDE(f"{found.described} ({origin})").at(span)
