"""Metrics of random cases against scikit-learn's: kinds of targets, averages, weights, ignored and absent classes.

Each case is also measured in random batches, which must not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from tests.conftest import mostly_alike
from tests.library.metric_cases.rows import in_batches, made, whole

IGNORED = (-100, -1, 0, 255)
REAL = {
    "mse": sk.mean_squared_error, "mae": sk.mean_absolute_error, "rmse": sk.root_mean_squared_error, "r2": sk.r2_score,
    "explained_variance": sk.explained_variance_score, "median_absolute_error": sk.median_absolute_error,
    "mape": sk.mean_absolute_percentage_error,
}  # fmt: skip
SCORES = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score, "iou": sk.jaccard_score}


def balanced_accuracy(true: np.ndarray, predicted: np.ndarray, sample_weight: np.ndarray | None) -> Any:
    """The mean recall of the classes that occur; scikit-learn's warns of the others."""
    return sk.recall_score(true, predicted, labels=np.unique(true), average="macro", sample_weight=sample_weight)


AGREEMENT = {
    "balanced_accuracy": balanced_accuracy, "matthews": sk.matthews_corrcoef, "cohen_kappa": sk.cohen_kappa_score
}  # fmt: skip


@dataclass
class Case:
    """A metric of arrays: logits, targets and perhaps weights."""

    word: str
    options: dict[str, Any]
    arrays: list[np.ndarray]
    expected: Any


def case(seed: int) -> Case:
    """Make a case; kinds take turns, so that each has its share."""
    random = np.random.default_rng([seed, 77])
    makers: list[Callable[[np.random.Generator], Case]] = [of_classes, of_two_classes, of_labels, of_labels, of_reals]
    return makers[seed % len(makers)](random)


def weighted(random: np.random.Generator, count: int) -> np.ndarray | None:
    return random.uniform(0.1, 3, count).astype(np.float32) if random.random() < 0.5 else None


