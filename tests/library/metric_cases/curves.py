"""Metrics of all thresholds, by scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics as sk

from tests.library.metric_cases.rows import MANY, NO_LABELS, PROBABLE, TIED, TWO, WEIGHT, Arrays, Case, f32, labels


def weight_of(x: Arrays) -> np.ndarray | None:
    return x[2] if x[2:] else None


def shares(x: Arrays) -> np.ndarray:
    """The softmax of logits [N, K]."""
    parts = np.exp(x[0].astype(np.float64))
    found: np.ndarray = parts / parts.sum(1, keepdims=True)
    return found


def best_point(points: Callable[..., Any], best: int, other: int, least: float) -> Callable[[Arrays], Any]:
    """The best rate of a curve of scikit-learn's where another one is high enough."""

    def found(x: Arrays) -> Any:
        rates = points(x[1], x[0], sample_weight=weight_of(x))
        return max(rates[best][rates[other] >= least])

    return found


def rates_of(true: np.ndarray, score: np.ndarray, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    false_positive, true_positive, _ = sk.roc_curve(true, score, drop_intermediate=False, **options)
    return true_positive, 1 - false_positive


OF_TIES: list[tuple[str, dict[str, Any], Callable[[Arrays], Any]]] = [
    ("roc_auc", {}, lambda x: sk.roc_auc_score(x[1], x[0], sample_weight=weight_of(x))),
    ("average_precision", {}, lambda x: sk.average_precision_score(x[1], x[0], sample_weight=weight_of(x))),
    ("precision_at_recall", {"recall": 0.7}, best_point(sk.precision_recall_curve, 0, 1, 0.7)),
    ("recall_at_precision", {"precision": 0.4}, best_point(sk.precision_recall_curve, 1, 0, 0.4)),
    ("sensitivity_at_specificity", {"specificity": 0.6}, best_point(rates_of, 0, 1, 0.6)),
    ("specificity_at_sensitivity", {"sensitivity": 0.8}, best_point(rates_of, 1, 0, 0.8)),
]  # fmt: skip
ROWS: list[Case] = [
    *((name, options, data, expected) for data in (TWO, TIED, (*TIED, WEIGHT), (TIED[0], TIED[1].astype(bool)))
      for name, options, expected in OF_TIES),
    *(("roc_auc", {"average": average, "multi_class": pairs}, PROBABLE,
       lambda x, a=average, p=pairs: sk.roc_auc_score(x[1], shares(x), average=a, multi_class=p))
      for average in ("macro", "weighted") for pairs in ("ovr", "ovo")),
    ("roc_auc", {"average": "micro"}, PROBABLE,
     lambda x: sk.roc_auc_score(x[1], shares(x), average="micro", multi_class="ovr")),
    ("roc_auc", {"average": "binary"}, (f32(23, 2), labels(2, 23)),
     lambda x: sk.roc_auc_score(x[1], x[0][:, 1].astype(np.float64) - x[0][:, 0])),
    *(("average_precision", {"average": average}, (*PROBABLE, WEIGHT),
       lambda x, a=average: sk.average_precision_score(x[1], shares(x), average=a, sample_weight=x[2]))
      for average in ("macro", "weighted", "micro")),
    *((name, {"average": average}, (*MANY, WEIGHT), lambda x, n=name, a=average: getattr(sk, f"{n}_score")(
        x[1], x[0], average=a, sample_weight=x[2]))
      for name in ("roc_auc", "average_precision") for average in ("macro", "weighted", "micro")),
    ("average_precision", {}, NO_LABELS, lambda x: sk.average_precision_score(x[1], x[0])),
]  # fmt: skip
