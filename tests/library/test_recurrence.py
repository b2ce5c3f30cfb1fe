"""Going along sequences with states, against the same loop in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dslc import graph as g
from dslc.graph import Builder, Tensor
from dslc.library.recurrence import recur
from dslc.types import FLOAT64, INT64, TensorType, symbol
from tests.library.graphs import compiled

N, T = symbol("N"), symbol("T")
DRAWN = np.random.default_rng(3)
X, H, C = DRAWN.normal(size=(3, 5, 2)), DRAWN.normal(size=(3, 2)), DRAWN.normal(size=(3,))
LENGTHS = np.array([5, 0, 2])


def step(states: Sequence[Any], inputs: Sequence[Any], xp: Any) -> tuple[list[Any], list[Any]]:
    (h, c), (x, scale) = states, inputs
    h = xp.tanh(h * 0.5 + x)
    return [h, c + 1.0], [h * 2.0, scale + c]


def by_numpy(reverse: bool, lengths: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    h, c, y, z = H.copy(), C.copy(), np.zeros_like(X), np.zeros(X.shape[:2])
    for row, length in enumerate(lengths):
        for t in reversed(range(length)) if reverse else range(length):
            (h[row], c[row]), (y[row, t], z[row, t]) = step((h[row], c[row]), (X[row, t], X[row, t, 0]), np)
    return [y, z], [h, c]


@pytest.mark.parametrize("symbolic", [True, False])
@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_it_is_the_loop(last: bool, reverse: bool, ragged: bool, symbolic: bool) -> None:
    n, t = (N, T) if symbolic else (3, 5)
    types = [TensorType(FLOAT64, (n, t, 2)), TensorType(FLOAT64, (n, t)), TensorType(FLOAT64, (n, 2))]
    types += [TensorType(FLOAT64, (n,)), TensorType(INT64, (n,))]
    one = [TensorType(FLOAT64, (n, 2)), TensorType(FLOAT64, (n,))]

    def build(_: Builder, x: Tensor, scale: Tensor, h: Tensor, c: Tensor, lengths: Tensor) -> list[Tensor]:
        outputs, states = recur(
            lambda states, inputs: step(states, inputs, g), [x, scale], [h, c], reverse=reverse,
            lengths=lengths if ragged else None, last=one if last else None,
        )  # fmt: skip
        return [*outputs, *states]

    found = compiled(build, types)(X, X[:, :, 0], H, C, LENGTHS)
    lengths = LENGTHS if ragged else np.full(3, 5)
    outputs, states = by_numpy(reverse, lengths)
    if last:
        ends = np.zeros(3, np.int64) if reverse else np.maximum(lengths - 1, 0)
        outputs = [np.where((lengths > 0).reshape(3, *[1] * (y.ndim - 2)), y[np.arange(3), ends], 0) for y in outputs]
    for a, b in zip(found, [*outputs, *states], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
