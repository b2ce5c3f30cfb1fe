"""edit_distance against Levenshtein's distance of each example, in a table written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Problem
from dslc.types import FLOAT32, INT64, TensorType, symbol
from tests.library.metric_cases.rows import in_batches, made, whole


def edits(one: list[int], other: list[int]) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row, before = [i], row
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def spelled(classes: np.ndarray, blank: int) -> list[int]:
    joined = [int(c) for i, c in enumerate(classes) if i == 0 or c != classes[i - 1]]
    return [c for c in joined if c != blank]


SIZES = [(0, 1, 1, 2), (1, 9, 4, 3), (2, 14, 8, 5), (3, 6, 9, 3)]


@pytest.mark.parametrize("element", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize(("seed", "steps", "size", "classes"), SIZES)
def test_edits_over_labels(seed: int, steps: int, size: int, classes: int, element: Any) -> None:
    random = np.random.default_rng(seed)
    count = 19
    logits = random.standard_normal((count, steps, classes)).astype(element)
    blank = int(random.integers(classes))
    lengths, of_labels = random.integers(0, steps + 1, count), random.integers(0, size + 1, count)
    of_labels[0] = 1
    others = [c for c in range(classes) if c != blank]
    target = np.where(np.arange(size) < of_labels[:, None], random.choice(others, (count, size)), -100)
    weight = random.uniform(0.1, 2, count).astype(element)
    found = np.array([
        edits(spelled(x[:n].argmax(-1), blank), list(t[:m]))
        for x, n, t, m in zip(logits, lengths, target, of_labels, strict=True)
    ])  # fmt: skip
    word = made("edit_distance", blank=blank)
    assert whole(word, [logits, target, lengths]) == pytest.approx(found.sum() / of_labels.sum(), rel=1e-6)
    arrays = [logits, target, lengths, weight]
    expected = (found * weight.astype(float)).sum() / (of_labels * weight.astype(float)).sum()
    assert whole(word, arrays) == pytest.approx(expected, rel=1e-6)
    assert in_batches(word, arrays, [1, 7, 11]) == pytest.approx(expected, rel=1e-6)


def test_known_words() -> None:
    """kitten to sitting takes three edits, of seven labels."""
    letters = " kitensg"
    path, goal = ([letters.index(c) for c in word] for word in ("kit ten", "sitting"))
    logits = np.eye(len(letters), dtype=np.float32)[path][None]
    arrays = [logits, np.array([goal]), np.array([7])]
    assert whole(made("edit_distance"), arrays) == pytest.approx(3 / 7)
    assert whole(made("edit_distance"), [logits, np.array([[*path[:3], *path[4:], -100]]), np.array([7])]) == 0
    assert whole(made("edit_distance"), [*arrays[:2], np.array([0])]) == 1


def test_the_number_of_labels_is_known() -> None:
    n, t, s = symbol("N"), symbol("T"), symbol("S")
    types = [TensorType(FLOAT32, (n, t, 4)), TensorType(INT64, (n, s)), TensorType(INT64, (n,))]
    with pytest.raises(Problem, match="E0343"):
        made("edit_distance").type(*types)
    assert made("edit_distance").type(types[0], TensorType(INT64, (n, 5)), types[2]) == TensorType(FLOAT32)
