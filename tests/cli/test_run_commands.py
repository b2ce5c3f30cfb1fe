"""train, eval, predict, export: commands that make a run or use one."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from dslc.cli import progress
from tests.cli.conftest import SPEC, Dslc, codes
from tests.conftest import ROOT

# --- train --------------------------------------------------------------------------------------------


def test_train_tells_its_story_in_plain_lines(dslc: Dslc, spec: Path) -> None:
    run = spec.with_name("run")
    done = dslc("train", spec, "-o", run)
    assert done.code == 0
    lines = done.err.splitlines()
    assert lines[:2] == [
        "sides: 22 parameters, 30 examples to train on, 15 for validation, 15 for test",
        "6 epochs of 4 batches, on cpu with 1 thread",
    ]
    assert [line.split("  ")[0] for line in lines[2:8]] == [f"epoch {n}" for n in range(1, 7)]
    split, metric, value = done.out.splitlines()[-1].split()
    assert (split, metric) == ("test", "accuracy")
    assert 0.5 <= float(value) <= 1
    assert {"model.onnx", "metrics.jsonl", "curves.png", "manifest.json"} <= {path.name for path in run.iterdir()}
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")


TWO_NETWORKS = (
    SPEC[: SPEC.index("model Net")]
    + """\
model Encoder { input x: float32[N, 2] output code = x -> Dense(1) }
model Decoder { input code: float32[N, 1] output x = code -> Dense(2) }
train coder { data points minimize mse(Decoder(Encoder(x)), x) using Adam epochs 1 }
"""
)


def test_train_names_what_it_has_written(dslc: Dslc, spec: Path) -> None:
    run = spec.with_name("run")
    assert f"{run} has model.onnx, metrics.jsonl and curves.png" in dslc("train", spec, "-o", run).err
    spec.write_text(TWO_NETWORKS)
    coder = spec.with_name("coder")
    said = f"{coder} has model.Decoder.onnx, model.Encoder.onnx, metrics.jsonl and curves.png"
    assert said in dslc("train", spec, "-o", coder).err
    again = dslc("train", spec, "-o", coder, "--resume", "--json").json
    assert again["models"] == ["model.Decoder.onnx", "model.Encoder.onnx"]


def test_train_json_is_alone_on_standard_output(dslc: Dslc, spec: Path) -> None:
    changes = ["--seed", "1", "--set", "width=8", "--epochs", "2"]
    done = dslc("train", spec, "-o", spec.with_name("run"), "--json", *changes)
    assert done.err == ""
    assert (done.json["split"], done.json["examples"], done.json["epochs"], done.json["steps"]) == ("test", 15, 2, 8)
    manifest = json.loads((spec.with_name("run") / "manifest.json").read_text())
    assert (manifest["run"]["seed"], manifest["run"]["params"]) == (1, {"width": 8})


def test_train_by_steps(dslc: Dslc, spec: Path) -> None:
    assert dslc("train", spec, "-o", spec.with_name("run"), "--steps", "5", "--json").json["steps"] == 5


def test_the_run_is_named_after_the_train_block(dslc: Dslc, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(spec.parent)
    assert dslc("train", spec.name, "--epochs", "1").code == 0
    assert Path("runs", "sides", "model.onnx").exists()


def test_an_existing_run_is_resumed_or_replaced_only_when_asked(dslc: Dslc, spec: Path) -> None:
    run = spec.with_name("run")
    assert dslc("train", spec, "-o", run, "--epochs", "2").code == 0
    refused = dslc("train", spec, "-o", run)
    assert (refused.code, codes(refused.err)) == (2, ["E0612"])
    resumed = dslc("train", spec, "-o", run, "--resume")
    assert resumed.code == 0
    assert "going on after 8 batches" in resumed.err
    other = dslc("train", spec, "-o", spec.with_name("other"))
    assert resumed.out == other.out
    assert (run / "model.onnx").read_bytes() == (spec.with_name("other") / "model.onnx").read_bytes()
    assert dslc("train", spec, "-o", run, "--overwrite", "--epochs", "1", "--json").json["epochs"] == 1


def test_new_trains_beside_what_is_there(dslc: Dslc, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(spec.parent)
    train = ("train", spec.name, "--epochs", "1")
    for run in ("sides", "sides-2", "sides-3"):
        assert dslc(*train, "--new", "--json").json["run"] == str(Path("runs", run))
    refused = dslc(*train)
    assert refused.code == 2
    assert refused.err == (
        f"error[E0612]: {Path('runs/sides')} exists already, and so do {Path('runs/sides-2')} and "
        f"{Path('runs/sides-3')}\n"
        f"  = hint: go on with it: --resume; replace it: --overwrite; train into {Path('runs/sides-4')}: --new\n"
    )
    assert dslc(*train, "--new", "--resume").code == 2
    assert dslc(*train, "-o", "runs/sides-2", "--new", "--json").json["run"] == str(Path("runs", "sides-2-2"))


def test_what_is_no_run_is_only_trained_beside(dslc: Dslc, spec: Path) -> None:
    notes = spec.with_name("run")
    notes.mkdir()
    (notes / "notes.txt").write_text("mine")
    refused = dslc("train", spec, "-o", notes)
    assert (refused.code, codes(refused.err)) == (2, ["E0612"])
    assert refused.err.endswith(
        f"{notes} exists already, and is no run\n"
        f"  = hint: train into {notes}-2: --new; or choose another folder: -o RUN\n"
    )
    assert dslc("train", spec, "-o", notes, "--new", "--epochs", "1", "--json").json["run"] == f"{notes}-2"
    assert [path.name for path in notes.iterdir()] == ["notes.txt"]


def test_many_runs_of_a_name_are_counted(dslc: Dslc, spec: Path) -> None:
    for number in range(2, 12):
        folder = spec.with_name(f"run-{number}")
        folder.mkdir()
        (folder / "manifest.json").write_text("{}")
    assert dslc("train", spec, "-o", spec.with_name("run"), "--epochs", "1").code == 0
    refused = dslc("train", spec, "-o", spec.with_name("run"))
    assert f"and so do 5 more, {spec.with_name('run-7')}, " in refused.err
    assert f"train into {spec.with_name('run-12')}: --new" in refused.err


def test_passes_are_chosen_and_kept(dslc: Dslc, spec: Path) -> None:
    runs = {name: spec.parent / name for name in ("all,-multiply-by-ones", "none")}
    for name, run in runs.items():
        assert dslc("train", spec, "-o", run, "--passes", name).code == 0
    files = {name: (run / "train.onnx").stat().st_size for name, run in runs.items()}
    assert files["all,-multiply-by-ones"] < files["none"]
    lines = [json.loads((run / "metrics.jsonl").read_text().splitlines()[-1]) for run in runs.values()]
    assert lines[0] == pytest.approx(lines[1], rel=1e-3)
    assert dslc("train", spec, "-o", runs["none"], "--resume", "--passes", "none").code == 0
    refused = dslc("train", spec, "-o", runs["none"], "--resume")
    assert (refused.code, codes(refused.err)) == (2, ["E0521"])
    assert "--passes none" in refused.err


def test_data_is_looked_for_in_other_folders(dslc: Dslc, spec: Path) -> None:
    (spec.parent / "data").mkdir()
    spec.with_name("points.csv").rename(spec.parent / "data" / "points.csv")
    run = spec.with_name("run")
    missing = dslc("train", spec, "-o", run)
    assert (missing.code, codes(missing.err)) == (3, ["E0403"])
    assert dslc("train", spec, "-o", run, "--data", spec.parent / "data", "--epochs", "1").code == 0


def test_warnings_of_the_check_are_shown(dslc: Dslc, spec: Path) -> None:
    spec.write_text(SPEC.replace("-> Dense(2)\n", "-> Dense(2) -> Softmax\n"))
    done = dslc("train", spec, "-o", spec.with_name("run"), "--epochs", "1")
    assert done.code == 0
    assert codes(done.err) == ["W0301"]


def test_a_metric_may_be_a_table(dslc: Dslc, spec: Path) -> None:
    spec.write_text(SPEC.replace("  output prob", "  metric table = confusion(logits, label)\n  output prob"))
    done = dslc("train", spec, "-o", spec.with_name("run"), "--epochs", "1")
    assert done.code == 0
    *_, title, header, left, right = done.out.splitlines()
    assert title == "test table, true classes by predicted ones:"
    assert (header.split(), left.split()[0], right.split()[0]) == (["true", "left", "right"], "left", "right")
    table = [[int(cell) for cell in line.split()[1:]] for line in (left, right)]
    assert "curves.png and confusion.png\n" in done.err
    found = dslc("eval", spec.with_name("run"), "--json").json
    assert (found["metrics"]["table"], found["classes"]) == (table, {"table": ["left", "right"]})
    assert dslc("eval", spec.with_name("run")).out.splitlines()[-4:] == [title, header, left, right]
    again = dslc("train", spec, "-o", spec.with_name("run"), "--resume", "--epochs", "1", "--json").json
    assert again["classes"] == found["classes"]


def test_a_loss_that_is_not_finite_is_a_failed_run(dslc: Dslc, spec: Path) -> None:
    spec.write_text(SPEC.replace("cross_entropy(logits, label)", "mean(exp(exp(exp(logits + 5))))"))
    done = dslc("train", spec, "-o", spec.with_name("run"))
    assert (done.code, codes(done.err)) == (4, ["E0520"])


def test_an_interrupt_says_how_to_go_on(dslc: Dslc, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: object, record: Mapping[str, float]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(progress.Lines, "evaluated", interrupt)
    done = dslc("train", spec, "-o", spec.with_name("run"))
    assert done.code == 130
    assert "--resume goes on" in done.err


def test_a_long_run_takes_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    from dslc.run.observing import Plan

    lines = progress.Lines()
    lines.started(Plan("long", Path("run"), "cpu", 1, 1000, 4000, 4, {"train": 16}, 2, None))
    for epoch in range(1, 1001):
        lines.evaluated({"epoch": epoch, "step": 4 * epoch, "batch": 4 * epoch, "train.loss": 1.0})
    err = capsys.readouterr().err
    assert 20 <= err.count("\nepoch ") <= progress.LINES + 1
    assert "epoch 1000  step 4000  train.loss 1.0000\n" in err


def test_a_terminal_shows_bar_and_table(
    dslc: Dslc, spec: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dslc.cli import main

    monkeypatch.setattr(progress, "follower", lambda **_: progress.Bar())
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert main(["train", str(spec), "-o", str(spec.with_name("run"))]) == 0
    err = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert re.search(r"train +validation +validation\s*\nepoch +step +loss +loss +accuracy\s*\n", err)
    assert "epoch 6/6" in err
    assert "24/24" in err


# --- eval ---------------------------------------------------------------------------------------------


def test_eval_json_has_the_fixed_form(dslc: Dslc, trained: Path) -> None:
    done = dslc("eval", trained, "--json")
    assert (done.code, done.err) == (0, "")
    assert list(done.json) == ["split", "examples", "loss", "metrics"]
    assert (done.json["split"], done.json["examples"], list(done.json["metrics"])) == ("test", 15, ["accuracy"])
    assert isinstance(done.json["loss"], float)


def test_eval_tells_people_the_same(dslc: Dslc, trained: Path) -> None:
    found = dslc("eval", trained, "--split", "train", "--json").json
    done = dslc("eval", trained, "--split", "train")
    assert done.out == f"train loss {found['loss']:.4f}\ntrain accuracy {found['metrics']['accuracy']:.4f}\n"


def test_eval_of_an_unknown_split(dslc: Dslc, trained: Path) -> None:
    done = dslc("eval", trained, "--split", "tset")
    assert (done.code, codes(done.err)) == (2, ["E0614"])


# --- predict ------------------------------------------------------------------------------------------


def test_predict_prints_csv(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("x1,x2\n3,0\n-3,0\n")
    done = dslc("predict", trained, new)
    assert (done.code, done.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [list(row) for row in rows] == [["probability.left", "probability.right", "label"]] * 2
    assert [row["label"] for row in rows] == ["right", "left"]
    assert float(rows[0]["probability.right"]) > float(rows[1]["probability.right"])


def test_predict_names_no_class_where_a_score_is_no_number(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    """Such inputs have products that are beyond float32, and their difference is NaN."""
    new = tmp_path / "new.csv"
    new.write_text("x1,x2\n3,0\n3.3e38,-3.3e38\n-3,0\n-3.3e38,-3.3e38\n")
    done = dslc("predict", trained, new)
    assert done.code == 0
    rows = list(csv.DictReader(io.StringIO(done.out)))
    bad = [math.isnan(float(row["probability.left"])) for row in rows]
    assert (bad[0], bad[2], any(bad)) == (False, False, True)
    assert [row["label"] for row, nothing in zip(rows, bad, strict=True) if nothing] == [""] * sum(bad)
    assert done.err == (
        f"warning[W0642]: 'probability' is not finite for {sum(bad)} of 4 examples, first for example "
        f"{bad.index(True) + 1}\n"
    )


def test_predict_writes_by_suffix(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("x1,x2\n3,0\n-3,0\n")
    for suffix in ("csv", "jsonl", "npz"):
        done = dslc("predict", trained, new, "-o", tmp_path / f"out.{suffix}")
        assert (done.code, done.out) == (0, "")
    with (tmp_path / "out.csv").open() as file:
        from_csv = [float(row["probability.left"]) for row in csv.DictReader(file)]
    from_json = [json.loads(line)["probability"]["left"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    from_npz = np.load(tmp_path / "out.npz")["probability"][:, 0]
    assert np.array_equal(np.array(from_csv, np.float32), from_npz)
    assert np.array_equal(np.array(from_json, np.float32), from_npz)


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("spread = mean(softmax(logits))", "number"),
        ("spread = mean(softmax(logits), axis = 0)", "array of shape [2]"),
        ("probability = softmax(logits)\n  output spread = mean(logits)", "number"),
        ("probability = softmax(logits)\n  output spread = reshape(logits, [-1])", "array of shape [6]"),
    ],
)
def test_what_has_no_row_per_example_is_no_table(
    output: str, what: str, dslc: Dslc, spec: Path, tmp_path: Path
) -> None:
    spec.write_text(SPEC.replace("probability = softmax(logits)", output))
    run, new = tmp_path / "run", tmp_path / "new.csv"
    assert dslc("train", spec, "-o", run, "--epochs", "1").code == 0
    new.write_text("id,x1,x2\na,3,0\nb,-3,0\nc,1,1\n")
    for more in ([], ["--keep", "id"], ["-o", tmp_path / "out.jsonl"], ["-o", "/dev/stdout"]):
        done = dslc("predict", run, new, *more)
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            f"error[E0641]: the output 'spread' is one {what} for all examples, and has no row for each\n"
            "  = hint: -o OUT.npz\n"
        )
    done = dslc("predict", run, new, "-o", tmp_path / "out.npz")
    assert done.code == 0
    assert np.load(tmp_path / "out.npz")["spread"].ndim == (what != "number")


def test_predict_keeps_columns(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,x2,x1\n07,0,3\nb,0,-3\n")
    done = dslc("predict", trained, tmp_path / "new.csv", "--keep", "id")
    predicted = [(row["id"], row["label"]) for row in csv.DictReader(io.StringIO(done.out))]
    assert predicted == [("07", "right"), ("b", "left")]
    done = dslc("predict", trained, "--split", "test", "--keep", "kind", "--keep", "x1", "--keep", "x2")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    right = sum(row["kind"] == row["label"] for row in rows) / len(rows)
    assert right == pytest.approx(dslc("eval", trained, "--split", "test", "--json").json["metrics"]["accuracy"])
    (tmp_path / "again.csv").write_text("x1,x2\n" + "".join(f"{row['x1']},{row['x2']}\n" for row in rows))
    again = csv.DictReader(io.StringIO(dslc("predict", trained, tmp_path / "again.csv").out))
    assert [row["probability.left"] for row in again] == [row["probability.left"] for row in rows]
    assert codes(dslc("predict", trained, "--split", "test", "--keep", "ID").err) == ["E0411"]


def test_predict_keeps_columns_as_they_are_written(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("code,count,note,x1,x2\n007,1,a,3,0\n0042,2,b,-3,0\n")
    keep = ["--keep", "code", "--keep", "count", "--keep", "note"]
    done = dslc("predict", trained, tmp_path / "new.csv", *keep)
    assert [line.split(",")[:3] for line in done.out.splitlines()] == [
        ["code", "count", "note"], ["007", "1", "a"], ["0042", "2", "b"]
    ]  # fmt: skip
    dslc("predict", trained, tmp_path / "new.csv", *keep, "-o", tmp_path / "out.jsonl")
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert (first["code"], first["count"], first["note"]) == ("007", 1, "a")


def test_predict_never_puts_a_prediction_in_place_of_a_kept_column(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("label,x1,x2\nright,0,3\n")
    done = dslc("predict", trained, tmp_path / "new.csv", "--keep", "label")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error[E0642]: 'label' is what the model predicts, and a column of that name can't be kept beside it\n"
        "  = hint: leave it out, or call one of the two something else\n"
    )


def test_predict_takes_the_inputs_of_the_model(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "inputs.npz", x=np.zeros((3, 2), np.float32))
    assert dslc("predict", trained, tmp_path / "inputs.npz", "--prepared").out.count("\n") == 4


def test_predict_keeps_columns_and_reads_as_told(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("id;x2;x1\na7;0;3\nb8;0;-3\n")
    done = dslc("predict", trained, new, "--source", 'csv(delimiter = ";")', "--keep", "id", "--keep", "x1")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["id"], row["x1"], row["label"]) for row in rows] == [("a7", "3", "right"), ("b8", "-3", "left")]
    assert codes(dslc("predict", trained, new, "--source", 'csv(delimiter = ";")', "--keep", "ID").err) == ["E0411"]


def test_predict_takes_a_split(dslc: Dslc, trained: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(dslc("predict", trained, "--split", "train").out)))
    assert rows
    assert set(rows[0]) == {"probability.left", "probability.right", "label"}
    assert codes(dslc("predict", trained, "--split", "nowhere").err) == ["E0614"]


def test_eval_measures_new_data(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("kind,x2,x1\nright,0,3\nleft,0,-3\nleft,0,3\n")
    found = dslc("eval", trained, tmp_path / "new.csv", "--json").json
    assert (found["split"], found["examples"]) == ("new data", 3)
    (tmp_path / "new.csv").write_text("kind,x2,x1\nup,0,3\n")
    assert codes(dslc("eval", trained, tmp_path / "new.csv").err) == ["E0419"]


@pytest.mark.parametrize(
    "source",
    ["csv", "csv(", "cvs()", 'csv(delimeter = ";")', "npy()", "parquet()", "csv() source csv()", "7", "x" * 999],
)
def test_a_source_that_can_not_be(dslc: Dslc, trained: Path, tmp_path: Path, source: str) -> None:
    (tmp_path / "new.csv").write_text("x1,x2\n3,0\n")
    done = dslc("predict", trained, tmp_path / "new.csv", "--source", source)
    assert (done.code, codes(done.err)) in [(2, ["E0453"]), (3, ["E0401"])]


def test_a_source_says_the_kind_of_the_file(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("x1,x2\n3,0\n")
    done = dslc("predict", trained, tmp_path / "new.csv", "--source", "npz()")
    assert (done.code, codes(done.err)) == (3, ["E0406"])
    (tmp_path / "new.npy").write_text("x1,x2\n3,0\n")
    assert dslc("predict", trained, tmp_path / "new.npy", "--source", "csv()").code == 0
    done = dslc("predict", trained, "-", "--source", "npz()")
    assert (done.code, codes(done.err)) == (2, ["E0453"])


def test_predict_names_what_it_is_given(dslc: Dslc, trained: Path) -> None:
    assert "'.' is a folder" in dslc("predict", trained, ".").err
    assert "'/dev/null' is a pipe or a device" in dslc("predict", trained, "/dev/null").err


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("new.parquet", "x1,x2\n1,2\n", "E0401"),
        ("new.csv", "x1,x2\n1,a\n", "E0412"),
        ("new.csv", "x1,x3\n1,2\n", "E0411"),
        ("new.csv", "y\n1\n", "E0411"),
    ],
)
def test_predict_refuses_what_does_not_fit(
    dslc: Dslc, trained: Path, tmp_path: Path, name: str, text: str, code: str
) -> None:
    (tmp_path / name).write_text(text)
    done = dslc("predict", trained, tmp_path / name)
    assert (done.code, codes(done.err), done.out) == (3, [code], "")


def test_predict_reads_a_file_of_another_suffix_as_the_source(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    for name in ("new.csv", "new.xyz"):
        (tmp_path / name).write_text("x1,x2\n1,2\n")
    found = dslc("predict", trained, tmp_path / "new.xyz")
    assert (found.code, found.out) == (0, dslc("predict", trained, tmp_path / "new.csv").out)


def test_predict_to_a_file_that_cannot_be(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("x1,x2\n3,0\n")
    assert codes(dslc("predict", trained, tmp_path / "new.csv", "-o", tmp_path / "a.xyz").err) == ["E0421"]
    assert codes(dslc("predict", trained, tmp_path / "new.csv", "-o", tmp_path / "no" / "a.csv").err) == ["E0422"]


# --- export -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--opset", "20"], ["--fields"], ["--fields", "--opset", "9"]])
def test_export_writes_a_model_that_runs(dslc: Dslc, trained: Path, tmp_path: Path, options: list[str]) -> None:
    import onnxruntime

    shipped = tmp_path / "shipped.onnx"
    done = dslc("export", trained, "-o", shipped, *options)
    assert (done.code, done.out) == (0, "")
    session = onnxruntime.InferenceSession(shipped)
    (given,) = session.get_inputs()
    kind = {"tensor(float)": np.float32, "tensor(double)": np.float64}[given.type]
    result, *labels = session.run(None, {given.name: np.zeros((2, 2), kind)})
    assert [label.tolist() for label in labels] == [[["left", "right"][k] for k in result.argmax(axis=1)]] * len(labels)
    assert len(labels) == ("--fields" in options)
    assert np.allclose(result.sum(axis=1), 1)


def test_export_to_a_set_that_is_not_written(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    done = dslc("export", trained, "-o", tmp_path / "x.onnx", "--opset", "8")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "error[E0616]: models are not written in operator set 8\n  = hint: 9 to "
    )  # fmt: skip
    assert not (tmp_path / "x.onnx").exists()


def test_export_of_an_unknown_network(dslc: Dslc, trained: Path, tmp_path: Path) -> None:
    done = dslc("export", trained, "-o", tmp_path / "x.onnx", "--net", "Other")
    assert (done.code, codes(done.err)) == (2, ["E0615"])


# --- Python -------------------------------------------------------------------------------------------


def test_the_same_from_python(spec: Path) -> None:
    import dslc

    program = dslc.load(spec, width=8)
    assert program.check() == []
    run = program.train(spec.with_name("run"))
    found = run.evaluate("test")
    assert found["metrics"]["accuracy"] >= 0.5
    assert run.predict(spec.with_name("points.csv"))["probability"].shape == (60, 2)
    assert dslc.open_run(run.folder).evaluate("test") == found
    assert {path.name for path in program.compile(spec.with_name("out"))} >= {"model.onnx", "train.onnx"}


def test_python_finds_problems(spec: Path) -> None:
    import dslc

    spec.write_text(SPEC.replace("Relu", "Rleu"))
    assert [d.code.id for d in dslc.load(spec).check()] == ["E0202"]
    with pytest.raises(dslc.Failure):
        dslc.load(spec).train(spec.with_name("run"))


def test_the_readme_of_the_package_is_true() -> None:
    import dslc

    assert "dslc.load(" in (dslc.__doc__ or "")
    assert (ROOT / "specs" / "digits.dl").exists()
