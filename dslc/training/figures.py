"""Figures over a split that are not finite: what is said of them, and that none is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from dslc.diagnostics import Diagnostic
from dslc.errors.objectives import FIGURE_NOT_FINITE, NOTHING_KEPT
from dslc.model.checked import CheckedTrain
from dslc.training.observing import Observer
from dslc.training.progress import Progress

__all__ = ["FigureWarnings", "check_kept"]


class FigureWarnings:
    """Tells of figures that are not finite, of each once."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._told: set[tuple[str, str]] = set()

    def tell(self, split: str, found: Mapping[str, np.ndarray], unmeasured: Collection[str], step: int) -> None:
        """Warn of the figures of a split after a step; nothing counts in those that are ``unmeasured``."""
        for name, value in found.items():
            if value.ndim or np.isfinite(value) or (split, name) in self._told:
                continue
            self._told.add((split, name))
            self._observer.warned(
                _unmeasured(split, name) if name in unmeasured else _not_finite(split, name, value, step)
            )


def _unmeasured(split: str, name: str) -> Diagnostic:
    return FIGURE_NOT_FINITE(
        f"'{split}.{name}' has no value: every target that it looks at in the {split} split is ignored or has a weight "
        "of 0",
        hint="is 'ignore_index' the index of a class, or a column of weights empty?",
    ).diagnostic


def _not_finite(split: str, name: str, value: np.ndarray, step: int) -> Diagnostic:
    what = "not a number" if np.isnan(value) else "infinite"
    return FIGURE_NOT_FINITE(f"'{split}.{name}' is {what} after step {step}").diagnostic


def check_kept(train: CheckedTrain, progress: Progress) -> None:
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
