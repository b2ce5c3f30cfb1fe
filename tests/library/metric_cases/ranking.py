"""Metrics of lists, by scikit-learn where it has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics as sk

from tests.library.metric_cases.curves import weight_of
from tests.library.metric_cases.rows import WEIGHT, Arrays, Case, f32, generator, labels

GRADED = (f32(23, 7), labels(4, 23, 7).astype(np.float32))
STEPS = (generator.integers(-1, 2, (23, 7)).astype(np.float32), labels(4, 23, 7))
RARE = (STEPS[0], (labels(12, 23, 7) == 0))
ENDING = (np.where(np.arange(7) < labels(7, 23)[:, None] + 1, STEPS[0], -np.inf).astype(np.float32),
          np.where(np.arange(7) < 1, 1, 0) * np.ones((23, 7), np.int64))  # fmt: skip
ONE = (STEPS[0], labels(7, 23))


def places(x: Arrays) -> np.ndarray:
    """The place of the first relevant thing of each list, behind others of its score; infinite where there is none."""
    found = []
    for scores, relevant in zip(x[0], x[1] if x[1].ndim == 2 else np.eye(7)[x[1]], strict=True):
        is_one = relevant > 0
        order = sorted(range(len(scores)), key=lambda i: (-scores[i], is_one[i]))
        found.append(next((place for place, i in enumerate(order, 1) if is_one[i]), np.inf))
    return np.array(found)


def mean(value: Callable[[np.ndarray], Any]) -> Callable[[Arrays], Any]:
    return lambda x: np.average(value(places(x)), weights=weight_of(x))


def of_groups(x: Arrays, k: int | None = None) -> float:
    """The mean of scikit-learn's value of each group, of one thing alone as it would be."""
    found = []
    for number in np.unique(x[2]):
        scores, relevance = x[0][x[2] == number], x[1][x[2] == number].astype(float)
        alone = float(relevance[0] > 0)
        found.append(sk.ndcg_score([relevance], [scores], k=k) if len(scores) > 1 else alone)
    return float(np.mean(found))


ROWS: list[Case] = [
    *(("group_ndcg", {"k": k}, data, lambda x, k=k: of_groups(x, k)) for k in (None, 1, 2) for data in (
        (f32(23), labels(4, 23), labels(5, 23) * 7 - 9), (STEPS[0][:, 0], labels(3, 23), labels(4, 23)),
        (STEPS[0][:, 1], labels(3, 23) > 0, np.arange(23)),
        (STEPS[0][:, 2], labels(3, 23).astype(np.float32), labels(1, 23)),
    )),
    *(("ndcg", {"k": k}, data, lambda x, k=k: sk.ndcg_score(x[1], x[0], k=k, sample_weight=weight_of(x)))
      for k in (None, 3, 9) for data in (GRADED, STEPS, RARE, (*GRADED, WEIGHT))),
    ("ndcg", {"exponential": True}, STEPS, lambda x: sk.ndcg_score(2.0 ** x[1] - 1, x[0])),
    ("ndcg", {}, ENDING, lambda x: sk.ndcg_score(x[1], np.maximum(x[0], -9))),
    *((name, options, data, mean(value)) for data in (GRADED, STEPS, RARE, ONE, ENDING, (*RARE, WEIGHT), (*ONE, WEIGHT))
      for name, options, value in (
        ("mrr", {}, lambda place: 1 / place),
        ("mrr", {"k": 2}, lambda place: (place <= 2) / place),
        ("hit_rate", {"k": 1}, lambda place: place <= 1),
        ("hit_rate", {"k": 3}, lambda place: place <= 3),
    )),
    ("mrr", {}, (GRADED[0], np.eye(7, dtype=bool)[ONE[1]]),
     lambda x: sk.label_ranking_average_precision_score(x[1], x[0])),
    ("hit_rate", {"k": 2}, (GRADED[0], ONE[1]), lambda x: sk.top_k_accuracy_score(x[1], x[0], k=2, labels=range(7))),
]  # fmt: skip
