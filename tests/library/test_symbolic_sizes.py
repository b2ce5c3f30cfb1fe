"""Sizes that hang on symbols: what is said of them when a spec is checked holds for whatever size there is."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dslc.diagnostics import Problem
from dslc.dimensions import Undecided, bounds, evaluate, range_size, same_value
from dslc.graph import Tensor
from dslc.library.functions.indexing import Slice
from dslc.library.operation import Context, Operation
from dslc.library.word import FUNCTIONS
from dslc.types import FLOAT32, Dimension, Symbolic, TensorType, symbol
from tests.library.graphs import compiled

N, T = symbol("N"), symbol("T")


def expression(dice: random.Random, depth: int = 4) -> Dimension:
    if depth == 0 or dice.random() < 0.2:
        leaves: list[Dimension] = [N, T, T, dice.randint(-9, 9)]
        return dice.choice(leaves)
    left, right = expression(dice, depth - 1), expression(dice, depth - 1)
    match dice.choice("+-*/%n"):
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "n":
            return -left
        case "/":
            return left // dice.choice([1, 2, 3, 7])
        case _:
            return left % dice.choice([1, 2, 3, 7])


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_bounds_hold(dice: random.Random) -> None:
    try:
        one, other = expression(dice), expression(dice)
        low, high = bounds(one)
        same = same_value(one, other)
    except Undecided:
        return
    for n in (1, 2, 3, 10):
        for t in (1, 2, 5, 9, 100):
            values = {"N": n, "T": t}
            assert low <= evaluate(one, values) <= high, one
            if same is not None:
                assert (evaluate(one, values) == evaluate(other, values)) is same, (one, other)


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        (T - 1, (0, np.inf)), (1 - T, (-np.inf, 0)), (T // 2, (0, np.inf)), (T - T // 2, (1, np.inf)),
        (T % 5, (0, 4)), (-(-T // 2), (1, np.inf)), (N * T, (1, np.inf)), (N - T, (-np.inf, np.inf)),
        ((T - 5) // 2 + 1, (-1, np.inf)), (7, (7, 7)),
    ],
)  # fmt: skip
def test_bounds(dimension: Dimension, expected: tuple[float, float]) -> None:
    assert bounds(dimension) == expected


def test_rounding_up_has_one_form() -> None:
    assert -(-T // 2) == (T + 1) // 2 == range_size(0, T, 2)


BOUNDS: list[Dimension | None] = [None, 0, 1, 3, -1, -2, -4, 9, -9, T, T - 1, T - 3, T // 2, T + 2, 2 * T]


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("start", BOUNDS, ids=str)
def test_slices_take_what_numpy_takes(start: Dimension | None, step: int) -> None:
    """At any size that has the entries that the bounds name; what can't be known for all is refused."""
    taken = 0
    for stop in BOUNDS:
        word = FUNCTIONS["index"](items=(Slice(start, stop, step),))
        type = TensorType(FLOAT32, (T, 2))
        try:
            result = word.type(type)
        except Problem:
            continue

        def build(builder: object, x: Tensor, word: Operation = word, result: TensorType = result) -> list[Tensor]:
            made = word.emit(Context(x.builder), x)
            assert isinstance(made, Tensor)
            assert made.type == result
            return [made]

        run = compiled(build, [type])
        for size in range(1, 12):
            x = np.arange(2.0 * size, dtype=np.float32).reshape(size, 2)
            known = [None if b is None else evaluate(b, {"T": size}) for b in (start, stop)]
            entries = slice(known[0], known[1], step)
            if any(isinstance(b, Symbolic) and evaluate(b, {"T": size}) < 0 for b in (start, stop)):
                continue  # T - 3 of fewer than 3
            if max(0, evaluate(result.shape[0], {"T": size})) == len(x[entries]):
                taken += 1
            else:
                assert any(isinstance(b, int) and abs(b) > size for b in known), (start, stop, size)
            np.testing.assert_array_equal(run(x)[0], x[entries])
    assert taken > 10 or start in (-2, -4, -9)  # those may reach over the front


def test_sizes_below_zero_are_zero_at_run_time() -> None:
    """A model that is given fewer entries than it leaves out sees none; the runtime must not be asked for less."""
    word = FUNCTIONS["index"](items=(Slice(5),))

    def build(builder: object, x: Tensor) -> list[Tensor]:
        rest = word.emit(Context(x.builder), x)
        turned = FUNCTIONS["transpose"]().emit(Context(x.builder), rest)
        return [rest, FUNCTIONS["positions"](axis=0).emit(Context(x.builder), rest), turned]

    run = compiled(build, [TensorType(FLOAT32, (T, 2))])
    for size in (1, 4, 5, 8):
        left = max(0, size - 5)
        rest, places, turned = run(np.ones((size, 2), np.float32))
        assert rest.shape == (left, 2)
        assert places.tolist() == list(range(left))
        assert turned.shape == (2, left)
