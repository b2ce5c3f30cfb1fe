"""Metrics of probabilities by scikit-learn and, of calibration, as its curve has the bins."""

from __future__ import annotations

import numpy as np
from sklearn import metrics as sk

from tests.library.metric_cases.classes import best, true
from tests.library.metric_cases.curves import shares, weight_of
from tests.library.metric_cases.rows import CLASSES, IMAGE, MANY, TIED, TWO, WEIGHT, Arrays, Case, f32, labels

PAIR = (f32(23, 2), labels(2, 23))
TOKENS = (f32(23, 4, 5), np.where(labels(4, 23, 4) == 0, 0, labels(5, 23, 4)))
SURE = (f32(23, 5, scale=8), labels(5, 23))


def sigmoid(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = 1 / (1 + np.exp(-x.astype(np.float64)))
    return found


def calibration(x: Arrays, bins: int, norm: str) -> float:
    """As scikit-learn's calibration_curve has the bins: a probability at an end belongs to the bin below."""
    if x[0].shape == x[1].shape:
        probability, right = sigmoid(x[0]).ravel(), true(x).astype(float)
    else:
        probability, right = shares(x).max(1), (best(x) == true(x)).astype(float)
    each = np.ones(len(right)) if len(x) == 2 else x[2].astype(float)
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)
    weight, said, happened = (
        np.bincount(place, each * values, bins) for values in (np.ones(len(right)), probability, right)
    )
    gaps = abs(said - happened)[weight > 0] / weight[weight > 0]
    portion = weight[weight > 0] / weight.sum()
    return float({"l1": (portion * gaps).sum(), "l2": (portion * gaps**2).sum() ** 0.5, "max": gaps.max()}[norm])


def surprise(x: Arrays, ignored: int | None = None) -> float:
    """scikit-learn's log loss of tokens, of which some may not count."""
    logits = np.moveaxis(x[0], 1, -1) if x[0].shape[-1] != 5 else x[0]
    logits, target = logits.reshape(-1, logits.shape[-1]), true(x)
    kept = target != ignored
    return float(sk.log_loss(target[kept], shares([logits[kept]]), labels=range(logits.shape[-1])))


ROWS: list[Case] = [
    *(("brier", {}, data, lambda x: sk.brier_score_loss(x[1], sigmoid(x[0]), sample_weight=weight_of(x)))
      for data in (TWO, TIED, (*TWO, WEIGHT))),
    *(("brier", {}, data, lambda x: sk.brier_score_loss(x[1], shares(x), sample_weight=weight_of(x), labels=range(5)))
      for data in (CLASSES, SURE, (*CLASSES, WEIGHT))),
    ("brier", {}, PAIR, lambda x: sk.brier_score_loss(x[1], shares(x)[:, 1])),
    ("brier", {}, MANY, lambda x: ((sigmoid(x[0]) - x[1]) ** 2).mean()),
    ("brier", {}, (TWO[0], np.abs(TIED[0]) / 2), lambda x: ((sigmoid(x[0]) - x[1]) ** 2).mean()),
    *(("calibration_error", {"bins": bins, "norm": norm}, data, lambda x, b=bins, n=norm: calibration(x, b, n))
      for bins, norm in ((15, "l1"), (4, "l2"), (5, "max"), (1, "l1"))
      for data in (TWO, CLASSES, SURE, MANY, (*CLASSES, WEIGHT))),
    ("perplexity", {}, CLASSES, lambda x: np.exp(sk.log_loss(x[1], shares(x), labels=range(5)))),
    ("perplexity", {}, (*CLASSES, WEIGHT),
     lambda x: np.exp(sk.log_loss(x[1], shares(x), labels=range(5), sample_weight=x[2]))),
    ("perplexity", {}, IMAGE, lambda x: np.exp(surprise(x))),
    ("perplexity", {"axis": -1, "ignore_index": 0}, TOKENS, lambda x: np.exp(surprise(x, 0))),
]  # fmt: skip
