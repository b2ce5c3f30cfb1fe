"""Passes that go around slow kernels of ONNX Runtime: where they apply, and that the numbers stay the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dslc import graph as g
from dslc.graph import Tensor, type_of
from dslc.rewrite.algebra import BROADCASTING
from dslc.rewrite.passes import simplify
from dslc.types import FLOAT32, FLOAT64, ElementType, Shape
from tests.autodiff.harness import runner
from tests.graph.verifying import verify
from tests.rewrite.models import N, applied, last, model_of, operators, values


def test_softplus_in_steps_is_as_exact() -> None:
    """Within 4 units in the last place, wherever a float32 lies, and beyond: the compensated steps must survive."""
    near = np.geomspace(1e-38, 100, 2000)
    x = np.concatenate([near, -near, [0.0, -0.0, 1e38, -1e38, np.inf, -np.inf, np.nan]]).astype(np.float32)
    model = simplify(model_of(g.softplus, x.shape))
    assert "Softplus" not in operators(model)
    (found,) = runner(model)({"x0": x})
    with np.errstate(invalid="ignore"):
        expected = np.logaddexp(0, x.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_almost_equal_nulp(found[:-3], expected[:-3], nulp=4)
    np.testing.assert_array_equal(found[-3:], expected[-3:])


@pytest.mark.parametrize(("shape", "changes"), [((63, 1), False), ((64, 1), True), ((N, 1), True), ((64, 2), False)])
def test_numbers_get_axes_beside_many_elements(shape: Shape, changes: bool) -> None:
    model = model_of(lambda x: x * 2.0, shape)
    assert applied("widen-scalars", model) == changes


@pytest.mark.parametrize("function", [
    lambda x: g.where(g.greater(x, 3.0), g.reduce_max(x), x) ** 2.0, lambda x: 1.0 / g.maximum(g.reduce_sum(x), x),
])  # fmt: skip
@pytest.mark.parametrize("shape", [(100, 1), (20, 5, 1, 1)])
def test_numbers_with_axes_give_the_same(function: Callable[[Tensor], Tensor], shape: Shape) -> None:
    model = model_of(function, shape)
    expected = values(model_of(function, shape))
    simplify(model)
    verify(model)
    given = [v for node in model.graph if node.op_type in BROADCASTING for v in node.inputs if v is not None]
    assert {len(type_of(v).shape) for v in given} == {2 if len(shape) == 2 else 3, len(shape)}
    np.testing.assert_array_equal(values(model), expected)


@pytest.mark.parametrize(
    ("shape", "permutation", "element", "changes"),
    [
        ((N, 5, 8, 9), (0, 2, 3, 1), FLOAT32, True),
        ((N, 5, 70), (0, 2, 1), FLOAT32, True),
        ((N, 5, 7, 9), (0, 2, 3, 1), FLOAT32, False),  # few points
        ((N, 1, 8, 9), (0, 2, 3, 1), FLOAT32, False),  # nothing to move
        ((N, 65, 8, 9), (0, 2, 3, 1), FLOAT32, False),  # many channels
        ((N, 5, 8, N), (0, 2, 3, 1), FLOAT32, False),
        ((N, 5, 8, 9), (0, 2, 1, 3), FLOAT32, False),
        ((N, 5, 8, 9), (0, 2, 3, 1), FLOAT64, False),
    ],
)
def test_few_channels_are_brought_behind_many_points(
    shape: Shape, permutation: tuple[int, ...], element: ElementType, changes: bool
) -> None:
    model = model_of(lambda x: last(g.transpose(x, permutation)), shape, element=element)
    expected = values(model_of(lambda x: last(g.transpose(x, permutation)), shape, element=element))
    assert applied("multiply-by-identity", model) == changes
    verify(model)
    np.testing.assert_array_equal(values(model), expected)


def test_transposes_in_front_of_products_stay() -> None:
    model = model_of(lambda x: x.mT @ x, (2, 3, 100))
    assert not applied("multiply-by-identity", model)
