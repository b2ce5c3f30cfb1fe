"""Each pass alone, on the smallest graph that shows what it does and what it must leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.diagnostics import Problem
from dslc.graph import Builder, Tensor, type_of
from dslc.graph.verify import verify
from dslc.rewrite.algebra import BROADCASTING
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
from dslc.types import FLOAT32, FLOAT64, INT32, ElementType, TensorType, symbol
from tests.autodiff.harness import runner

N = symbol("N")
ALGEBRAIC = [name for name, one in PASSES.items() if one.rules is not None]
"""The passes that are identities at single nodes."""


def model_of(function: Callable[..., Tensor], *shapes: tuple, element=FLOAT32) -> ir.Model:
    builder = Builder("case")
    result = function(*(builder.input(f"x{i}", TensorType(element, shape)) for i, shape in enumerate(shapes)))
    builder.output("y", g.identity(result) if result.value.producer() is None else result)
    return builder.model()


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


def values(model: ir.Model) -> np.ndarray:
    random = np.random.default_rng(3)
    feeds = {
        str(value.name): np.asarray(
            random.integers(1, 9, [d if isinstance(d, int) else 3 for d in type_of(value).shape])
        ).astype(type_of(value).element.numpy)
        for value in model.graph.inputs
    }
    return runner(model)(feeds)[0]


def last(x: Tensor) -> Tensor:
    """A node behind what is to be simplified, since an output's own node is kept for its name."""
    return g.tanh(x)


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
    w = builder.parameter("w", np.float32([1, 2]))
    two = builder.constant(2.0, FLOAT32)
    builder.output("y", x + g.exp(two * two) + g.exp(w))
    model = simplify(builder.model(), ["fold-constants", "remove-unused"])
    verify(model)
    assert sorted(operators(model)) == ["Add", "Add", "Exp"]
    assert "w" in model.graph.initializers
    x_value = np.float32([0, 1])
    np.testing.assert_allclose(
        runner(model)({"x": x_value})[0], x_value + np.exp(np.float32(4)) + np.exp(np.float32([1, 2])), rtol=1e-6
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


@pytest.mark.parametrize("fault", ["order", "name", "type"])
def test_verify_finds_faults(fault: str) -> None:
    model = model_of(lambda x: g.exp(g.tanh(x) @ x.mT), (2, 2))
    first, *_, last = model.graph
    if fault == "order":
        model.graph.remove(first)
        last.append(first)
    elif fault == "name":
        first.outputs[0].name = last.outputs[0].name
    else:
        first.outputs[0].meta["type"] = TensorType(FLOAT32, (2, 3))
    with pytest.raises(AssertionError):
        verify(model)


# --- named passes ------------------------------------------------------------------------------------------

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
    "merge-common": (lambda x: (g.exp(x) + x) * (x + g.exp(x)), 5, 3),
    "expand-softplus": (lambda x: last(g.softplus(x)), 2, 12),
    "widen-scalars": (lambda x: g.reduce_sum(x, [1], True) * 2.0 + g.reduce_max(x), 4, 5),
    "scale-and-shift": (lambda x: last(x * (scale := by_channel(x, "Exp")) + g.tanh(scale)), 6, 7),
}
"""A graph for each pass, with its nodes before and after that pass alone."""

SHAPES = {"scale-and-shift": (2, 3, 32, 32), "widen-scalars": (300, 4), "multiply-by-identity": (2, 3, 8, 9)}
"""What x is, if not (3, 4)."""


def by_channel(x: Tensor, operator: str) -> Tensor:
    """Return a number for each channel of x, known at run time only."""
    return g.unary(operator, g.reduce_max(x, [0, *range(2, x.rank)], keepdims=True))


def test_each_pass_has_a_graph_of_its_own() -> None:
    assert set(ALONE) == set(PASSES)


@pytest.mark.parametrize("name", PASSES)
def test_alone(name: str) -> None:
    function, before, after = ALONE[name]
    shape = SHAPES.get(name, (3, 4))
    model = model_of(function, shape)
    expected = values(model_of(function, shape))
    assert len(model.graph) == before
    assert PASSES[name].apply(model)
    verify(model)
    assert len(model.graph) == after
    assert not PASSES[name].apply(model)
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


