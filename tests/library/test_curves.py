"""Curves of random scores against scikit-learn's of each column: ties, weights, ignored and absent classes, batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from tests.conftest import mostly_alike
from tests.library.metric_cases.curves import best_point, rates_of
from tests.library.metric_cases.rows import in_batches, made, whole

Score = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
WORDS: dict[str, tuple[dict[str, Any], Score]] = {
    "roc_auc": ({}, lambda t, s, w: sk.roc_auc_score(t, s, sample_weight=w) if 0 < t.sum() < len(t) else math.nan),
    "average_precision": ({}, lambda t, s, w: sk.average_precision_score(t, s, sample_weight=w) if t.any() else 0.0),
    "precision_at_recall": (
        {"recall": 0.5}, lambda t, s, w: float(best_point(sk.precision_recall_curve, 0, 1, 0.5)((s, t, w)))
    ),
    "sensitivity_at_specificity": (
        {"specificity": 0.3}, lambda t, s, w: float(best_point(rates_of, 0, 1, 0.3)((s, t, w)))
    ),
}  # fmt: skip
"""Metrics, with the value of one column of truths, scores and weights."""


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Their softmax, of which those that are equal but for rounding are made equal."""
    parts = np.exp(logits - logits.max(1, keepdims=True).astype(np.float64))
    found: np.ndarray = (parts / parts.sum(1, keepdims=True)).round(13)
    return found


def mean_of(values: list[float], shares: list[float]) -> float:
    """Their weighted mean, without those that are not a number."""
    kept = [(value, share) for value, share in zip(values, shares, strict=True) if share and not math.isnan(value)]
    total = sum(share for _, share in kept)
    return sum(value * share for value, share in kept) / total if kept else math.nan


@pytest.mark.parametrize("seed", mostly_alike(range(60), every=20))
def test_random_columns_are_scikit_learn_s(seed: int) -> None:
    random = np.random.default_rng([seed, 5])
    name = list(WORDS)[seed % 2 if random.random() < 0.7 else seed % 4]
    options, score = dict(WORDS[name][0]), WORDS[name][1]
    count, width = int(random.integers(6, 50)), int(random.integers(2, 5))
    steps = 2.0 ** random.integers(0, 7)  # differences that are equal are so to the last bit
    logits = (np.round(random.standard_normal((count, width)) * steps) / steps).astype(np.float32)
    logits[random.random(count) < 0.3] = logits[0]  # equal to the last bit, wherever they lie
    weight = random.uniform(0.1, 3, count).astype(np.float32)
    if random.random() < 0.5:
        weight[:] = 1
    average = str(random.choice(["macro", "weighted", "micro"]))
    options["average"] = average
    of_classes = random.random() < 0.5
    if of_classes:
        present = random.choice(width, random.integers(2, width + 1), replace=False)
        target = random.choice(present, count)
        scores, true = probabilities(logits), np.eye(width, dtype=int)[target]
        kept = random.random(count) < 0.8
        known = np.broadcast_to(kept[:, None], true.shape)
        target = np.where(kept, target, -100)
    else:
        true = (random.random((count, width)) < 0.5).astype(int)
        known = random.random((count, width)) < 0.8
        scores, target = logits.astype(np.float64), np.where(known, true, -100)
    each = np.broadcast_to(weight[:, None], true.shape)
    if average == "micro":
        expected = score(true[known], scores[known], each[known].astype(np.float64))
    else:
        columns = [
            (t[k], s[k], w[k].astype(np.float64)) for t, s, w, k in zip(true.T, scores.T, each.T, known.T, strict=True)
        ]
        support = [float((t * w).sum()) for t, _, w in columns]
        counts = support if average == "weighted" else [float(s > 0 or not of_classes) for s in support]
        expected = mean_of([score(*c) if len(c[0]) and (s or name == "roc_auc") else 0.0
                            for c, s in zip(columns, support, strict=True)], counts)  # fmt: skip
    arrays = [logits, target] if (weight == 1).all() else [logits, target, weight]
    said = f"{name} {options} of {logits.shape} {'classes' if of_classes else 'labels'}"
    value = whole(made(name, **options), arrays)
    np.testing.assert_allclose(value, expected, rtol=2e-6, atol=1e-7, err_msg=said)
    sizes = [1, 2, count - 3]
    np.testing.assert_array_equal(in_batches(made(name, **options), arrays, sizes), value, err_msg=said)


@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("seed", range(3))
def test_pairs_of_classes_as_if_the_others_were_not_there(seed: int, average: str) -> None:
    """With absent classes and with weights, which count as if an example were there so many times."""
    random = np.random.default_rng([seed, 6])
    logits = (np.round(random.standard_normal((40, 5)) * 8) / 8).astype(np.float32)
    target = random.choice([0, 1, 2, 4], 40)
    times = random.integers(0, 4, 40)
    logits_of_all, target_of_all = (np.repeat(x, times, axis=0) for x in (logits, target))
    scores = probabilities(logits_of_all)
    values, shares = [], []
    for one, other in combinations(np.unique(target_of_all), 2):
        both = np.isin(target_of_all, [one, other])
        values.append(np.mean([
            sk.roc_auc_score(target_of_all[both] == one, scores[both, one]),
            sk.roc_auc_score(target_of_all[both] == other, scores[both, other]),
        ]))  # fmt: skip
        shares.append(both.mean())
    word = made("roc_auc", multi_class="ovo", average=average)
    expected = np.average(values, weights=shares if average == "weighted" else None)
    assert whole(word, [logits_of_all, target_of_all]) == pytest.approx(expected, rel=2e-6)
    assert in_batches(word, [logits, target, times.astype(np.float32)], [39, 1]) == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("element", [np.float32, np.float64])
def test_infinite_scores_have_their_place_and_what_is_no_number_gives_none(element: Any) -> None:
    logits = np.array([-np.inf, np.inf, 0, np.inf, -np.inf, 1e-30], element)
    target = np.array([0, 1, 1, 0, 0, 1])
    assert whole(made("roc_auc"), [logits, target]) == pytest.approx(sk.roc_auc_score(target, [-2, 2, 0, 2, -2, 1]))
    logits[2] = np.nan
    for name in ("roc_auc", "average_precision"):
        assert np.isnan(whole(made(name), [logits, target]))


def test_probabilities_that_round_to_0_and_1_are_told_apart() -> None:
    logits = np.array([[0, 60, -60], [0, 61, -60], [50, 0, 0], [0, 0, 70]], np.float32)
    target = np.array([0, 1, 0, 2])
    assert whole(made("average_precision", average="binary"), [logits[:, :2], target % 2]) == 1
    assert whole(made("roc_auc"), [logits, target]) == 1


@pytest.mark.parametrize("classes", [0, 1])
def test_one_class_alone(classes: int) -> None:
    logits, target = np.arange(6).astype(np.float32), np.full(6, classes)
    assert np.isnan(whole(made("roc_auc"), [logits, target]))
    assert whole(made("average_precision"), [logits, target]) == classes
    assert whole(made("precision_at_recall", recall=0.5), [logits, target]) == classes
    assert np.isnan(whole(made("roc_auc"), [np.stack([logits, -logits], 1), target]))
    assert np.isnan(whole(made("roc_auc", multi_class="ovo"), [np.stack([logits, -logits, logits], 1), target]))


def test_a_single_example() -> None:
    one: list[np.ndarray] = [np.zeros(1, np.float32), np.ones(1, np.int64)]
    assert whole(made("average_precision"), one) == 1
    assert np.isnan(whole(made("roc_auc"), one))
