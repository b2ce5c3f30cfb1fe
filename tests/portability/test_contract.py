"""What a training loop in any language may rely on: names, types, operators and purity of the graphs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from dslc.engine.protocol import NEXT
from dslc.graph import DEFAULT_OPSET
from tests.conftest import mostly_alike

from .graphs import EQUALITY, Compiled, blocks_of, cases, compiled, proto, require_data

NEWEST_IR = 10
"""The newest version of the format that ONNX Runtime 1.19 reads."""

REFUSED = {
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout",
    "BatchNormalization", "SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss",
}  # fmt: skip
"""Operators with hidden state, and those that runtimes are known to miss or to get wrong."""


@pytest.fixture(params=cases())
def case(request: pytest.FixtureRequest) -> Compiled:
    path, block = request.param
    require_data(path, request)
    return compiled(path, block)


def ports(values: Iterable[onnx.ValueInfoProto]) -> dict[str, tuple[int, list[int | str]]]:
    """Type and shape of inputs or outputs, by name; a symbolic dimension is its symbol."""
    return {
        v.name: (v.type.tensor_type.elem_type, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim])
        for v in values
    }


def test_only_standard_operators_of_one_version(case: Compiled) -> None:
    for name, data in case.all_graphs.items():
        model = proto(data)
        onnx.checker.check_model(model, full_check=True)
        assert model.ir_version <= NEWEST_IR
        assert not model.functions
        versions = {entry.domain: entry.version for entry in model.opset_import}
        assert versions.pop("") == DEFAULT_OPSET == 18
        domains = {node.domain for node in model.graph.node}
        assert domains | set(versions) <= ({"", "ai.onnx.ml"} if name == "fields.onnx" else {""})
        assert not {node.op_type for node in model.graph.node} & REFUSED


def test_the_step_takes_fields_and_state_and_returns_successors(case: Compiled) -> None:
    artifacts, train = case.artifacts, case.compilation.bound.train if case.compilation.bound.is_needed else None
    fields = case.artifacts.manifest["fields"]
    reached = set()
    for file, step in zip(artifacts.step_files, artifacts.steps, strict=True):
        graph = proto(artifacts.models[file]).graph
        inputs, outputs = ports(graph.input), ports(graph.output)
        assert not graph.initializer or not {tensor.name for tensor in graph.initializer} & set(inputs)
        assert outputs.pop("loss") in [(element, []) for element in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)]
        for name in [name for name in outputs if name.startswith("loss.")]:  # its terms and their weights, for a log
            assert outputs.pop(name)[1] == []
        for name, port in inputs.items():
            if name == "seed":
                assert port == (onnx.TensorProto.INT64, [])
            elif name in fields:
                assert port[1] == ["batch", *fields[name]["shape"]]
            else:
                reached.add(name)
                assert port[1] == list(artifacts.initial[name].shape)
                assert onnx.helper.tensor_dtype_to_np_dtype(port[0]) == artifacts.initial[name].dtype
        assert {name.removesuffix(NEXT) for name in outputs} == set(step.changes)
        for name, port in outputs.items():
            assert name.endswith(NEXT)
            assert port == inputs[name.removesuffix(NEXT)]
    roles = {entry["name"]: entry["role"] for entry in artifacts.manifest["state"]}
    assert set(roles) == set(artifacts.initial)
    assert {name for name in roles if roles[name] not in ("parameter", "statistic")} <= reached
    frozen = train.frozen if train else set()
    changed = {name for step in artifacts.steps for name in step.changes}
    assert not changed & ({name for name in roles if roles[name] == "host"} | set(frozen))


def test_accumulators_go_from_evaluation_to_figures(case: Compiled) -> None:
    artifacts = case.artifacts
    evaluation, metrics = (proto(artifacts.models[name]).graph for name in ("eval.onnx", "metrics.onnx"))
    outputs, inputs = ports(evaluation.output), ports(evaluation.input)
    accumulators = {name.removesuffix(NEXT): port for name, port in outputs.items()}
    assert all(inputs[name] == port for name, port in accumulators.items())
    assert {name: port for name, port in ports(metrics.input).items() if name not in accumulators} == {}
    assert {port[0] for port in accumulators.values()} <= {onnx.TensorProto.INT64, onnx.TensorProto.DOUBLE}
    assert list(ports(metrics.output)) == [figure["name"] for figure in artifacts.manifest["figures"]]


def test_the_model_has_a_symbolic_batch_and_its_weights_inside(case: Compiled) -> None:
    for data in case.models.values():
        graph = proto(data).graph
        inputs = ports(graph.input)
        assert inputs
        assert not set(inputs) & set(case.artifacts.initial)
        assert all(isinstance(shape[0], str) for _, shape in inputs.values() if shape)


def test_compiling_again_gives_the_same_bytes(case: Compiled) -> None:
    path, block = Path(next(iter(case.compilation.bound.files.values())).name), case.compilation.bound.name
    again = compiled.__wrapped__(path, block)
    assert again.all_graphs == case.all_graphs
    assert all(np.array_equal(array, case.artifacts.initial[name]) for name, array in again.artifacts.initial.items())


@pytest.mark.parametrize("path", mostly_alike(sorted(EQUALITY.glob("*.dl")), every=4), ids=lambda path: path.stem)
def test_the_step_is_pure(path: Path) -> None:
    """Two calls with equal inputs give equal outputs, and one in between with others changes nothing."""
    with np.load(path.parents[1] / "data" / f"{path.stem}.npz") as file:
        data = {name.removeprefix("batch/"): array for name, array in file.items()}
    for block in blocks_of(path):
        artifacts = compiled(path, block).artifacts
        for name in artifacts.step_files:
            session = onnxruntime.InferenceSession(artifacts.models[name])
            wanted = [port.name for port in session.get_inputs()]
            first, other = ({n: data[n][i] if n in data else artifacts.initial[n] for n in wanted} for i in (0, 1))
            once, _, twice = (session.run(None, feeds) for feeds in (first, other, first))
            for a, b in zip(once, twice, strict=True):
                np.testing.assert_array_equal(a, b)
