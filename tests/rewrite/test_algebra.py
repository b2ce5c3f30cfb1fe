"""Identities at single nodes: what they leave of small graphs, and that the numbers stay the same."""

from __future__ import annotations

import numpy as np
import pytest

from dslc import graph as g
from dslc.graph import Tensor
from dslc.rewrite.passes import PASSES, simplify
from dslc.types import FLOAT32, FLOAT64, INT32
from tests.graph.verifying import verify
from tests.rewrite.models import last, model_of, operators, values

ALGEBRAIC = [name for name, one in PASSES.items() if one.rules is not None]
"""The passes that are identities at single nodes."""


def rows_first(x: Tensor) -> Tensor:
    """Two axes exchanged that are not those of the matrices."""
    return g.transpose(g.reshape(x, (3, 2, 2)), (1, 0, 2))


ALGEBRA = {
    "x + 0": (lambda x: last(x + 0.0), ["Tanh"]),
    "0 + x": (lambda x: last(0.0 + x), ["Tanh"]),
    "x - 0": (lambda x: last(x - 0.0), ["Tanh"]),
    "x * 1": (lambda x: last(x * 1.0), ["Tanh"]),
    "1 * x": (lambda x: last(1.0 * x), ["Tanh"]),
    "x / 1": (lambda x: last(x / 1.0), ["Tanh"]),
    "x ** 1": (lambda x: last(x**1.0), ["Tanh"]),
    "0 - x stays": (lambda x: last(0.0 - x), ["Sub", "Tanh"]),
    "1 / x stays": (lambda x: last(1.0 / x), ["Div", "Tanh"]),
    "identity": (lambda x: last(g.identity(x)), ["Tanh"]),
    "x * 2 * 3": (lambda x: last(x * 2.0 * 3.0), ["Mul", "Tanh"]),
    "2 * (3 * (4 * x))": (lambda x: last(2.0 * (3.0 * (4.0 * x))), ["Mul", "Tanh"]),
    "x / 2 / 4": (lambda x: last(x / 2.0 / 4.0), ["Div", "Tanh"]),
    "x / 2 * 4": (lambda x: last(x / 2.0 * 4.0), ["Mul", "Tanh"]),
    "x * 2 / 4": (lambda x: last(x * 2.0 / 4.0), ["Mul", "Tanh"]),
    "x * 2 / 2": (lambda x: last(x * 2.0 / 2.0), ["Tanh"]),
    "-(-x)": (lambda x: last(g.unary("Neg", -x)), ["Tanh"]),
    "-(x * 2)": (lambda x: last(-(x * 2.0)), ["Mul", "Tanh"]),
    "overflow stays": (lambda x: last(x * 1e-30 * 1e-30), ["Mul", "Mul", "Tanh"]),
    "x + 1 + 2": (lambda x: last(x + 1.0 + 2.0), ["Add", "Tanh"]),
    "x - 1 + 2": (lambda x: last(x - 1.0 + 2.0), ["Add", "Tanh"]),
    "x + (-x')": (lambda x: last(x + (-g.exp(x))), ["Exp", "Sub", "Tanh"]),
    "(-x') + x": (lambda x: last(-g.exp(x) + x), ["Exp", "Sub", "Tanh"]),
    "x - (-x')": (lambda x: last(x - (-g.exp(x))), ["Exp", "Add", "Tanh"]),
    "transpose back": (lambda x: last(x.mT.mT), ["Tanh"]),
    "two transposes": (
        lambda x: last(g.transpose(g.transpose(g.unsqueeze(x, [0]), (1, 2, 0)), (1, 0, 2))),
        ["Unsqueeze", "Transpose", "Tanh"],
    ),
    "reshape back": (lambda x: last(g.reshape(g.reshape(x, (12,)), (3, 4))), ["Tanh"]),
    "unsqueeze and squeeze": (lambda x: last(g.squeeze(g.unsqueeze(x, [0]), [0])), ["Tanh"]),
    "two reshapes": (lambda x: last(g.reshape(g.reshape(x, (12,)), (2, 6))), ["Reshape", "Tanh"]),
    "cast to a wider type and back stays": (
        lambda x: last(g.cast(g.cast(x, FLOAT64), FLOAT32)),
        ["Cast", "Cast", "Tanh"],
    ),
    "expand before a product": (lambda x: x * g.expand(g.reduce_sum(x, [1], True), (3, 4)), ["ReduceSum", "Mul"]),
    "expand that broadcasts alone stays": (
        lambda x: g.expand(g.reduce_sum(x, [1], True), (3, 4)) * 2.0,
        ["ReduceSum", "Expand", "Mul"],
    ),
    "product of a transpose, transposed": (
        lambda x: last((x.mT @ g.exp(x)).mT),
        ["Exp", "Transpose", "MatMul", "Tanh"],
    ),
    "product of transposed matrices, transposed": (
        lambda x: last((g.reshape(x, (3, 2, 2)).mT @ g.reshape(g.exp(x), (3, 2, 2))).mT),
        ["Reshape", "Exp", "Reshape", "Transpose", "MatMul", "Tanh"],
    ),
    "product with a matrix for all, transposed, stays": (
        lambda x: last((x.mT @ g.reshape(x, (1, 3, 4))).mT),
        ["Transpose", "Reshape", "MatMul", "Transpose", "Tanh"],
    ),
    "product of what is transposed otherwise stays": (
        lambda x: last((g.transpose(g.reshape(x, (2, 3, 2)), (2, 0, 1)) @ g.reshape(g.exp(x), (2, 3, 2))).mT),
        ["Reshape", "Transpose", "Exp", "Reshape", "MatMul", "Transpose", "Tanh"],
    ),
    "a transpose for a product stays": (
        lambda x: last(rows_first(x).mT @ rows_first(x)),
        ["Reshape", "Transpose", "Transpose", "Reshape", "Transpose", "MatMul", "Tanh"],
    ),
    "a transpose for a product and back": (
        lambda x: last(rows_first(x).mT @ rows_first(x).mT.mT),
        ["Reshape", "Transpose", "Transpose", "Reshape", "Transpose", "MatMul", "Tanh"],
    ),
    "a transpose for something else": (
        lambda x: last(rows_first(x).mT + 2.0),
        ["Reshape", "Transpose", "Add", "Tanh"],
    ),
    "a different type stays": (lambda x: last(x * x.builder.constant([[1.0]], FLOAT32)), ["Tanh"]),
    "a larger neutral element stays": (
        lambda x: last(x * x.builder.constant([[[1.0]]], FLOAT32)),
        ["Mul", "Tanh"],
    ),
}


