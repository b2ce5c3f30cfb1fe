"""Products and sums with one number for each channel, as one convolution: where, and where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dslc import graph as g
from dslc.graph import Tensor
from dslc.types import FLOAT64, Shape
from tests.graph.verifying import verify
from tests.rewrite.models import N, applied, by_channel, model_of, operators, values


def used_twice(x: Tensor, y: Tensor) -> Tensor:
    return (y + by_channel(x, "Tanh")) * g.exp(y)


def with_a_term(x: Tensor, z: Tensor, *, needed_later: bool = False) -> Tensor:
    """A sum over z is needed sooner."""
    y = (x * by_channel(z * x, "Exp") + z) + by_channel(x, "Tanh")
    return y * z if needed_later else y


SCALED: dict[str, tuple[Callable[[Tensor], Tensor], Shape, int]] = {
    "with a term between": (lambda x: (x * by_channel(x, "Exp") + g.exp(x)) + by_channel(x, "Tanh"), (2, 3, 32, 32), 1),
    "with a term that was summed up": (lambda x: with_a_term(x, g.sin(x)), (2, 3, 32, 32), 1),
    "a term that is needed later stays": (lambda x: with_a_term(x, g.sin(x), needed_later=True), (2, 3, 32, 32), 0),
    "a term that is an input stays": (lambda x: with_a_term(g.sin(x), x), (2, 3, 32, 32), 0),
    "as an output": (lambda x: by_channel(x, "Tanh") + by_channel(x, "Exp") * x, (2, 3, 32, 32), 1),
    "along one axis": (lambda x: by_channel(x, "Tanh") + by_channel(x, "Exp") * x, (2, 3, 1200), 1),
    "along three axes": (lambda x: by_channel(x, "Tanh") + by_channel(x, "Exp") * x, (2, 1, 16, 8, 9), 1),
    "of any batch": (lambda x: x * by_channel(x, "Exp") + by_channel(x, "Tanh"), (N, 3, 32, 32), 1),
    "few points stay": (lambda x: x * by_channel(x, "Exp") + by_channel(x, "Tanh"), (2, 3, 31, 31), 0),
    "points of an unknown number stay": (lambda x: x * by_channel(x, "Exp") + by_channel(x, "Tanh"), (2, 3, N, 999), 0),
    "no channels stay": (lambda x: x * by_channel(x, "Exp") + by_channel(x, "Tanh"), (2, 0, 32, 32), 0),
    "no points stay": (lambda x: x * by_channel(x, "Exp") + by_channel(x, "Tanh"), (2, 3000), 0),
    "numbers for each row stay": (
        lambda x: x * g.reduce_mean(x, [0, 1, 3], keepdims=True) + by_channel(x, "Tanh"),
        (2, 32, 32, 32),
        0,
    ),
    "numbers for each example stay": (
        lambda x: x * g.reduce_mean(x, [2, 3], keepdims=True) + by_channel(x, "Tanh"),
        (2, 3, 32, 32),
        0,
    ),
    "a product that others need stays": (lambda x: used_twice(x, x * by_channel(x, "Exp")), (2, 3, 32, 32), 0),
}
"""Graphs and how many convolutions they become."""


@pytest.mark.parametrize("name", SCALED)
def test_channels_are_scaled_and_shifted_together(name: str) -> None:
    function, shape, expected = SCALED[name]
    model = model_of(function, shape)
    before = values(model_of(function, shape))
    assert applied("scale-and-shift", model) == bool(expected)
    verify(model)
    assert operators(model).count("Conv") == expected
    np.testing.assert_allclose(values(model), before, rtol=1e-5)


def test_channels_in_float64_have_no_convolution() -> None:
    model = model_of(lambda x: x * by_channel(x, "Exp") + by_channel(x, "Tanh"), (2, 3, 32, 32), element=FLOAT64)
    assert not applied("scale-and-shift", model)
