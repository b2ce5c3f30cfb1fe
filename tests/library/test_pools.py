"""Pools and samples at their edges: windows of zeros, maxima put back in their places, places that are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Builder, Tensor
from dslc.library.operation import Context
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.types import FLOAT32, INT64, TensorType, symbol
from tests.library.graphs import compiled

N, T = symbol("N"), symbol("T")


def test_a_root_of_zeros_has_no_slope() -> None:
    def build(builder: Builder, x: Tensor) -> Sequence[Tensor]:
        y = LAYERS["LpPool"](power=2.0, size=2).emit(Context(builder), x)
        (slope,) = gradients(g.reduce_sum(y), [x])
        assert slope is not None
        return [y, slope]

    y, slope = compiled(build, [TensorType(FLOAT32, (1, 1, 4))])(np.array([[[0, 0, 3, 4]]], np.float32))
    np.testing.assert_allclose(y, [[[0, 5]]])
    np.testing.assert_allclose(slope, [[[0, 0, 0.6, 0.8]]], rtol=1e-6)


@pytest.mark.parametrize("shape", [(N, 2, 4, 6), (N, 2, 4, 2 * T), (3, 2, 4, 6)], ids=str)
def test_maxima_go_back_to_their_places(shape: tuple[int, ...]) -> None:
    """With the gradients of both ways: what is no maximum gets none."""

    def build(builder: Builder, _: Tensor, x: Tensor) -> Sequence[Tensor]:
        pooled = LAYERS["MaxPool"](size=2, indices=True).emit(Context(builder), x)
        back = LAYERS["MaxUnpool"](size=2).emit(Context(builder), *pooled)
        (slope,) = gradients(g.reduce_sum(back * back), [x])
        assert slope is not None
        return [back, slope]

    x = np.random.default_rng(0).normal(size=(3, 2, 4, 6)).astype(np.float32)
    back, slope = compiled(build, [TensorType(FLOAT32, (T,)), TensorType(FLOAT32, shape)])(np.zeros(3, np.float32), x)
    largest = x.reshape(3, 2, 2, 2, 3, 2).max((3, 5), keepdims=True)
    expected = np.where(x.reshape(3, 2, 2, 2, 3, 2) == largest, largest, 0).reshape(x.shape)
    np.testing.assert_array_equal(back, expected)
    np.testing.assert_allclose(slope, 2 * expected, rtol=1e-6)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_places_far_away_and_such_that_are_no_numbers(mode: str, padding: str) -> None:
    word = FUNCTIONS["grid_sample"](mode=mode, padding=padding)
    types = [TensorType(FLOAT32, (1, 1, 3, 3)), TensorType(FLOAT32, (1, 1, 2))]
    run = compiled(lambda builder, x, grid: [word.emit(Context(builder), x, grid)], types)
    x, far = np.ones((1, 1, 3, 3), np.float32), np.array([[[-1e6, 1e6]]], np.float32)
    np.testing.assert_allclose(run(x, far)[0], 0 if padding == "zeros" else 1, rtol=1e-5)
    nowhere = (0 if padding == "zeros" else 1) if mode == "nearest" else np.nan
    np.testing.assert_array_equal(run(x, far * np.float32(np.nan))[0].ravel(), [nowhere])
    np.testing.assert_array_equal(run(x, np.array([[[np.nan, 0]]], np.float32))[0].ravel(), [nowhere])
    np.testing.assert_array_equal(run(x, np.array([[[0, np.nan]]], np.float32))[0].ravel(), [nowhere])


def test_padding_learns_nothing() -> None:
    def build(builder: Builder, table: Tensor, x: Tensor) -> Sequence[Tensor]:
        y = LAYERS["Embedding"](entries=3, size=2, padding_index=1).emit(
            Context(builder, variables={"weight": table}), x
        )
        (slope,) = gradients(g.reduce_sum(y), [table])
        assert slope is not None
        return [y, slope]

    types = [TensorType(FLOAT32, (3, 2)), TensorType(INT64, (4,))]
    y, slope = compiled(build, types)(np.full((3, 2), 7, np.float32), np.array([0, 1, 1, 2]))
    np.testing.assert_array_equal(y[:, 0], [7, 0, 0, 7])
    np.testing.assert_array_equal(slope[:, 0], [1, 0, 1])
