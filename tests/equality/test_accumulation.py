"""Batches accumulated make the update that one large batch of all their examples makes, whatever the objective."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dslc.compile.state import FLUSH
from dslc.diagnostics import Diagnostics
from dslc.engine.protocol import Runner
from dslc.library.word import OPTIMIZERS as LIBRARY
from dslc.pipeline import check_spec
from tests.conftest import mostly_alike
from tests.runs.optimizers import EVALUATED, OPTIMIZERS

from .stepping import compiled_text, largest, train_step

SPEC = """\
data examples {{
  source csv("examples.csv")
  field x: float32[4] = columns("x*")
  field y: float32[3] = columns("y*")
  field z: float32[3] = columns("z*")
  field p: float32[3] = columns("p*")
  field w: float32 = column("w")
  field label: int64 = column("label")
  field labels: int64[3] = columns("labels*")
}}
model Net {{
  input x: float32[N, 4]
  output out = x -> Dense(8) -> Tanh -> Dense(3)
}}
model Pixels {{
  input x: float32[N, 4]
  output out = x -> Dense(15) -> Reshape(5, 3)
}}
model Scale {{
  input x: float32[N, 4]
  output out = squeeze(x -> Dense(1) -> Sigmoid, axis = 1)
}}
train t {{
  data examples
  let out = Net(x)
  let wide = Pixels(x)
  minimize {objective} using {optimizer}
  {more}
  steps 10
  batch 24
}}
"""
EXACT = [
    "mse(out, y)",
    "mse(out, y, weight = w)",
    "mae(out, y, weight = w)",
    "huber(out, y, weight = w, delta = 0.5)",
    "binary_cross_entropy(out, z)",
    "binary_cross_entropy(out, z, weight = w, pos_weight = [1, 2, 3])",
    "kl_divergence(log_softmax(out), p, weight = w)",
    "cross_entropy(out, label)",
    "cross_entropy(out, label, weight = w)",
    "cross_entropy(out, label, class_weight = [1, 2, 0.5])",
    "cross_entropy(out, label, class_weight = [1, 2, 0.5], label_smoothing = 0.1, weight = w)",
    "cross_entropy(out, max(label, 0), ignore_index = 1)",
    "cross_entropy(out, p, weight = w)",
    "cross_entropy(wide, labels, axis = 1, class_weight = [1, 2, 3, 4, 5])",
    "mean((out - y) ** 2)",
    "sum((out - y) ** 2)",
    "(out - y) ** 2",
    "cross_entropy(out, label) + 0.1 * mse(out, y) + 1e-2 * l2(Net)",
    "cross_entropy(out, label) + 0.1 * mse(out, y, weight = w) - 0.2 * mean(out)",
    "mse(out, y, weight = w) / 3 + mae(out, y, weight = w) * 2 - 0.01 * l2(Net)",
    "cross_entropy(out, label) + cross_entropy(2 * out, label)",
    "sum((out - y) ** 2) + 0.1 * l2(Net)",
    "mean(mean((out - y) ** 2, axis = 0))",
    # not sums of means: a root, a product, a quotient, learned weights
    "sqrt(mse(out, y, weight = w))",
    "rmse(out[:, 0], y[:, 0])",
    "rmse(out[:, 0], y[:, 0], weight = w)",
    "mse(out, y) * cross_entropy(out, label)",
    "sum(w * mean((out - y) ** 2, axis = 1)) / sum(w)",
    "mse(out, y, weight = Scale(x))",
    "log(mse(out, y)) + mse(out, y) / detach(mae(out, y))",
    "exp(mean(out)) + 1e-2 * l2(Net)",
]


def write_examples(folder: Path, count: int = 24) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    label = generator.integers(0, 3, count)
    label[[0, 1, 2, 5, 6, 13]] = -100  # whole batches of the cuts below among them
    weight = generator.uniform(0.1, 3, count)
    weight[[0, 1, 2, 9]] = 0
    labels = generator.integers(0, 5, (count, 3))
    labels[::3, 1], labels[:3] = -100, -100
    chances = generator.uniform(0.1, 1, (count, 3))
    fields = {
        "x": generator.normal(size=(count, 4)), "y": generator.normal(size=(count, 3)),
        "z": generator.integers(0, 2, (count, 3)), "p": chances / chances.sum(1, keepdims=True), "w": weight,
        "label": label, "labels": labels,
    }  # fmt: skip
    named = {
        f"{name}{i}" if array.ndim > 1 else name: column
        for name, array in fields.items()
        for i, column in enumerate(array.reshape(count, -1).T)
    }
    rows = zip(*named.values(), strict=True)
    lines = [",".join(named), *(",".join(map(str, row)) for row in rows)]
    (folder / "examples.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {n: a.astype(np.int64 if n.startswith("label") else np.float32) for n, a in fields.items()}


def step_of(folder: Path, objective: str, more: str = "", optimizer: str = "SGD(lr = 0.5)") -> Runner:
    return train_step(compiled_text(folder, SPEC.format(objective=objective, more=more, optimizer=optimizer)))


@pytest.mark.parametrize("objective", mostly_alike(EXACT, every=8))
def test_batches_in_turn_add_up(objective: str, tmp_path: Path) -> None:
    batch = write_examples(tmp_path)
    whole = step_of(tmp_path, objective)
    start = whole.state()
    whole.run_batch(batch)
    expected = whole.state()
    moved = max(largest(expected[name] - start[name]) for name in start if "dense" in name)
    assert moved > 1e-4
    for cuts in ([0, 12, 24], [0, 3, 4, 6, 24], [0, 1, 2, 7, 13, 24]):
        step = step_of(tmp_path, objective, more=f"accumulate {len(cuts) - 1}")
        for number in range(2):
            for first, last in pairwise(cuts):
                step.run_batch({name: array[first:last] for name, array in batch.items()})
            end = step.state()
            assert end["counter/step"] == number + 1
            assert all(not end[name].any() for name in end if name.startswith("pending"))
            if number == 0:
                for name in start:
                    if "dense" in name:
                        assert largest(end[name] - expected[name]) <= 3e-6 * max(1.0, largest(expected[name])), name


def test_one_weight_needs_one_sum_of_gradients(tmp_path: Path) -> None:
    """The step costs what it did before where all weights are one."""
    write_examples(tmp_path)
    for objective, sums in [
        ("cross_entropy(out, label) + 1e-4 * l2(Net)", 1),
        ("mse(out, y, weight = w) + 2 * mae(out, y, weight = w)", 1),
        ("mse(out, y) + mean(out ** 2)", 1),
        ("cross_entropy(out, label) + mse(out, y)", 2),
    ]:
        step = step_of(tmp_path, objective, more="accumulate 2")
        pending = [name for name in step.state() if name.startswith("pending/Net.out.dense.weight")]
        assert len(pending) == sums, objective


def test_what_is_left_over_makes_an_update_of_its_own_weight(tmp_path: Path) -> None:
    batch = write_examples(tmp_path)
    objective = "cross_entropy(out, label, weight = w)"
    whole = step_of(tmp_path, objective)
    whole.run_batch({name: array[3:11] for name, array in batch.items()})
    step = step_of(tmp_path, objective, more="accumulate 4")
    step.run_batch({name: array[3:6] for name, array in batch.items()})
    step.set_state(FLUSH, np.array(1))
    step.run_batch({name: array[6:11] for name, array in batch.items()})
    for name, array in whole.state().items():
        assert largest(step.state()[name] - array) <= 3e-6, name


@pytest.mark.parametrize(
    "optimizer", mostly_alike([o for name, o in OPTIMIZERS.items() if not LIBRARY[name].perturbs], every=4)
)
def test_batches_with_nothing_to_learn_from_make_no_update(optimizer: str, tmp_path: Path) -> None:
    """Neither weights nor moments, averages and counters move."""
    average = "" if optimizer.partition("(")[0] in EVALUATED else "average ema(0.9)"
    batch = write_examples(tmp_path)
    batch["label"][:8] = -100
    step = step_of(tmp_path, "cross_entropy(out, label) + 0.1 * l2(Net)", f"accumulate 2\n  {average}", optimizer)
    step.run_batch({name: array[8:16] for name, array in batch.items()})
    step.run_batch({name: array[16:] for name, array in batch.items()})
    before = step.state()
    assert before["counter/step"] == 1
    for _ in range(2):
        step.run_batch({name: array[:4] for name, array in batch.items()})
    after = step.state()
    assert after["counter/batch"] == 4
    for name, array in before.items():
        if name != "counter/batch":
            assert np.array_equal(after[name], array), name


def said(folder: Path, text: str) -> Diagnostics:
    (folder / "spec.dl").write_text(text, encoding="utf-8")
    return check_spec(folder / "spec.dl").findings


@pytest.mark.parametrize(
    "objective",
    ["var(out)", "mse(out, y) - max(out)", "min(out) ** 2", "sum(mean(out, axis = 0) ** 2)",
     "mse(out, y) * (1 - roc_auc(out, label))"],
)  # fmt: skip
def test_what_cannot_add_up_is_refused(objective: str, tmp_path: Path) -> None:
    text = SPEC.format(objective=objective, more="accumulate 2", optimizer="Adam()")
    assert {found.code.id for found in said(tmp_path, text)} == {"E0523"}
    alone = SPEC.format(objective=objective, more="", optimizer="Adam()")
    assert not said(tmp_path, alone).has_errors
