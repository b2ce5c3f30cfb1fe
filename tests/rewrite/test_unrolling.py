"""Which loops are unrolled, and into what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.dimensions import Dimension
from dslc.graph import Builder, Tensor
from dslc.graph.values import nodes_of
from dslc.rewrite.passes import simplify
from dslc.targets.cpu import CPU
from dslc.types import FLOAT64, TensorType, symbol
from tests.autodiff.harness import runner
from tests.graph.verifying import verify

FEW = CPU.unrolled_rounds


def model_of(steps: Dimension, *, reverse: bool = False, choice: bool = False) -> ir.Model:
    """Return a model of what a loop gives, and of gradients."""
    builder = Builder("loop")
    x, h, w = (
        builder.input(name, TensorType(FLOAT64, shape))
        for name, shape in (("x", (steps, 2, 3)), ("h", (2, 3)), ("w", (3, 3)))
    )

    def step(h: Tensor, x: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        if choice:
            (h,) = g.branch(g.greater(g.reduce_sum(h), 0.0), lambda: [h * 2.0], lambda: [h])
        h = g.tanh(h @ w + x)
        return [h], [g.sigmoid(h), h]

    (last,), (stack, states) = g.scan(step, [h], [x], reverse=reverse)
    builder.output("last", last)
    builder.output("stack", stack)
    value = g.reduce_sum(last) + g.reduce_sum(stack * g.sin(states))
    for name, d in zip(("dx", "dh", "dw"), gradients(value, [x, h, w]), strict=True):
        assert d is not None
        builder.output(name, d)
    return builder.model()


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in nodes_of(model.graph)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [1, 2, FEW])
def test_few_rounds_become_these_and_compute_the_same(steps: int, reverse: bool) -> None:
    model = simplify(model_of(steps, reverse=reverse))
    verify(model)
    assert [value.name for value in model.graph.outputs] == ["last", "stack", "dx", "dh", "dw"]
    assert "Scan" not in operators(model)
    # x and what arrives at both stacks is cut, but nothing that rounds leave for their gradients
    assert operators(model).count("Split") == (3 if steps > 1 else 0)
    random = np.random.default_rng(0)
    feeds = {"x": random.normal(size=(steps, 2, 3)), "h": random.normal(size=(2, 3)), "w": random.normal(size=(3, 3))}
    expected = runner(model_of(steps, reverse=reverse))(feeds)
    for found, due in zip(runner(model)(feeds), expected, strict=True):
        np.testing.assert_allclose(found, due, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("steps", [FEW + 1, symbol("T")])
def test_more_rounds_or_an_unknown_number_stay_loops(steps: Dimension) -> None:
    assert operators(simplify(model_of(steps))).count("Scan") == 2


def test_rounds_with_graphs_inside_stay_loops() -> None:
    assert operators(simplify(model_of(2, choice=True))).count("Scan") == 2
