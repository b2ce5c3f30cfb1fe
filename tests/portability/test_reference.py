"""The graphs in ONNX's reference evaluator, which follows the standard to the letter, against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from dslc.compile.artifacts import serialized
from dslc.engine.protocol import NEXT

from .graphs import cases, compiled, examples, proto, require_data

ROWS = 3
Arrays = dict[str, np.ndarray]


def runtime(data: bytes, feeds: Arrays) -> Arrays:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options)
    return dict(zip((port.name for port in session.get_outputs()), session.run(None, feeds), strict=True))


def reference(data: bytes, feeds: Arrays) -> Arrays:
    evaluator = ReferenceEvaluator(proto(data))
    with np.errstate(over="ignore"):  # random numbers are made of products modulo 2 ** 32
        return dict(zip(evaluator.output_names, evaluator.run(None, feeds), strict=True))


def compare(data: bytes, available: Mapping[str, np.ndarray]) -> Arrays:
    """Run a graph both ways and compare; return what ONNX Runtime computes."""
    feeds = {port.name: available[port.name] for port in proto(data).graph.input}
    try:
        found, expected = runtime(data, feeds), reference(data, feeds)
    except RuntimeError as error:
        if "input_direction" not in str(error):
            raise
        pytest.skip("onnx's reference evaluator has no Scan that goes backwards")
    assert found.keys() == expected.keys()
    gradients = max((largest(array) for name, array in expected.items() if is_gradient(name)), default=0.0)
    noise = 4e-6 * gradients  # what is left where gradients cancel, as those of a bias before BatchNorm
    changes = {n: largest(v - available[n.removesuffix(NEXT)]) for n, v in expected.items() if n.endswith(NEXT)}
    steps = max((change for name, change in changes.items() if "/" not in name), default=0.0)
    for name, value in expected.items():
        assert value.dtype == found[name].dtype, name
        if value.dtype.kind != "f":
            np.testing.assert_array_equal(found[name], value, err_msg=name)
            continue
        certain = np.ones(value.shape, bool)
        floor = noise if is_gradient(name) else noise**2 if name.endswith(f"/second_moment{NEXT}") else 1e-6 * steps
        change = changes.get(name, largest(value))
        moment = expected.get(f"moment/{name.removesuffix(NEXT)}/first_moment{NEXT}")
        if moment is not None:
            # Adam divides a gradient by its size: where only noise is left, the step is anything up to the rate
            certain = np.abs(moment) > 1e-3 * gradients
            assert largest(found[name] - value) <= 2 * change
        tolerance = 1e-4 * change + 1e-6 * largest(value) + floor
        assert largest((found[name] - value)[certain]) <= tolerance, name
    return found


def is_gradient(name: str) -> bool:
    return name.endswith((f"/first_moment{NEXT}", f"/momentum{NEXT}"))


def largest(array: np.ndarray) -> float:
    return float(np.abs(array).max(initial=0))


@pytest.mark.parametrize("place", cases())
def test_same_numbers(request: pytest.FixtureRequest, place: tuple[Path, str]) -> None:
    require_data(place[0], request)
    case = compiled(*place)
    artifacts = case.artifacts
    batch = examples(case.compilation, ROWS)
    state = {**artifacts.initial, "seed": np.array(3)}
    for _ in range(2):
        for file in artifacts.step_files:
            found = compare(artifacts.models[file], {**batch, **state})
            state |= {name.removesuffix(NEXT): array for name, array in found.items()}
    zeros = {entry["name"]: np.zeros(entry["shape"], entry["type"])
             for entry in artifacts.manifest["graphs"]["metrics.onnx"]["inputs"]}  # fmt: skip
    totals = compare(artifacts.models["eval.onnx"], {**batch, **state, **zeros})
    compare(artifacts.models["metrics.onnx"], {name.removesuffix(NEXT): array for name, array in totals.items()})
    for model in case.compilation.inference(state):
        compare(serialized(model.model), {name: batch[field] for name, field in model.fields.items()} | state)
