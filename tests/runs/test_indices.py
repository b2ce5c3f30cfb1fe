"""Indices outside of what they pick from end a run wherever they are computed, and are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import dslc
from dslc.cli import main
from dslc.engine.outside import IndexFailure
from tests.conftest import mostly_alike
from tests.engine.reference import ReferenceEngine

ROWS = [f"{i % 4},{i % 3},{i % 5}" for i in range(40)]
DATA = """data d {
  source csv("d.csv")
  field user: int64 = column("user")
  field place: int64 = column("place")
  field y: float32 = column("y")
  split train = 50%, validation = 50%, seed = 1
}
"""
SHIFT = "cast(round(mean(w) * 0 + SHIFT), int64)"
"""A number that hangs on a weight, so that only the graph can tell."""
PICKS = {  # of which 3 is one too many
    "Embedding": "squeeze(INDEX -> Embedding(3, 1), axis = 1)",
    "gather": "gather(cast(place, float32)[:, none] * w[none, :], INDEX[:, none], axis = 1)[:, 0]",
    "index": "w[INDEX]",
    "one_hot": "mean(one_hot(INDEX, classes = 3), axis = 1)",
}


OUTSIDE = f"argmax(logits, axis = 1) + {SHIFT.replace('SHIFT', '3')}"


def spec(picked: str, train: str = "minimize mse(net.y, y) using SGD(lr = 0.01)", classes: str = OUTSIDE) -> str:
    return f"""{DATA}
