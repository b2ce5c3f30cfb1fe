"""SAM against its formula in NumPy, its gradients taken from steps of SGD."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from dslc.diagnostics import Failure, Problem
from dslc.engine.protocol import Runner
from dslc.pipeline import Options
from tests.conftest import compile_spec

from .stepping import compiled_text, train_step

SPEC = """\
data d {{
  source csv("t.csv")
  field x: float64[3] = columns("x*")
  field y: float64[2] = columns("y*")
}}
model Net {{
  input x: float64[N, 3]
  output y = x -> Dense(4) -> Tanh -> {layer} -> Dense(2)
}}
train t {{
  data d
  minimize mse(Net(x), y) + 0.1 * l2(Net) {using}
  {more}
  epochs 1
}}
"""
GENERATOR = np.random.default_rng(3)
BATCH = {"x": GENERATOR.normal(size=(16, 3)), "y": GENERATOR.normal(size=(16, 2))}
State = dict[str, np.ndarray]


def step_of(folder: Path, using: str, more: str = "", layer: str = "Tanh") -> tuple[Runner, list[str]]:
    artifacts = compiled_text(folder, SPEC.format(using=using, more=more, layer=layer))
    paths = [t.name for t in artifacts.state.values() if t.role.value == "parameter"]
    return train_step(artifacts), paths


def stepped(step: Runner, state: Mapping[str, np.ndarray]) -> tuple[State, float]:
    """Run a batch from a state; return the state behind it and the loss."""
    for name, array in state.items():
        step.set_state(name, array)
    step.run_batch(BATCH)
    return {name: array.copy() for name, array in step.state().items()}, float(step.loss())


def gradient_of(step: Runner, state: State, paths: list[str]) -> State:
    """Return the gradients at a state: how far a step of SGD(lr = 1) goes."""
    after, _ = stepped(step, state)
    return {path: state[path] - after[path] for path in paths}


def norm(arrays: list[np.ndarray]) -> float:
    return float(np.sqrt(sum((array**2).sum() for array in arrays)))


@pytest.mark.parametrize("layer", ["Tanh", "Dropout(0.3)", "BatchNorm"])
@pytest.mark.parametrize("adaptive", [False, True])
def test_the_gradient_is_that_at_the_point_nearby(adaptive: bool, layer: str, tmp_path: Path) -> None:
    """With the same dropped elements, and with running statistics of the first time."""
    plain, paths = step_of(tmp_path, "using SGD(lr = 1)", layer=layer)
    first = {name: array.copy() for name, array in plain.state().items()}
    slope = gradient_of(plain, first, paths)
    statistics = {name: array for name, array in plain.state().items() if "running" in name}
    size = {path: np.abs(first[path]) if adaptive else 1.0 for path in paths}
    scale = 0.2 / (norm([slope[path] * size[path] for path in paths]) + 1e-12)
    near = first | {path: first[path] + slope[path] * size[path] ** 2 * scale for path in paths}
    expected = gradient_of(plain, near, paths)
    assert max(np.abs(expected[path] - slope[path]).max() for path in paths) > 1e-3
    sam, _ = step_of(tmp_path, f"using SAM(SGD(lr = 1), rho = 0.2, adaptive = {str(adaptive).lower()})", layer=layer)
    after, loss = stepped(sam, first)
    assert loss == pytest.approx(stepped(plain, first)[1], rel=1e-12)
    for path in paths:
        np.testing.assert_allclose(first[path] - after[path], expected[path], rtol=1e-9, atol=1e-12)
    for name, array in statistics.items():
        np.testing.assert_allclose(after[name], array, rtol=1e-12)


def test_other_groups_keep_their_gradient_and_their_place(tmp_path: Path) -> None:
    plain, paths = step_of(tmp_path, "using SGD(lr = 1)")
    first = {name: array.copy() for name, array in plain.state().items()}
    slope = gradient_of(plain, first, paths)
    mine = [path for path in paths if path.endswith("weight")]
    scale = 0.2 / norm([slope[path] for path in mine])
    expected = gradient_of(plain, first | {path: first[path] + slope[path] * scale for path in mine}, paths)
    both, _ = step_of(tmp_path, 'over "*.weight" using SAM(SGD(lr = 1), rho = 0.2) over "*.bias" using SGD(lr = 1)')
    after, _ = stepped(both, first)
    for path in paths:
        wanted = expected[path] if path in mine else slope[path]
        np.testing.assert_allclose(first[path] - after[path], wanted, rtol=1e-9, atol=1e-12)


def test_what_needs_the_gradient_of_one_batch_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"E0523: 'accumulate' can't make one large batch.*SAM"):
        step_of(tmp_path, "using SAM(SGD)", "accumulate 2")
    (tmp_path / "spec.dl").write_text(SPEC.format(using="using SAM(SGD)", more="", layer="Tanh"), encoding="utf-8")
    with pytest.raises(Problem, match="E0526: SAM takes the gradients of 'loss' a second time"):
        compile_spec(tmp_path / "spec.dl", Options()).artifacts_apart  # noqa: B018
