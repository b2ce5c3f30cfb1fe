"""Metrics of agreement, of regions and at thresholds, by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import metrics as sk

from tests.library.metric_cases.classes import best, over, true
from tests.library.metric_cases.curves import weight_of
from tests.library.metric_cases.rows import (
    CLASSES,
    COLUMN,
    IMAGE,
    MANY,
    NO_LABELS,
    NONE_PREDICTED,
    RARE,
    TWO,
    WEIGHT,
    Arrays,
    Case,
    f32,
    labels,
)  # fmt: skip

ONE = (f32(23, 3), labels(1, 23))


def classes_of(x: Arrays) -> tuple[np.ndarray, np.ndarray]:
    return true(x), over(x) if x[0].shape == x[1].shape else best(x)


def balanced(x: Arrays, **options: Any) -> Any:
    """The mean recall of the classes that occur, as scikit-learn's balanced accuracy is, which warns of others."""
    true, predicted = classes_of(x)
    occur = np.unique(true)
    score = sk.recall_score(true, predicted, labels=occur, average="macro", sample_weight=weight_of(x))
    return (score - 1 / len(occur)) / (1 - 1 / len(occur)) if options else score


def kappa(x: Arrays, weights: str | None) -> Any:
    count = 2 if x[0].shape == x[1].shape else x[0].shape[1]
    return sk.cohen_kappa_score(*classes_of(x), labels=range(count), weights=weights, sample_weight=weight_of(x))


def specificity(x: Arrays, average: str | None = None, weight: np.ndarray | None = None) -> Any:
    """The recall of what is not of a class, as scikit-learn counts it."""
    if x[0].shape == x[1].shape and x[0].size == x[0].shape[0]:
        return sk.recall_score(true(x), over(x), pos_label=0, zero_division=0, sample_weight=weight)
    if x[0].shape == x[1].shape:
        table = sk.multilabel_confusion_matrix(x[1], x[0] > 0, sample_weight=weight)
    else:
        table = sk.multilabel_confusion_matrix(true(x), best(x), sample_weight=weight)
    negative, false = table[:, 0, 0], table[:, 0, 1]
    if average == "micro":
        return negative.sum() / (negative + false).sum()
    shares = table[:, 1].sum(1) if average == "weighted" else np.ones(len(table))
    return np.average(negative / (negative + false), weights=shares)


KINDS = (CLASSES, RARE, IMAGE, TWO, COLUMN, NONE_PREDICTED, (*CLASSES, WEIGHT), (*TWO, WEIGHT))
ROWS: list[Case] = [
    *(case for data in KINDS for case in (
        ("balanced_accuracy", {}, data, balanced),
        ("matthews", {}, data, lambda x: sk.matthews_corrcoef(*classes_of(x), sample_weight=weight_of(x))),
        *(("cohen_kappa", {"weights": weights}, data,
           lambda x, w=weights: kappa(x, w))
          for weights in (None, "linear", "quadratic")),
    )),
    *(("balanced_accuracy", {"adjusted": True}, data, lambda x: balanced(x, adjusted=True))
      for data in (CLASSES, RARE, TWO)),
    *((name, {}, ONE, lambda x, f=f: f(*classes_of(x)))
      for name, f in (("balanced_accuracy", sk.accuracy_score), ("matthews", sk.matthews_corrcoef))),
    *(("iou", {"average": average}, data, lambda x, a=average: sk.jaccard_score(*classes_of(x), average=a))
      for average in ("macro", "micro", "weighted") for data in (CLASSES, RARE, IMAGE)),
    *(("iou", {"average": average}, data,
       lambda x, a=average: sk.jaccard_score(x[1], x[0] > 0, average=a, zero_division=0, sample_weight=weight_of(x)))
      for average in ("macro", "micro", "samples", "weighted") for data in (MANY, NO_LABELS, (*MANY, WEIGHT))),
    *(("iou", {}, data, lambda x: sk.jaccard_score(true(x), over(x), zero_division=0))
      for data in (TWO, NONE_PREDICTED)),
    *(("specificity", {"average": average}, data, lambda x, a=average: specificity(x[:2], a, weight_of(x)))
      for average in ("macro", "micro", "weighted")
      for data in (CLASSES, IMAGE, MANY, (*CLASSES, WEIGHT), (*MANY, WEIGHT))),
    *(("specificity", {}, data, lambda x: specificity(x[:2], None, weight_of(x)))
      for data in (TWO, COLUMN, NONE_PREDICTED, (*TWO, WEIGHT))),
    ("specificity", {"average": "samples"}, MANY,
     lambda x: sk.recall_score(1 - x[1], x[0] <= 0, average="samples", zero_division=0)),
    *((name, {"threshold": threshold}, TWO,
       lambda x, n=name, t=threshold: getattr(sk, f"{n}_score")(true(x), 1 / (1 + np.exp(-x[0])) > t))
      for name in ("precision", "recall", "f1") for threshold in (0.3, 0.7)),
]  # fmt: skip
