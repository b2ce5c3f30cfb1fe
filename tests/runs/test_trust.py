"""What a run's folder says is not believed: names stay inside, graphs are dslc's, data folders count at home only."""

from __future__ import annotations

import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dslc.diagnostics import Problem
from dslc.engine.onnxruntime import bounded
from dslc.errors.runs import BEYOND_BOUNDS
from dslc.export.foreign import check_model, is_emitted
from tests.cli.conftest import Done, Dslc, codes, dslc, trained
from tests.hostile import within
from tests.runs.damaging import sign

__all__ = ["dslc", "trained"]


@pytest.fixture
def run(tmp_path: Path, trained: Path) -> Path:
    """A copy of a finished run, beside a file that nobody has named."""
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "secret").write_text("nobody named this\n")
    return tmp_path / "run"


def refusals(run: Path, dslc: Dslc, *, data: Path) -> list[str]:
    """Return what the commands that use a run say about it, without the folder it lies in."""
    out = run.parent / "out"
    commands: list[list[object]] = [
        ["predict", run, data / "points.csv", "-o", f"{out}.csv"], ["eval", run, "--data", data],
        ["export", run, "-o", f"{out}.onnx"], ["export", run, "-o", f"{out}-fields.onnx", "--fields"],
    ]  # fmt: skip
    done: list[Done] = [dslc(*command) for command in commands]
    assert all("nobody named this" not in each.out + each.err for each in done)
    assert not any(b"nobody named this" in path.read_bytes() for path in run.parent.glob("out*"))
    return [each.err.replace(f"{run.parent}/", "").strip() for each in done if each.code]


def edit(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    change(manifest)
    (run / "manifest.json").write_text(json.dumps(manifest))


# --- The manifest -------------------------------------------------------------------------------------------


def first_category(manifest: dict[str, Any]) -> list[Any]:
    values: list[Any] = next(iter(manifest["contract"]["categories"].values()))["values"]
    return values


def rename_model(manifest: dict[str, Any]) -> None:
    manifest["models"] = {"../secret": manifest["models"].pop("model.onnx")}


SECRET_MODEL = (
    '\'models.../secret\' is {"fields": {"x": "x"}, "classes": {"probability": "label"}}, and must be called as dslc '
    "calls such files"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["run"].update(spec=["../../secret"]),
         "'run.spec.0' is \"../../secret\", and must be a path inside of the run"),
        (lambda m: m["run"].update(spec=["/etc/passwd"]),
         "'run.spec.0' is \"/etc/passwd\", and must be a path inside of the run"),
        (lambda m: m["run"].update(spec=[]), "'run.spec' is [], and must be a list of at least one path"),
        (rename_model, SECRET_MODEL),
        (lambda m: m.pop("graphs"), "lacks 'graphs'"),
        (lambda m: m["run"].pop("seed"), "lacks 'seed' in 'run'"),
        (lambda m: m.update(seed=True), "'seed' is true, and must be a whole number of 64 bits"),
        (lambda m: m["run"].update(epochs=-3), "'run.epochs' is -3, and must be a whole number from 1 on"),
        (lambda m: m["result"].update(steps=1.5), "'result.steps' is 1.5, and must be a whole number from 0 on"),
        (lambda m: m.update(format=7), "has format 7, and this version of dslc reads format 2"),
        (lambda m: m["files"].update({"../x": None}),
         "'files.../x' is null, and must be called by a path inside of the folder"),
        (lambda m: m["models"]["model.onnx"]["fields"].update(x="y"),
         "'models' tells of the field 'y', which 'contract' does not have"),
        (lambda m: m["contract"]["fields"].update(x=[]),
         "'contract' does not say how the data is read: a field is made of no columns, or of some that are not there"),
        (lambda m: m["contract"].pop("columns"), "'contract' does not say how the data is read: it lacks 'columns'"),
    ],
)  # fmt: skip
def test_a_damaged_manifest_is_named_by_its_key(
    change: Callable[[dict[str, Any]], object], message: str, run: Path, trained: Path, dslc: Dslc
) -> None:
    edit(run, change)
    found = refusals(run, dslc, data=trained.parent)
    assert len(found) == 4
    space = "" if message.startswith(("lacks", "has")) else ":"
    assert {text.partition("\n")[0] for text in found} == {f"error[E0625]: run/manifest.json{space} {message}"}


