"""Each pass alone, on the smallest graph that shows what it does and what it must leave; and how passes are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.diagnostics import Problem
from dslc.graph import Builder, Tensor
from dslc.rewrite.passes import (
    PASSES,
    chosen_passes,
    fold_constants,
    merge_common,
    remove_unused,
    shipped,
    simplify,
    text_of,
)
from dslc.types import FLOAT32, Shape, TensorType
from tests.autodiff.harness import runner
from tests.graph.verifying import verify
from tests.rewrite.models import N, applied, by_channel, last, model_of, operators, values


def test_an_outputs_name_survives() -> None:
    builder = Builder("case")
    x = builder.input("x", TensorType(FLOAT32, (N, 2)))
    builder.output("same", x * 1.0)
    builder.output("twice", g.exp(x))
    builder.output("once", g.exp(x))
    model = simplify(builder.model())
    verify(model)
    assert [value.name for value in model.graph.outputs] == ["same", "twice", "once"]
    assert [value.name for value in model.graph.inputs] == ["x"]
    assert operators(model).count("Exp") == 1


def test_constants_are_folded_and_parameters_are_not() -> None:
    builder = Builder("case")
    x = builder.input("x", TensorType(FLOAT32, (2,)))
    w = builder.parameter("w", np.array([1, 2], np.float32))
    two = builder.constant(2.0, FLOAT32)
    builder.output("y", x + g.exp(two * two) + g.exp(w))
    model = simplify(builder.model(), ["fold-constants", "remove-unused"])
    verify(model)
    assert sorted(operators(model)) == ["Add", "Add", "Exp"]
    assert "w" in model.graph.initializers
    x_value = np.array([0, 1], np.float32)
    np.testing.assert_allclose(
        runner(model)({"x": x_value})[0],
        x_value + np.exp(np.float32(4)) + np.exp(np.array([1, 2], np.float32)),
        rtol=1e-6,
    )


def test_large_constants_stay_with_the_runtime() -> None:
    model = model_of(lambda x: x + g.full(x, 1.0, TensorType(FLOAT32, (100, 100))), (100, 100))
    assert not fold_constants(model)


def test_common_subexpressions_differ_by_attribute_and_operand() -> None:
    def twice(x: Tensor) -> Tensor:
        return (
            g.leaky_relu(x, 0.5) + g.leaky_relu(x, 0.25) + g.leaky_relu(x, 0.5) + (x * x.builder.constant(3.0, FLOAT32))
        )

    model = model_of(twice, (2, 2))
    before = values(model)
    assert merge_common(model)
    verify(model)
    assert operators(model).count("LeakyRelu") == 2
    assert all("type" in value.meta for node in model.graph for value in node.outputs)
    np.testing.assert_array_equal(values(model), before)


def test_equal_constants_that_were_computed_become_one() -> None:
    def twice(x: Tensor) -> Tensor:
        two, four = (x.builder.constant(number, FLOAT32) for number in (2.0, 4.0))
        return (x + two * two) * (x + four)

    model = simplify(model_of(twice, (2,)))
    assert operators(model) == ["Add", "Mul"]


def test_what_nothing_needs_is_removed() -> None:
    builder = Builder("case")
    x = builder.input("x", TensorType(FLOAT32, (2,)))
    g.exp(g.tanh(x) + builder.parameter("w", np.zeros(2, np.float32)))
    builder.output("y", g.sin(x))
    model = builder.model()
    assert remove_unused(model)
    assert operators(model) == ["Sin"]
    assert not model.graph.initializers
    assert not remove_unused(model)


ALONE: dict[str, tuple[Callable[[Tensor], Tensor], int, int]] = {
    "remove-unused": (lambda x: (g.exp(x), last(x))[1], 2, 1),
    "fold-constants": (lambda x: x + g.exp(x.builder.constant(2.0, FLOAT32)), 2, 1),
    "drop-neutral": (lambda x: last(x * 1.0 + 0.0), 3, 1),
    "join-scalars": (lambda x: last(x * 2.0 / 4.0 * 3.0), 4, 2),
    "drop-signs": (lambda x: last(g.exp(x) + (-x)), 4, 3),
    "join-reshapes": (lambda x: last(g.reshape(g.unsqueeze(g.reshape(x, (12,)), [0]), (4, 3))), 4, 2),
    "join-transposes": (lambda x: last(g.transpose(g.transpose(g.exp(x), (1, 0)), (1, 0))), 4, 2),
    "skip-broadcasts": (lambda x: x * g.expand(g.reduce_sum(x, [1], True), (3, 4)), 3, 2),
    "multiply-by-ones": (lambda x: last(g.reduce_mean(x, [0], keepdims=True)), 2, 6),
    "multiply-by-identity": (lambda x: last(g.transpose(x, (0, 2, 3, 1))), 2, 5),
    "take-out-of-loops": (
        lambda x: g.scan(lambda h, row: ([g.tanh(h + row @ x.mT)], []), [g.reduce_sum(x, [1])], [x])[0][0],
        3,
        4,
    ),
    "unroll-loops": (
        lambda x: g.scan(lambda h, row: ([g.tanh(h + row)], []), [g.reduce_max(x, [0])], [x])[0][0],
        2,
        12,
    ),
    "merge-common": (lambda x: (g.exp(x) + x) * (x + g.exp(x)), 5, 3),
    "expand-softplus": (lambda x: last(g.softplus(x)), 2, 12),
    "widen-scalars": (lambda x: g.reduce_sum(x, [1], True) * 2.0 + g.reduce_max(x), 4, 5),
    "scale-and-shift": (lambda x: last(x * (scale := by_channel(x, "Exp")) + g.tanh(scale)), 6, 7),
}
"""A graph for each pass, with its nodes before and after that pass alone."""
SHAPES: dict[str, Shape] = {
    "scale-and-shift": (2, 3, 32, 32),
    "widen-scalars": (300, 4),
    "multiply-by-identity": (2, 3, 8, 9),
    "take-out-of-loops": (12, 4),
}
"""What x is, if not (3, 4)."""


def test_each_pass_has_a_graph_of_its_own() -> None:
    assert set(ALONE) == set(PASSES)


@pytest.mark.parametrize("name", PASSES)
def test_alone(name: str) -> None:
    function, before, after = ALONE[name]
    shape = SHAPES.get(name, (3, 4))
    model = model_of(function, shape)
    expected = values(model_of(function, shape))
    assert len(model.graph) == before
    assert applied(name, model)
    verify(model)
    assert len(model.graph) == after
    assert not applied(name, model)
    np.testing.assert_allclose(values(model), expected, rtol=1e-6)


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_is_left_out(name: str) -> None:
    function, before, _ = ALONE[name]
    model = simplify(model_of(function, SHAPES.get(name, (3, 4))), chosen_passes(f"none,all,-{name}"))
    assert len(model.graph) == before


def test_passes_are_chosen_in_the_order_of_the_text() -> None:
    assert chosen_passes("all") == tuple(PASSES)
    assert chosen_passes("all,none") == ()
    assert chosen_passes("merge-common, fold-constants") == ("fold-constants", "merge-common")
    assert chosen_passes("fold-constants,merge-common,-fold-constants") == ("merge-common",)
    with pytest.raises(Problem, match="E0620: there is no pass 'merge-comon'") as raised:
        chosen_passes("all,-merge-comon")
    assert raised.value.diagnostic.hint == "did you mean 'merge-common'?"


@pytest.mark.parametrize("text", ["all", "none", "all,-fold-constants,-merge-common", "fold-constants,merge-common"])
def test_passes_are_told_as_they_are_asked_for(text: str) -> None:
    assert text_of(chosen_passes(text)) == text
    assert text_of(None) == "all"


def test_shipped_models_take_no_pass_that_is_for_training() -> None:
    assert set(PASSES) - set(shipped(None)) == {
        "multiply-by-ones", "multiply-by-identity", "scale-and-shift", "widen-scalars", "expand-softplus",
        "unroll-loops",
    }  # fmt: skip
    assert shipped(["merge-common", "expand-softplus"]) == ("merge-common",)


def test_work_grows_with_the_graph_and_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often a rule looks at a node, and the whole graph is gone through, in chains of one and of four lengths."""

    def looks(layers: int) -> tuple[int, int]:
        count = {"looks": 0, "rounds": 0}

        def counted(rule: Callable[[ir.Node], bool]) -> Callable[[ir.Node], bool]:
            def counting(node: ir.Node) -> bool:
                count["looks"] += 1
                return rule(node)

            return counting

        def chain(x: Tensor) -> Tensor:
            for _ in range(layers):
                x = last(g.reshape(g.reshape(x * 2.0 * 3.0, (12,)), (3, 4)) + 0.0) * 1.0 - (-x)
            return x

        def rounds(model: ir.Model) -> bool:
            count["rounds"] += 1
            return merge_common(model)

        slow = {
            name: replace(one, rules={op: [counted(rule) for rule in rules] for op, rules in one.rules.items()})
            if one.rules
            else one
            for name, one in PASSES.items()
        }
        slow["merge-common"] = replace(slow["merge-common"], function=rounds)
        monkeypatch.setattr("dslc.rewrite.passes.PASSES", slow)
        model = simplify(model_of(chain, (3, 4)))
        assert len(model.graph) == 3 * layers
        return count["looks"], count["rounds"]

    few, rounds_of_few = looks(100)
    many, rounds_of_many = looks(400)
    assert many <= 4 * few
    assert rounds_of_many == rounds_of_few