@pytest.mark.parametrize("name", ALGEBRA)
def test_algebra(name: str) -> None:
    function, expected = ALGEBRA[name]
    model = model_of(function, (3, 4))
    before = values(model_of(function, (3, 4)))
    simplify(model, ALGEBRAIC)
    verify(model)
    assert operators(model) == expected
    np.testing.assert_allclose(values(model), before, rtol=1e-6)


def test_whole_numbers_wrap_as_they_do_at_run_time() -> None:
    def scaled(x: Tensor) -> Tensor:
        return g.bitwise_and(x * 2_000_000_011 * 1_000_003, 0xFFFF)

    model = model_of(scaled, (5,), element=INT32)
    simplify(model, ALGEBRAIC)
    assert operators(model) == ["Mul", "BitwiseAnd"]
    np.testing.assert_array_equal(values(model), values(model_of(scaled, (5,), element=INT32)))


def test_whole_number_division_is_left() -> None:
    model = model_of(lambda x: g.absolute(x / 2 * 2), (5,), element=INT32)
    simplify(model, ALGEBRAIC)
    assert operators(model) == ["Div", "Mul", "Abs"]


def test_a_factor_that_others_use_is_not_joined() -> None:
    def shared(x: Tensor) -> Tensor:
        y = x * 2.0
        return g.exp(y) + g.exp(y * 3.0)

    model = model_of(shared, (2,))
    simplify(model, ALGEBRAIC)
    assert operators(model).count("Mul") == 2
