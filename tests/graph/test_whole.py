"""Sums and powers of whole numbers are exact, as Python's are, and wrap around at the ends of int64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dslc import graph as g
from dslc.graph import Builder, Tensor
from dslc.types import INT64, TensorType
from tests.autodiff.harness import finish, runner

EXPONENTS = [0, 1, 2, 3, 5, 13, 31, 52, 61, 62, 63, 64, 65, 1000, 1001]
BASES = [0, 1, -1, 2, -2, 3, -3, 10, 208065, 300001, -3037000499, 2**53 + 1]


def computed(build: Callable[..., Tensor], *arrays: np.ndarray) -> np.ndarray:
    builder = Builder("whole")
    inputs = [builder.input(f"x{i}", TensorType(INT64, array.shape)) for i, array in enumerate(arrays)]
    graph = finish(builder, {"y": build(*inputs)})
    return runner(graph)({f"x{i}": array for i, array in enumerate(arrays)})[0]


def wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


@pytest.mark.parametrize("axes", [None, [0], [-1], [0, 2]])
@pytest.mark.parametrize("keepdims", [True, False])
def test_sums(axes: list[int] | None, keepdims: bool) -> None:
    x = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, (4, 3, 5))
    expected = x.sum(axis=None if axes is None else tuple(axes), keepdims=keepdims)
    np.testing.assert_array_equal(computed(lambda x: g.exact_sum(x, axes, keepdims), x), expected)


def test_sums_of_many() -> None:
    x = np.full(2**21, 2**42 - 1)
    assert computed(g.exact_sum, x) == 2**21 * (2**42 - 1)


@pytest.mark.parametrize("exponent", EXPONENTS[1:11])
def test_powers_to_a_known_exponent(exponent: int) -> None:
    bases = np.array(BASES)
    found = computed(lambda x: g.exact_power(x, x.builder.constant(exponent, INT64)), bases)
    assert found.tolist() == [wrapped(base**exponent) for base in BASES]


def test_powers_to_exponents_of_the_data() -> None:
    pairs = [(base, exponent) for base in BASES for exponent in EXPONENTS if abs(base) < 2 or exponent < 64]
    bases, exponents = (np.array(column) for column in zip(*pairs, strict=True))
    found = computed(g.exact_power, bases, exponents)
    assert found.tolist() == [wrapped(base**exponent) for base, exponent in pairs]
