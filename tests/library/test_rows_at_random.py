"""Metrics of rows that are kept, and of lists, at random: in shuffled examples and batches, with ties and weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from tests.conftest import mostly_alike
from tests.library.metric_cases.ranking import of_groups
from tests.library.metric_cases.rows import in_batches, made, whole
from tests.library.metric_cases.values import correlation, ranks


def sizes(random: np.random.Generator, count: int) -> list[int]:
    cuts = np.sort(random.choice(np.arange(1, count), min(4, count - 1), replace=False))
    found: list[int] = np.diff([0, *cuts, count]).tolist()
    return found


@pytest.mark.parametrize("seed", mostly_alike(range(24), every=6))
def test_lists_of_examples(seed: int) -> None:
    random = np.random.default_rng([seed, 1])
    count, most = int(random.integers(5, 60)), int(random.integers(1, 8))
    scores = random.integers(-3, 4, count).astype(np.float32)
    arrays: list[np.ndarray] = [scores, random.integers(0, 4, count), random.integers(-9, most, count) ** 3]
    k = None if random.random() < 0.4 else int(random.integers(1, 6))
    word = made("group_ndcg", k=k)
    expected = of_groups(arrays, k)
    assert whole(word, arrays) == pytest.approx(expected, rel=1e-6)
    order = random.permutation(count)
    assert in_batches(word, [a[order] for a in arrays], sizes(random, count)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", mostly_alike(range(24), every=6))
def test_lists_in_examples(seed: int) -> None:
    random = np.random.default_rng([seed, 2])
    count, size = int(random.integers(2, 30)), int(random.integers(2, 12))
    scores = random.integers(-3, 4, (count, size)).astype(np.float32)
    relevance = random.integers(0, 3, (count, size)) * random.integers(0, 2, (count, 1))
    k = None if random.random() < 0.4 else int(random.integers(1, 14))
    weight = random.uniform(0.1, 3, count).astype(np.float32)
    expected = sk.ndcg_score(relevance, scores, k=k, sample_weight=weight)
    found = in_batches(made("ndcg", k=k), [scores, relevance, weight], sizes(random, count))
    assert found == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("seed", mostly_alike(range(24), every=6))
def test_correlation_and_the_middle(seed: int) -> None:
    random = np.random.default_rng([seed, 3])
    count = int(random.integers(3, 60))
    a, b = random.integers(0, 6, (2, count)).astype(np.float32)
    a[:2], b[:2] = [1, 2], [2, 1]  # neither is constant
    order = random.permutation(count)
    shuffled, cut = [a[order], b[order]], sizes(random, count)
    assert in_batches(made("pearson"), shuffled, cut) == pytest.approx(correlation(a, b), rel=1e-5, abs=1e-6)
    assert in_batches(made("spearman"), shuffled, cut) == pytest.approx(
        correlation(ranks(a), ranks(b)), rel=1e-5, abs=1e-6
    )
    times = random.integers(0, 4, count)
    times[0] = 1
    middle = np.median(np.abs(np.repeat(a, times) - np.repeat(b, times)))  # a weight is how often it is there
    arrays = [*shuffled, times[order].astype(np.float32)]
    assert in_batches(made("median_absolute_error"), arrays, cut) == middle
    assert whole(made("median_absolute_error"), [a, b]) == np.median(np.abs(a - b))
