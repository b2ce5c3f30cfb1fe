"""Loops made up at random, in loops and in choices: their gradients against those of rounds one after the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.dimensions import Dimension
from dslc.graph import Builder, Tensor
from dslc.graph.values import nodes_of
from dslc.rewrite.passes import simplify
from dslc.types import FLOAT64, INT64, TensorType, symbol
from tests.autodiff.harness import runner
from tests.autodiff.test_loops import unrolled
from tests.graph.verifying import verify

Scan = Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]]
STEPS: list[Callable[[Tensor, Tensor, Tensor], Tensor]] = [
    lambda a, b, w: g.tanh(a @ w),
    lambda a, b, w: g.tanh(a @ w.mT + g.reduce_sum(w, [0])),
    lambda a, b, w: g.sigmoid(a) * b,
    lambda a, b, w: g.sin(a + b),
    lambda a, b, w: g.softplus(a),  # with a gradient of its own
    lambda a, b, w: g.clip(a, -0.6, 0.8) + b,  # as well, in float64
    lambda a, b, w: g.tanh(a - g.reduce_mean(b, [0], keepdims=True)),
    lambda a, b, w: g.softmax(a) * g.log_softmax(b, 0),
    lambda a, b, w: g.concat(g.split(a, [1, 2], 1)[::-1], 1),
    lambda a, b, w: g.tanh(g.reduce_sum(g.einsum("nd,md->nm", a, b), [1], keepdims=True)) + a * 0.5,
    lambda a, b, w: g.tanh(a @ (g.exp(w * 0.1) @ w)),
    lambda a, b, w: g.gather(a, a.builder.constant([2, 0, 2], INT64), 1),
    lambda a, b, w: g.tanh(g.reshape(g.unsqueeze(a, [0]), a.shape)),
]

QUICK = (0, 2, 13, 19)


def program(seed: int, x: Tensor, w: Tensor, h: Tensor, scan: Scan) -> Tensor:
    """Make up loops along x [T, N, 3], in which rounds take what is there: steps, choices, other loops."""

    def grown(draw: random.Random, known: Sequence[Tensor], count: int, depth: int) -> list[Tensor]:
        pool = list(known)
        for _ in range(count):
            kind, seed = draw.random(), draw.random()
            if depth < 3 and kind < 0.12:
                pool.append(looped(random.Random(seed), pool, depth)[0])
            elif depth < 3 and kind < 0.2:
                pool += chosen(random.Random(seed), pool, draw.randint(1, 3), depth)
            else:
                pool.append(draw.choice(STEPS)(draw.choice(pool), draw.choice(pool), w))
        return pool

    def chosen(draw: random.Random, pool: Sequence[Tensor], count: int, depth: int) -> Sequence[Tensor]:
        is_large = g.greater(g.reduce_sum(draw.choice(pool)), 0.1)
        return g.branch(is_large, lambda: grown(draw, pool, count, depth + 1)[-1:], lambda: [g.cos(pool[-1])])

    def looped(draw: random.Random, pool: Sequence[Tensor], depth: int) -> list[Tensor]:
        states = draw.randint(0, 3)
        first = [draw.choice(pool) for _ in range(states)]
        scanned = [x if draw.random() < 0.7 else g.sin(x) for _ in range(draw.randint(1, 2))]
        count, left, seed = draw.randint(1, 6), draw.randint(0 if states else 1, 3), draw.random()

        def body(*given: Tensor) -> tuple[list[Tensor], list[Tensor]]:
            inner = random.Random(seed)  # the same in each round, also where it is built for each
            own = grown(inner, [*pool, *given], count, depth + 1)[len(pool) :]
            return [inner.choice(own) for _ in range(states)], [inner.choice(own) for _ in range(left)]

        last, stacks = scan(body, first, scanned, reverse=draw.random() < 0.5)
        used = [one for one in last if draw.random() < 0.8]
        return [*used, *(g.tanh(g.reduce_sum(stack * g.sin(x), [0])) for stack in stacks), h]

    draw = random.Random(seed)
    results = [value for _ in range(2) for value in looped(draw, [h, g.sin(h)], 0)]
    return g.total(*(g.reduce_sum(g.sin(value)) for value in results))


def model_of(seed: int, steps: Dimension, scan: Scan) -> ir.Model:
    """Return a model of a program's value, its gradients, and second derivatives."""
    builder = Builder("loops")
    shapes = {"x": (steps, symbol("N"), 3), "w": (3, 3), "h": (symbol("N"), 3)}
    x, w, h = xs = [builder.input(name, TensorType(FLOAT64, shape)) for name, shape in shapes.items()]
    value = program(seed, x, w, h, scan)
    first = [d or g.full(t, 0.0, t.type) for t, d in zip(xs, gradients(value, xs), strict=True)]
    results = [value, *first]
    if seed % 3 == 0:
        second = gradients(g.total(*(g.reduce_sum(d * g.cos(d)) for d in first)), xs)
        results += [d or g.full(t, 0.0, t.type) for t, d in zip(xs, second, strict=True)]
    for number, result in enumerate(results):
        builder.output(f"y{number}", result)
    return builder.model()


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=() if seed in QUICK else pytest.mark.slow) for seed in range(150)]
)
def test_loops_have_the_derivatives_of_their_rounds(seed: int) -> None:
    steps = (symbol("T"), 3, 11)[seed % 3 if seed % 2 else 0]
    count = steps if isinstance(steps, int) else 3
    plain, simplified, expected = (
        model_of(seed, steps, g.scan), simplify(model_of(seed, steps, g.scan)), model_of(seed, count, unrolled)
    )  # fmt: skip
    for model in (plain, simplified):
        verify(model)
    draw = np.random.default_rng(seed)
    feeds = {"x": draw.normal(size=(count, 4, 3)), "w": draw.normal(size=(3, 3)) * 0.6, "h": draw.normal(size=(4, 3))}
    values, also, due = (runner(model)(feeds) for model in (plain, simplified, expected))
    for value, same, right in zip(values, also, due, strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(same, right, rtol=1e-7, atol=1e-7)


def test_the_programs_have_loops_in_loops_and_choices() -> None:
    models = [model_of(seed, symbol("T"), g.scan) for seed in range(8)]
    inside = [node.op_type for model in models for node in nodes_of(model.graph) if node.graph is not model.graph]
    assert inside.count("Scan") > 3
    assert inside.count("If") > 3
