"""Gradients through choices in choices, against the same programs with Where, which computes both sides."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Builder, Tensor
from dslc.graph.values import nodes_of
from dslc.rewrite.passes import simplify
from dslc.types import BOOL, FLOAT64, TensorType, symbol
from tests.autodiff.harness import runner
from tests.graph.verifying import verify

Side = Callable[[], Sequence[Tensor]]
Choice = Callable[[Tensor, Side, Side], Sequence[Tensor]]
STEPS: list[Callable[[Tensor, Tensor, Tensor], Tensor]] = [
    lambda a, b, w: g.tanh(a),
    lambda a, b, w: a * b,
    lambda a, b, w: a + g.sin(b),
    lambda a, b, w: g.softplus(a),  # with a gradient of its own
    lambda a, b, w: a - g.reduce_mean(b, [0], keepdims=True),
    lambda a, b, w: g.tanh(a @ w),
    lambda a, b, w: g.clip(a, -0.7, 0.9) * b,
    lambda a, b, w: g.exp(g.tanh(a)) * g.sigmoid(b),
    lambda a, b, w: a * 2.0 * 0.5 + 0.0,
    lambda a, b, w: g.sin(a.mT.mT),
]


def by_where(condition: Tensor, then: Side, otherwise: Side) -> list[Tensor]:
    return [g.where(condition, a, b) for a, b in zip(then(), otherwise(), strict=True)]


def program(seed: int, x: Tensor, w: Tensor, conditions: Sequence[Tensor], choose: Choice) -> Tensor:
    """Make up some steps; each takes what is there, and may be a choice of two such programs."""
    draw = random.Random(seed)

    def block(known: Sequence[Tensor], depth: int) -> list[Tensor]:
        made = list(known)
        for _ in range(draw.randint(2, 6)):
            if depth < 3 and draw.random() < 0.3:
                count = draw.randint(1, 2)
                given = tuple(made)
                side = lambda given=given, count=count: block(given, depth + 1)[-count:]  # noqa: E731
                made += choose(draw.choice(conditions), side, side)
            else:
                made.append(draw.choice(STEPS)(draw.choice(made), draw.choice(made), w))
        return made

    return g.total(*(g.reduce_sum(value) for value in block([x, g.sin(x)], 0)[-3:]))


def model_of(seed: int, choose: Choice) -> ir.Model:
    """Return a model of a program's value, its gradients, and second derivatives."""
    builder = Builder("choices")
    x = builder.input("x", TensorType(FLOAT64, (symbol("N"), 3)))
    w = builder.input("w", TensorType(FLOAT64, (3, 3)))
    conditions = [builder.input(f"c{i}", TensorType(BOOL)) for i in range(3)]
    value = program(seed, x, w, conditions, choose)
    first = [d or g.full(t, 0.0, t.type) for t, d in zip((x, w), gradients(value, [x, w]), strict=True)]
    second = gradients(g.total(*(g.reduce_sum(d * d) for d in first)), [x, w])
    results = [value, *first, *(d or g.full(t, 0.0, t.type) for t, d in zip((x, w), second, strict=True))]
    for number, result in enumerate(results):
        builder.output(f"y{number}", result)
    return builder.model()


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(s, marks=pytest.mark.alike) for s in (0, *range(3, 100)))])
def test_choices_are_differentiated_as_if_both_sides_were_computed(seed: int) -> None:
    plain, simplified, expected = model_of(seed, g.branch), simplify(model_of(seed, g.branch)), model_of(seed, by_where)
    for model in (plain, simplified):
        verify(model)
    compute, also, both = map(runner, (plain, simplified, expected))
    draw = np.random.default_rng(seed)
    feeds = {"x": draw.normal(size=(4, 3)), "w": draw.normal(size=(3, 3))}
    for bits in range(8):
        feeds |= {f"c{i}": np.array(bool(bits >> i & 1)) for i in range(3)}
        given = {str(port.name): feeds[str(port.name)] for port in plain.graph.inputs}
        for value, same, due in zip(compute(given), also(given), both(given), strict=True):
            np.testing.assert_allclose(value, due, rtol=1e-7, atol=1e-7)
            np.testing.assert_allclose(same, due, rtol=1e-7, atol=1e-7)


def test_the_programs_have_choices_in_choices() -> None:
    models = [model_of(seed, g.branch) for seed in range(3)]
    inside = [node for model in models for node in nodes_of(model.graph) if node.graph is not model.graph]
    assert sum(node.op_type == "If" for node in inside) > 5
