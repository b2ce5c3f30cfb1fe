"""Random tensors: sound distributions; positions, steps, sites and seeds unrelated; the same bits anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from dslc.autodiff import gradients
from dslc.graph import Builder, Tensor
from dslc.graph.random import Randomness
from dslc.library.operation import Context
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.types import FLOAT32, FLOAT64, INT64, TensorType, symbol
from tests.library.graphs import compiled

COUNT = 1 << 17
SCALAR = TensorType(INT64)
VECTOR = TensorType(FLOAT32, (symbol("N"),))

GOLDEN = [6651440, 7430797, 8466755]
"""The first numbers of site "site" at seed 7 and step 11, in units of 2^-24."""


def drawer(
    draw: Callable[[Randomness, TensorType], Sequence[Tensor]], type: TensorType = VECTOR
) -> Callable[..., list[np.ndarray]]:
    """A function of seed, step and the number of elements."""

    def build(builder: Builder, seed: Tensor, step: Tensor, x: Tensor) -> Sequence[Tensor]:
        return draw(Randomness(builder, seed, step), type)

    run = compiled(build, [SCALAR, SCALAR, VECTOR])
    return lambda seed=0, step=0, count=COUNT: run(
        np.asarray(seed, np.int64), np.asarray(step, np.int64), np.zeros(count, np.float32)
    )


def chi_square(cells: np.ndarray, number: int) -> float:
    """How far the counts are from uniform, in standard deviations of the chi-square distribution."""
    counts = np.bincount(cells, minlength=number)
    expected = len(cells) / number
    return float((((counts - expected) ** 2 / expected).sum() - (number - 1)) / np.sqrt(2 * (number - 1)))


@pytest.fixture(scope="module")
def uniform() -> Callable[..., list[np.ndarray]]:
    return drawer(lambda r, like: [r.uniform(like, site) for site in ("a", "b", "c")])


def test_uniform_is_uniform_in_every_bit_that_counts(uniform: Callable[..., list[np.ndarray]]) -> None:
    for values in uniform():
        assert 0 <= values.min() < 1e-4
        assert 1 - 1e-4 < values.max() < 1
        assert abs(values.mean() - 0.5) < 4 / np.sqrt(12 * COUNT)
        assert abs(values.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / COUNT)
        bits = (values.astype(np.float64) * 2**20).astype(np.int64)
        assert abs(chi_square(bits >> 10, 1024)) < 4
        assert abs(chi_square(bits & 1023, 1024)) < 4


@pytest.mark.parametrize("distance", [1, 2, 28, 784, 4096, 1 << 15, 1 << 16])
def test_elements_at_any_distance_are_independent(uniform: Callable[..., list[np.ndarray]], distance: int) -> None:
    values = np.concatenate([uniform(seed)[0] for seed in range(4)])
    digits = (values * 32).astype(np.int64)
    pairs = digits[:-distance] * 32 + digits[distance:]
    assert abs(chi_square(pairs, 1024)) < 4
    digits = (values * 10).astype(np.int64)[: 2 * distance + COUNT]
    triples = digits[: -2 * distance] * 100 + digits[distance:-distance] * 10 + digits[2 * distance :]
    assert abs(chi_square(triples, 1000)) < 4.5


def test_steps_sites_and_seeds_are_unrelated(uniform: Callable[..., list[np.ndarray]]) -> None:
    numbers = [0, 1, 2, -1, 2**31, 2**32, 2**62, -(2**63)]
    rows = [values for seed in numbers for step in numbers for values in uniform(seed, step, 4096)]
    correlation = np.corrcoef(np.stack(rows))[np.triu_indices(len(rows), 1)] * np.sqrt(4096)
    assert abs(correlation.std() - 1) < 0.02
    assert np.abs(correlation).max() < 5.5


def test_one_element_is_uniform_across_steps(uniform: Callable[..., list[np.ndarray]]) -> None:
    values = np.array([uniform(3, step, 1)[0][0] for step in range(5000)])
    assert abs(chi_square((values * 64).astype(np.int64), 64)) < 4
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / np.sqrt(5000)


def test_the_same_call_draws_the_same_and_a_prefix_is_a_prefix(uniform: Callable[..., list[np.ndarray]]) -> None:
    first, second = uniform(5, 6, 100), uniform(5, 6, 100)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert np.array_equal(uniform(5, 6, 50)[0], first[0][:50])


@pytest.mark.parametrize("seed", [0, 7, -5, 2**62 + 7, -(2**63), 2**63 - 1])
def test_onnx_runtime_and_the_reference_give_the_same_bits(seed: int) -> None:
    builder = Builder("random")
    inputs = builder.input("seed", SCALAR), builder.input("step", SCALAR)
    builder.output("y", Randomness(builder, *inputs).uniform(TensorType(FLOAT32, (50, 7)), "a"))
    model = ir.to_proto(builder.model())
    feeds = {"seed": np.asarray(seed, np.int64), "step": np.asarray(3, np.int64)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = ReferenceEvaluator(model).run(None, feeds)
    assert np.array_equal(session.run(None, feeds)[0], expected)


def test_the_bits_never_change() -> None:
    """A changed hash would change every seeded run."""
    values = drawer(lambda r, like: [r.uniform(like, "site")])(7, 11, 3)[0]
    np.testing.assert_array_equal((values * 2**24).astype(np.int64), GOLDEN)


def test_normal_is_normal() -> None:
    (values,) = drawer(lambda r, like: [r.normal(like, "a")])()
    values = values.astype(np.float64)
    assert np.isfinite(values).all()
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((values**power).mean() - moment) < 4 * np.sqrt(variance / COUNT)
    for bound, share in ((1, 0.158655), (2, 0.0227501), (3, 0.00134990), (4, 3.16712e-5)):
        for side in (values > bound, values < -bound):
            assert abs(side.sum() - share * COUNT) < 4 * np.sqrt(share * COUNT) + 1
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / np.sqrt(COUNT)


@pytest.mark.parametrize("probability", [0.001, 0.3, 0.5, 0.9])
def test_chance_has_its_probability(probability: float) -> None:
    (values,) = drawer(lambda r, like: [r.chance(like, "a", probability)])()
    assert set(np.unique(values)) == {0, 1}
    assert abs(values.mean() - probability) < 4 * np.sqrt(probability * (1 - probability) / COUNT)


def test_other_element_types() -> None:
    type = TensorType(FLOAT64, (symbol("N"), 2))
    (values,) = drawer(lambda r, like: [r.uniform(like, "a")], type)(0, 0, 5)
    assert values.shape == (5, 2)


@pytest.mark.parametrize("word", ["normal_like", "uniform_like"])
def test_random_functions_draw_in_the_type_of_their_operand(word: str) -> None:
    function = FUNCTIONS[word]()

    def build(builder: Builder, seed: Tensor, step: Tensor, x: Tensor) -> list[Tensor]:
        context = Context(builder, site="here", randomness=Randomness(builder, seed, step))
        return [function.emit(context, x)]

    type = TensorType(FLOAT32, (symbol("N"), 3))
    run = compiled(build, [SCALAR, SCALAR, type])
    zero, x = np.asarray(0, np.int64), np.zeros((1000, 3), np.float32)
    (first,), (second,) = run(zero, zero, x), run(zero, np.asarray(1, np.int64), x)
    assert function.random
    assert function.type(type) == type
    mean, std = (0, 1) if word == "normal_like" else (0.5, 12**-0.5)
    assert abs(first.mean() - mean) < 4 * std / np.sqrt(3000)
    assert abs(first.std() / std - 1) < 0.1
    assert not np.array_equal(first, second)


def test_dropout_keeps_its_share_scales_it_and_masks_the_gradient() -> None:
    dropout = LAYERS["Dropout"](rate=0.2)

    def build(builder: Builder, seed: Tensor, step: Tensor, x: Tensor) -> list[Tensor]:
        context = Context(builder, training=True, site="here", randomness=Randomness(builder, seed, step))
        y = dropout.emit(context, x)
        (dx,) = gradients(y, [x])
        assert dx is not None
        return [y, dx, dropout.emit(Context(builder), x)]

    x = np.full((200, 50), 3, np.float32)
    y, dx, outside = compiled(build, [SCALAR, SCALAR, TensorType(FLOAT32, (symbol("N"), 50))])(
        np.asarray(1, np.int64), np.asarray(2, np.int64), x
    )
    assert abs((y != 0).mean() - 0.8) < 4 * 0.4 / 100
    np.testing.assert_allclose(y[y != 0], 3 / 0.8, rtol=1e-6)
    np.testing.assert_allclose(dx, y / 3, rtol=1e-6)
    assert np.array_equal(outside, x)
