"""The list of runs: every state that a run can be in, and folders that are none or damaged."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dslc.api import list_runs, load, open_run
from dslc.diagnostics import Problem
from dslc.errors.environment import RUN_EXISTS
from dslc.run import run_folders
from dslc.storage.folder import is_busy, occupied
from tests.cli.conftest import SPEC, Dslc

COLUMNS = re.compile(r"\s{2,}")


@pytest.fixture
def runs(tmp_path: Path, trained: Path) -> Path:
    """A folder with a finished run, one that was interrupted, graphs, and what is no run."""
    folder = tmp_path / "runs"
    for name in ("sides", "sides-2", "sides-10"):
        shutil.copytree(trained, folder / name)
    for name, manifest in (("sides-2", {"models": None, "result": None, "seal": None}), ("graphs", {"run": None})):
        shutil.copytree(trained, folder / name, dirs_exist_ok=True)
        whole = json.loads((folder / name / "manifest.json").read_text())
        (folder / name / "manifest.json").write_text(json.dumps({**whole, **manifest}))
    lines = (folder / "sides-2" / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "sides-2" / "metrics.jsonl").write_text("".join(lines[:3]) + '{"epoch": 4, "st')
    (folder / "extension").mkdir()
    (folder / "extension" / "manifest.json").write_text('{"name": "of another program"}')
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("mine")
    return folder


def cells(text: str) -> list[list[str]]:
    return [COLUMNS.split(line.strip()) for line in text.splitlines()]


def test_runs_are_listed_by_name(runs: Path, dslc: Dslc) -> None:
    for folder in runs.iterdir():
        for name in ("manifest.json", "metrics.jsonl"):
            if (folder / name).exists():
                os.utime(folder / name, (1e9, 1e9))
    done = dslc("runs", runs)
    assert (done.code, done.err) == (0, "")
    head, *rows = cells(done.out)
    assert head == ["run", "state", "done", "spec", "figures", "changed"]
    figures = rows[1][4]
    assert re.fullmatch(r"test loss 0\.\d+, accuracy \d\.\d+", figures)
    when = rows[0][-1]
    assert re.fullmatch(r"2001-09-0[89] \d\d:46", when)
    assert rows == [
        [str(runs / "graphs"), "compiled", when],
        [str(runs / "sides"), "finished", "6 epochs", "sides.dl", figures, when],
        [str(runs / "sides-2"), "interrupted", "3 of 6 epochs", "sides.dl", when],
        [str(runs / "sides-10"), "finished", "6 epochs", "sides.dl", figures, when],
    ]
    assert cells(dslc("runs", runs / "sides").out) == [head, rows[1]]


def test_runs_as_json_and_from_python(runs: Path, dslc: Dslc) -> None:
    found = dslc("runs", runs, "--json").json
    assert [Path(each["run"]).name for each in found] == ["graphs", "sides", "sides-2", "sides-10"]
    finished, interrupted = found[1:3]
    assert finished["reason"] == "all epochs done"
    assert (finished["name"], finished["split"], finished["done"], finished["length"]) == ("sides", "test", 6, 6)
    assert set(finished["losses"]) == {"loss"}
    assert set(finished["metrics"]) == {"accuracy"}
    assert interrupted["done"] == 3
    assert "losses" not in interrupted
    assert [each["state"] for each in found] == [each.state for each in list_runs(runs)]


def test_a_run_that_goes_on_is_told_and_not_disturbed(runs: Path, dslc: Dslc) -> None:
    with occupied(runs / "sides-2"):
        assert [row[1:3] for row in cells(dslc("runs", runs).out)][3] == ["running", "3 of 6 epochs"]
    assert not is_busy(runs / "sides-2")


def test_what_was_kept_is_told(spec: Path, dslc: Dslc) -> None:
    spec.write_text(SPEC.replace("  epochs 6", "  keep best validation.accuracy\n  epochs 6"))
    assert dslc("train", spec, "-o", spec.parent / "runs" / "a").code == 0
    (found,) = dslc("runs", spec.parent / "runs", "--json").json
    assert f"(kept epoch {found['kept']['epoch']})" in dslc("runs", spec.parent / "runs").out
    assert "validation.accuracy" in found["kept"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda run: (run / "manifest.json").write_text('{"producer": "dslc"'), "manifest.json is no JSON"),
        (lambda run: (run / "manifest.json").unlink(), "manifest.json: No such file or directory"),
        (lambda run: (run / "model.onnx").unlink(), "lacks model.onnx"),
        (lambda run: (run / "model.onnx").write_bytes(b""), "model.onnx is damaged: it has 0 bytes"),
        (lambda run: ((run / "model.onnx").unlink(), (run / "model.onnx").mkdir()), "model.onnx is a folder"),
    ],
)
def test_a_damaged_run_is_one_of_the_list(
    damage: Callable[[Path], object], problem: str, runs: Path, dslc: Dslc
) -> None:
    damage(runs / "sides")
    done = dslc("runs", runs)
    assert [row[1] for row in cells(done.out)] == ["state", "compiled", "damaged", "interrupted", "finished"]
    assert done.err.startswith(f"{runs / 'sides'}: ")
    assert problem in done.err


def test_a_name_from_elsewhere_does_no_harm_to_a_terminal(runs: Path, dslc: Dslc) -> None:
    path = runs / "sides" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["run"]["train"] = "a\n\x1b[31m" + "b" * 300
    path.write_text(json.dumps(manifest))
    line = dslc("runs", runs / "sides").out.splitlines()[1]
    assert "sides.dl: a??[31mbbb" in line
    assert len(line) < 400


def test_there_may_be_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dslc: Dslc) -> None:
    monkeypatch.chdir(tmp_path)
    done = dslc("runs")
    assert (done.code, done.out, done.err) == (0, "", "there are no runs in runs\n")
    assert dslc("runs", "--json").json == []
    done = dslc("runs", "nowhere")
    assert done.code == 3
    assert done.err == (
        "error[E0403]: nowhere can't be listed: No such file or directory\n"
        "  = hint: name the folder that holds the runs\n"
    )


# --- From Python --------------------------------------------------------------------------------------------


def test_training_beside_a_run_from_python(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(spec.parent)
    monkeypatch.setenv("DSLC_THREADS", "1")
    model = load(spec)
    made = [model.train(new=True).folder for _ in range(3)]
    assert made == [Path("runs", name) for name in ("sides", "sides-2", "sides-3")]
    assert model.train("mine", new=True).folder == Path("mine")
    with pytest.raises(Problem, match="E0612: runs/sides exists already, and so do runs/sides-2 and runs/sides-3"):
        model.train()
    for resume in (True, False):
        with pytest.raises(ValueError, match="only one of"):
            model.train(new=True, resume=resume, overwrite=not resume)


def test_a_folder_in_which_a_run_has_just_begun_is_taken(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(spec.parent)
    monkeypatch.setenv("DSLC_THREADS", "1")
    with occupied(Path("runs", "sides")), occupied(Path("runs", "sides-2")):
        assert load(spec).train(new=True).folder == Path("runs", "sides-3")
    assert load(spec).train(new=True).folder == Path("runs", "sides")

    chosen = run_folders._chosen_folder
    late = iter([Path("runs", "sides-3")])  # as if it had been taken between the choice and the beginning
    monkeypatch.setattr(run_folders, "_chosen_folder", lambda *a, **o: next(late, None) or chosen(*a, **o))
    assert load(spec).train(new=True).folder == Path("runs", "sides-4")


def test_a_number_that_is_not_listed_is_passed_over(tmp_path: Path) -> None:
    for name in ("sides", "sides-999999999", "sides-1000000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").touch()

    def train(folder: Path) -> Path:
        if folder.exists():
            raise RUN_EXISTS(f"{folder} exists already")
        return folder

    folder = run_folders.in_folder(tmp_path / "sides", train, new=True, goes_on=False)
    assert folder == tmp_path / "sides-1000000001"


def test_predicting_from_python_as_the_command_does(trained: Path) -> None:
    run = open_run(trained)
    points = trained.parent / "points.csv"
    of_split = run.predict(split="test", keep=["kind"])
    assert list(of_split) == ["kind", "probability", "label"]
    assert len(of_split["kind"]) == 15
    (trained.parent / "semicolons.csv").write_text(points.read_text().replace(",", ";"))
    again = run.predict(trained.parent / "semicolons.csv", keep=["x1"], source='csv(delimiter = ";")')
    assert again["probability"].tolist() == run.predict(points)["probability"].tolist()
    assert run.predict(split="test", keep="kind").keys() == of_split.keys()
    prepared = run.predict({"x": [[0.0, 1.0]]}, prepared=True)
    assert list(prepared) == ["probability"]
    with pytest.raises(Problem, match="E0642: 'label' is what the model predicts"):
        run.predict({"x1": [1], "x2": [2], "label": [3]}, keep=["label"])
    wrongs: list[dict[str, Any]] = [{}, {"data": points, "split": "test"}, {"split": "test", "prepared": True}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="new data, or the split"):
            run.predict(**wrong)
    for wrong in ({"split": "test", "data": points}, {"split": "test", "source": "csv"}, {"source": "csv"}):
        with pytest.raises(ValueError, match="new data, or a split"):
            run.evaluate(**wrong)