def test_columns_of_another_shape_than_the_data_has(run: Path, trained: Path, dslc: Dslc) -> None:
    edit(run, lambda m: next(one for one in m["contract"]["columns"] if one["many"]).update(shape=[2000]))
    found = refusals(run, dslc, data=trained.parent)
    assert found == ["error[E0626]: run/fields.onnx does not fit the manifest: the shape of 'x*' differs"] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: first_category(m).pop(), "it has no score for each of 1 classes of 'label'"),
        (lambda m: first_category(m).append("middle"),
         "it has no score for each of 3 classes of 'label'"),
        (lambda m: m["models"]["model.onnx"]["classes"].update(certainty="label"), "'certainty' is missing"),
    ],
)  # fmt: skip
def test_classes_that_do_not_fit_the_model(
    change: Callable[[dict[str, Any]], object], message: str, run: Path, trained: Path, dslc: Dslc
) -> None:
    edit(run, change)
    found = refusals(run, dslc, data=trained.parent)
    assert f"error[E0626]: run/model.onnx does not fit the manifest: {message}" in found


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, "1", "null", '{"format": 1}', "\xff\xfe"])
def test_other_manifests(text: str, run: Path, trained: Path, dslc: Dslc) -> None:
    (run / "manifest.json").write_bytes(text.encode("latin-1"))
    found = refusals(run, dslc, data=trained.parent)
    assert {code for each in found for code in codes(each)} <= {"E0613", "E0625"}
    assert len(found) == 4


# --- Files --------------------------------------------------------------------------------------------------


def test_a_flipped_bit_is_found_in_every_file(run: Path, trained: Path, dslc: Dslc) -> None:
    for name in ("model.onnx", "fields.onnx", "eval.onnx", "metrics.onnx", "weights.safetensors", "spec/sides.dl"):
        whole = (run / name).read_bytes()
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        (run / name).write_bytes(changed)
        found = refusals(run, dslc, data=trained.parent)
        assert set(found) == {f"error[E0626]: run/{name} is damaged: it does not hold what the run wrote"}
        (run / name).write_bytes(whole)
    assert refusals(run, dslc, data=trained.parent) == []


@pytest.mark.parametrize("name", ["model.onnx", "spec/sides.dl", "weights.safetensors"])
def test_links_are_not_followed(name: str, run: Path, trained: Path, dslc: Dslc) -> None:
    (run.parent / "copy").write_bytes((run / name).read_bytes())
    (run / name).unlink()
    (run / name).symlink_to(run.parent / "copy")
    assert set(refusals(run, dslc, data=trained.parent)) == {
        f"error[E0626]: run/{name} is a link, and a run has none there"
    }


def test_a_linked_folder_is_not_followed(run: Path, trained: Path, dslc: Dslc) -> None:
    (run / "spec").rename(run.parent / "elsewhere")
    (run / "spec").symlink_to(run.parent / "elsewhere")
    assert refusals(run, dslc, data=trained.parent) == ["error[E0626]: run/spec is a link, and a run has none there"]


def test_a_spec_that_is_no_text(run: Path, trained: Path, dslc: Dslc) -> None:
    (run / "spec" / "sides.dl").write_bytes(b"train \xff {}")
    sign(run)
    (found,) = refusals(run, dslc, data=trained.parent)
    assert re.fullmatch(r"error\[E0\d+\]: run/spec/sides.dl is not UTF-8 text: byte 7, in line 1", found), found


# --- Models -------------------------------------------------------------------------------------------------


