"""Folders of runs that were damaged, or that anybody may have made: no crash, no hang, nothing touched outside."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from dslc.cli import main
from tests.conftest import mostly_alike
from tests.hostile import Watch, portions, watched, within
from tests.runs.damaging import damaged

SPEC = """\
param width: int = 3

data points {
  source csv("points.csv")
  field x: float32[2] = standardize(columns("x1", "x2"))
  field town: int64 = category(column("town"), unknown = true)
  field kind: int64 = category(column("kind"))
  split train = 70%, validation = 30%, seed = 1
}

model Net(towns) {
  input x: float32[N, 2]
  input town: int64[N]
  output logits = concat(x, town -> Embedding(towns + 1, 2), axis = 1) -> Dense(width) -> Tanh -> Dense(2)
}

train t {
  data points
  net sorting = Net(classes(town))
  let logits = sorting(x, town)
  minimize cross_entropy(logits, kind) using Adam(lr = cosine(0.05))
  metric table = confusion(logits, kind)
  metric accuracy = accuracy(logits, kind)
  keep best validation.accuracy
  output probability = softmax(logits)
  epochs 3
  batch 8
}
"""


def write_points(folder: Path) -> None:
    rows = [f"{i % 7 - 3},{i % 5 - 2},{'Ulm' if i % 3 else 'Bonn'},{'ab'[i % 7 > 2]}" for i in range(40)]
    (folder / "points.csv").write_text("\n".join(["x1,x2,town,kind", *rows]) + "\n")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec, its data, and a run of it."""
    folder = tmp_path_factory.mktemp("original")
    write_points(folder)
    (folder / "spec.dl").write_text(SPEC)
    (folder / "secret").write_text("nobody named this\n")
    assert main(["train", str(folder / "spec.dl"), "-o", str(folder / "run"), "--threads", "1"]) == 0
    return folder


def attack(number: int, original: Path, folder: Path, watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    """Damage a copy of the run, and let every command that reads runs have it."""
    generator = random.Random(number)
    run = folder / "run"
    shutil.copytree(original / "run", run)
    (folder / "secret").write_text("nobody named this\n")
    kind = damaged(generator, run)
    spec, data = original / "spec.dl", original / "points.csv"
    commands = [
        ["predict", run, data, "-o", folder / "out.csv"], ["predict", run, data, "-o", folder / "out.jsonl"],
        ["eval", run, "--data", original], ["eval", run, data], ["eval", run], ["doctor", run],
        ["predict", run, "--split", "validation", "--data", original], ["train", spec, "-o", run, "--overwrite"],
        ["export", run, "-o", folder / "out.onnx"], ["export", run, "-o", folder / "fields.onnx", "--fields"],
        ["export", run, "-o", folder / "old.onnx", "--opset", "17"],
        ["train", spec, "-o", run, "--resume"], ["train", spec, "-o", run, "--resume", "--epochs", "4"],
    ]  # fmt: skip
    for command in generator.sample(commands, 4):
        words = list(map(str, command))
        began = time.monotonic()
        with within(f"{number}: {kind}: {words}"), watched(watch, folder, original):  # others may want the machine, too
            code = main([*words, *(["--threads", "1"] if words[0] == "train" else [])])
        taken = time.monotonic() - began
        error = capsys.readouterr().err
        what = f"{number}: {kind}: {' '.join(words)}: {code}\n{error}"
        assert code in (0, 1, 2, 3, 4), what
        assert "Traceback" not in error, what
        assert taken < 60, what
        assert "nobody named this" not in error, what
    assert (folder / "secret").read_text() == "nobody named this\n"
    for path in folder.glob("out*"):
        assert b"nobody named this" not in path.read_bytes()


@pytest.mark.parametrize("number", mostly_alike(range(6), every=3))
def test_a_damaged_run(
    number: int, original: Path, tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    attack(number, original, tmp_path, watch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", portions(2_000, 50))
def test_two_thousand_damaged_runs(
    seeds: range, original: Path, tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in seeds:
        (tmp_path / str(number)).mkdir()
        attack(number, original, tmp_path / str(number), watch, capsys)
        shutil.rmtree(tmp_path / str(number))