def operands(logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> list[np.ndarray]:
    return [logits, target] if weight is None else [logits, target, weight]


def of_reals(random: np.random.Generator) -> Case:
    count, columns = int(random.integers(5, 40)), int(random.integers(0, 4))
    shape = (count, columns) if columns else (count,)
    target = (random.standard_normal(shape) + random.uniform(-9, 9)).astype(np.float32)
    prediction = (target + random.standard_normal(shape)).astype(np.float32)
    if columns and random.random() < 0.3:
        target[:, 0] = 2  # a column without variance
        prediction[:, 0] = 2 if random.random() < 0.5 else prediction[:, 0]
    word = str(random.choice(list(REAL)))
    weight = weighted(random, count)
    expected = REAL[word](target.astype(float), prediction.astype(float), sample_weight=weight)
    return Case(word, {}, operands(prediction, target, weight), expected)


def of_classes(random: np.random.Generator) -> Case:
    """Targets of class indices, [N] or [N, T], of which some are ignored and some classes absent."""
    classes, count, places = int(random.integers(2, 7)), int(random.integers(8, 40)), int(random.integers(0, 4))
    positions = (count, places) if places else (count,)
    logits = random.standard_normal((*positions, classes)).astype(np.float32)
    logits[..., random.random(classes) < 0.3] -= 50  # never predicted
    logits[..., 0] += 60 * (random.random() < 0.1)
    target = random.choice(random.choice(classes, random.integers(1, classes + 1), replace=False), positions)
    ignore = int(random.choice(IGNORED))
    if random.random() < 0.5:
        target = np.where(random.random(positions) < 0.2, ignore, target)
    target.flat[0] = 1  # one is left to count
    counts = target != ignore if ignore in target else np.ones(positions, bool)
    weight = weighted(random, count)
    best = logits.argmax(-1)
    true, predicted = target[counts], best[counts]
    each = None if weight is None else np.broadcast_to(weight.reshape(-1, *[1] * bool(places)), positions)[counts]
    options: dict[str, Any] = {} if ignore == -100 else {"ignore_index": ignore}
    word = str(random.choice([*SCORES, *AGREEMENT, "accuracy", "subset_accuracy", "top_k", "confusion"]))
    if word in SCORES:
        average = [None, "macro", "micro", "weighted"][random.integers(4)]
        average = "binary" if classes == 2 and random.random() < 0.7 else average
        options |= {"average": average}
        expected = SCORES[word](true, predicted, average=average or "macro", sample_weight=each, zero_division=0)
    elif word in AGREEMENT:
        expected = AGREEMENT[word](true, predicted, sample_weight=each)
    elif word == "accuracy":
        expected = sk.accuracy_score(true, predicted, sample_weight=each)
    elif word == "subset_accuracy":
        flat = counts.reshape(count, -1)
        right = ((best == target).reshape(count, -1) | ~flat).all(1)[flat.any(1)]
        of_examples = None if weight is None else weight[flat.any(1)]
        expected = sk.accuracy_score(np.ones_like(right), right, sample_weight=of_examples)
    elif word == "top_k":
        options["k"] = k = int(random.integers(1, classes + 1))
        order = np.argsort(-logits[counts], axis=-1, kind="stable")[:, :k]
        expected = sk.accuracy_score(np.ones(len(true)), (order == true[:, None]).any(1), sample_weight=each)
    else:
        weight = None
        expected = sk.confusion_matrix(true, predicted, labels=range(classes))
    if random.random() < 0.5 or not places:
        logits = np.moveaxis(logits, -1, 1)
        options |= {"axis": 1} if random.random() < 0.3 else {}
    else:
        options["axis"] = -1
    return Case(word, options, operands(np.ascontiguousarray(logits), target, weight), expected)


def of_two_classes(random: np.random.Generator) -> Case:
    """One logit for each target, [N] or [N, 1]; positions [N, H, W] where that is said."""
    count = int(random.integers(3, 40))
    shape = [(count,), (count, 1), (count, 3, 2)][random.integers(3)]
    logits = (random.standard_normal(shape) + random.choice([0, 0, 9, -9])).astype(np.float32)
    true = random.random(shape) < random.choice([0, 0.3, 0.5, 1])
    target = true.astype([np.int64, np.bool_, np.float32, np.uint8][random.integers(4)])
    predicted = logits > 0
    weight = weighted(random, count)
    each = None if weight is None else np.broadcast_to(weight.reshape(-1, *[1] * (len(shape) - 1)), shape).ravel()
    word = str(random.choice([*SCORES, "accuracy", "confusion"]))
    options: dict[str, Any] = {}
    if word in SCORES:
        average = "binary" if len(shape) == 3 else [None, "binary", "macro", "micro", "weighted"][random.integers(5)]
        options["average"] = average
        found = {"average": average or "binary", "sample_weight": each, "zero_division": 0}
        expected = SCORES[word](true.ravel(), predicted.ravel(), **found)
    elif word == "accuracy":
        expected = sk.accuracy_score(true.ravel(), predicted.ravel(), sample_weight=each)
    else:
        weight = None
        expected = sk.confusion_matrix(true.ravel(), predicted.ravel(), labels=[False, True])
    return Case(word, options, operands(logits, target, weight), expected)


def of_labels(random: np.random.Generator) -> Case:
    """L labels of each example, [N, L] or on an axis that is said; some unknown, some never true, some never found."""
    labels, count, places = int(random.integers(2, 6)), int(random.integers(8, 40)), int(random.integers(0, 3))
    shape = (count, places, labels) if places else (count, labels)
    logits = random.standard_normal(shape).astype(np.float32)
    logits[..., random.random(labels) < 0.3] -= 50
    true = (random.random(shape) < 0.4) & (random.random(labels) < 0.8)
    predicted = logits > 0
    weight = weighted(random, count)
    each = None if weight is None else np.repeat(weight, max(places, 1)).astype(float)
    known = np.ones(shape, bool)
    if random.random() < 0.4:
        known = random.random(shape) < 0.8
        known[0] = True
    flat = [x.reshape(-1, labels) for x in (true, predicted, known)]
    word = str(random.choice([*SCORES, *SCORES, "accuracy", "subset_accuracy", "confusion"]))
    options: dict[str, Any] = {}
    expected: Any
    if word in SCORES:
        average = [None, "macro", "micro", "samples", "weighted"][random.integers(5)]
        options["average"] = average
        expected = score_of_labels(word, average or "macro", flat[0], flat[1], flat[2], each)
        if known.all():  # scikit-learn has no unknown labels
            parts = (flat[0].astype(int), flat[1].astype(int))
            of_all = SCORES[word](*parts, average=average or "macro", sample_weight=each, zero_division=0)
            np.testing.assert_allclose(expected, of_all, rtol=1e-9, err_msg="what is expected is wrong")
    elif word == "accuracy":
        per_label = None if each is None else np.broadcast_to(each[:, None], flat[0].shape)[flat[2]]
        expected = sk.accuracy_score(flat[0][flat[2]], flat[1][flat[2]], sample_weight=per_label)
    elif word == "subset_accuracy":
        by_example = [x.reshape(count, -1) for x in (true, predicted, known)]
        counts = by_example[2].any(1)
        right = ((by_example[0] == by_example[1]) | ~by_example[2]).all(1)[counts]
        of_examples = None if weight is None else weight[counts]
        expected = sk.accuracy_score(np.ones_like(right), right, sample_weight=of_examples)
    else:
        weight = None
        expected = np.stack([
            sk.confusion_matrix(t[k], p[k], labels=[False, True]) for t, p, k in zip(*(x.T for x in flat), strict=True)
        ])  # fmt: skip
    target = np.where(known, true, -100)
    if places:
        first = random.random() < 0.5
        options["axis"] = 1 if first else -1
        logits, target = (np.ascontiguousarray(np.moveaxis(x, -1, 1)) if first else x for x in (logits, target))
    return Case(word, options, operands(logits, target, weight), expected)


def score_of_labels(
    word: str, average: str, true: np.ndarray, predicted: np.ndarray, known: np.ndarray, each: np.ndarray | None
) -> float:
    """Join scikit-learn's scores of two classes, of what is known."""
    each = np.ones(len(true)) if each is None else each

    def score(place: Any) -> float:
        weights = np.broadcast_to(each[:, None], true.shape)[place][known[place]]
        parts = true[place][known[place]], predicted[place][known[place]]
        return float(SCORES[word](*parts, sample_weight=weights, zero_division=0)) if len(weights) else 0.0

    if average == "micro":
        return score(np.s_[:, :])
    if average == "samples":
        return float(np.average([score(np.s_[row]) for row in range(len(true))], weights=each * known.any(1)))
    scores = [score(np.s_[:, label]) for label in range(true.shape[1])]
    support: np.ndarray = (each[:, None] * (true & known)).sum(0)
    shares = support if average == "weighted" else known.any(0).astype(float)
    return float(np.average(scores, weights=shares)) if shares.any() else 0.0


def check(seed: int) -> None:
    made_case = case(seed)
    word, arrays = made(made_case.word, **made_case.options), made_case.arrays
    said = f"case {seed}: {made_case.word} {made_case.options} of {[array.shape for array in arrays]}"
    rtol, atol = (2e-5, 2e-6) if made_case.word in ("r2", "explained_variance") else (2e-6, 1e-7)
    np.testing.assert_allclose(whole(word, arrays), made_case.expected, rtol=rtol, atol=atol, err_msg=said)
    random = np.random.default_rng([seed, 78])
    size = len(arrays[0])
    cuts = np.sort(random.choice(np.arange(1, size), random.integers(0, min(size, 6)), replace=False))
    sizes = np.diff([0, *cuts, size]).tolist()
    np.testing.assert_allclose(in_batches(word, arrays, sizes), made_case.expected, rtol=rtol, atol=atol, err_msg=said)


@pytest.mark.parametrize("seed", mostly_alike(range(20), every=4))
def test_random_cases_are_scikit_learn_s(seed: int) -> None:
    check(seed)


@pytest.mark.alike
@pytest.mark.parametrize("seed", range(20, 320))
def test_more_random_cases_are_scikit_learn_s(seed: int) -> None:
    check(seed)
