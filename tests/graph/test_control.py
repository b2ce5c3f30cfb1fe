"""Graphs inside of nodes: what the builder makes of them, what passes leave, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.diagnostics import Problem
from dslc.export.operator_sets import converted
from dslc.graph import Builder, Tensor
from dslc.graph.model import load_model, proto_nodes, save_model, with_outputs
from dslc.graph.probes import probed
from dslc.graph.random import Randomness
from dslc.graph.values import bodies_of, captured_by, nodes_of
from dslc.rewrite.passes import PASSES, shipped, simplify
from dslc.types import BOOL, FLOAT32, FLOAT64, INT64, TensorType, symbol
from tests.autodiff.harness import runner
from tests.graph.verifying import verify

N, K = symbol("N"), symbol("K")
X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def chosen(x: Tensor, c: Tensor, k: Tensor) -> list[Tensor]:
    w = g.exp(x)

    def then() -> list[Tensor]:
        return [(w * 2.0 * 3.0 + 0.0) + g.reduce_sum(x, [0], keepdims=True), g.exp(x)]

    return list(g.branch(c, then, lambda: [x, g.exp(w) * g.full(x, 2.0, x.type)]))


def looped(x: Tensor, c: Tensor, k: Tensor) -> list[Tensor]:
    def step(number: Tensor, h: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        h = h * 0.5 + x * g.cast(number, FLOAT32)
        return [h], [g.reduce_sum(h, [0])]

    last, sums = g.loop(k, K, step, [x])
    return [*last, *sums]


def scanned(x: Tensor, c: Tensor, k: Tensor) -> list[Tensor]:
    bias = g.tanh(g.reduce_sum(x, [0]))

    def step(h: Tensor, row: Tensor, other: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        (kept,) = g.branch(g.greater(g.reduce_sum(row), 0.0), lambda: [h + row * bias], lambda: [h])
        return [kept], [kept * other, h]

    last, stacks = g.scan(step, [bias], [x, g.exp(x)])
    return [*last, *stacks]


def chosen_by_numpy(x: np.ndarray, c: bool, k: int) -> list[np.ndarray]:
    w = np.exp(x)
    return [w * 6 + x.sum(0, keepdims=True), w] if c else [x, np.exp(w) * 2]


def looped_by_numpy(x: np.ndarray, c: bool, k: int) -> list[np.ndarray]:
    h, sums = x, []
    for number in range(k):
        h = h / 2 + x * number
        sums.append(h.sum(0))
    return [h, np.array(sums).reshape(k, 3)]


def scanned_by_numpy(x: np.ndarray, c: bool, k: int) -> list[np.ndarray]:
    h = bias = np.tanh(x.sum(0))
    products, before = [], []
    for row in x:
        before.append(h)
        h = h + row * bias if row.sum() > 0 else h
        products.append(h * np.exp(row))
    return [h, np.array(products), np.array(before)]


GRAPHS: dict[str, tuple[Callable[..., list[Tensor]], Callable[..., list[np.ndarray]]]] = {
    "If": (chosen, chosen_by_numpy),
    "Loop": (looped, looped_by_numpy),
    "Scan": (scanned, scanned_by_numpy),
}


def model_of(function: Callable[..., list[Tensor]]) -> ir.Model:
    builder = Builder("control")
    types = {"x": TensorType(FLOAT32, (N, 3)), "c": TensorType(BOOL), "k": TensorType(INT64)}
    x, c, k = (builder.input(name, type) for name, type in types.items())
    for number, y in enumerate(function(x, c, k)):
        builder.output(f"y{number}", y)
    return builder.model()


def check(operator: str, model: ir.Model) -> None:
    """Compare what a model computes with NumPy."""
    compute = runner(model)
    taken = {str(value.name) for value in model.graph.inputs}
    for condition, count in ((True, 3), (False, 0)):
        feeds = {"x": X, "c": np.array(condition), "k": np.array(count)}
        found = compute({name: value for name, value in feeds.items() if name in taken})
        for value, due in zip(found, GRAPHS[operator][1](X, condition, count), strict=True):
            np.testing.assert_allclose(value, due, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("operator", GRAPHS)
def test_graphs_in_nodes_are_sound_and_compute_what_numpy_does(operator: str) -> None:
    model = model_of(GRAPHS[operator][0])
    verify(model)
    check(operator, model)


@pytest.mark.parametrize("name", [*PASSES, None])
@pytest.mark.parametrize("operator", GRAPHS)
def test_passes_keep_what_they_compute(operator: str, name: str | None) -> None:
    model = model_of(GRAPHS[operator][0])
    simplify(model, None if name is None else [name])
    verify(model)
    check(operator, model)


@pytest.mark.parametrize("operator", GRAPHS)
@pytest.mark.parametrize("opset", [11, 13, 17, 21])
def test_other_operator_sets(operator: str, opset: int) -> None:
    model = load_model(converted(save_model(simplify(model_of(GRAPHS[operator][0]), shipped(None))), opset))
    assert "ReduceSum" in {node.op_type for node in model.graph.all_nodes()}
    check(operator, model)


def test_passes_work_inside_and_across() -> None:
    model = simplify(model_of(chosen), shipped(None))
    (node,) = (node for node in model.graph if bodies_of(node))
    then, otherwise = bodies_of(node)
    # x * 2 * 3 is one product, nothing is added to it, and exp(x) is the one that is known outside
    assert [one.op_type for one in then] == ["Mul", "ReduceSum", "Add", "Identity"]
    assert [one.op_type for one in otherwise] == ["Exp", "Mul", "Identity"]
    assert [one.op_type for one in model.graph] == ["Exp", "If"]


def test_what_is_used_inside_only_stays_and_what_is_unused_goes_with_all_it_takes() -> None:
    def used(x: Tensor, c: Tensor, k: Tensor) -> list[Tensor]:
        seen, gone = g.tanh(x), g.sin(x)
        g.branch(c, lambda: [gone + 1.0], lambda: [x])
        return [*g.branch(c, lambda: [seen * 2.0], lambda: [x])]

    model = simplify(model_of(used))
    verify(model)
    assert [node.op_type for node in model.graph] == ["Tanh", "If"]
    assert [value.name for value in captured_by(model.graph[-1])] == ["graph/Tanh", "constant/2.0", "x"]


def test_a_model_cut_down_keeps_what_is_used_inside() -> None:
    model = with_outputs(model_of(lambda x, c, k: [*chosen(x, c, k), g.sin(x) * 2.0]), ["y0"])
    verify(model)
    assert [node.op_type for node in model.graph] == ["Exp", "If"]


@pytest.mark.parametrize("operator", GRAPHS)
def test_nodes_inside_are_found_in_either_form(operator: str) -> None:
    model = model_of(GRAPHS[operator][0])
    names = [node.name for node in nodes_of(model.graph)]
    assert len(names) > len(model.graph)
    assert [node.name for node in proto_nodes(ir.to_proto(model).graph)] == names


def test_equal_nodes_of_two_branches_stay_in_each() -> None:
    def twice(x: Tensor, c: Tensor, k: Tensor) -> list[Tensor]:
        return [*g.branch(c, lambda: [g.sin(x) + 1.0], lambda: [g.sin(x) * 2.0])]

    model = simplify(model_of(twice))
    verify(model)
    assert [[node.op_type for node in body] for body in bodies_of(model.graph[-1])] == [["Sin", "Add"], ["Sin", "Mul"]]


@pytest.mark.parametrize("fault", ["order", "name", "type", "scope", "result"])
def test_verify_finds_faults_inside(fault: str) -> None:
    kept: list[Tensor] = []

    def faulty(x: Tensor, c: Tensor, k: Tensor) -> list[Tensor]:
        def then() -> list[Tensor]:
            kept.append(g.exp(x))
            return [g.sin(kept[0] * x)]

        results = list(g.branch(c, then, lambda: [x]))
        return [*results, kept[0] + x] if fault == "scope" else results

    model = model_of(faulty)
    node = next(node for node in model.graph if bodies_of(node))
    body = bodies_of(node)[0]
    first, *_, last = body
    if fault == "order":
        body.remove(first)
        last.append(first)
    elif fault == "name":
        first.outputs[0].name = "x"
    elif fault == "type":
        first.outputs[0].meta["type"] = TensorType(FLOAT32, (N, 4))
    elif fault == "result":
        body.remove(last)
    with pytest.raises(AssertionError):
        verify(model)


def test_branches_of_different_types_are_refused() -> None:
    with pytest.raises(TypeError, match="one branch gives"):
        model_of(lambda x, c, k: list(g.branch(c, lambda: [x], lambda: [g.reduce_sum(x)])))
    with pytest.raises(TypeError, match="a round is given"):
        model_of(lambda x, c, k: list(g.loop(k, K, lambda i, h: ([g.reduce_sum(h)], []), [x])[0]))


def test_probes_name_the_nodes_inside_and_lay_open_what_can_leave() -> None:
    probes = probed(model_of(chosen))
    inner = next(node for node in probes.nodes.values() if node.operator == "ReduceSum")
    assert inner.inputs[0] == "x"
    choice = next(node for node in probes.nodes.values() if node.operator == "If")
    assert {"c", "x", "graph/Exp"} <= set(choice.inputs)
    runner(load_model(probes.data))({"x": X, "c": np.array(True), "k": np.array(0)})


def test_random_numbers_inside_are_those_of_their_site() -> None:
    builder = Builder("random")
    c, seed = builder.input("c", TensorType(BOOL)), builder.input("seed", TensorType(INT64))
    randomness = Randomness(builder, seed, builder.constant(0, INT64))

    def drawn(site: str) -> Tensor:
        return randomness.uniform(TensorType(FLOAT32, (4,)), site)

    (y,) = g.branch(c, lambda: [drawn("here")], lambda: [drawn("there")])
    for name, value in (("y", y), ("here", drawn("here")), ("there", drawn("there"))):
        builder.output(name, value)
    for model in (builder.model(), simplify(builder.model())):
        verify(model)
        for condition, place in ((True, 1), (False, 2)):
            found = runner(model)({"c": np.array(condition), "seed": np.array(3)})
            np.testing.assert_array_equal(found[0], found[place])


def test_a_gradient_through_a_loop_that_a_condition_ends_is_refused_at_its_line() -> None:
    """Also where all that it depends on is taken from outside by what is in the loop."""
    builder = Builder("loops")
    x, zero = builder.input("x", TensorType(FLOAT32, (3,))), builder.constant(np.zeros(3, np.float32))
    with builder.scope("recurrent", "net.dl:3:5"):
        (y,), _ = g.loop(builder.constant(2, INT64), 2, lambda number, h: ([h + x], []), [zero])
    node = y.value.producer()
    assert node is not None
    node.replace_input_with(1, builder.input("goes_on", TensorType(BOOL)).value)
    with pytest.raises(Problem, match=r"E0590: the operator Loop has no gradient where .* ends it \(net.dl:3:5\)"):
        gradients(g.reduce_sum(y), [x])


def test_what_is_the_same_in_all_rounds_is_computed_before_the_loop() -> None:
    def body(h: Tensor, row: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        bias = g.reduce_sum(g.exp(row.builder.constant(np.ones(3), FLOAT32)))
        return [h + row * bias], [bias]

    def scanned_again(x: Tensor, c: Tensor, k: Tensor) -> list[Tensor]:
        last, stacks = g.scan(body, [g.reduce_sum(x, [0])], [x])
        return [*last, *stacks]

    model = model_of(scanned_again)
    verify(model)
    assert [node.op_type for node in model.graph] == ["ReduceSum", "Exp", "Scan"]
    assert [node.op_type for node in bodies_of(model.graph[-1])[0]] == ["ReduceSum", "Mul", "Add"]  # the sum leaves


@pytest.mark.parametrize("reverse", [False, True])
def test_no_rounds_leave_what_was_carried(reverse: bool) -> None:
    builder = Builder("none")
    h, x = builder.input("h", TensorType(FLOAT64, (N,))), builder.input("x", TensorType(FLOAT64, (0, N)))
    (last,), (stack,) = g.scan(lambda h, row: ([h + row], [g.exp(h * row)]), [h], [x], reverse=reverse)
    assert stack.shape == (0, N)
    dh, dx = gradients(g.reduce_sum(last) + g.reduce_sum(stack), [h, x])
    assert dh is not None
    assert dx is None
    builder.output("dh", dh)
    model = simplify(builder.model())
    verify(model)
    assert "Scan" not in {node.op_type for node in nodes_of(model.graph)}
    np.testing.assert_array_equal(runner(model)({"h": np.ones(2), "x": np.ones((0, 2))}), np.ones((1, 2)))


def test_an_operator_without_a_gradient_inside_is_refused_at_its_line() -> None:
    builder = Builder("inside")
    x, c = builder.input("x", TensorType(FLOAT32, (3,))), builder.input("c", TensorType(BOOL))

    def then() -> list[Tensor]:
        with builder.scope("odd", "net.dl:7:2"):
            return [builder.node("Hardmax", [x], [x.type])]

    (y,) = g.branch(c, then, lambda: [x])
    with pytest.raises(Problem, match=r"E0590: the operator Hardmax has no gradient \(net.dl:7:2\)"):
        gradients(g.reduce_sum(y), [x])


def test_second_derivatives_go_through_a_choice() -> None:
    builder = Builder("second")
    x, c = builder.input("x", TensorType(FLOAT64, (N,))), builder.input("c", TensorType(BOOL))
    (y,) = g.branch(c, lambda: [g.sin(g.exp(x))], lambda: [x * x * x])
    (first,) = gradients(g.reduce_sum(y), [x])
    assert first is not None
    (second,) = gradients(g.reduce_sum(first), [x])
    assert second is not None
    builder.output("first", first)
    builder.output("second", second)
    at = np.array([-1.0, 0.0, 0.5])
    e = np.exp(at)
    due = {
        True: (np.cos(e) * e, np.cos(e) * e - np.sin(e) * e * e),
        False: (3 * at**2, 6 * at),
    }
    for model in (builder.model(), simplify(builder.model())):
        verify(model)
        for condition, expected in due.items():
            for value, right in zip(runner(model)({"x": at, "c": np.array(condition)}), expected, strict=True):
                np.testing.assert_allclose(value, right, rtol=1e-12, atol=1e-12)


def test_second_derivatives_of_what_brings_its_gradient_along_go_through_a_choice() -> None:
    """The gradient of Elu brings its own along in float64, which reads what is inside of the branch."""

    def bent(x: Tensor) -> Tensor:
        return g.elu(x * 2.0, 1.0) * x

    builder = Builder("second")
    x, c = builder.input("x", TensorType(FLOAT64, (N,))), builder.input("c", TensorType(BOOL))
    h = g.sin(x)
    for name, y in (("chosen", g.branch(c, lambda: [bent(h)], lambda: [h])[0]), ("plain", bent(h))):
        (first,) = gradients(g.reduce_sum(y), [x])
        assert first is not None
        (second,) = gradients(g.reduce_sum(first), [x])
        assert second is not None
        builder.output(name, second)
    chosen, plain = runner(builder.model())({"x": np.linspace(-2, 2, 7), "c": np.array(True)})
    np.testing.assert_allclose(chosen, plain, rtol=1e-12, atol=1e-12)


def test_what_leaves_a_loop_keeps_a_gradient_that_it_brings_along() -> None:
    """What lies between it and what the gradient belongs to is the same in all rounds, and computed before the loop."""
    builder = Builder("leaving")
    w, x = builder.input("w", TensorType(FLOAT64, (3,))), builder.input("x", TensorType(FLOAT64, (K, 3)))
    (last,), (stack,) = g.scan(lambda h, row: ([h + row], [g.softplus(w)]), [w], [x])
    (found,) = gradients(g.reduce_sum(stack * x) + g.reduce_sum(last), [w])
    assert found is not None
    builder.output("found", found)
    feeds = {"w": X[0].astype(np.float64), "x": X.astype(np.float64)}
    expected = 1 + feeds["x"].sum(0) / (1 + np.exp(-feeds["w"]))
    for model in (builder.model(), simplify(builder.model())):
        verify(model)
        np.testing.assert_allclose(runner(model)(feeds)[0], expected, rtol=1e-12)


def test_all_results_of_a_node_stay_in_a_loop_that_one_of_them_leaves() -> None:
    def body(h: Tensor, row: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        first, second = g.split(g.exp(h.builder.constant(np.ones(4), FLOAT32)), [1, 3], 0)
        return [h + row * g.sin(second)], [first]

    model = model_of(lambda x, c, k: [y for part in g.scan(body, [g.reduce_sum(x, [0])], [x]) for y in part])
    verify(model)
    (loop,) = (node for node in model.graph if bodies_of(node))
    assert [node.op_type for node in bodies_of(loop)[0]] == ["Split", "Sin", "Mul", "Add"]
