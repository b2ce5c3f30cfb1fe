"""Schedules in arithmetic against NumPy, as numbers and in a graph; and ``step`` and ``epoch`` in a spec."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Failure
from dslc.library import word
from dslc.library.optimizers.optimizer import Optimizer
from dslc.library.schedules.chains import chain
from dslc.library.schedules.expressions import FUNCTIONS, SIGNS, StepCount, calculation, epoch
from dslc.library.schedules.schedule import Schedule
from dslc.plan.coding import read, written
from tests.check.checking import train_of
from tests.library.test_schedules import STORED, in_graph, made, of_row
from tests.runs.driving import outcome, spec_of, trained, write_spec
from tests.runs.test_resuming import interrupted, resumed, save_often

STEPS = np.arange(1, 40)
COSINE = made("cosine", start=0.4, end=0.1)


def numbers(schedule: Schedule | float) -> Any:
    return schedule.at(STEPS, 60) if isinstance(schedule, Schedule) else schedule


SIGN_OF_NUMPY: dict[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "//": np.floor_divide, "%": np.mod, "**": np.power,
    "min": np.minimum, "max": np.maximum,
}  # fmt: skip


@pytest.mark.parametrize("sign", [*SIGNS, *FUNCTIONS])
def test_values_are_numpy_s(sign: str) -> None:
    two = sign in SIGN_OF_NUMPY
    pairs: list[tuple[Any, ...]] = (
        [(StepCount(), 7.0), (COSINE, StepCount()), (2.5, COSINE)] if two else [(StepCount(),), (COSINE,)]
    )
    for operands in pairs:
        found = calculation(sign, operands)
        expected = (SIGN_OF_NUMPY.get(sign) or getattr(np, sign))(*map(numbers, operands))
        np.testing.assert_allclose(found.at(STEPS, 60), expected, rtol=1e-12)
        np.testing.assert_allclose(in_graph(found, STEPS, 60), expected, rtol=2e-5, atol=1e-6)


def test_step_and_epoch_count_from_the_beginning_of_the_training() -> None:
    """Also behind another schedule, which counts from its own beginning."""
    schedule = chain(made("warmup", steps=4), calculation("+", [StepCount(), calculation("*", [epoch(), 100.0])]))
    assert schedule.at([0, 2, 3, 4, 9], 20).tolist() == [0, 2, 3, 4, 9]
    assert schedule.at([2, 4, 9], 20, {epoch(): 2.0}).tolist() == [102, 204, 209]
    np.testing.assert_allclose(in_graph(schedule, [2, 4, 9], 20, [2.0]), [102, 204, 209])
    assert [epoch().observe([0.5] * n) for n in (0, 1, 7)] == [0, 1, 7]


def test_what_leads_rises_to_1_in_a_product() -> None:
    product = calculation("*", [COSINE, made("warmup", steps=10)])
    np.testing.assert_allclose(product.at(STEPS, 60), COSINE.at(STEPS, 60) * np.minimum(STEPS / 10, 1), rtol=1e-12)
    assert product.needs_total
    assert product.length is None


def test_a_length_follows_from_the_parts() -> None:
    short = calculation("*", [made("linear", start=1.0, end=0.5, steps=20), made("cosine", start=1.0, steps=30)])
    assert chain(short, 0.1).at([29, 30, 31], 99).tolist()[1:] == [0.1, 0.1]
    assert calculation("+", [short, StepCount()]).length is None


def optimizer_of(using: str, more: str = "") -> Optimizer:
    text = f"""
{more}
data d {{
  source csv("a.csv")
  field x: float32[2] = columns("x*")
  field y: float32[1] = column("y")
}}
model M {{
  input x: float32[N, 2]
  output y = x -> Dense(1)
}}
train t {{
  data d
  minimize mse(M(x), y) using {using}
  epochs 3
}}
"""
    train = train_of(text)
    assert read(written(train), type(train)).objectives[0].groups == train.objectives[0].groups
    return train.objectives[0].groups[0].optimizer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3 * 0.5 ** (step // 10)", lambda s: 1e-3 * 0.5 ** (s // 10)),
        ("-(3 - step) % 4 + 1", lambda s: -(3 - s) % 4 + 1),
        ("min(step, 20) / 2 + abs(step - 3)", lambda s: np.minimum(s, 20) / 2 + np.abs(s - 3)),
        ("exp(-step / 10) + sqrt(step)", lambda s: np.exp(-s / 10) + np.sqrt(s)),
        ("step(0.5, every = 7, factor = 0.3) * 2", lambda s: 0.5 * 0.3 ** (s // 7) * 2),
        ("constant(0.1, steps = 10) then 0.3 / step", lambda s: np.where(s < 10, 0.1, 0.3 / s)),
    ],
)
def test_a_spec_says_them(text: str, expected: Callable[[Any], Any]) -> None:
    lr: Any = optimizer_of(f"SGD(lr = {text})").lr
    np.testing.assert_allclose(lr.at(STEPS, 60), expected(STEPS), rtol=1e-12)


@pytest.mark.parametrize("row", {row["word"]: row for row in STORED["rows"]}.values(), ids=lambda row: row["word"])
def test_a_spec_says_every_schedule(row: dict[str, Any]) -> None:
    """Also ``cyclic``, which is a function of tensors too."""
    options = {name: value for name, value in row["options"].items() if name != "then"}
    text = ", ".join(f"{name} = {json.dumps(value).replace('null', 'none')}" for name, value in options.items())
    follows = " then 0.5" if row["word"] == "warmup" else ""
    lr: Any = optimizer_of(f"SGD(lr = {row['word']}({text}){follows})").lr
    parts = of_row({**row, "options": options | ({"then": 0.5} if follows else {})})
    assert lr == parts


def test_a_param_of_that_name_is_the_param() -> None:
    assert optimizer_of("SGD(lr = epoch * 2)", "param epoch: float = 0.25").lr == 0.5


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("step > 3", "E0216"), ("epoch + none", "E0216"), ('"a" + step', "E0216"), ("not step", "E0216"),
        ("sum(step)", "E0364"), ("step and true", "E0216"),
    ],
)  # fmt: skip
def test_what_has_no_value_is_refused(text: str, code: str) -> None:
    with pytest.raises(Failure) as caught:
        optimizer_of(f"SGD(lr = {text})")
    assert [finding.code.id for finding in caught.value.diagnostics] == [code]


def test_the_host_counts_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """70 examples in batches of 8 are 9 updates an epoch; what is resumed goes on with its epoch."""
    save_often(monkeypatch)
    objective = "minimize cross_entropy(logits, label) using SGD(lr = {}) epochs 6 batch 8 seed 3"
    spec = write_spec(tmp_path, spec_of(objective.format("0.1 * 0.5 ** (epoch // 2)")))
    losses = trained(spec, tmp_path / "whole").losses
    interrupted(spec, tmp_path / "again", 31)
    resumed(spec, tmp_path / "again")
    assert outcome(tmp_path / "whole") == outcome(tmp_path / "again")
    same = write_spec(tmp_path, spec_of(objective.format("step(0.1, every = 18, factor = 0.5)")), "same.dl")
    assert trained(same, tmp_path / "same").losses == pytest.approx(losses, rel=1e-6)


def test_every_function_is_one_of_the_language() -> None:
    assert set(FUNCTIONS) <= set(word.FUNCTIONS)
