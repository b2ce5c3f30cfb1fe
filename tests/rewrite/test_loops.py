"""What is taken out of loops, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Builder, Tensor
from dslc.graph.rounds import Rounds
from dslc.graph.values import bodies_of, nodes_of
from dslc.rewrite.passes import simplify
from dslc.types import FLOAT64, TensorType, symbol
from tests.autodiff.harness import runner
from tests.graph.verifying import verify

T, N = symbol("T"), symbol("N")
Given = tuple[Sequence[Tensor], Sequence[Tensor]]
FEEDS = {
    "x": np.random.default_rng(0).normal(size=(5, 2, 4)),
    "h": np.random.default_rng(1).normal(size=(2, 3)),
    "w": np.random.default_rng(2).normal(size=(4, 3)),
    "u": np.random.default_rng(3).normal(size=(3, 3)),
    "b": np.random.default_rng(4).normal(size=(3,)),
}


def built(
    body: Callable[[Tensor, Tensor, dict[str, Tensor]], Given],
    *,
    reverse: bool = False,
    by: Sequence[str] = (),
) -> ir.Model:
    """Return a model of a loop along x [T, N, 4] that carries h [N, 3], or of gradients of what it gives."""
    builder = Builder("loop")
    shapes = {"x": (T, N, 4), "h": (N, 3), "w": (4, 3), "u": (3, 3), "b": (3,)}
    given = {name: builder.input(name, TensorType(FLOAT64, shape)) for name, shape in shapes.items()}
    last, stacks = g.scan(lambda h, x: body(h, x, given), [given["h"]], [given["x"]], reverse=reverse)
    results = [*last, *stacks]
    if by:
        value = g.total(*(g.reduce_sum(g.sin(y)) for y in results))
        results = [d for d in gradients(value, [given[name] for name in by]) if d is not None]
        assert len(results) == len(by)
    for number, y in enumerate(results):
        builder.output(f"y{number}", y)
    return builder.model()


def taken_out(make: Callable[[], ir.Model]) -> ir.Model:
    """Apply the pass, which must keep what the model computes and find nothing more to do."""
    model = make()
    names = [value.name for value in model.graph.outputs]
    expected = runner(make())(FEEDS)
    assert names == [value.name for value in simplify(model, ["take-out-of-loops"]).graph.outputs]
    verify(model)
    for found, due in zip(runner(model)(FEEDS), expected, strict=True):
        np.testing.assert_allclose(found, due, rtol=1e-12, atol=1e-12)
    count = len(list(nodes_of(model.graph)))
    assert len(list(nodes_of(simplify(model, ["take-out-of-loops"]).graph))) == count
    return model


def loops(model: ir.Model) -> list[ir.Node]:
    return [node for node in model.graph if node.op_type == "Scan"]


def inside(model: ir.Model) -> list[str]:
    return [node.op_type for loop in loops(model) for body in bodies_of(loop) for node in body]


@pytest.mark.parametrize("reverse", [False, True])
def test_products_of_what_is_scanned_are_computed_before_with_their_bias(reverse: bool) -> None:
    def body(h: Tensor, x: Tensor, given: dict[str, Tensor]) -> Given:
        h = g.tanh((g.sin(x) @ given["w"] + given["b"]) + h @ given["u"])
        return [h], [h]

    model = taken_out(lambda: built(body, reverse=reverse))
    assert [node.op_type for node in model.graph] == ["Sin", "MatMul", "Add", "Scan"]
    assert sorted(inside(model)) == ["Add", "Identity", "MatMul", "Tanh"]


@pytest.mark.parametrize("reverse", [False, True])
def test_products_that_only_leave_are_computed_after(reverse: bool) -> None:
    def body(h: Tensor, x: Tensor, given: dict[str, Tensor]) -> Given:
        h = g.tanh(h + g.reduce_sum(x, [1], keepdims=True))
        return [h], [g.softmax(g.sin(h) @ given["u"] + given["b"]), g.exp(h)]

    model = taken_out(lambda: built(body, reverse=reverse))
    assert [node.op_type for node in model.graph] == ["Scan", "MatMul", "Add", "Softmax"]
    assert sorted(inside(model)) == ["Add", "Exp", "ReduceSum", "Sin", "Tanh"]


def test_a_large_state_does_not_leave_for_a_small_product() -> None:
    def body(h: Tensor, x: Tensor, given: dict[str, Tensor]) -> Given:
        outer = g.unsqueeze(h, [2]) * g.unsqueeze(g.exp(x), [1])  # [N, 3, 4]
        read = g.reduce_sum(g.tanh(g.concat([outer] * 5, 1)) @ given["w"], [1])
        return [g.tanh(h + read)], [
            g.concat([outer] * 5, 2) @ g.concat([g.slice_(given["w"], [0], [1], [1], [1])] * 5, 0)
        ]

    model = taken_out(lambda: built(body))
    assert inside(model).count("MatMul") == 2


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_weights_are_one_product_behind_the_loop(reverse: bool) -> None:
    def body(h: Tensor, x: Tensor, given: dict[str, Tensor]) -> Given:
        h = g.tanh(x @ given["w"] + h @ given["u"] + g.sin(h) @ given["u"].mT + given["b"])
        return [h], [h]

    names = ["x", "h", "w", "u", "b"]
    model = taken_out(lambda: built(body, reverse=reverse, by=names))
    forward, backward = loops(model)
    assert len(Rounds.of(forward).states) == 1
    assert [tuple(s.first.shape or ()) for s in Rounds.of(backward).states] == [("N", 3), (3,)]
    assert sum(node.op_type == "MatMul" for body in bodies_of(backward) for node in body) == 2
    assert [tuple(value.shape or ()) for value in model.graph.outputs][2:4] == [(4, 3), (3, 3)]


def test_sums_that_are_not_all_products_keep_the_rest() -> None:
    def make() -> ir.Model:
        builder = Builder("sums")
        x, q = builder.input("x", TensorType(FLOAT64, (T, N, 4))), builder.input("q", TensorType(FLOAT64, (4, 4)))

        def step(total: Tensor, x: Tensor) -> Given:
            y = g.sin(x)
            return [total + ((y.mT @ (y * 2.0) + q * g.reduce_sum(y)) + (x.mT @ y).mT)], []

        (total,), _ = g.scan(step, [q], [x])
        builder.output("total", total)
        builder.output("twice", total * 2.0)
        return builder.model()

    model = make()
    feeds = {"x": FEEDS["x"], "q": np.random.default_rng(5).normal(size=(4, 4))}
    expected = runner(make())(feeds)
    simplify(model, ["take-out-of-loops", "remove-unused"])
    verify(model)
    assert [value.name for value in model.graph.outputs] == ["total", "twice"]
    for found, due in zip(runner(model)(feeds), expected, strict=True):
        np.testing.assert_allclose(found, due, rtol=1e-12, atol=1e-12)
    assert "MatMul" not in inside(model)
    assert len(Rounds.of(loops(model)[0]).states) == 1


def test_what_nothing_needs_and_what_is_only_passed_on_leaves_no_trace() -> None:
    builder = Builder("pruned")
    x, h = builder.input("x", TensorType(FLOAT64, (T, 3))), builder.input("h", TensorType(FLOAT64, (3,)))

    def step(h: Tensor, idle: Tensor, still: Tensor, x: Tensor, again: Tensor, unused: Tensor) -> Given:
        h = h * still + x * again
        return [h, g.exp(idle + x), still], [g.sin(idle), h, x]

    (last, _, still), (_, stack, same) = g.scan(step, [h, h, g.cos(h)], [x, x, g.exp(x)])
    for name, y in (("last", last), ("still", still * 2.0), ("stack", stack), ("same", same * 2.0)):
        builder.output(name, y)
    model = builder.model()
    feeds = {"x": FEEDS["x"][:, 0, :3], "h": FEEDS["b"]}
    expected = runner(builder.model())(feeds)
    simplify(model, ["take-out-of-loops"])
    verify(model)
    (loop,) = loops(model)
    rounds = Rounds.of(loop)
    assert (len(rounds.states), len(rounds.scanned), len(rounds.stacked)) == (1, 1, 1)
    assert sorted(inside(model)) == ["Add", "Identity", "Mul", "Mul"]
    for found, due in zip(runner(model)(feeds), expected, strict=True):
        np.testing.assert_allclose(found, due, rtol=1e-12)
