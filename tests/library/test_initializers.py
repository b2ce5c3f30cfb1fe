"""Initializers: the moments that their papers give, and the bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dslc.library.word import INITIALIZERS, LAYERS
from dslc.types import FLOAT32, TensorType, symbol

IN, OUT = 200, 300


def drawn(name: str, /, shape: tuple[int, ...] = (IN, OUT), **options: Any) -> np.ndarray:
    return INITIALIZERS[name](**options).sample(np.random.default_rng(0), shape, IN, OUT)


@pytest.mark.parametrize(
    ("name", "options", "mean", "std", "bounded"),
    [
        ("normal", {}, 0, 1, False),
        ("normal", {"std": 0.02, "mean": 3}, 3, 0.02, False),
        ("uniform", {}, 0.5, 12**-0.5, True),
        ("uniform", {"low": -1, "high": 3}, 1, 4 * 12**-0.5, True),
        ("glorot_uniform", {}, 0, math.sqrt(2 / (IN + OUT)), True),
        ("glorot_uniform", {"gain": 2.0}, 0, 2 * math.sqrt(2 / (IN + OUT)), True),
        ("glorot_normal", {}, 0, math.sqrt(2 / (IN + OUT)), False),
        ("he_uniform", {}, 0, math.sqrt(2 / IN), True),
        ("he_normal", {}, 0, math.sqrt(2 / IN), False),
        ("lecun_uniform", {}, 0, math.sqrt(1 / IN), True),
        ("lecun_normal", {}, 0, math.sqrt(1 / IN), False),
    ],
)
def test_moments(name: str, options: dict[str, Any], mean: float, std: float, bounded: bool) -> None:
    values = drawn(name, **options)
    assert abs(values.mean() - mean) < 4 * std / math.sqrt(values.size)
    assert abs(values.std() / std - 1) < 0.01
    assert (np.abs(values - mean).max() <= math.sqrt(3) * std * (1 + 1e-9)) is np.bool_(bounded)
    assert np.array_equal(values, drawn(name, **options))


def test_constants() -> None:
    assert not drawn("zeros").any()
    assert (drawn("ones") == 1).all()
    assert (drawn("constant", value=2.5) == 2.5).all()


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (4, 2, 3), (6,)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = drawn("orthogonal", shape, gain=2.0).reshape(shape[0], -1)
    square = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(square, 4 * np.eye(len(square)), atol=1e-9)


def test_every_initializer_is_tested() -> None:
    tested = {
        "normal", "uniform", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "zeros", "ones", "constant", "orthogonal",
    }  # fmt: skip
    assert set(INITIALIZERS) == tested


def test_defaults_and_fans_of_layers() -> None:
    image = TensorType(FLOAT32, (symbol("N"), 6, 8, 8))
    weight, bias = LAYERS["Conv"](channels=4, kernel=(3, 5), groups=2).variables(image)
    assert (weight.shape, weight.fan_in, weight.fan_out) == ((4, 3, 3, 5), 45, 60)
    assert (weight.initializer.name, bias.initializer.name) == ("glorot_uniform", "zeros")
    weight, bias = LAYERS["Dense"](units=4).variables(TensorType(FLOAT32, (symbol("N"), 6)))
    assert (weight.initializer.name, bias.initializer.name) == ("glorot_uniform", "zeros")
    (table,) = LAYERS["Embedding"](entries=4, size=2).variables(image)
    assert table.initializer == INITIALIZERS["normal"](std=0.02)
    he = INITIALIZERS["he_normal"]()
    for name, options in (("Dense", {"units": 4}), ("Conv", {"channels": 4, "kernel": (3, 3)}), ("BatchNorm", {}),
                          ("LayerNorm", {}), ("Embedding", {"entries": 4, "size": 2})):  # fmt: skip
        assert LAYERS[name](**options, init=he).variables(image)[0].initializer is he
    scale, *_, variance = LAYERS["BatchNorm"]().variables(image)
    assert (scale.initializer.name, variance.initializer.name) == ("ones", "ones")


def test_multiply_adds() -> None:
    n = symbol("N")
    assert LAYERS["Dense"](units=4).multiply_adds(TensorType(FLOAT32, (n, 6))) == 24 * n
    image = TensorType(FLOAT32, (n, 6, 8, 8))
    assert LAYERS["Conv"](channels=4, kernel=3, groups=2).multiply_adds(image) == n * 4 * 64 * 3 * 9
    assert LAYERS["Relu"]().multiply_adds(image) == 0
