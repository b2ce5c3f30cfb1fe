"""The cause of a figure that is not finite: the expression that made it so, and what that was computed of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from dslc.compile.evaluation import measures_of
from dslc.diagnostics import Diagnostic, Problem
from dslc.engine.finite import is_finite
from dslc.engine.protocol import NEXT, Engine
from dslc.errors.objectives import FIGURE_NOT_FINITE
from dslc.graph.probes import ProbedNode
from dslc.plan.training import TrainPlan
from dslc.run.explaining.causes import Cause, cause_of
from dslc.run.explaining.tracing import LaidOpen, span_of, trace

__all__ = ["told_with_cause"]

Arrays = Mapping[str, np.ndarray]


def told_with_cause(
    what: str, train: TrainPlan, name: str, models: Mapping[str, bytes], engine: Engine, feeds: Iterable[Arrays]
) -> Diagnostic:
    """Warn of a figure that is not finite.

    Args:
        what: what is said of it.
        train: what is trained.
        name: the figure's.
        models: the graphs, by file.
        engine: what runs them.
        feeds: what the evaluation was fed in each batch, the weights included.
    """
    try:
        traced = _traced(name, models, engine, feeds)
    except (MemoryError, Problem):  # all values at once may not fit into memory
        traced = None
    if traced is None:
        return FIGURE_NOT_FINITE(what).diagnostic
    node, cause = traced
    measure = next(measure for measure in measures_of(train) if measure.name == name)
    problem = FIGURE_NOT_FINITE(f"{what}: {cause.text}", hint=cause.hint)
    return problem.at(span_of(measure.value, node) or measure.span).diagnostic


def _traced(
    name: str, models: Mapping[str, bytes], engine: Engine, feeds: Iterable[Arrays]
) -> tuple[ProbedNode | None, Cause] | None:
    """Measure once more, with all values laid open, until the figure is not finite."""
    graph = LaidOpen(models["eval.onnx"], engine)
    totals: dict[str, np.ndarray] = {}
    for batch in feeds:
        values = graph.run({**graph.zeros, **batch, **totals})
        totals = {key.removesuffix(NEXT): values[key] for key in graph.outputs if key.endswith(NEXT)}
        for key, total in totals.items():
            if key.startswith(f"accumulator/{name}/") and not is_finite(total):
                return _cause(graph, values, key + NEXT)
    finish = LaidOpen(models["metrics.onnx"], engine)
    values = finish.run(totals)
    return None if is_finite(values[name]) else _cause(finish, values, name)


def _cause(graph: LaidOpen, values: Arrays, target: str) -> tuple[ProbedNode | None, Cause]:
    birth = trace(graph.probes, values, target)
    return birth.node, cause_of(birth, graph.probes, values)
