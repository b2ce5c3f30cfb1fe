"""Running a fields graph over a table of any length."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dslc.training.data.conversion import Conversion
from dslc.training.data.table import MEMORY, allocate
from dslc.training.evaluation import Predictor
from dslc.training.session import Model, Settings

__all__ = ["run_fields"]

CHUNK = 4096
"""Rows that go through the fields graph at a time."""


def run_fields(
    model: Model, inputs: Mapping[str, np.ndarray], settings: Settings,
    conversions: Mapping[str, Conversion] | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Run a fields graph over all rows, and convert what comes out; large results live in temporary files.

    Args:
        model: raw columns in, (rows, ...) each.
        inputs: the columns by the names of the graph's inputs.
        settings: how to run it.
        conversions: what to do with an output before it is kept, by its name.
    """
    predictor = Predictor(model, settings)
    rows = len(next(iter(inputs.values())))
    results: dict[str, np.ndarray] = {}
    for start in range(0, max(rows, 1), CHUNK):
        piece = {name: inputs[name][start : start + CHUNK] for name in predictor.graph.inputs}
        for name, exact in predictor.run(piece, chunk=CHUNK).items():
            array = conversions[name].convert(exact, start) if conversions and name in conversions else exact
            if name not in results:
                results[name] = allocate((rows, *array.shape[1:]), array.dtype, MEMORY)
            results[name][start : start + len(array)] = array
    return results
