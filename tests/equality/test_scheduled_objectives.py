"""Schedules in objectives: what they are in training, in evaluation and in what ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.library.schedules.chains import chain
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import SCHEDULES
from dslc.plan.coding import read, written
from dslc.report.dumps import model_text
from tests.check.checking import train_of
from tests.conftest import mostly_alike
from tests.runs.driving import evaluations, opened, outcome, spec_of, trained, write_spec
from tests.runs.test_resuming import interrupted, resumed, save_often, told

from .stepping import compiled_text, train_step

SPEC = """\
data d {{
  source csv("t.csv")
  field x: float64[3] = columns("x*")
  field y: float64[2] = columns("y*")
}}
cell Sum {{
  input x: [N, D]
  state h: [N, D] = zeros
  h = h * {inside} + x
  output h
}}
model Net {{
  input x: float64[N, 3]
  output y = reshape(x -> Dense(4) -> Tanh, [-1, 2, 2]) -> Sum(last = true) -> Dense(2)
}}
train t {{
  data d
  minimize {objective} using SGD(lr = {lr})
  {more}
  steps 30
}}
"""
GENERATOR = np.random.default_rng(3)
BATCHES = [{"x": GENERATOR.normal(size=(16, 3)), "y": GENERATOR.normal(size=(16, 2))} for _ in range(9)]


def text_of(objective: str, lr: str = "0.5", inside: str = "0.5", more: str = "") -> str:
    return SPEC.format(objective=objective, lr=lr, inside=inside, more=more)


def states(folder: Path, text: str) -> tuple[list[dict[str, np.ndarray]], list[float]]:
    step = train_step(compiled_text(folder, text))
    found, losses = [], []
    for batch in BATCHES:
        step.run_batch(batch)
        losses.append(float(step.loss()))
        found.append({name: array.copy() for name, array in step.state().items() if name.startswith("Net.")})
    return found, losses


SCHEDULES_OF = {
    "warmup(4)": chain(SCHEDULES["warmup"](steps=4), 1.0),
    "cosine(2.0, 0.5)": SCHEDULES["cosine"](start=2.0, end=0.5),
    "(exponential(1.0, 0.8, steps = 5) then 0.25)": chain(
        SCHEDULES["exponential"](start=1.0, factor=0.8, steps=5), 0.25
    ),
}


FACTORS = [(schedule, batches) for batches in (1, 3) for schedule in SCHEDULES_OF]


@pytest.mark.parametrize("case", mostly_alike(FACTORS, every=5), ids=str)
def test_a_factor_of_the_loss_is_one_of_the_rate(case: tuple[str, int], tmp_path: Path) -> None:
    """For SGD, weight * loss at a rate is the loss at weight * rate; the batches of an update see one weight."""
    written_, accumulate = case
    more = f"accumulate {accumulate}" if accumulate > 1 else ""
    weighted, losses = states(tmp_path, text_of(f"{written_} * mse(Net(x), y)", more=more))
    plain, bare = states(tmp_path, text_of("mse(Net(x), y)", f"0.5 * {written_}", more=more))
    for one, other in zip(weighted, plain, strict=True):
        for name, array in one.items():
            np.testing.assert_allclose(array, other[name], rtol=1e-11, atol=1e-13)
    values = SCHEDULES_OF[written_].at(np.arange(len(BATCHES)) // accumulate, 30)
    np.testing.assert_allclose(losses, values * bare, rtol=1e-11, atol=1e-13)
    assert len(set(values.tolist())) > 2


def test_a_number_within_the_objective_and_within_a_cell(tmp_path: Path) -> None:
    """A temperature, the weight of a penalty, and a number in each step of a sequence, at each of the updates."""
    of_step = [
        text_of(f"mse(Net(x) / {t}, y) + {w} * l2(Net)", inside=str(s))
        for t, w, s in zip((3.0, 2.0, 1.0), (0.0, 0.5, 1.0), (0.1, 0.5, 0.9), strict=True)
    ]
    step = train_step(compiled_text(tmp_path, text_of(
        "mse(Net(x) / linear(3.0, 1.0, steps = 2), y) + warmup(2) * l2(Net)", inside="linear(0.1, 0.9, steps = 2)"
    )))  # fmt: skip
    for text, batch in zip(of_step, BATCHES, strict=False):
        fixed = train_step(compiled_text(tmp_path, text))
        for name, array in step.state().items():
            if name.startswith("Net."):
                fixed.set_state(name, array)
        for one in (fixed, step):
            one.run_batch(batch)
        assert float(step.loss()) == pytest.approx(float(fixed.loss()), rel=1e-12)
        for name, array in step.state().items():
            if name.startswith("Net."):
                np.testing.assert_allclose(array, fixed.state()[name], rtol=1e-11, atol=1e-13)


def test_evaluation_sees_what_it_is_in_the_end(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, spec_of(
        "minimize (warmup(500) then constant(0.5)) * cross_entropy(logits, label) using Adam(0.05) "
        "metric plain = cross_entropy(logits, label) output cool = logits / linear(3, 2) epochs 4 batch 8"
    ))  # fmt: skip
    trained(spec, tmp_path / "run")
    for record in evaluations(tmp_path / "run"):
        assert record["validation.loss"] == pytest.approx(0.5 * record["validation.plain"], rel=1e-6)
    figures = opened(tmp_path / "run").evaluate("validation")
    assert figures["loss"] == pytest.approx(0.5 * figures["metrics"]["plain"], rel=1e-6)


def test_it_is_resumed_bit_for_bit_and_told_of_another_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_often(monkeypatch)
    objective = "minimize cross_entropy(logits / cosine(3, 1), label) using SGD(0.1) epochs 5 batch 8 seed 3"
    spec = write_spec(tmp_path, spec_of(objective))
    trained(spec, tmp_path / "whole")
    interrupted(spec, tmp_path / "again", 31)
    assert resumed(spec, tmp_path / "again").warnings == []
    assert outcome(tmp_path / "whole") == outcome(tmp_path / "again")
    witness = resumed(spec, tmp_path / "again", epochs=12)
    assert "the schedule of a number in line 15 lasts to the end" in told(tmp_path, *witness.warnings)


def test_a_plan_has_it() -> None:
    train = train_of(text_of("warmup(4) * mse(Net(x), y)"))
    again: Any = read(json.loads(json.dumps(written(train))), type(train))
    assert model_text(again) == model_text(train)
    assert "schedule" in model_text(train)
    assert all(isinstance(schedule, Schedule) for schedule in SCHEDULES_OF.values())
