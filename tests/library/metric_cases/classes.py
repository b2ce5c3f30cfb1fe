"""Metrics of classes, and of real values, by scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics as sk

from tests.library.metric_cases.rows import (
    CLASSES,
    COLUMN,
    CONSTANT,
    IMAGE,
    MANY,
    NO_LABELS,
    NONE_PREDICTED,
    RARE,
    REAL,
    REAL2,
    TWO,
    WEIGHT,
    Arrays,
    Case,
    labels,
)


def best(x: Arrays) -> np.ndarray:
    return x[0].argmax(1).ravel()


def over(x: Arrays) -> np.ndarray:
    return (x[0] > 0).ravel().astype(int)


def true(x: Arrays) -> np.ndarray:
    return x[1].ravel()


def share(name: str) -> Callable[..., Any]:
    """scikit-learn's function of that name, of classes, with the average that ours has by default."""
    function = getattr(sk, f"{name}_score")
    return lambda x, **options: function(true(x), best(x), zero_division=0, **{"average": "macro", **options})


def of_labels(name: str) -> Callable[..., Any]:
    """scikit-learn's function of that name, of several labels for each example."""
    function = getattr(sk, f"{name}_score")
    return lambda x, average: function(
        x[1], (x[0] > 0).astype(int), average=average, zero_division=0, sample_weight=x[2] if x[2:] else None
    )


ROWS: list[Case] = [
    ("mse", {}, REAL2, lambda x: sk.mean_squared_error(x[1], x[0])),
    ("mae", {}, REAL2, lambda x: sk.mean_absolute_error(x[1], x[0])),
    ("mse", {}, (*REAL2, WEIGHT), lambda x: sk.mean_squared_error(x[1], x[0], sample_weight=x[2])),
    ("rmse", {}, REAL, lambda x: sk.root_mean_squared_error(x[1], x[0])),
    ("rmse", {}, (*REAL, WEIGHT), lambda x: sk.root_mean_squared_error(x[1], x[0], sample_weight=x[2])),
    ("r2", {}, REAL, lambda x: sk.r2_score(x[1], x[0])),
    ("r2", {}, REAL2, lambda x: sk.r2_score(x[1], x[0])),
    ("r2", {}, (*REAL2, WEIGHT), lambda x: sk.r2_score(x[1], x[0], sample_weight=x[2])),
    ("r2", {}, CONSTANT, lambda x: sk.r2_score(x[1], x[0])),
    ("accuracy", {}, CLASSES, lambda x: sk.accuracy_score(true(x), best(x))),
    ("accuracy", {}, IMAGE, lambda x: sk.accuracy_score(true(x), best(x))),
    ("accuracy", {"axis": -1}, (IMAGE[0], labels(2, 23, 4)), lambda x: (x[0].argmax(-1) == x[1]).mean()),
    ("accuracy", {}, TWO, lambda x: sk.accuracy_score(true(x), over(x))),
    ("accuracy", {}, (TWO[0], TWO[1] > 0), lambda x: sk.accuracy_score(true(x), over(x))),
    ("accuracy", {}, (TWO[0], TWO[1].astype(np.float32)), lambda x: sk.accuracy_score(true(x), over(x))),
    ("accuracy", {}, MANY, lambda x: sk.accuracy_score(true(x), over(x))),
    ("accuracy", {}, (*CLASSES, WEIGHT), lambda x: sk.accuracy_score(true(x), best(x), sample_weight=x[2])),
    ("accuracy", {"ignore_index": 2}, CLASSES,
     lambda x: sk.accuracy_score(true(x)[true(x) != 2], best(x)[true(x) != 2])),
    ("top_k", {"k": 2}, CLASSES, lambda x: sk.top_k_accuracy_score(x[1], x[0], k=2, labels=range(5))),
    ("top_k", {"k": 1}, CLASSES, lambda x: sk.accuracy_score(true(x), best(x))),
    ("top_k", {"k": 2}, (*CLASSES, WEIGHT),
     lambda x: sk.top_k_accuracy_score(x[1], x[0], k=2, labels=range(5), sample_weight=x[2])),
    ("top_k", {"k": 3}, IMAGE, lambda x: sk.top_k_accuracy_score(
        true(x), x[0].swapaxes(1, 2).reshape(-1, 4), k=3, labels=range(4))),
    ("confusion", {}, CLASSES, lambda x: sk.confusion_matrix(true(x), best(x), labels=range(5))),
    ("confusion", {}, TWO, lambda x: sk.confusion_matrix(true(x), over(x))),
    ("confusion", {}, IMAGE, lambda x: sk.confusion_matrix(true(x), best(x))),
    *(
        (name, {"average": average}, data, lambda x, n=name, a=average: share(n)(x, average=a))
        for name in ("precision", "recall", "f1") for average in ("macro", "micro", "weighted")
        for data in (CLASSES, RARE, IMAGE)
    ),
    *((name, {}, CLASSES, share(name)) for name in ("precision", "recall", "f1")),
    *((name, {}, (*CLASSES, WEIGHT), lambda x, n=name: share(n)(x, sample_weight=x[2]))
      for name in ("precision", "recall", "f1")),
    *((name, {}, data, lambda x, n=name: getattr(sk, f"{n}_score")(true(x), over(x), zero_division=0))
      for name in ("precision", "recall", "f1") for data in (TWO, NONE_PREDICTED, COLUMN)),
    *((name, {}, MANY, lambda x, n=name: of_labels(n)(x, average="macro")) for name in ("precision", "recall", "f1")),
    *(
        (name, {"average": average}, data, lambda x, n=name, a=average: of_labels(n)(x, average=a))
        for name in ("precision", "recall", "f1") for average in ("macro", "micro", "samples", "weighted")
        for data in (MANY, NO_LABELS, (*MANY, WEIGHT))
    ),
    ("subset_accuracy", {}, MANY, lambda x: sk.accuracy_score(x[1], x[0] > 0)),
    ("subset_accuracy", {}, (*MANY, WEIGHT), lambda x: sk.accuracy_score(x[1], x[0] > 0, sample_weight=x[2])),
    ("subset_accuracy", {}, CLASSES, lambda x: sk.accuracy_score(true(x), best(x))),
    ("accuracy", {}, (*MANY, WEIGHT), lambda x: 1 - sk.hamming_loss(x[1], x[0] > 0, sample_weight=x[2])),
    ("confusion", {}, MANY, lambda x: sk.multilabel_confusion_matrix(x[1], x[0] > 0)),
    ("confusion", {}, COLUMN, lambda x: sk.confusion_matrix(true(x), over(x))),
    *((name, {"average": average}, TWO,
       lambda x, n=name, a=average: getattr(sk, f"{n}_score")(true(x), over(x), average=a, zero_division=0))
      for name in ("precision", "recall", "f1") for average in ("binary", "macro", "micro", "weighted")),
]  # fmt: skip


