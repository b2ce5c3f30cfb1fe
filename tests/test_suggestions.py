"""``did_you_mean``: near words only, never the word itself, and in no time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dslc.diagnostics import _edits, did_you_mean

WORDS = st.text("abcAB_1", max_size=9)


def whole_table(a: str, b: str) -> int:
    """The distance by its definition, with the whole table."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


@given(WORDS, WORDS, st.integers(1, 3))
def test_edits_are_counted(a: str, b: str, most: int) -> None:
    assert _edits(a, b, most) == min(whole_table(a, b), most + 1)


@given(WORDS, st.lists(WORDS))
def test_a_suggestion_is_another_word_and_near(name: str, known: list[str]) -> None:
    found = did_you_mean(name, known)
    most = min(max(1, len(name) // 3), 3)
    near = [k for k in known if k != name and whole_table(k.lower(), name.lower()) <= most]
    near = [k for k in near if whole_table(k.lower(), name.lower()) < len(name)]
    assert (found is None) == (not near)
    assert found is None or found.removeprefix("did you mean '").removesuffix("'?") in near


@pytest.mark.parametrize(
    ("name", "known", "suggested"),
    [
        ("hiden", ["hidden", "widen"], "hidden"), ("ADAM", ["Adam"], "Adam"), ("Adam", ["Adam"], None),
        ("x", ["y", "X"], "X"), ("validation.matrix", ["validation.loss"], None), ("conv", ["Dense"], None),
        ("train.csv", ["trains.csv"], "trains.csv"), ("", ["a"], None), ("a" * 100, ["a" * 99], None),
    ],
)  # fmt: skip
def test_suggestions(name: str, known: list[str], suggested: str | None) -> None:
    assert did_you_mean(name, known) == (f"did you mean '{suggested}'?" if suggested else None)


def test_thousands_of_long_names_take_no_time() -> None:
    known = {f"{'ab' * 27}{i}" for i in range(3000)}
    start = time.process_time()
    for i in range(100):
        did_you_mean(f"{'ab' * 26}aa{i}", known)
    assert time.process_time() - start < 2
