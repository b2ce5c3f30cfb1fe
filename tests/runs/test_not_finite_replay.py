"""The step in which a number was not finite is found also where later ones show it, and however a run came there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Diagnostic, Problem
from dslc.errors.environment import RUN_FAILED
from dslc.run.explaining.tracing import LaidOpen
from tests.runs.driving import trained

DATA = """\
data d {
  source csv("d.csv")
  field k: int64 = cast(column("k"), int64)
  field x: float32[1] = column("x")
  field y: float32[1] = column("y")
  split train = 80%, validation = 20%, seed = 3
}
"""
RARE = """\
model Net {{
  input k: int64[N]
  input x: float32[N, 1]
  output y = (k -> Embedding(8, 1, init = ones)) * x
  output z = x -> Dense(1) -> Dropout(0.3)
}}
train t {{
  data d
  let p = Net(k, x)
  minimize mean(sqrt(abs(p.y))) + mean(p.z ** 2) using SGD(lr = {rate})
  {body}
  batch 2
  epochs 2
}}
"""
GROWING = """\
model Net {{
  input x: float32[N, 1]
  output y = x -> Dense(1, init = ones)
}}
train t {{
  data d
  minimize mse(Net(x), y) using SGD(lr = {rate})
  batch 4
  {body}
  epochs {epochs}
}}
"""


def write(folder: Path, text: str) -> Path:
    """Write a spec, and data in which row 7 of the table alone is looked up once."""
    generator = np.random.default_rng(1)
    rows = [f"{7 if number == 30 else number % 7},{generator.uniform(1, 2):.3f},0" for number in range(60)]
    rows[30] = "7,0,0"
    folder.mkdir(exist_ok=True)
    (folder / "d.csv").write_text("\n".join(["k,x,y", *rows]) + "\n", encoding="utf-8")
    (folder / "spec.dl").write_text(DATA + text, encoding="utf-8")
    return folder / "spec.dl"


def failed(spec: Path, **options: Any) -> Diagnostic:
    with pytest.raises(Problem, match="E0520") as caught:
        trained(spec, spec.parent / "run", **options)
    return caught.value.diagnostic


@pytest.mark.parametrize(("rate", "more"), [
    ("0.01", "accumulate 3"), ("plateau(0.01, patience = 1)", "accumulate 1"), ("0.01", "average ema(0.9)"),
])  # fmt: skip
def test_a_weight_that_no_later_batch_reads(rate: str, more: str, tmp_path: Path) -> None:
    """Its row of the table is ruined in one step, and no loss tells; a look after every step knows which."""
    at_once = failed(write(tmp_path / "a", RARE.format(rate=rate, body=f"{more}\n  evaluate every 1 steps")))
    later = failed(write(tmp_path / "b", RARE.format(rate=rate, body=more)))
    assert later.message == at_once.message
    assert 1 < int(later.message.split("in step ")[1].split(",")[0]) < 24
    assert "sqrt of 0 has an infinite slope" in later.message


def test_a_run_that_was_resumed(tmp_path: Path) -> None:
    """It is gone over from the last checkpoint, and says what one without a break does."""
    whole = failed(write(tmp_path / "a", GROWING.format(rate=4.0, body="", epochs=6)))
    step = int(whole.message.split("in step ")[1].split(":")[0])
    assert step > 12  # in the second epoch
    spec = write(tmp_path / "b", GROWING.format(rate=4.0, body="", epochs=1))
    trained(spec, spec.parent / "run")
    resumed = failed(spec, resume=True, epochs=6)
    assert resumed.message == whole.message
    assert "the weights have grown from 1 to " in resumed.message
    assert not list((spec.parent / "run").glob("best*"))


@pytest.mark.slow
def test_no_checkpoint_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a checkpoint after every batch, those that are left are of steps before the one that failed."""
    monkeypatch.setattr("dslc.run.loop.CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr("dslc.run.loop.CHECKPOINT_SHARE", 1e9)
    found = failed(write(tmp_path, RARE.format(rate="0.01", body="")))
    step = int(found.message.split("in step ")[1].split(",")[0])
    saved = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))
    assert int(saved[-1].stem.removeprefix("step-")) == step - 1
    again = failed(tmp_path / "spec.dl", resume=True)
    assert again.message == found.message


@pytest.mark.parametrize("error", [MemoryError(), RUN_FAILED("Failed to allocate memory")])
def test_where_all_values_at_once_do_not_fit(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is known without them."""
    spec = write(tmp_path, RARE.format(rate="0.01", body=""))
    step = failed(spec).message.split("in step ")[1].split(",")[0]

    def run(self: LaidOpen, feeds: object) -> None:
        raise error

    monkeypatch.setattr(LaidOpen, "run", run)
    again = failed(spec, overwrite=True)
    assert again.message == f"a loss or a weight is not finite in step {step}"
    assert again.hint == (
        "lower the learning rate, or clip the gradients' norm: 'clip norm 1.0'; bring what comes in to the size of 1, "
        "with standardize for example"
    )
