"""Every rule against central differences in float64, in random directions."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.autodiff.table import INSIDE, RULES
from dslc.dimensions import evaluate
from dslc.graph import Builder, Tensor
from dslc.rewrite.passes import PASSES, simplify
from dslc.types import FLOAT32, FLOAT64, ElementType, Shape, TensorType
from tests.autodiff.cases import CASES as PLAIN
from tests.autodiff.cases import SIZES, Case, Draw, H, N, normal
from tests.autodiff.harness import finish, runner
from tests.autodiff.loop_cases import LOOPS
from tests.conftest import mostly_alike
from tests.graph.verifying import verify

CASES = [*PLAIN, *LOOPS]


@dataclass
class Built:
    """A model with outputs ``value`` (the scalar that is differentiated) and ``gradient.<input>``."""

    model: ir.Model
    feeds: dict[str, np.ndarray]
    inputs: list[str]


def build(case: Case, element: ElementType) -> Built:
    random = np.random.default_rng(zlib.crc32(case.name.encode()))
    builder = Builder("case")
    feeds: dict[str, np.ndarray] = {}

    def feed(name: str, shape: Shape, draw: Draw, element: ElementType | None = None) -> Tensor:
        array = np.asarray(draw(random, tuple(evaluate(d, SIZES) for d in shape)))
        feeds[name] = array.astype(element.numpy) if element else array
        return builder.input(name, TensorType(ElementType.of(feeds[name].dtype), tuple(shape)))

    feed("sizes", (N, H), normal)  # where run-time dimensions are read from
    tensors = [feed(f"x{i}", shape, case.draw, element) for i, shape in enumerate(case.shapes)]
    others = [feed(f"other{i}", shape, draw) for i, (shape, draw) in enumerate(case.others)]
    results = case.function(*tensors, *others)
    results = [results] if isinstance(results, Tensor) else list(results)
    assert any(node.op_type == case.operator for node in builder.graph)
    weighted = [g.reduce_sum(g.cast(y, FLOAT64) * feed(f"seed{i}", y.shape, normal)) for i, y in enumerate(results)]
    value = g.total(*weighted)
    outputs = {"value": value}
    for tensor, gradient in zip(tensors, gradients(value, tensors), strict=True):
        known = gradient or g.full(tensor, 0.0, tensor.type)
        assert known.type == tensor.type
        outputs[f"gradient.{tensor.value.name}"] = known
    return Built(finish(builder, outputs), feeds, [f"x{i}" for i in range(len(tensors))])


def check_against_differences(case: Case, model: ir.Model, built: Built) -> None:
    compute = runner(model)
    gradient_values = compute(built.feeds)[1:]
    random = np.random.default_rng(7)
    for name, gradient in zip(built.inputs, gradient_values, strict=True):
        at = built.feeds[name]
        direction = random.standard_normal(at.shape)
        shift = (case.step * direction).astype(at.dtype)
        ahead = compute({**built.feeds, name: np.asarray(at + shift)})[0]
        behind = compute({**built.feeds, name: np.asarray(at - shift)})[0]
        assert gradient.shape == at.shape
        difference = (ahead - behind) / (2 * case.step)
        assert np.vdot(gradient, direction) == pytest.approx(difference, rel=2e-6, abs=2e-6), name


@pytest.mark.parametrize("case", [*mostly_alike(PLAIN, every=3), *LOOPS], ids=lambda case: case.name)
def test_gradient_is_the_derivative(case: Case) -> None:
    built = build(case, FLOAT64)
    verify(built.model)
    check_against_differences(case, built.model, built)


def test_every_rule_has_cases_and_every_case_a_rule() -> None:
    passing = {operator for operator, rule_of in RULES.items() if any(map(rule_of, range(3)))}
    assert {case.operator for case in CASES} == passing | INSIDE.keys()


@pytest.mark.parametrize(
    "case", [*mostly_alike(PLAIN, every=6), *mostly_alike(LOOPS, every=2)], ids=lambda case: case.name
)
def test_simplified_graphs_compute_the_same(case: Case) -> None:
    built = build(case, FLOAT64)
    before, count = runner(built.model)(built.feeds), len(built.model.graph)
    names = [value.name for value in built.model.graph.outputs]
    longer = {name for name, one in PASSES.items() if one.for_training} | {"take-out-of-loops"}
    model = simplify(built.model, [name for name in PASSES if name not in longer])
    verify(model)
    assert len(model.graph) <= count
    model = simplify(model)
    verify(model)
    assert [value.name for value in model.graph.outputs] == names
    for a, b in zip(before, runner(model)(built.feeds), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "case",
    [*mostly_alike([c for c in PLAIN if c.operator != "Cast"], every=6), *mostly_alike(LOOPS, every=2)],
    ids=lambda case: case.name,
)
def test_runtime_agrees_in_float32(case: Case) -> None:
    exact, rounded = build(case, FLOAT64), build(case, FLOAT32)
    for a, b in zip(runner(exact.model)(exact.feeds), runner(rounded.model)(rounded.feeds), strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("case", mostly_alike(LOOPS, every=3), ids=lambda case: case.name)
def test_loops_of_float16(case: Case) -> None:
    exact, rounded = build(case, FLOAT64), build(case, ElementType.FLOAT16)
    for a, b in zip(runner(exact.model)(exact.feeds), runner(simplify(rounded.model))(rounded.feeds), strict=True):
        np.testing.assert_allclose(b.astype(np.float64), a, rtol=2e-2, atol=2e-2)
