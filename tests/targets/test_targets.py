"""A target decides which operators whole specs are made of, and no word, rule or pass is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.diagnostics import Problem
from dslc.engine.protocol import NEXT
from dslc.graph import Builder
from dslc.pipeline import Compilation, Options
from dslc.rewrite.passes import simplify
from dslc.targets import Target
from dslc.targets.cpu import CPU
from dslc.types import FLOAT32, INT64, ElementType, TensorType
from tests.conftest import compile_spec
from tests.portability.graphs import cases, compiled, require_data
from tests.runs.driving import write_spec

EVERY = frozenset(ElementType)
POOR = replace(
    CPU,
    name="a poor runtime",
    opset=17,
    missing={**CPU.missing, "Erf": EVERY, "HardSigmoid": EVERY, "Mod": frozenset({INT64})},
    passes=frozenset(),
)
"""It has no Erf, no remainder of int64, no HardSigmoid, and nothing is faster for more nodes."""
SPEC = """\
data flowers {
  source csv("flowers.csv")
  field x: float32[4] = standardize(columns("x*"))
  field label: int64 = column("label")
  field place: int64 = (column("label") * 5 - 7) % 6
  field kind: int64 = category(column("label"))
  split train = 70%, validation = 30%, seed = 1
}
model Net {
  input x: float32[N, 4]
  input place: int64[N]
  h = concat([x -> Dense(16) -> BatchNorm -> Gelu, place -> Embedding(6, 8)], axis = 1)
  output logits = h -> Dropout(0.3) -> Dense(9) -> Relu -> Dense(3)
}
train rich {
  data flowers
  let logits = Net(x, place)
  minimize cross_entropy(logits, label) + mean(erf(logits) ** 2) using SGD(lr = 0.1, momentum = 0.9)
  metric accuracy = accuracy(logits, label)
  metric f1 = f1(logits, label)
  metric rest = mean(cast(cast(kind, int64) % 7, float32))
  epochs 1 batch 16
}
"""


def graphs_of(compilation: Compilation) -> dict[str, bytes]:
    """Return every graph that a compilation gives."""
    artifacts = compilation.artifacts
    shipped = compilation.inference(artifacts.initial)
    return {**artifacts.models, **{one.file: compilation.serialized(one.model) for one in shipped}}


def nodes_of(data: bytes) -> Iterator[tuple[str, set[int]]]:
    """Yield the nodes' operators and the element types of what they take."""
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(data), data_prop=True)
    graph = model.graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.output, *graph.value_info)}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        yield node.op_type, {types[name] for name in node.input if name}


def ran(data: bytes, available: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    feeds = {port.name: available[port.name] for port in session.get_inputs()}
    return dict(zip((port.name for port in session.get_outputs()), session.run(None, feeds), strict=True))


def compare(rich: bytes, poor: bytes, available: dict[str, np.ndarray], tolerance: float) -> dict[str, np.ndarray]:
    expected, found = ran(rich, available), ran(poor, available)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    return found


@pytest.fixture(scope="module")
def compilations(tmp_path_factory: pytest.TempPathFactory) -> tuple[Compilation, Compilation]:
    path = write_spec(tmp_path_factory.mktemp("targets"), SPEC)
    return compile_spec(path), compile_spec(path, Options(target=POOR))


def test_a_spec_is_said_without_what_a_target_lacks(compilations: tuple[Compilation, Compilation]) -> None:
    rich, poor = (graphs_of(compilation) for compilation in compilations)
    assert rich.keys() == poor.keys() == {"train.onnx", "eval.onnx", "metrics.onnx", "fields.onnx", "model.onnx"}
    used = {node[0] for data in rich.values() for node in nodes_of(data)}
    assert {"Erf", "Mod", "HardSigmoid"} <= used
    for data in poor.values():
        check(data)


def check(data: bytes) -> None:
    """A graph is valid and has nothing that the poor runtime lacks."""
    model = onnx.load_model_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.version for entry in model.opset_import if not entry.domain} == {17}
    for operator, types in nodes_of(data):
        assert operator not in {"Erf", "HardSigmoid"}
        assert operator != "Mod" or onnx.TensorProto.INT64 not in types


