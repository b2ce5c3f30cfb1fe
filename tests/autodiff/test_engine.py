"""The engine: what it builds, what it leaves out, and what its nodes are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.diagnostics import Problem
from dslc.graph import Builder, Tensor
from dslc.types import FLOAT32, FLOAT64, TensorType, symbol
from dslc.windows import Windows
from tests.autodiff.harness import finish, run, runner


def vector(builder: Builder, name: str = "x", size: int = 3) -> Tensor:
    return builder.input(name, TensorType(FLOAT32, (size,)))


def operators(builder: Builder) -> Counter[str]:
    return Counter(node.op_type for node in builder.graph)


def test_none_where_no_gradient_reaches() -> None:
    builder = Builder("none")
    x, unused, behind_floor, detached = (vector(builder, name) for name in ("x", "unused", "floor", "detached"))
    loss = g.reduce_sum(x * g.floor(behind_floor) + g.exp(g.detach(detached)))
    found = gradients(loss, [x, unused, behind_floor, detached])
    assert [gradient is None for gradient in found] == [False, True, True, True]


def test_a_tensor_may_have_rules_of_its_own() -> None:
    builder = Builder("own")
    x, scale, unused = vector(builder), vector(builder, "scale", 1), vector(builder, "unused")
    rules = [(x, lambda dy: dy * 5.0), (scale, lambda dy: dy * 7.0), (unused, g.tanh)]
    y = g.with_gradients(g.exp(x) * g.sin(scale) + unused, rules)
    by_x, by_scale = gradients(g.reduce_sum(y * 2.0), [x, scale])
    assert operators(builder)["Tanh"] == operators(builder)["Cos"] == 0
    assert by_x is not None
    assert by_scale is not None
    feeds = {"x": np.ones(3, np.float32), "scale": np.ones(1, np.float32), "unused": np.ones(3, np.float32)}
    found = run(builder, [by_x, by_scale], feeds)
    np.testing.assert_array_equal(found[0], np.array([10, 10, 10], np.float32))
    np.testing.assert_array_equal(found[1], np.array([42], np.float32))


def test_of_a_constant_loss_nothing_is_built() -> None:
    builder = Builder("constant")
    x = vector(builder)
    loss = builder.constant(1.0, FLOAT32)
    assert gradients(loss, [x]) == [None]
    assert operators(builder) == {}


def test_only_paths_to_what_is_asked_for_are_built() -> None:
    builder = Builder("paths")
    x, w = vector(builder), vector(builder, "w")
    frozen = g.tanh(g.exp(x))
    loss = g.reduce_sum(frozen * w)
    before = operators(builder)
    (gradient,) = gradients(loss, [w])
    assert gradient is not None
    assert operators(builder) - before == {"Unsqueeze": 1, "Expand": 1, "Mul": 1}


def test_the_loss_itself_and_repeated_tensors() -> None:
    builder = Builder("itself")
    x = vector(builder)
    y = x * x
    loss = g.reduce_sum(y)
    by_loss, by_y, by_x, again = gradients(loss, [loss, y, x, x])
    assert by_x is not None
    assert again is not None
    assert by_x.value is again.value
    values = run(builder, [by_loss, by_y, by_x], {"x": np.array([1, 2, 3], np.float32)})
    np.testing.assert_array_equal(values[0], 1.0)
    np.testing.assert_array_equal(values[1], [1, 1, 1])
    np.testing.assert_array_equal(values[2], [2, 4, 6])


def test_seed_is_the_gradient_by_the_loss() -> None:
    builder = Builder("seed")
    x, seed = vector(builder), vector(builder, "seed")
    (gradient,) = gradients(g.exp(x), [x], seed)
    feeds = {"x": np.array([0, 1, 2], np.float32), "seed": np.array([2, 0, -1], np.float32)}
    (value,) = run(builder, [gradient], feeds)
    np.testing.assert_allclose(value, np.exp(feeds["x"]) * feeds["seed"], rtol=1e-6)


def test_contributions_are_added_up() -> None:
    builder = Builder("sum")
    x = vector(builder)
    loss = g.reduce_sum(g.exp(x) + g.sin(x) + g.cos(x) + g.reduce_sum(x))
    (gradient,) = gradients(loss, [x])
    at = np.array([0.1, 0.2, 0.3], np.float32)
    (value,) = run(builder, [gradient], {"x": at})
    np.testing.assert_allclose(value, np.exp(at) + np.cos(at) - np.sin(at) + 3, rtol=1e-6)


def test_nodes_bear_the_name_and_origin_of_what_they_differentiate() -> None:
    builder = Builder("names")
    x = vector(builder)
    with builder.scope("layers.2", "net.dl:7"):
        y = g.exp(x)
    gradients(g.reduce_sum(y), [x])
    (node,) = (node for node in builder.graph if node.name == "layers.2/Exp/gradient/Mul")
    assert node.metadata_props["origin"] == "net.dl:7"


def test_an_operator_outside_the_table_is_named_with_its_place() -> None:
    builder = Builder("unknown")
    x = vector(builder)
    with builder.scope("odd", "net.dl:3"):
        y = builder.node("Hardmax", [x], [x.type])
    with pytest.raises(Problem, match=r"E0590: the operator Hardmax has no gradient \(net.dl:3\)"):
        gradients(g.reduce_sum(y), [x])
    assert gradients(g.reduce_sum(x), [x]) != [None]  # off the path it does not matter


def test_second_derivatives() -> None:
    builder = Builder("second")
    x = builder.input("x", TensorType(FLOAT64, (4,)))
    (first,) = gradients(g.reduce_sum(g.tanh(x) * x + g.relu(x) ** 3.0), [x])
    assert first is not None
    (second,) = gradients(g.reduce_sum(first), [x])
    at = np.array([-1.0, 0.0, 0.5, 2.0])
    (value,) = run(builder, [second], {"x": at})
    t = np.tanh(at)
    np.testing.assert_allclose(value, 2 * (1 - t * t) - 2 * at * t * (1 - t * t) + 6 * np.maximum(at, 0), rtol=1e-9)


PIECES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": g.relu,
    "leaky_relu": lambda x: g.leaky_relu(x, 0.0),
    "maximum": lambda x: g.maximum(x, 0.0),
    "absolute": g.absolute,
    "max_pool": lambda x: g.max_pool(g.reshape(x, (1, 1, 4)), Windows.of([2])),
}


@pytest.mark.parametrize("name", PIECES)
def test_what_is_linear_in_pieces_has_no_second_derivative_even_at_its_kinks(name: str) -> None:
    builder = Builder("second")
    x, seed = vector(builder, size=4), vector(builder, "seed", size=4)
    y = PIECES[name](x)
    (first,) = gradients(y, [x], g.reshape(seed, y.shape) if name != "max_pool" else None)
    assert first is not None
    (second,) = gradients(g.reduce_sum(first), [x])
    feeds = {"x": np.array([-1, 0, 0, 2], np.float32), "seed": np.array([1, 2, 3, 4], np.float32)}
    if second is not None:
        np.testing.assert_array_equal(run(builder, [second], feeds)[0], 0)


@pytest.mark.parametrize("length", [2_500, 5_000])
def test_a_long_chain_is_differentiated_in_proportion_to_its_length(length: int) -> None:
    builder = Builder("chain")
    x = y = vector(builder)
    for _ in range(length):
        y = g.tanh(y)
    before = len(builder.graph)
    (gradient,) = gradients(y, [x])
    assert gradient is not None
    added = [node.op_type for node in builder.graph][before:]
    assert len(added) == 3 * length + 1  # of each: a square, a difference and a product; and the seed
    assert Counter(added) == {"Mul": 2 * length, "Sub": length, "Expand": 1}


def test_a_chain_of_diamonds_is_not_walked_path_by_path() -> None:
    builder = Builder("diamonds")
    x = y = vector(builder)
    for _ in range(200):
        y = g.sin(y) + g.cos(y)
    (gradient,) = gradients(y, [x])
    assert gradient is not None
    assert len(builder.graph) < 200 * 10


def gather_model(rows: int) -> tuple[ir.Model, np.ndarray, np.ndarray]:
    """The gradient of a gather of 20,000 indices, each many times over."""
    random = np.random.default_rng(0)
    indices = random.integers(0, 7, 20_000)
    seed = random.integers(-3, 4, (20_000, 8)).astype(np.float32)  # whole numbers add exactly
    builder = Builder("gather")
    table = builder.input("table", TensorType(FLOAT32, (rows, 8)))
    where = builder.input("indices", TensorType(g.INT64, (symbol("n"),)))
    picked = g.gather(table, where)
    dy = builder.input("seed", picked.type)
    (gradient,) = gradients(picked, [table], dy)
    assert gradient is not None
    return finish(builder, {"gradient": gradient}), indices, seed


@pytest.mark.parametrize(("rows", "operator"), [(7, "MatMul"), (70_000, "ScatterElements")])
def test_a_gather_of_repeated_rows_loses_no_update(rows: int, operator: str) -> None:
    model, indices, seed = gather_model(rows)
    assert operator in {node.op_type for node in model.graph}
    compute = runner(model, threads=2)
    expected = np.zeros((rows, 8), np.float32)
    np.add.at(expected, indices, seed)
    feeds = {"table": np.zeros_like(expected), "indices": indices, "seed": seed}
    for _ in range(100):
        np.testing.assert_array_equal(compute(feeds)[0], expected)
