"""Figures over a split that are not finite: what is said of them, and that none is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np

from dslc.diagnostics import Diagnostic
from dslc.engine.protocol import Engine
from dslc.errors.objectives import FIGURE_NOT_FINITE, NOTHING_KEPT
from dslc.plan.training import TrainPlan
from dslc.run.explaining.figure_causes import told_with_cause
from dslc.run.observing import Observer
from dslc.run.progress import Progress

__all__ = ["FigureWarnings", "check_kept"]


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
        self, split: str, found: Mapping[str, np.ndarray], unmeasured: Collection[str], step: int,
        feeds: Callable[[], Iterable[Mapping[str, np.ndarray]]],
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
            self._observer.warned(
                _unmeasured(split, name) if name in unmeasured else self._not_finite(split, name, value, step, feeds())
            )

    def _not_finite(
        self, split: str, name: str, value: np.ndarray, step: int, feeds: Iterable[Mapping[str, np.ndarray]]
    ) -> Diagnostic:
        what = f"'{split}.{name}' is {'not a number' if np.isnan(value) else 'infinite'} after step {step}"
        return told_with_cause(what, self._train, name, self._models, self._engine, feeds)


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