model Net {{
  input user: int64[N]
  input place: int64[N]
  parameter w: float32[3] = normal(0.1)
  output y = {picked} + squeeze(user -> Embedding(4, 1), axis = 1) + mean(w)
  output logits = cast(place, float32)[:, none] * w[none, :]
  output classes = {classes}
}}
train t {{
  data d
  let net = Net(user, place)
  {train}
  epochs 1
  batch 10
}}
"""


def trained(text: str) -> int:
    Path("d.csv").write_text("\n".join(["user,place,y", *ROWS]) + "\n")
    Path("s.dl").write_text(text)
    return main(["train", "s.dl", "-o", "run"])


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("shift", ["-1", "1"])
@pytest.mark.parametrize("word", mostly_alike(list(PICKS), every=2))
def test_an_index_that_a_network_computes_ends_training(
    word: str, shift: str, capsys: pytest.CaptureFixture[str]
) -> None:
    index = f"(place + {SHIFT.replace('SHIFT', shift)})"
    assert trained(spec(PICKS[word].replace("INDEX", index))) == 3
    said = capsys.readouterr().err
    value = "-1" if shift == "-1" else "3"
    assert f"error[E0540]: {word} in s.dl:" in said
    assert f"takes indices from 0 to 2, and the index computed from 'place' is {value} in row" in said


@pytest.mark.parametrize("loss", ["cross_entropy(net.logits, net.classes)", "accuracy(net.logits, net.classes)"])
def test_a_target_that_a_network_computes_ends_training(loss: str, capsys: pytest.CaptureFixture[str]) -> None:
    objective = "minimize mse(net.y, y) using SGD(lr = 0.01)"
    train = f"minimize {loss} using SGD(lr = 0.01)" if "cross" in loss else f"{objective} metric m = {loss}"
    assert trained(spec("mean(w)", train)) == 3
    said = capsys.readouterr().err
    assert "error[E0540]: " + loss.partition("(")[0] in said
    assert "takes indices from 0 to 2, and the index computed from 'place' is 3 in row" in said


@pytest.mark.parametrize("word", PICKS)
def test_a_shipped_model_takes_no_index_from_outside(word: str) -> None:
    assert trained(spec(PICKS[word].replace("INDEX", "place"))) == 0
    session = onnxruntime.InferenceSession("run/model.onnx")
    good = {"user": np.array([0, 3]), "place": np.array([2, 0])}
    session.run(None, good)
    for name, value in (("user", -1), ("user", 4), ("place", -1), ("place", -3), ("place", 3)):
        with pytest.raises(Exception, match=r"out of|bounds|Gather|index"):
            session.run(None, {**good, name: np.array([1, value])})


def test_a_model_of_an_older_operator_set_takes_none_either() -> None:
    assert trained(spec(PICKS["gather"].replace("INDEX", "place"))) == 0
    good = {"user": np.array([0, 3]), "place": np.array([2, 0])}
    for opset in (9, 12):
        assert main(["export", "run", "-o", "old.onnx", "--opset", str(opset)]) == 0
        session = onnxruntime.InferenceSession("old.onnx")
        session.run(None, good)
        for name, value in (("user", -1), ("user", 4), ("place", -1), ("place", 3)):
            with pytest.raises(Exception, match=r"out of|bounds|Gather|index"):
                session.run(None, {**good, name: np.array([1, value])})


@pytest.mark.parametrize("value", [-1, 4])
def test_new_data_is_told_by_field_row_and_value(value: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert trained(spec("mean(w)")) == 0
    rows = [row for _ in range(50) for row in ROWS]
    rows[1500] = f"{value},0,0"
    Path("new.csv").write_text("\n".join(["user,place,y", *rows]) + "\n")
    capsys.readouterr()
    for command in ("predict", "eval"):
        assert main([command, "run", "new.csv"]) == 3
        said = capsys.readouterr()
        assert said.out == ""
        assert f"field 'user' is {value}, and should be 0 to 3 (new.csv, line 1502, column 'user')" in said.err
        assert "Embedding has 4 rows" in said.err


def test_new_data_that_is_computed_with_is_told_by_row_and_value(capsys: pytest.CaptureFixture[str]) -> None:
    text = spec("w[where(user > 1, user, place)]").replace("Embedding(4, 1)", "Embedding(9, 1)")
    Path("new.csv").write_text("\n".join(["user,place,y", *ROWS[:1], "2,0,0", "5,0,0"]) + "\n")
    assert trained(text.replace("user > 1", "user > 4")) == 0
    capsys.readouterr()
    assert main(["predict", "run", "new.csv"]) == 3
    said = capsys.readouterr().err
    assert "takes indices from 0 to 2, and the index computed from" in said
    assert "is 5 in row 2 (from 0)" in said


def test_a_model_says_which_indices_it_takes() -> None:
    import onnx

    assert trained(spec("mean(w)")) == 0
    inputs = {value.name: value.doc_string for value in onnx.load("run/model.onnx").graph.input}
    assert inputs["user"] == "Indices from 0 to 3; any other ends the run with an error."
    assert dslc.open_run("run").manifest.indices == {
        "user": ({"count": 4, "ignored": None, "what": "Embedding has 4 rows"},)
    }


def test_the_step_does_not_check_fields_again() -> None:
    """Fields are checked once, when they are read: a step takes no longer for it, and evaluation takes new data."""
    from dslc.graph.model import load_model
    from dslc.graph.ops.indices import marked

    assert trained(spec("mean(w)")) == 0
    counts = [len(marked(load_model(Path("run", f"{name}.onnx").read_bytes()))) for name in ("train", "eval", "model")]
    assert counts == [0, 1, 1]


def test_ignored_targets_pass_in_the_graph_too() -> None:
    train = """
  minimize cross_entropy(net.logits, net.classes, ignore_index = 3) using SGD(lr = 0.01)
  metric a = accuracy(net.logits, net.classes, ignore_index = 3)
  metric c = confusion(net.logits, net.classes, ignore_index = 3)"""
    classes = f"where(place < 1, place + 3, place) + {SHIFT.replace('SHIFT', '0')}"  # 0 becomes 3
    assert trained(spec("mean(w)", train, classes)) == 0
    counts = np.array(dslc.open_run("run").evaluate("validation")["metrics"]["c"])
    assert counts[0].sum() == 0
    assert 0 < counts.sum() < 20


def test_failures_carry_what_was_wrong() -> None:
    assert trained(spec("mean(w)")) == 0
    run = dslc.open_run("run")
    from dslc.engine.evaluation import Predictor

    for engine in (run.engine, ReferenceEngine()):
        with pytest.raises(IndexFailure) as caught:
            Predictor(run.reader.read("model.onnx"), engine).run({"user": np.array([0, 9]), "place": np.array([0, 0])})
        outside = caught.value.outside
        assert (outside.value, outside.count, outside.row, outside.sources) == (9, 4, 1, ("user",))
