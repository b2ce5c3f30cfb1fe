"""Metrics of real values, by scikit-learn and NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn import metrics as sk

from tests.library.metric_cases.curves import weight_of
from tests.library.metric_cases.rows import CONSTANT, REAL, REAL2, WEIGHT, Arrays, Case, f32, generator

POSITIVE = (np.abs(f32(23, 2)), np.abs(f32(23, 2)) * 100)
TINY = (np.abs(f32(23)) * 1e-5, np.abs(f32(23)) * 1e-5)
AROUND_0 = (f32(23) * (generator.random(23) < 0.5), np.zeros(23, np.float32))
STEPS = (generator.integers(0, 5, (23, 2)).astype(np.float32), generator.integers(0, 5, (23, 2)).astype(np.float32))
TIMES = generator.integers(0, 3, 23).astype(np.float32)
SHIFTED = (REAL2[1] + np.float32(3), REAL2[1])


def columns(function: Callable[..., float]) -> Callable[[Arrays], float]:
    """The mean over the columns of what a function of two series gives."""
    return lambda x: float(np.mean([
        function(a, b) for a, b in zip(*(each.astype(float).reshape(23, -1).T for each in x[:2]), strict=True)
    ]))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def ranks(x: np.ndarray) -> np.ndarray:
    """The place of each number in order, equal ones at the mean of their places."""
    return np.array([(x < each).sum() + (x == each).sum() / 2 for each in x])


def smape(x: Arrays) -> float:
    prediction, target = (each.astype(float) for each in x[:2])
    size = (abs(prediction) + abs(target)) / 2
    error = np.divide(abs(prediction - target), size, out=np.zeros_like(size), where=size > 0)
    return float(np.average(error, axis=0, weights=weight_of(x)).mean())


ROWS: list[Case] = [
    *(("mape", {}, data, lambda x: sk.mean_absolute_percentage_error(x[1], x[0], sample_weight=weight_of(x)))
      for data in (REAL, REAL2, (*REAL2, WEIGHT))),
    *(("smape", {}, data, smape) for data in (REAL, REAL2, (*REAL2, WEIGHT), AROUND_0)),
    *(("rmsle", {}, data, lambda x: sk.root_mean_squared_log_error(
        x[1].astype(float), x[0].astype(float), sample_weight=weight_of(x)))
      for data in (POSITIVE, (*POSITIVE, WEIGHT), REAL, TINY)),
    *(("explained_variance", {}, data, lambda x: sk.explained_variance_score(
        x[1].astype(float), x[0].astype(float), sample_weight=weight_of(x)))
      for data in (REAL, REAL2, (*REAL2, WEIGHT), CONSTANT, SHIFTED)),
    *(("median_absolute_error", {}, data, lambda x: sk.median_absolute_error(x[1], x[0], sample_weight=weight_of(x)))
      for data in (REAL, REAL2, STEPS, (*REAL2, WEIGHT), (*STEPS, TIMES), (*REAL, TIMES))),
    *(("pearson", {}, data, columns(correlation)) for data in (REAL, REAL2, STEPS)),
    ("pearson", {}, (*REAL2, WEIGHT), columns(lambda a, b: (
        np.cov(a, b, aweights=WEIGHT)[0, 1] / np.sqrt(np.cov(a, aweights=WEIGHT) * np.cov(b, aweights=WEIGHT))))),
    *(("spearman", {}, data, columns(lambda a, b: correlation(ranks(a), ranks(b)))) for data in (REAL, REAL2, STEPS)),
]  # fmt: skip
