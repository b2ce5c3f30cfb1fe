"""Under ``accumulate``, clipping and several objectives do what they do with one large batch, and what has nothing to
learn from moves neither weights nor counters."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dslc.engine.protocol import Runner
from tests.conftest import mostly_alike

from .stepping import compiled_text, largest, train_step
from .test_accumulation import said, step_of, write_examples

TWO = """\
data examples {{
  source csv("examples.csv")
  field x: float32[4] = columns("x*")
  field y: float32[3] = columns("y*")
  field w: float32 = column("w")
  field label: int64 = column("label")
}}
model A {{
  input x: float32[N, 4]
  output out = x -> Dense(8) -> Tanh -> Dense(3)
}}
model B {{
  input x: float32[N, 4]
  output out = x -> Dense(5) -> Tanh -> Dense(3)
}}
train t {{
  data examples
  let a = A(x)
  let b = B(x)
  {objectives}
  {more}
  steps 10
  batch 24
}}
"""
PAIRS = [
    """minimize one = cross_entropy(a, label, weight = w) using SGD(lr = 0.5)
  minimize two = mse(b, y) using SGD(lr = 0.3, momentum = 0.9)""",
    # the second's weights are looked at by the first, which is before their update either way
    """minimize one = mse(a, detach(b), weight = w) using SGD(lr = 0.5)
  minimize two = cross_entropy(b, label) + 0.1 * l2(B) using SGD(lr = 0.3)""",
    """minimize one = sqrt(mse(a, y, weight = w)) using SGD(lr = 0.5)
  minimize two = cross_entropy(b, label) + mse(b, y) using SGD(lr = 0.3)""",
]
CUTS = ([0, 12, 24], [0, 3, 4, 6, 24], [0, 1, 2, 7, 13, 24])


def two(folder: Path, objectives: str, more: str = "") -> Runner:
    return train_step(compiled_text(folder, TWO.format(objectives=objectives, more=more)))


def compare(step: Runner, batch: dict[str, np.ndarray], cuts: list[int], expected: dict[str, np.ndarray]) -> None:
    for first, last in pairwise(cuts):
        step.run_batch({name: array[first:last] for name, array in batch.items()})
    end = step.state()
    for name in end:
        if name.startswith(("A.", "B.", "Net.", "moment", "average", "counter/step")):
            assert largest(end[name] - expected[name]) <= 3e-6 * max(1.0, largest(expected[name])), name


@pytest.mark.parametrize("limit", mostly_alike(["clip norm 0.01", "clip norm 100", "clip value 0.003"], every=2))
@pytest.mark.parametrize(
    "objective",
    mostly_alike([
        "mse(out, y, weight = Scale(x))", "mse(out, y)", "cross_entropy(out, label, weight = w)",
        "cross_entropy(out, label) + 0.1 * mse(out, y)", "sqrt(mse(out, y, weight = w))",
        "cross_entropy(out, label) + 1e-2 * l2(Net)",
    ], every=3),
)  # fmt: skip
def test_clipping_sees_the_whole_gradient(objective: str, limit: str, tmp_path: Path) -> None:
    batch = write_examples(tmp_path)
    whole = step_of(tmp_path, objective, limit)
    start = whole.state()
    whole.run_batch(batch)
    expected = whole.state()
    change = np.sqrt(sum(((expected[n] - start[n]).astype(float) ** 2).sum() for n in start if "dense" in n))
    assert change == pytest.approx(0.005, rel=1e-3) if limit == "clip norm 0.01" else change > 1e-3  # a rate of 0.5
    for cuts in CUTS:
        compare(step_of(tmp_path, objective, f"{limit}\n  accumulate {len(cuts) - 1}"), batch, cuts, expected)


@pytest.mark.parametrize(
    "more", ["", *(pytest.param(more, marks=pytest.mark.slow) for more in ("clip norm 0.05", "average ema(0.9)"))]
)
@pytest.mark.parametrize("objectives", mostly_alike(PAIRS, every=3))
def test_several_objectives_add_up(objectives: str, more: str, tmp_path: Path) -> None:
    batch = write_examples(tmp_path)
    whole = two(tmp_path, objectives, more)
    start = whole.state()
    whole.run_batch(batch)
    expected = whole.state()
    assert all(largest(expected[n] - start[n]) > 1e-5 for n in start if n.startswith(("A.", "B.")))
    for cuts in CUTS:
        compare(two(tmp_path, objectives, f"{more}\n  accumulate {len(cuts) - 1}"), batch, cuts, expected)
    # in turn
    assert not [d.code.id for d in said(tmp_path, TWO.format(objectives=objectives, more="accumulate 2"))]


def test_an_objective_that_sees_an_update_late_is_told(tmp_path: Path) -> None:
    objectives = PAIRS[0].replace("mse(b, y)", "mse(b + detach(a), y)")
    (found,) = said(tmp_path, TWO.format(objectives=objectives, more="accumulate 2"))
    assert found.code.id == "W0545"
    assert found.message == (
        "'two' looks at 'A.out.dense.weight', which 'one' trains: with 'accumulate', all batches of a group but "
        "the last see it before its update"
    )
    assert not len(said(tmp_path, TWO.format(objectives=objectives, more="")))


DYING = (
    "minimize one = cross_entropy(a, label) using Adam(lr = 0.5)\n"
    "  minimize two = mse(b, y, weight = w) using SGD(lr = 0.3, momentum = 0.9, weight_decay = 0.1)"
)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_objectives_with_nothing_to_learn_from_stand_still(accumulate: int, tmp_path: Path) -> None:
    """One that has nothing moves nothing of its own; where none has, nothing counts, and the averages stay."""
    batch = write_examples(tmp_path)
    batch["label"] = np.abs(batch["label"] % 3)
    batch["w"] = np.ones_like(batch["w"])
    dead_labels = batch | {"label": np.full_like(batch["label"], -100)}
    dead_weights = batch | {"w": np.zeros_like(batch["w"])}
    dead = dead_labels | {"w": np.zeros_like(batch["w"])}
    more = "average ema(0.9)" + (f"\n  accumulate {accumulate}" if accumulate > 1 else "")

    def moved(step: Runner, given: dict[str, np.ndarray]) -> set[str]:
        before = step.state()
        for _ in range(accumulate):
            step.run_batch(given)
        after = step.state()
        return {name for name in before if not np.array_equal(before[name], after[name])} - {"counter/batch"}

    step = two(tmp_path, DYING, more)
    assert {"A.out.dense.weight", "B.out.dense.weight", "counter/step"} <= moved(step, batch)
    of_two = moved(step, dead_labels)
    assert {"B.out.dense.weight", "counter/step"} <= of_two
    assert not [name for name in of_two if "A.out" in name and not name.startswith("average")]
    of_one = moved(step, dead_weights)
    assert {"A.out.dense.weight", "counter/step"} <= of_one
    assert not [name for name in of_one if "B.out" in name and not name.startswith("average")]
    assert moved(step, dead) <= {"counter/moved"}
    assert step.state()["counter/step"] == 3
