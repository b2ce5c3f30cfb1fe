"""A run with a recurrent layer, of rows of several lengths: what it ships predicts, in other operator sets as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from dslc.export.operator_sets import converted
from dslc.pipeline import Options, train
from tests.conftest import compile_spec
from tests.runs.driving import opened

SPEC = """\
data rows {
  source npz("rows.npz")
  field x: float32[6, 2] = column("x")
  field n: int64 = column("n")
  field label: int64 = column("label")
  split train = 70%, validation = 30%, seed = 1
}
model Net {
  input x: float32[N, T, 2]
  input n: int64[N]
  h = x -> LSTM(8, layers = 2, bidirectional = true, last = true, lengths = n, dropout = 0.1)
  output logits = h -> Dense(2)
}
train sums {
  data rows
  minimize cross_entropy(Net(x, n), label) using Adam(lr = 0.02)
  metric accuracy = accuracy(Net(x, n), label)
  epochs 12
  batch 16
}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    drawn = np.random.default_rng(0)
    x, n = drawn.normal(size=(160, 6, 2)).astype(np.float32), drawn.integers(1, 7, 160)
    label = [int(row[:length, 0].sum() > 0) for row, length in zip(x, n, strict=True)]
    np.savez(folder / "rows.npz", x=x, n=n, label=np.array(label))
    (folder / "spec.dl").write_text(SPEC, encoding="utf-8")
    train(compile_spec(folder / "spec.dl", Options()), folder / "run", provider="cpu", threads=1)
    return folder


def outputs(data: bytes, **given: np.ndarray) -> np.ndarray:
    (result,) = onnxruntime.InferenceSession(data).run(None, given)
    return np.asarray(result)


def test_it_learns_and_predicts(trained: Path) -> None:
    run, rows = opened(trained / "run", [trained]), np.load(trained / "rows.npz")
    figures = run.evaluate("validation")
    assert figures["metrics"]["accuracy"] > 0.75
    data = (trained / "run" / "model.onnx").read_bytes()
    found = run.predict({"x": rows["x"], "n": rows["n"], "label": rows["label"]})
    np.testing.assert_array_equal(found["logits"], outputs(data, x=rows["x"], n=rows["n"]))


def test_its_model_in_other_operator_sets(trained: Path) -> None:
    data = (trained / "run" / "model.onnx").read_bytes()
    assert [node.op_type for node in onnx.load_model_from_string(data).graph.node].count("LSTM") == 2
    given = {name: np.load(trained / "rows.npz")[name] for name in ("x", "n")}
    expected = outputs(data, **given)
    for opset in (9, 13, 21):
        np.testing.assert_array_equal(outputs(converted(data, opset), **given), expected)
