"""Running a fields graph over a table of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from dslc.compile.lowering import origin_of
from dslc.data.checks import where_in
from dslc.data.conversion import Conversion
from dslc.data.table import MEMORY, Table, allocate
from dslc.engine.evaluation import Predictor
from dslc.engine.outside import IndexFailure
from dslc.engine.protocol import Engine, Model
from dslc.errors.objectives import INDEX_OUTSIDE
from dslc.plan.contract import Contract
from dslc.plan.values import Application

__all__ = ["run_fields", "telling_of_rows"]

CHUNK = 4096
"""Rows that go through the fields graph at a time."""


@contextmanager
def telling_of_rows(table: Table, contract: Contract, applications: Iterable[Application] = ()) -> Iterator[None]:
    """Tell of an index that is outside of what it picks from where it stands in the file, and in the spec.

    Raises:
        Problem: E0540.
    """
    try:
        yield
    except IndexFailure as failure:
        found = failure.outside
        columns = [column for one in contract.inputs if one.key in found.inputs for column in one.columns]
        if found.row is None or not columns:
            raise
        origin = where_in(table, columns, 0)(found.row, 0)
        span = next((a.span for a in applications if a.span and str(origin_of(a.span)) == found.origin), None)
        raise INDEX_OUTSIDE(f"{found.described} ({origin})").at(span) from None


def run_fields(
    model: Model, inputs: Mapping[str, np.ndarray], engine: Engine,
    conversions: Mapping[str, Conversion] | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Run a fields graph over all rows, and convert what comes out; large results live in temporary files.

    Args:
        model: raw columns in, (rows, ...) each.
        inputs: the columns by the names of the graph's inputs.
        engine: what runs it.
        conversions: what to do with an output before it is kept, by its name.

    Raises:
        Problem: E0604; IndexFailure, an index is outside of what it picks from.
    """
    predictor = Predictor(model, engine)
    rows = len(next(iter(inputs.values())))
    results: dict[str, np.ndarray] = {}
    for start in range(0, max(rows, 1), CHUNK):
        piece = {name: inputs[name][start : start + CHUNK] for name in predictor.graph.inputs}
        try:
            computed = predictor.run(piece, chunk=CHUNK)
        except IndexFailure as failure:
            raise failure.of_rows(range(start, start + CHUNK)) from None
        for name, exact in computed.items():
            array = conversions[name].convert(exact, start, piece) if conversions and name in conversions else exact
            if name not in results:
                results[name] = allocate((rows, *array.shape[1:]), array.dtype, MEMORY)
            results[name][start : start + len(array)] = array
    return results
