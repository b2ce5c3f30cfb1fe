"""Sums over the first axes as products with ones: which ones, and that they are the same sums."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dslc import graph as g
from dslc.graph import Tensor
from dslc.rewrite.passes import simplify
from dslc.types import FLOAT32, FLOAT64, INT32, ElementType, Shape
from tests.autodiff.harness import runner
from tests.graph.verifying import verify
from tests.rewrite.models import N, applied, model_of, operators, values

SUMMED: dict[str, tuple[Callable[[Tensor], Tensor], Shape, list[str]]] = {
    "rows": (lambda x: g.reduce_sum(x, [0]), (3, 4), ["ConstantOfShape", "MatMul"]),
    "rows of any number": (lambda x: g.reduce_sum(x, [0]), (N, 4), ["Shape", "ConstantOfShape", "MatMul"]),
    "rows, with their axis": (lambda x: g.reduce_sum(x, [0], True), (3, 4), ["ConstantOfShape", "MatMul", "Reshape"]),
    "two axes of three": (
        lambda x: g.reduce_sum(x, [0, 1]), (N, 2, 4), ["Reshape", "Shape", "ConstantOfShape", "MatMul"],
    ),
    "one axis of three": (
        lambda x: g.reduce_sum(x, [0]), (3, 2, 4), ["Reshape", "ConstantOfShape", "MatMul", "Reshape"],
    ),
    "a mean": (lambda x: g.reduce_mean(x, [0]), (3, 4), ["ConstantOfShape", "MatMul", "Cast", "Div"]),
    "a mean of any number": (
        lambda x: g.reduce_mean(x, [0, -2]), (N, N, 4),
        ["Reshape", "Shape", "ConstantOfShape", "MatMul", "Cast", "Div"],
    ),
    "columns stay": (lambda x: g.reduce_sum(x, [1]), (3, 4), ["ReduceSum"]),
    "all stays": (g.reduce_sum, (3, 4), ["ReduceSum"]),
    "one column stays": (lambda x: g.reduce_sum(x, [0]), (3, 1), ["ReduceSum"]),
    "columns of an unknown number stay": (lambda x: g.reduce_sum(x, [0]), (3, N), ["ReduceSum"]),
    "no rows stay": (lambda x: g.reduce_sum(x, [0, 1]), (3, 0, 4), ["ReduceSum"]),
    "a hole stays": (lambda x: g.reduce_sum(x, [0, 2]), (3, 4, 2, 5), ["ReduceSum"]),
    "last axes of an unknown size stay": (lambda x: g.reduce_sum(x, [0, 2]), (3, 4, N), ["ReduceSum"]),
    "no points stay": (lambda x: g.reduce_sum(x, [0, 2]), (3, 4, 0), ["ReduceSum"]),
    "maxima stay": (lambda x: g.reduce_max(x, [0]), (3, 4), ["ReduceMax"]),
}  # fmt: skip
"""Sums and the operators that they become."""


@pytest.mark.parametrize("element", [FLOAT32, FLOAT64, INT32])
@pytest.mark.parametrize("name", SUMMED)
def test_rows_are_summed_by_a_product(name: str, element: ElementType) -> None:
    function, shape, expected = SUMMED[name]
    model = model_of(function, shape, element=element)
    before = values(model_of(function, shape, element=element))
    changed = applied("multiply-by-ones", model)
    verify(model)
    assert changed == (element is not INT32 and "ConstantOfShape" in expected)
    if element is not INT32:
        assert sorted(operators(model)) == sorted(expected)
    np.testing.assert_allclose(values(model), before, rtol=1e-6)


@pytest.mark.parametrize("reduce", [g.reduce_sum, g.reduce_mean])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("shape", [(N, 4, 5), (3, 4, 2, 5), (2, N, 4, 6)])
def test_channels_are_summed_by_two_products(reduce: Callable[..., Tensor], keepdims: bool, shape: Shape) -> None:
    kept = 2 if N in shape[1:] else 1

    def function(x: Tensor) -> Tensor:
        return reduce(x, [axis for axis in range(x.rank) if axis != kept], keepdims)

    model = model_of(function, shape)
    assert applied("multiply-by-ones", model)
    verify(model)
    assert [operators(model).count(name) for name in ("Gemm", "MatMul")] == [1, 1]
    np.testing.assert_allclose(values(model), values(model_of(function, shape)), rtol=1e-6)
    assert not applied("multiply-by-ones", model_of(function, shape, element=FLOAT64))


def test_sums_of_as_many_rows_share_their_ones() -> None:
    def sums(x: Tensor) -> Tensor:
        return g.reduce_sum(x, [0]) + g.reduce_sum(g.exp(x), [0])

    model = simplify(model_of(sums, (N, 4)))
    verify(model)
    assert operators(model) == ["Shape", "ConstantOfShape", "MatMul", "Exp", "MatMul", "Add"]


def test_no_rows_sum_to_zero() -> None:
    model = simplify(model_of(lambda x: g.reduce_sum(x, [0]), (N, 4)))
    np.testing.assert_array_equal(runner(model)({"x0": np.zeros((0, 4), np.float32)})[0], np.zeros(4))