SUMMED: dict[str, tuple[Callable[[Tensor], Tensor], tuple, list[str]]] = {
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
    changed = PASSES["multiply-by-ones"].apply(model)
    verify(model)
    assert changed == (element is not INT32 and "ConstantOfShape" in expected)
    if element is not INT32:
        assert sorted(operators(model)) == sorted(expected)
    np.testing.assert_allclose(values(model), before, rtol=1e-6)


@pytest.mark.parametrize("reduce", [g.reduce_sum, g.reduce_mean])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("shape", [(N, 4, 5), (3, 4, 2, 5), (2, N, 4, 6)])
def test_channels_are_summed_by_two_products(reduce: Callable[..., Tensor], keepdims: bool, shape: tuple) -> None:
    kept = 2 if N in shape[1:] else 1

    def function(x: Tensor) -> Tensor:
        return reduce(x, [axis for axis in range(x.rank) if axis != kept], keepdims)

    model = model_of(function, shape)
    assert PASSES["multiply-by-ones"].apply(model)
    verify(model)
    assert [operators(model).count(name) for name in ("Gemm", "MatMul")] == [1, 1]
    np.testing.assert_allclose(values(model), values(model_of(function, shape)), rtol=1e-6)
    assert not PASSES["multiply-by-ones"].apply(model_of(function, shape, element=FLOAT64))


def test_sums_of_as_many_rows_share_their_ones() -> None:
    def sums(x: Tensor) -> Tensor:
        return g.reduce_sum(x, [0]) + g.reduce_sum(g.exp(x), [0])

    model = simplify(model_of(sums, (N, 4)))
    verify(model)
    assert operators(model) == ["Shape", "ConstantOfShape", "MatMul", "Exp", "MatMul", "Add"]


def test_no_rows_sum_to_zero() -> None:
    model = simplify(model_of(lambda x: g.reduce_sum(x, [0]), (N, 4)))
    np.testing.assert_array_equal(runner(model)({"x0": np.zeros((0, 4), np.float32)})[0], np.zeros(4))


def used_twice(x: Tensor, y: Tensor) -> Tensor:
    return (y + by_channel(x, "Tanh")) * g.exp(y)


def with_a_term(x: Tensor, z: Tensor, *, needed_later: bool = False) -> Tensor:
    """A sum over z is needed sooner."""
    y = (x * by_channel(z * x, "Exp") + z) + by_channel(x, "Tanh")
    return y * z if needed_later else y


SCALED: dict[str, tuple[Callable[[Tensor], Tensor], tuple, int]] = {
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
    assert PASSES["scale-and-shift"].apply(model) == bool(expected)
    verify(model)
    assert operators(model).count("Conv") == expected
    np.testing.assert_allclose(values(model), before, rtol=1e-5)


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
def test_numbers_get_axes_beside_many_elements(shape: tuple, changes: bool) -> None:
    model = model_of(lambda x: x * 2.0, shape)
    assert PASSES["widen-scalars"].apply(model) == changes


@pytest.mark.parametrize("function", [
    lambda x: g.where(g.greater(x, 3.0), g.reduce_max(x), x) ** 2.0, lambda x: 1.0 / g.maximum(g.reduce_sum(x), x),
])  # fmt: skip
@pytest.mark.parametrize("shape", [(100, 1), (20, 5, 1, 1)])
def test_numbers_with_axes_give_the_same(function: Callable[[Tensor], Tensor], shape: tuple) -> None:
    model = model_of(function, shape)
    expected = values(model_of(function, shape))
    simplify(model)
    verify(model)
    assert {len(type_of(v).shape) for node in model.graph for v in node.inputs if node.op_type in BROADCASTING} == {
        2 if len(shape) == 2 else 3, len(shape),
    }  # fmt: skip
    np.testing.assert_array_equal(values(model), expected)


def test_shipped_models_take_no_pass_that_is_for_training() -> None:
    assert set(PASSES) - set(shipped(None)) == {
        "multiply-by-ones", "multiply-by-identity", "scale-and-shift", "widen-scalars", "expand-softplus",
    }  # fmt: skip
    assert shipped(["merge-common", "expand-softplus"]) == ("merge-common",)


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
    shape: tuple, permutation: tuple[int, ...], element: ElementType, changes: bool
) -> None:
    model = model_of(lambda x: last(g.transpose(x, permutation)), shape, element=element)
    expected = values(model_of(lambda x: last(g.transpose(x, permutation)), shape, element=element))
    assert PASSES["multiply-by-identity"].apply(model) == changes
    verify(model)
    np.testing.assert_array_equal(values(model), expected)


def test_transposes_in_front_of_products_stay() -> None:
    model = model_of(lambda x: x.mT @ x, (2, 3, 100))
    assert not PASSES["multiply-by-identity"].apply(model)


def test_channels_in_float64_have_no_convolution() -> None:
    model = model_of(lambda x: x * by_channel(x, "Exp") + by_channel(x, "Tanh"), (2, 3, 32, 32), element=FLOAT64)
    assert not PASSES["scale-and-shift"].apply(model)


def test_equal_constants_that_were_computed_become_one() -> None:
    def twice(x: Tensor) -> Tensor:
        two, four = (x.builder.constant(number, FLOAT32) for number in (2.0, 4.0))
        return (x + two * two) * (x + four)

    model = simplify(model_of(twice, (2,)))
    assert operators(model) == ["Add", "Mul"]


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
