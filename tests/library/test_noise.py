"""Layers that add noise: its share, shape and moments; gradients go through it; nothing happens outside of training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Builder, Tensor
from dslc.graph.random import Randomness
from dslc.library.operation import Context
from dslc.library.word import LAYERS
from dslc.types import FLOAT32, FLOAT64, INT64, ElementType, TensorType, symbol
from tests.library.graphs import compiled

N = symbol("N")
SCALAR = TensorType(INT64)
ONE = np.asarray(1, np.int64)
WORDS: list[tuple[str, dict[str, float]]] = [
    ("SpatialDropout", {"rate": 0.2}), ("DropPath", {"rate": 0.3}), ("AlphaDropout", {"rate": 0.2}),
    ("GaussianNoise", {"std": 0.5}), ("GaussianDropout", {"rate": 0.2}), ("RRelu", {}),
]  # fmt: skip


def run_of(
    word: str, options: dict[str, float], shape: tuple[Any, ...], element: ElementType = FLOAT32
) -> Callable[..., list[np.ndarray]]:
    """A function of step and x: the result in training, the gradient of its sum, and the result elsewhere."""
    layer = LAYERS[word](**options)

    def build(builder: Builder, step: Tensor, x: Tensor) -> list[Tensor]:
        context = Context(builder, training=True, site="here", randomness=Randomness(builder, step, step))
        y = layer.emit(context, x)
        assert layer.type(x.type) == y.type
        (dx,) = gradients(g.reduce_sum(y), [x])
        assert dx is not None
        return [y, dx, layer.emit(Context(builder), x)]

    return compiled(build, [SCALAR, TensorType(element, shape)])


def test_spatial_dropout_drops_channels() -> None:
    x = np.random.default_rng(0).normal(size=(200, 50, 2, 3)).astype(np.float32) + 5
    y, dx, outside = run_of("SpatialDropout", {"rate": 0.2}, (N, 50, 2, 3))(ONE, x)
    factor = y / x
    assert np.array_equal(outside, x)
    np.testing.assert_allclose(dx, factor, rtol=1e-5)
    assert (np.ptp(factor, axis=(2, 3)) < 1e-5).all()
    of_channels = factor[:, :, 0, 0]
    assert abs((of_channels != 0).mean() - 0.8) < 4 * 0.4 / 100
    np.testing.assert_allclose(of_channels[of_channels != 0], 1.25, rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_drop_path_drops_examples(shape: tuple[int, ...]) -> None:
    x = np.ones((10_000, *shape), np.float32)
    y, dx, outside = run_of("DropPath", {"rate": 0.3}, (N, *shape))(ONE, x)
    assert np.array_equal(outside, x)
    np.testing.assert_allclose(dx, y)
    of_examples = y.reshape(10_000, -1)
    assert (of_examples == of_examples[:, :1]).all()
    assert abs((of_examples[:, 0] != 0).mean() - 0.7) < 4 * math.sqrt(0.21) / 100
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)


@pytest.mark.parametrize(("rate", "dropped"), [(0.2, -1.2361598), (0.5, -0.77919394)])  # PyTorch's
def test_alpha_dropout_keeps_mean_and_variance(rate: float, dropped: float) -> None:
    x = np.random.default_rng(0).normal(size=(1000, 100)).astype(np.float32)
    y, dx, outside = run_of("AlphaDropout", {"rate": rate}, (N, 100))(ONE, x)
    assert np.array_equal(outside, x)
    off = dx == 0
    assert abs(off.mean() - rate) < 4 * 0.5 / 316
    np.testing.assert_allclose(y[off], dropped, rtol=1e-5)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    kept = np.unique(dx[~off])
    assert kept.size == 1
    assert np.ptp(y[~off] - kept[0] * x[~off]) < 1e-5


def test_gaussian_noise_is_added() -> None:
    x = np.full((1000, 100), 3, np.float32)
    y, dx, outside = run_of("GaussianNoise", {"std": 0.5}, (N, 100))(ONE, x)
    assert np.array_equal(outside, x)
    assert (dx == 1).all()
    assert abs((y - x).mean()) < 4 * 0.5 / 316
    assert abs((y - x).std() - 0.5) < 0.01


def test_gaussian_dropout_multiplies() -> None:
    x = np.full((1000, 100), 3, np.float32)
    y, dx, outside = run_of("GaussianDropout", {"rate": 0.2}, (N, 100))(ONE, x)
    assert np.array_equal(outside, x)
    np.testing.assert_allclose(dx, y / x, rtol=1e-5)
    assert abs(dx.mean() - 1) < 4 * 0.5 / 316
    assert abs(dx.std() - 0.5) < 0.01


def test_random_rectifiers_draw_slopes_of_negative_numbers() -> None:
    x = np.random.default_rng(0).normal(size=(1000, 100)).astype(np.float32)
    y, dx, outside = run_of("RRelu", {}, (N, 100))(ONE, x)
    negative = x <= 0
    assert np.array_equal(y[~negative], x[~negative])
    assert (dx[~negative] == 1).all()
    slope = dx[negative]
    np.testing.assert_allclose(y[negative], slope * x[negative], rtol=1e-5)
    assert 1 / 8 <= slope.min() < 0.126
    assert 0.332 < slope.max() < 1 / 3 + 1e-6
    assert abs(slope.mean() - 11 / 48) < 0.002
    np.testing.assert_allclose(outside[negative], x[negative] * 11 / 48, rtol=1e-6)


@pytest.mark.parametrize(("word", "options"), WORDS, ids=[word for word, _ in WORDS])
@pytest.mark.parametrize("element", [FLOAT64, ElementType.FLOAT16], ids=str)
def test_other_types_and_other_steps(word: str, options: dict[str, float], element: ElementType) -> None:
    run, x = run_of(word, options, (N, 8), element), -np.ones((50, 8), element.numpy)
    first, again, other = (run(np.asarray(step, np.int64), x)[0] for step in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.isfinite(first).all()


@pytest.mark.parametrize("word", ["SpatialDropout", "DropPath", "AlphaDropout", "GaussianDropout"])
def test_a_rate_of_zero_draws_nothing(word: str) -> None:
    layer = LAYERS[word](rate=0.0)
    assert layer.random
    assert not layer.draws(training=True)
    assert not LAYERS["GaussianNoise"](std=0.0).draws(training=True)
