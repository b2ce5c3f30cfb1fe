from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dslc.data.splits import split_rows
from tests.data.conftest import Findings

PARTS = {"train": 0.7, "validation": 0.15, "test": 0.15}


def check_whole(parts: dict[str, np.ndarray], rows: int) -> None:
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(rows))


@given(rows=st.integers(20, 300), seed=st.integers(-5, 2**63), first=st.integers(10, 80))
def test_splits_are_disjoint_complete_and_exact(rows: int, seed: int, first: int) -> None:
    fractions = {"train": first / 100, "test": 1 - first / 100}
    parts = split_rows(rows, fractions, seed)
    check_whole(parts, rows)
    for name, fraction in fractions.items():
        assert abs(len(parts[name]) - rows * fraction) < 1
        assert np.all(np.diff(parts[name]) > 0)


def test_the_seed_decides() -> None:
    once, again, other = (split_rows(100, PARTS, seed) for seed in (1, 1, 2))
    assert [len(once[name]) for name in PARTS] == [70, 15, 15]
    for name in PARTS:
        np.testing.assert_array_equal(once[name], again[name])
    assert once["train"].tolist() != other["train"].tolist()
    assert once["train"].tolist() != list(range(70))


def test_remainders_go_to_the_largest() -> None:
    assert {name: len(rows) for name, rows in split_rows(1797, PARTS, 1).items()} == {
        "train": 1258, "validation": 270, "test": 269
    }  # fmt: skip


@pytest.mark.parametrize("kind", [int, str])
def test_by_gives_every_split_the_same_mix(kind: type) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [600, 300, 100]))
    values = labels if kind is int else np.array([f"class {label}" for label in labels], object)
    parts = split_rows(1000, PARTS, 3, by=values)
    check_whole(parts, 1000)
    for name, fraction in PARTS.items():
        counts = np.bincount(labels[parts[name]])
        np.testing.assert_allclose(counts, fraction * np.array([600, 300, 100]), atol=1.01)
        assert counts.sum() == round(1000 * fraction)


def test_order_cuts_in_that_order() -> None:
    time = np.random.default_rng(0).permutation(100)
    parts = split_rows(100, PARTS, 1, order=time)
    check_whole(parts, 100)
    assert [time[rows].tolist() for rows in parts.values()] == [
        list(range(70)), list(range(70, 85)), list(range(85, 100))
    ]  # fmt: skip


def test_groups_stay_together() -> None:
    patients = np.random.default_rng(0).integers(0, 60, 1000)
    parts = split_rows(1000, PARTS, 1, group=patients)
    check_whole(parts, 1000)
    for name, fraction in PARTS.items():
        others = np.concatenate([rows for other, rows in parts.items() if other != name])
        assert not set(patients[parts[name]]) & set(patients[others])
        assert abs(len(parts[name]) - 1000 * fraction) < 25


def test_a_part_cut_from_train() -> None:
    parts = split_rows(50, {"validation": 0.1}, 1, rest="train")
    check_whole(parts, 50)
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 45, "validation": 5}


def test_empty_parts(findings: Findings) -> None:
    assert findings(lambda: split_rows(3, PARTS, 1)) == ["E0418: the split 'test', 0.15 of 3 rows, is empty"]
    assert findings(lambda: split_rows(40, PARTS, 1, group=np.arange(40) // 20)) == [
        "E0418: the split 'validation', 0.15 of 40 rows in 2 groups, is empty"
    ]