@pytest.mark.alike
@pytest.mark.parametrize("place", cases())
def test_every_spec_can_be_said(request: pytest.FixtureRequest, place: tuple[Path, str]) -> None:
    require_data(place[0], request)
    options = replace(compiled(*place).compilation.bound.options, target=POOR)
    for data in graphs_of(compile_spec(place[0], options)).values():
        check(data)


def test_it_computes_the_same(compilations: tuple[Compilation, Compilation]) -> None:
    rich, poor = (graphs_of(compilation) for compilation in compilations)
    manifest = compilations[0].artifacts.manifest
    assert manifest["state"] == compilations[1].artifacts.manifest["state"]
    generator = np.random.default_rng(0)
    columns = {
        entry["name"]: generator.integers(0, 3, [50]).astype(entry["type"])
        if entry["type"] == "int64"
        else generator.normal(1, 2, [50, *entry["shape"][1:]]).astype(entry["type"])
        for entry in manifest["graphs"]["fields.onnx"]["inputs"]
    }
    compare(rich["fields.onnx"], poor["fields.onnx"], columns, 1e-6)
    compilation = compilations[0]
    state = {**compilation.artifacts.initial, "seed": np.array(3)}
    dataset = compilation.bound.dataset
    for epoch in range(2):
        for places in dataset.places("train", 16, shuffle=True, seed=0, epoch=epoch):
            batch = dataset.splits["train"].take(places)
            found = compare(rich["train.onnx"], poor["train.onnx"], {**batch, **state}, 2e-5)
            state |= {name.removesuffix(NEXT): array for name, array in found.items()}
    entries = manifest["graphs"]["metrics.onnx"]["inputs"]
    totals = {entry["name"]: np.zeros(entry["shape"], entry["type"]) for entry in entries}
    totals = compare(rich["eval.onnx"], poor["eval.onnx"], {**batch, **state, **totals}, 1e-5)
    totals = {name.removesuffix(NEXT): array for name, array in totals.items()}
    compare(rich["metrics.onnx"], poor["metrics.onnx"], totals, 1e-5)
    one, other = (one.serialized(model.model) for one in compilations for model in one.inference(state))
    compare(one, other, batch, 1e-5)


def test_figures_decide_how_gradients_are_computed() -> None:
    """Rules of gradients ask the target that they build for."""

    def operators(target: Target) -> set[str]:
        builder = Builder("gather", target)
        table = builder.input("table", TensorType(FLOAT32, (50, 8)))
        picked = g.gather(table, builder.input("indices", TensorType(INT64, (20,))))
        gradients(g.reduce_sum(picked), [table])
        return {node.op_type for node in builder.graph}

    assert "ScatterElements" not in operators(CPU)
    assert "ScatterElements" in operators(replace(CPU, one_hot_rows=49))
    assert "MatMul" not in operators(replace(CPU, one_hot_rows=49))


@pytest.mark.parametrize("target", [CPU, POOR], ids=lambda target: str(target.opset))
def test_passes_that_make_more_nodes_are_for_targets_where_these_are_faster(target: Target) -> None:
    builder = Builder("sum", target)
    builder.output("y", g.reduce_sum(builder.input("x", TensorType(FLOAT32, (9, 4))), [0]))
    found = [node.op_type for node in simplify(builder.model()).graph]
    assert found == (["ReduceSum"] if target is POOR else ["MatMul"])


def test_what_cannot_be_said_is_refused(tmp_path: Path) -> None:
    target = replace(CPU, missing={"Gather": EVERY})
    with pytest.raises(Problem, match=r"E0616: .*'Gather' .* has no form in it that the target has kernels for"):
        _ = compile_spec(write_spec(tmp_path, SPEC), Options(target=target)).artifacts
