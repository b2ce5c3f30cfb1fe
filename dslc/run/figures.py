"""Figures over a split that are not finite: what is said of them, with their cause, and that none is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np

from dslc.compile.evaluation import measures_of
from dslc.diagnostics import Diagnostic, Problem
from dslc.engine.finite import is_finite
from dslc.engine.protocol import NEXT, Engine
from dslc.errors.objectives import FIGURE_NOT_FINITE, NOTHING_KEPT
from dslc.library.statistic import Statistic
from dslc.plan.training import TrainPlan
from dslc.run.explaining.causes import Cause, cause_of
from dslc.run.explaining.tracing import Birth, LaidOpen, span_of
from dslc.run.observing import Observer
from dslc.run.progress import Progress

__all__ = ["FigureWarnings", "check_kept"]

Arrays = Mapping[str, np.ndarray]
UNDEFINED = "is the split large enough, and mixed?"


class FigureWarnings:
    """Tells of figures that are not finite, of each once.

    Args:
        train: what is trained.
        models: its graphs, by file.
        engine: what runs them.
        observer: whom to tell.
    """

    def __init__(self, train: TrainPlan, models: Mapping[str, bytes], engine: Engine, observer: Observer) -> None:
        self._train, self._models, self._engine, self._observer = train, models, engine, observer
        self._told: set[tuple[str, str]] = set()

    def tell(
        self, split: str, found: Arrays, unmeasured: Collection[str], step: int,
        feeds: Callable[[], Iterable[Arrays]],
    ) -> None:  # fmt: skip
        """Warn of the figures of a split after a step.

        Args:
            split: its name.
            found: its figures.
            unmeasured: of these, those in which nothing counts.
            step: after which they were measured.
            feeds: gives once more what the evaluation was fed in each batch, the weights included.
        """
        for name, value in found.items():
            if value.ndim or np.isfinite(value) or (split, name) in self._told:
                continue
            self._told.add((split, name))
            if name in unmeasured:
                self._observer.warned(_unmeasured(split, name))
            else:
                what = f"'{split}.{name}' is {'not a number' if np.isnan(value) else 'infinite'} after step {step}"
                self._observer.warned(self._not_finite(what, name, feeds()))

    def _not_finite(self, what: str, name: str, feeds: Iterable[Arrays]) -> Diagnostic:
        """Return the warning of a figure that is not finite, with its cause where that is found."""
        try:
            traced = self._traced(name, feeds)
        except (MemoryError, Problem):  # all values at once may not fit into memory
            traced = None
        if traced is None:
            return FIGURE_NOT_FINITE(what).diagnostic
        birth, cause = traced
        measure = next(measure for measure in measures_of(self._train) if measure.name == name)
        problem = FIGURE_NOT_FINITE(f"{what}: {cause.text}", hint=cause.hint)
        return problem.at(span_of(measure.value, birth.node) or measure.span).diagnostic

    def _traced(self, name: str, feeds: Iterable[Arrays]) -> tuple[Birth, Cause] | None:
        """Measure once more, with all values laid open, until the figure is not finite."""
        graph, finish = (LaidOpen(self._models[file], self._engine) for file in ("eval.onnx", "metrics.onnx"))
        totals: dict[str, np.ndarray] = {}
        collected: dict[str, list[np.ndarray]] = {}
        for batch in feeds:
            values = graph.run({**graph.zeros, **batch, **totals})
            totals = {key.removesuffix(NEXT): values[key] for key in graph.outputs if key.endswith(NEXT)}
            rows = [key for key in finish.zeros if key not in totals]
            for key in (*(key + NEXT for key in totals), *rows):
                if key.startswith(f"accumulator/{name}/") and not is_finite(values[key]):
                    return cause_of(graph.probes, values, key)
            for key in rows:
                collected.setdefault(key, []).append(values[key])
        values = finish.run({**totals, **{key: np.concatenate(parts) for key, parts in collected.items()}})
        return None if is_finite(values[name]) else self._explained(name, *cause_of(finish.probes, values, name))

    def _explained(self, name: str, birth: Birth, cause: Cause) -> tuple[Birth, Cause]:
        """Say of a statistic that has no value what that means, in place of the operator that found it."""
        measure = next(measure for measure in measures_of(self._train) if measure.name == name)
        for number, site in enumerate(measure.sites):
            text = site.operation.undefined if isinstance(site.operation, Statistic) else None
            inside = birth.node is not None and birth.node.name.startswith(f"accumulator/{name}/{number}/")
            if inside and text is not None:
                return birth, Cause(f"{text} in '{site.operation.name}'", UNDEFINED)
        return birth, cause


def _unmeasured(split: str, name: str) -> Diagnostic:
    return FIGURE_NOT_FINITE(
        f"'{split}.{name}' has no value: every target that it looks at in the {split} split is ignored or has a weight "
        "of 0",
        hint="is 'ignore_index' the index of a class, or a column of weights empty?",
    ).diagnostic


def check_kept(train: TrainPlan, progress: Progress) -> None:
    """Refuse to ship where ``keep`` has found nothing to keep.

    Raises:
        Problem: E0525.
    """
    if train.keep is None or progress.best is not None or progress.lost is not None:
        return
    raise NOTHING_KEPT(
        f"'{train.keep.figure.text}' was not a finite number in any evaluation, so there are no best weights to ship",
        hint="its value in each evaluation is in metrics.jsonl; without 'keep', the last weights are shipped",
    ).at(train.keep.figure.span)
