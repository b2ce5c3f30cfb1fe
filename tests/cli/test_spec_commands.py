"""new, check, fmt, show, compile: commands that look at a spec."""

from __future__ import annotations

import json
import stat
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.conftest import SPEC, Dslc, write_spec
from tests.conftest import SPECS

WRONG = SPEC.replace("Dense(width)", "Dense(widht)").replace("-> Relu", "-> Rleu")


# --- new ----------------------------------------------------------------------------------------------


def test_new_writes_a_spec_that_trains(dslc: Dslc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = dslc("new", "my-flowers")
    assert (made.code, made.out) == (0, "my-flowers.dl\n")
    assert dslc("check", "my-flowers.dl", "--json").json == []
    assert dslc("fmt", "--check", "my-flowers.dl").code == 0
    done = dslc("train", "my-flowers.dl", "--json")
    assert done.json["run"] == str(Path("runs", "my_flowers"))
    assert done.json["metrics"]["accuracy"] >= 0.9


def test_every_command_takes_the_spec_that_new_writes(
    dslc: Dslc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sizes hang on the number of categories, so that no command can do without the data."""
    monkeypatch.chdir(tmp_path)
    words: list[list[str]] = [
        ["check", "it.dl"], ["fmt", "--check", "it.dl"], ["show", "it.dl"], ["show", "it.dl", "--graph", "it.svg"],
        ["compile", "it.dl", "-o", "graphs"], ["compile", "it.dl", "-o", "graphs"],
        *(["compile", "it.dl", "--emit", stage] for stage in ("tree", "model", "plan", "graph", "training")),
    ]  # fmt: skip
    assert dslc("new", "it").code == 0
    assert [dslc(*each).code for each in words] == [0] * len(words)
    (tmp_path / "it.csv").unlink()
    assert [dslc(*each).code for each in words] == [0, 0, 3, 3, 3, 3, 0, 3, 3, 3, 3]


def test_new_overwrites_only_when_asked(dslc: Dslc, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    assert dslc("new", tmp_path / "x").code == 2
    assert (tmp_path / "x.csv").read_text() == "mine"
    assert not (tmp_path / "x.dl").exists()
    assert dslc("new", tmp_path / "x", "--overwrite").code == 0


# --- check --------------------------------------------------------------------------------------------


def test_check_is_quiet_about_a_right_spec(dslc: Dslc, spec: Path) -> None:
    done = dslc("check", spec)
    assert (done.code, done.out, done.err) == (0, "", "1 file checked: nothing wrong\n")
    assert dslc("check", spec, "--json").out == "[]\n"


def test_check_shows_all_errors_of_all_files(dslc: Dslc, spec: Path) -> None:
    other = spec.with_name("other.dl")
    other.write_text("train t {\n")
    spec.write_text(WRONG)
    done = dslc("check", spec, other)
    assert done.code == 1
    assert done.out == ""
    assert "'widht'" in done.err
    assert "'Rleu'" in done.err
    assert "other.dl:" in done.err


def test_check_json_has_the_fixed_form(dslc: Dslc, spec: Path) -> None:
    spec.write_text(WRONG)
    done = dslc("check", "--json", spec)
    assert (done.code, done.err) == (1, "")
    first = done.json[0]
    assert list(first) == [
        "code", "severity", "message", "file", "line", "column", "end_line", "end_column", "labels", "hint", "fix"
    ]  # fmt: skip
    line = WRONG.splitlines().index("  h = x -> Dense(widht) -> Rleu") + 1
    place = [first[key] for key in ("file", "line", "column", "end_line", "end_column")]
    assert place == [str(spec), line, 18, line, 23]
    assert [edit["text"] for edit in first["fix"]] == ["width"]


def test_check_takes_params(dslc: Dslc, spec: Path) -> None:
    assert dslc("check", spec, "--set", "width=8").code == 0


def test_a_warning_is_no_error(dslc: Dslc, spec: Path) -> None:
    spec.write_text(SPEC.replace("-> Dense(2)\n", "-> Dense(2) -> Softmax\n"))
    done = dslc("check", spec, "--json")
    assert done.code == 0
    assert [d["severity"] for d in done.json] == ["warning"]


# --- fmt ----------------------------------------------------------------------------------------------


def test_fmt_rewrites_and_keeps_permissions(dslc: Dslc, spec: Path) -> None:
    spec.write_text("# mine\n" + SPEC.replace("  epochs 6\n", "      epochs   6  # short\n"))
    spec.chmod(0o640)
    link = spec.with_name("link.dl")
    link.symlink_to(spec)
    listed = dslc("fmt", "--check", link)
    assert (listed.code, listed.out) == (1, f"{link}\n")
    assert "      epochs" in spec.read_text()
    assert dslc("fmt", link).code == 0
    assert spec.read_text() == "# mine\n" + SPEC.replace("  epochs 6\n", "  epochs 6  # short\n")
    assert stat.S_IMODE(spec.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in spec.parent.iterdir()) == ["link.dl", "points.csv", "sides.dl"]


def test_fmt_leaves_a_canonical_file_alone(dslc: Dslc, spec: Path) -> None:
    before = spec.stat().st_mtime_ns
    done = dslc("fmt", spec)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert spec.stat().st_mtime_ns == before


def test_fmt_formats_what_it_can(dslc: Dslc, spec: Path) -> None:
    broken = spec.with_name("broken.dl")
    broken.write_text("model M {\n")
    spec.write_text(SPEC.replace("  epochs", "epochs"))
    done = dslc("fmt", broken, spec)
    assert done.code == 1
    assert broken.read_text() == "model M {\n"
    assert spec.read_text() == SPEC


def test_fmt_reads_standard_input(dslc: Dslc, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SPEC.replace("  epochs", "epochs").encode())))
    done = dslc("fmt", "-")
    assert (done.code, done.out, done.err) == (0, SPEC, "")


# --- show ---------------------------------------------------------------------------------------------


def test_show_counts(dslc: Dslc, spec: Path) -> None:
    found = dslc("show", spec, "--json", "--set", "width=8").json
    rows = {row["path"]: row for row in found["layers"]}
    assert rows["Net.h.dense"]["word"] == "Dense(units = 8, bias = true, init = glorot_uniform(gain = 1.0))"
    assert [rows["Net.h.dense"][key] for key in ("parameters", "multiply_adds", "activation_bytes")] == [24, 16, 32]
    assert (found["total_parameters"], found["trained_parameters"], found["multiply_adds"]) == (42, 42, 32)
    assert found["params"] == {"width": 8}
    assert found["settings"]["batch"] == "8, shuffle = true, drop_last = false"
    assert "weight_decay = 0.0" in found["settings"]["minimize loss"]
    assert {p["path"] for p in found["parameters"]} == {
        f"Net.{layer}.dense.{name}" for layer in ("h", "logits") for name in ("weight", "bias")
    }


def test_show_counts_a_shared_layer_once(dslc: Dslc, spec: Path) -> None:
    spec.write_text(SPEC.replace("h = x -> Dense(width) -> Relu", "layer twice = Dense(2)\n  h = x -> twice -> twice"))
    rows = [row for row in dslc("show", spec, "--json").json["layers"] if row["path"] == "Net.twice"]
    assert [row["parameters"] for row in rows] == [6, 0]


def test_show_is_a_table_for_people(dslc: Dslc, spec: Path) -> None:
    done = dslc("show", spec)
    assert done.code == 0
    assert "parameters: 22, 22 of them trained" in done.out
    assert "Dense(units = 4, bias = true" in done.out


def test_show_lays_out_a_model_that_nothing_trains(dslc: Dslc, spec: Path) -> None:
    spec.write_text(
        "model Net(depth = 2) {\n  input x: float32[N, 2]\n  for i in range(depth) { x = x -> Dense(2) }\n"
        "  output y = x\n}\n"
    )
    assert dslc("show", spec, "--json").json["total_parameters"] == 12


def test_show_needs_data_only_for_sizes(dslc: Dslc, spec: Path) -> None:
    spec.with_name("points.csv").unlink()
    assert dslc("show", spec, "--json").json["total_parameters"] == 22
    spec.write_text(SPEC.replace("Net(x)", "Net(x)[:, :classes(label)]"))
    assert dslc("show", spec).code == 3


OF_KINDS = """\
data points {
  source csv("points.csv")
  field kind: int64 = category(column("kind"))
  field y: float32 = column("x1")
}
model Net(kinds) {
  input kind: int64[N]
  output y = kind -> Embedding(kinds, 4) -> Dense(1) -> squeeze(axis = 1)
}
train heights {
  data points
  net net = Net(classes(kind))
  minimize mse(net(kind), y) using Adam
  epochs 1
}
"""


def test_show_takes_sizes_from_the_data_if_it_can_be_read(dslc: Dslc, spec: Path) -> None:
    spec.write_text(OF_KINDS)
    done = dslc("show", spec)
    assert done.err == ""
    assert "parameters: 13, 13 of them trained" in done.out
    spec.with_name("points.csv").unlink()
    done = dslc("show", spec)
    assert done.code == 0
    assert "parameters: 4 * classes(kind) + 5" in done.out
    assert done.err == "numbers of categories are not shown: there is no file 'points.csv'\n"
    assert dslc("show", spec, "--json").json["notes"] == [done.err.strip()]


def test_show_says_what_is_loaded(dslc: Dslc, spec: Path) -> None:
    spec.write_text(SPEC.replace("  data points\n", '  data points\n  load "first.safetensors"\n'))
    done = dslc("show", spec)
    assert done.code == 0
    assert done.err == "what is loaded is not shown: there is no file 'first.safetensors'\n"
    save_file({"Net.h.dense.weight": np.zeros((2, 4), np.float32)}, spec.with_name("first.safetensors"))
    starts = {p["path"]: p["initializer"] for p in dslc("show", spec, "--json").json["parameters"]}
    assert starts == {
        "Net.h.dense.weight": 'loaded from "first.safetensors"', "Net.h.dense.bias": "zeros",
        "Net.logits.dense.weight": "glorot_uniform(gain = 1.0)", "Net.logits.dense.bias": "zeros",
    }  # fmt: skip


def test_show_lays_out_models_without_training(dslc: Dslc, tmp_path: Path) -> None:
    spec = write_spec(tmp_path, SPEC[: SPEC.index("train sides")])
    found = dslc("show", spec, "--json").json
    assert (found["name"], found["total_parameters"], found["settings"]) == ("Net", 22, {})


def test_show_spells_out_schedules_that_follow_one_another(dslc: Dslc, spec: Path) -> None:
    schedule = "warmup(2) then constant(0.1, steps = 3) then 0.01"
    write_spec(spec.parent, SPEC.replace("lr = 0.05", f"lr = {schedule}"))
    spelled = "lr = warmup(steps = 2) then constant(value = 0.1, steps = 3) then constant(value = 0.01, steps = none),"
    assert spelled in dslc("show", spec, "--json").json["settings"]["minimize loss"]


def test_show_says_that_there_is_nothing(dslc: Dslc, tmp_path: Path) -> None:
    (tmp_path / "empty.dl").write_text("")
    done = dslc("show", tmp_path / "empty.dl")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("there is nothing to show")


def test_show_draws(dslc: Dslc, spec: Path) -> None:
    picture = spec.with_name("net.svg")
    assert dslc("show", spec, "--graph", picture, "--json").json["name"] == "sides"
    titles = [node.text for node in ET.parse(picture).iter("{http://www.w3.org/2000/svg}title")]
    assert {"x", "Net.h.dense", "Net.logits.dense", "cross_entropy"} <= set(titles)


# --- compile ------------------------------------------------------------------------------------------


def test_compile_writes_the_artifacts(dslc: Dslc, spec: Path) -> None:
    import onnx

    out = spec.with_name("out")
    done = dslc("compile", spec, "-o", out, "--seed", "3")
    assert (done.code, done.out) == (0, "")
    graphs = {"model.onnx", "train.onnx", "eval.onnx", "metrics.onnx", "fields.onnx"}
    files = graphs | {"state.safetensors", "manifest.json"}
    assert {path.name for path in out.iterdir()} == files
    assert json.loads((out / "manifest.json").read_text())["seed"] == 3
    for name in graphs:
        onnx.checker.check_model(out / name, full_check=True)


def test_compile_writes_gradient_and_update_apart(dslc: Dslc, spec: Path) -> None:
    import onnx

    out = spec.with_name("out")
    rest = {"model.onnx", "eval.onnx", "metrics.onnx", "fields.onnx", "state.safetensors", "manifest.json"}
    for options, steps in ((["--apart"], {"gradient.onnx", "update.onnx"}), ([], {"train.onnx"})):
        assert dslc("compile", spec, "-o", out, "--opset", "12", *options).code == 0
        assert {path.name for path in out.iterdir()} == rest | steps
        for name in steps:
            onnx.checker.check_model(out / name, full_check=True)
    emitted = dslc("compile", spec, "--emit", "training", "--apart").out
    assert all(f"  {port} sum/Net.h.dense.weight: float[2, 4]" in emitted for port in ("output", "input"))


def test_compile_says_when_data_is_missing(dslc: Dslc, spec: Path) -> None:
    spec.with_name("points.csv").unlink()
    assert dslc("compile", spec, "-o", spec.with_name("out")).code == 3


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ("tree", "Train name='sides'"),
        ("model", "Dense(units = 4, bias = true, init = glorot_uniform(gain = 1.0))"),
        ("plan", '"word": "Dense",'),
        ("graph", "  output probability: float[batch, 2]"),
        ("training", "  output Net.h.dense.weight.next: float[2, 4]"),
    ],
)
def test_emit_prints_a_stage(dslc: Dslc, spec: Path, stage: str, line: str) -> None:
    done = dslc("compile", spec, "--emit", stage)
    assert done.code == 0
    assert line in done.out
    assert dslc("compile", spec, "--emit", stage).out == done.out


@pytest.mark.parametrize("stage", ["tree", "model", "plan", "training"])
@pytest.mark.parametrize("name", ["linear_regression", "iris"])
def test_emit_works_for_examples(dslc: Dslc, stage: str, name: str) -> None:
    done = dslc("compile", SPECS / f"{name}.dl", "--emit", stage)
    assert done.code == 0
    assert done.out.count("\n") > 15


def test_compile_writes_training_for_old_runtimes(dslc: Dslc, spec: Path) -> None:
    import onnxruntime

    feeds = {"x": np.ones((8, 2), np.float32), "label": np.arange(8) % 2, "seed": np.array(0)}
    results = {}
    for opset in (9, 12, 18):
        folder = spec.with_name(f"set{opset}")
        assert dslc("compile", spec, "-o", folder, "--opset", opset).code == 0
        step = onnxruntime.InferenceSession(folder / "train.onnx")
        given = {**feeds, **load_file(folder / "state.safetensors")}
        results[opset] = step.run(None, {port.name: given[port.name] for port in step.get_inputs()})
    for opset in (9, 12):
        assert all(map(np.allclose, results[opset], results[18]))