def outside(model: Any, location: str = "../secret") -> None:
    tensor = next(t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT)
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def endless(model: Any) -> None:
    """Put a loop of 2 ** 62 rounds in front of the output."""
    ports = [
        helper.make_tensor_value_info("round", TensorProto.INT64, []),
        helper.make_tensor_value_info("going", TensorProto.BOOL, []),
    ]
    going_on = helper.make_tensor_value_info("going_on", TensorProto.BOOL, [])
    body = helper.make_graph([helper.make_node("Identity", ["going"], ["going_on"])], "body", ports, [going_on])
    model.graph.initializer.append(helper.make_tensor("rounds", TensorProto.INT64, [], [2**62]))
    model.graph.node.insert(0, helper.make_node("Loop", ["rounds", ""], [], body=body))


def custom(model: Any) -> None:
    model.opset_import.append(helper.make_opsetid("com.evil", 1))
    model.graph.node.append(helper.make_node("Run", [], ["nothing"], domain="com.evil"))


def function(model: Any) -> None:
    body = helper.make_node("Identity", ["a"], ["b"])
    model.functions.append(helper.make_function("", "F", ["a"], ["b"], [body], [helper.make_opsetid("", 18)]))


def scan(model: Any, *inner: Any, **attributes: Any) -> None:
    """Put a loop along an axis in front of the output: of what dslc writes, unless told otherwise."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("slice", "left")]
    nodes = [*inner, helper.make_node("Exp", ["slice"], ["left"])]
    body = helper.make_graph(nodes, "body", ports[:1], ports[1:])
    model.graph.initializer.append(helper.make_tensor("rows", TensorProto.FLOAT, [3, 2], [0.0] * 6))
    node = helper.make_node("Scan", ["rows"], ["stack"], "scan", body=body, num_scan_inputs=1, **attributes)
    model.graph.node.insert(0, node)


def scan_with_weights(model: Any) -> None:
    scan(model)
    body = model.graph.node[0].attribute[0].g
    body.initializer.append(helper.make_tensor("inner", TensorProto.FLOAT, [1], [0.0]))


def scan_with_tensor(model: Any) -> None:
    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.0])
    filled = helper.make_node("ConstantOfShape", ["slice"], ["filled"], value=value)
    scan(model, filled)
    tensor = model.graph.node[0].attribute[0].g.node[0].attribute[0].t
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def branch(model: Any) -> None:
    node = model.graph.node[0]
    node.attribute.append(helper.make_attribute("body", helper.make_graph([], "inner", [], [])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (outside, "has weights in '../secret', and dslc keeps them in 'model.onnx.data' beside it"),
        (
            lambda m: outside(m, "/etc/passwd"),
            "has weights in '/etc/passwd', and dslc keeps them in 'model.onnx.data' beside it",
        ),
        (endless, "holds the operator 'ai.onnx.Loop', which dslc does not write"),
        (custom, "holds operators of the domain 'com.evil', which dslc does not write"),
        (function, "holds the function 'F', which dslc does not write"),
        (branch, r"holds a graph within the node '.*', which dslc does not write"),
        (
            lambda m: scan(m, helper.make_node("NonZero", ["slice"], ["places"])),
            "holds the operator 'ai.onnx.NonZero', which dslc does not write",
        ),
        (
            lambda m: scan(m, graphs=[helper.make_graph([], "inner", [], [])]),
            "holds a graph within the node 'scan', which dslc does not write",
        ),
        (scan_with_weights, "holds weights within the loop 'scan', which dslc does not write"),
        (
            scan_with_tensor,
            "has weights in '/etc/passwd', and dslc keeps them in 'model.onnx.data' beside it",
        ),
    ],
)
def test_a_foreign_model_is_not_run_or_exported(
    change: Callable[[Any], None], message: str, run: Path, trained: Path, dslc: Dslc
) -> None:
    model = onnx.load(run / "model.onnx")
    change(model)
    (run / "model.onnx").write_bytes(model.SerializeToString())
    sign(run)
    found = refusals(run, dslc, data=trained.parent)
    assert len(found) == 3
    for text in found:
        assert re.fullmatch(f"error.E0627.: run/model.onnx {message}", text), text


@pytest.mark.parametrize("name", ["eval.onnx", "metrics.onnx", "fields.onnx"])
def test_no_other_graph_of_a_foreign_run_loops(name: str, run: Path, trained: Path, dslc: Dslc) -> None:
    model = onnx.load(run / name)
    endless(model)
    (run / name).write_bytes(model.SerializeToString())
    sign(run)
    found = refusals(run, dslc, data=trained.parent)
    assert found
    assert {code for text in found for code in codes(text)} == {"E0627"}


# --- Bounds -------------------------------------------------------------------------------------------------


def put_in_front(model: Any, *nodes: Any, **constants: Any) -> None:
    """Add nodes that compute a number `extra`, and add it to the first output."""
    for name, array in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["before" if name == output else name for name in node.output]
        node.input[:] = ["before" if name == output else name for name in node.input]
    model.graph.node.extend([*nodes, helper.make_node("Add", ["before", "extra"], [output])])


def expanded(model: Any, *, size: int) -> None:
    put_in_front(
        model, helper.make_node("Expand", ["one", "size"], ["large"]),
        helper.make_node("ReduceSum", ["large"], ["extra"], keepdims=0), one=np.array([0], np.float32),
        size=np.array([size], np.int64),
    )  # fmt: skip


def doubled(model: Any) -> None:
    """Double a tensor that depends on the batch, 40 times."""
    port = model.graph.input[0].name
    nodes = [helper.make_node("Concat", ["small" if not n else f"d{n}"] * 2, [f"d{n + 1}"], axis=0) for n in range(40)]
    put_in_front(
        model, helper.make_node("Cast", [port], ["small"], to=TensorProto.FLOAT), *nodes,
        helper.make_node("ReduceSum", ["d40"], ["extra"], keepdims=0),
    )  # fmt: skip


def multiplied(model: Any, rounds: int = 4000) -> None:
    """Multiply matrices that depend on the batch, for long."""
    port = model.graph.input[0].name
    nodes = [helper.make_node("MatMul", [f"m{n}", f"m{n}"], [f"m{n + 1}"]) for n in range(rounds)]
    put_in_front(
        model, helper.make_node("Cast", [port], ["small"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["small"], ["sum"], keepdims=0), helper.make_node("Mul", ["sum", "no"], ["none"]),
        helper.make_node("Expand", ["none", "size"], ["m0"]), *nodes,
        helper.make_node("ReduceSum", [f"m{rounds}"], ["extra"], keepdims=0), no=np.float32(0),
        size=np.array([1000, 1000], np.int64),
    )  # fmt: skip


def forge(run: Path, change: Callable[[Any], None]) -> None:
    model = onnx.load(run / "model.onnx")
    change(model)
    (run / "model.onnx").write_bytes(model.SerializeToString())
    sign(run)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux")
@pytest.mark.parametrize(
    "change",
    [lambda m: expanded(m, size=2**34), lambda m: expanded(m, size=2**36), lambda m: expanded(m, size=2**50), doubled],
    ids=["64 GB", "256 GB", "4 PB", "doubled"],
)
def test_the_memory_of_a_foreign_model_is_bounded(
    change: Callable[[Any], None], run: Path, trained: Path, dslc: Dslc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "SHARE", 0.05)
    forge(run, change)
    with within("predict", seconds=60, megabytes=3000):
        done = dslc("predict", run, trained.parent / "points.csv")
    assert (done.code, codes(done.err)) == (3, ["E0636"]), done.err
    assert "takes more memory than 5% of what is free\n  = hint: if you trust whoever made it, say --trust" in done.err
    import resource

    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


def test_the_time_of_a_foreign_model_is_bounded(
    run: Path, trained: Path, dslc: Dslc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 0.5)
    forge(run, multiplied)
    began = time.monotonic()
    done = dslc("predict", run, trained.parent / "points.csv")
    assert (done.code, codes(done.err)) == (3, ["E0636"])
    assert time.monotonic() - began < 10
    shown = done.err.replace(str(run.parent), ".").rstrip()
    assert shown == (
        "error[E0636]: a graph takes more than 0.5 seconds for one batch\n"
        "  = hint: if you trust whoever made it, say --trust"
    )


def test_a_call_that_does_not_stop_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 0.1)
    monkeypatch.setattr(bounded, "GRACE", 0.1)
    ended = threading.Event()
    with pytest.raises(Problem, match="E0636"):
        bounded.within_bounds("a graph", lambda: ended.wait(30))
    ended.set()


def test_what_is_trusted_or_at_home_runs_without_bounds(
    run: Path, trained: Path, dslc: Dslc, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BEYOND_BOUNDS("a graph takes too much")

    monkeypatch.setattr(bounded, "within_bounds", refuse)
    data = trained.parent / "points.csv"
    assert codes(dslc("predict", run, data).err) == ["E0636"]
    assert codes(dslc("eval", run, data).err) == ["E0636"]
    assert codes(dslc("eval", run, "--data", trained.parent).err) == ["E0636"]
    at_home = dslc("predict", trained, data)
    trusted = dslc("predict", run, data, "--trust")
    assert (at_home.code, trusted.code) == (0, 0)
    assert at_home.out == trusted.out
    assert dslc("eval", run, data, "--trust").code == dslc("eval", run, "--data", trained.parent, "--trust").code == 0
    monkeypatch.undo()
    assert dslc("predict", run, data).out == at_home.out


def test_an_empty_model_is_damaged(run: Path, trained: Path, dslc: Dslc) -> None:
    (run / "model.onnx").write_bytes(b"")
    sign(run)
    assert set(refusals(run, dslc, data=trained.parent)) == {
        "error[E0626]: run/model.onnx is damaged: it is no ONNX model, or an empty one"
    }


def test_operators_that_loop_or_hide_graphs_are_not_emitted() -> None:
    hidden = {"Loop", "If", "SequenceMap"}
    assert not any(is_emitted("", name) for name in hidden)
    assert is_emitted("", "Scan")  # which ends, with what it goes along
    assert not is_emitted("com.microsoft", "Gemm")
    assert is_emitted("", "Gemm")


def test_a_loop_along_an_axis_may_hold_another(run: Path) -> None:
    model = onnx.load(run / "model.onnx")
    scan(model)
    inner = model.graph.node[0]
    model.graph.node.remove(inner)
    del model.graph.initializer[-1]
    scan(model, inner)
    check_model(model.SerializeToString(), "model.onnx", "model.onnx")


# --- Data folders -------------------------------------------------------------------------------------------


def test_the_data_of_a_copied_run_has_to_be_named(
    run: Path, trained: Path, dslc: Dslc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DSLC_DATA", raising=False)
    assert dslc("eval", trained).code == 0
    done = dslc("eval", run)
    assert (done.code, done.out) == (3, "")
    shown = done.err.replace(str(run.parent), ".").replace(str(trained.parent), "HOME").rstrip()
    assert re.sub(r"HOME( --data \S+)+$", "HOME", shown) == (  # a folder of DSLC_DATA may follow
        "error[E0628]: the run in ./run was not made here, or was copied since, and its data is in no folder that was "
        "named\n  = hint: it was trained with --data HOME"
    )
    assert dslc("eval", run, "--data", trained.parent).code == 0
    monkeypatch.setenv("DSLC_DATA", str(trained.parent))
    assert dslc("eval", run).code == 0


def test_a_moved_run_is_still_at_home(tmp_path: Path, trained: Path, dslc: Dslc) -> None:
    for name in ("sides.dl", "points.csv"):
        shutil.copy(trained.parent / name, tmp_path)
    assert dslc("train", tmp_path / "sides.dl", "-o", tmp_path / "run").code == 0
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    assert dslc("eval", tmp_path / "elsewhere").code == 0


def test_a_seal_cannot_be_copied(run: Path, trained: Path, dslc: Dslc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the manifest of a foreign folder says, its times of change are those of its making here."""
    monkeypatch.delenv("DSLC_DATA", raising=False)
    edit(run, lambda m: m["run"].update(folders=[str(trained.parent)]))
    for seal in ({"inode": (run / "weights.safetensors").stat().st_ino, "changed": 0}, None):
        edit(run, partial(dict.update, seal=seal))
        assert codes(dslc("eval", run).err) == ["E0628"]
