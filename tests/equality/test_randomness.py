"""What is random in a training step follows from seed, step and site, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dslc.compile.artifacts import Artifacts

from .stepping import compiled_text, train_step

COUNT = 20_000
RATE = 0.3

SPEC = """
data examples { source npz("x.npz") field x: float32[1] = column("x") }

model Net {
  input x: float32[N, 1]
  parameter a: float32[20_000] = ones()
  parameter b: float32[20_000] = ones()
  output y = mean(x) * (sum((a -> Dropout(0.3)) + (b -> Dropout(0.3))))
}

model Shared {
  input x: float32[N, 1]
  parameter a: float32[20_000] = ones()
  parameter b: float32[20_000] = ones()
  layer drop = Dropout(0.3)
  output y = mean(x) * (sum((a -> drop) + (b -> drop)))
}

model One {
  input x: float32[N, 1]
  parameter a: float32[20_000] = ones()
  parameter b: float32[20_000] = ones()
  output y = mean(x) * sum(a + b -> Dropout(0.3))
}

model Noisy {
  input x: float32[N, 1]
  parameter a: float32[20_000] = ones()
  parameter b: float32[20_000] = ones()
  output y = mean(x) * sum(a * normal_like(a) + b * uniform_like(b))
}

train dropout { data examples minimize Net(x) using SGD(lr = 1) steps 9 }
train shared { data examples minimize Shared(x) using SGD(lr = 1) steps 9 }
train noise { data examples minimize Noisy(x) using SGD(lr = 1) metric figure = Noisy(x) steps 9 }
train accumulated { data examples minimize Net(x) using SGD(lr = 1) accumulate 2 steps 9 }
train twice {
  data examples
  net n = One
  minimize first = n(x) over n.a using SGD(lr = 1)
  minimize second = n(x) over n.b using SGD(lr = 1)
  steps 9
}
train drawn {
  data examples
  minimize mean((x + normal_like(x)) ** 2) + Net(x) using SGD(lr = 1e-3)
  metric figure = mean(x + normal_like(x))
  steps 9
}
"""

BATCH = {"x": np.ones((4, 1), np.float32)}
Draws = dict[str, np.ndarray]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def drawn(artifacts: Artifacts, *, seed: int = 0, steps: int = 1) -> list[Draws]:
    """The gradients of all parameters, which are what was drawn: each step takes them off with a rate of 1."""
    step = train_step(artifacts)
    found = []
    for _ in range(steps):
        before = step.state()
        step.run_batch(BATCH, seed)
        after = step.state()
        found.append({name: before[name] - after[name] for name in before if before[name].shape == (COUNT,)})
    return found


@pytest.mark.parametrize("block", ["dropout", "shared", "noise"])
def test_equal_calls_draw_alike_and_all_others_differently(folder: Path, block: str) -> None:
    artifacts = compiled_text(folder, SPEC, block)
    first, second = drawn(artifacts, steps=2)
    again = drawn(artifacts)[0]
    other = drawn(artifacts, seed=1)[0]
    (a, b) = first
    for name in (a, b):
        np.testing.assert_array_equal(first[name], again[name])
    streams = [draws[name] for draws in (first, second, other) for name in (a, b)]
    for i, x in enumerate(streams):
        for y in streams[:i]:
            assert abs(np.corrcoef(x, y)[0, 1]) < 4 / COUNT**0.5


def test_dropout_keeps_the_expectation(folder: Path) -> None:
    for step in drawn(compiled_text(folder, SPEC, "dropout"), steps=2):
        for gradient in step.values():
            kept = gradient > 0
            np.testing.assert_allclose(gradient[kept], 1 / (1 - RATE), rtol=1e-5)
            assert not gradient[~kept].any()
            assert abs(kept.mean() - (1 - RATE)) < 4 * (RATE * (1 - RATE) / COUNT) ** 0.5
            assert abs(gradient.mean() - 1) < 0.02


def test_functions_draw_from_their_distributions(folder: Path) -> None:
    (draws,) = drawn(compiled_text(folder, SPEC, "noise"))
    normal, uniform = draws.values()
    assert abs(normal.mean()) < 0.03
    assert abs(normal.var() - 1) < 0.05
    assert uniform.min() >= 0
    assert uniform.max() <= 1
    assert abs(uniform.mean() - 0.5) < 0.01
    assert abs(uniform.var() - 1 / 12) < 0.003


def test_while_gradients_accumulate_each_batch_draws_anew(folder: Path) -> None:
    artifacts = compiled_text(folder, SPEC, "accumulated")
    step = train_step(artifacts)
    step.run_batch(BATCH)
    name = next(name for name in artifacts.initial if name.startswith("pending/Net"))
    first = step.state()[name] / 4
    step.run_batch(BATCH)
    path = name.removeprefix("pending/")
    mean = artifacts.initial[path] - step.state()[path]
    assert abs(np.corrcoef(first, 2 * mean - first)[0, 1]) < 4 / COUNT**0.5


def test_each_objective_draws_for_itself(folder: Path) -> None:
    """The second objective's mask of the same network is not that of the first."""
    (draws,) = drawn(compiled_text(folder, SPEC, "twice"))
    first, second = draws.values()
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / COUNT**0.5


def test_a_graph_takes_a_seed_just_where_it_draws(folder: Path) -> None:
    for block, random in (("dropout", {"train.onnx"}), ("noise", {"train.onnx", "eval.onnx"}),
                          ("drawn", {"train.onnx", "eval.onnx"}),
                          ("twice", {"train.first.onnx", "train.second.onnx"})):  # fmt: skip
        graphs = compiled_text(folder, SPEC, block).manifest["graphs"]
        seeded = {name for name, graph in graphs.items() if any(port["name"] == "seed" for port in graph["inputs"])}
        assert seeded == random
