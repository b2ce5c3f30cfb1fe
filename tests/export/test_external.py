"""Weights that do not fit into one file of protocol buffers: here the limit is lowered, and little models are large."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from dslc.api import load
from dslc.diagnostics import Problem
from dslc.export import external
from tests.runs.driving import opened, spec_of, trained, write_spec

BODY = "minimize cross_entropy(logits, label) using Adam(lr = 1e-2) epochs 2 batch 16"


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "LARGEST_FILE", 100)
    monkeypatch.setattr(external, "SMALLEST_APART", 64)


@pytest.fixture
def runs(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """The same run twice: with the weights in the model's file, and beside it."""
    spec = write_spec(tmp_path, spec_of(BODY))
    trained(spec, tmp_path / "inside")
    request.getfixturevalue("lowered")
    trained(spec, tmp_path / "beside")
    return tmp_path / "inside", tmp_path / "beside"


def answers(model: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    kind = {"tensor(float)": np.float32, "tensor(double)": np.float64}[given.type]
    found: np.ndarray = session.run(None, {given.name: np.arange(12).reshape(3, 4).astype(kind)})[0]
    return found


def test_weights_lie_beside_the_model(runs: tuple[Path, Path]) -> None:
    inside, beside = runs
    assert not (inside / "model.onnx.data").exists()
    onnx.checker.check_model(str(beside / "model.onnx"), full_check=True)
    model = onnx.load(beside / "model.onnx", load_external_data=False)
    apart = [tensor for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    assert [list(tensor.dims) for tensor in apart] == [[4, 8], [8, 3]]
    for tensor in apart:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        assert entries["location"] == "model.onnx.data"
        assert int(entries["offset"]) % external.ALIGNMENT == 0
    assert np.array_equal(answers(beside / "model.onnx"), answers(inside / "model.onnx"))


def test_a_users_file_beside_a_model_is_not_taken_for_its_weights(runs: tuple[Path, Path], tmp_path: Path) -> None:
    run, model = opened(runs[1]), tmp_path / "out.onnx"
    (tmp_path / "out.onnx.data").write_text("mine")
    with pytest.raises(Problem, match=r"E0619: .*out.onnx.data exists, and is not the weights of a model"):
        run.export_to(model)
    assert not model.exists()
    assert (tmp_path / "out.onnx.data").read_text() == "mine"
    for overwrite in (True, False):  # what is there then is an earlier export's
        assert run.export_to(model, overwrite=overwrite) == [model, tmp_path / "out.onnx.data"]
        assert np.array_equal(answers(model), answers(runs[0] / "model.onnx"))


def test_commands_read_such_models(runs: tuple[Path, Path], tmp_path: Path) -> None:
    inside, beside = map(opened, runs)
    assert beside.evaluate() == inside.evaluate()
    assert np.array_equal(
        beside.predict(tmp_path / "flowers.csv")["logits"], inside.predict(tmp_path / "flowers.csv")["logits"]
    )


@pytest.mark.parametrize("options", [{}, {"opset": 21}, {"fields": True}, {"fields": True, "opset": 20}])
def test_exported_with_their_weights(options: dict[str, Any], runs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    inside, beside = map(opened, runs)
    (plain,) = inside.export_to(tmp_path / "out" / "plain.onnx", **options)
    model, weights = beside.export_to(tmp_path / "out" / "large.onnx", **options)
    assert weights.name == "large.onnx.data"
    assert np.allclose(answers(model), answers(plain), rtol=1e-6)


def test_a_run_replaces_them(runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    trained(tmp_path / "spec.dl", runs[1], overwrite=True)
    assert not (runs[1] / "model.onnx.data").exists()


@pytest.mark.usefixtures("lowered")
def test_compiled(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, spec_of(BODY))
    written = load(spec).compile(tmp_path / "out")
    assert {path.name for path in written} == {path.name for path in (tmp_path / "out").iterdir()}
    assert answers(tmp_path / "out" / "model.onnx").shape == (3, 3)


MEASURED = """\
import sys
from pathlib import Path
from typing import Any
import numpy as np
from dslc.export import external
from dslc.graph import Builder
from dslc.compile.artifacts import write_model
from dslc.types import FLOAT32, TensorType, symbol

def peak():  # getrusage's would count the parent's, from before exec
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

external.LARGEST_FILE = int(sys.argv[2])
builder = Builder("large")
x = builder.input("x", TensorType(FLOAT32, (symbol("N"), 5000)))
for i in range(3):
    x = x @ builder.parameter(f"w{i}", np.ones((5000, 5000), np.float32))
builder.output("y", x)
model = builder.model()
before = peak()
write_model(Path(sys.argv[1]) / "model.onnx", model)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_writing_takes_no_second_copy(tmp_path: Path) -> None:
    """300 MB of weights; written beside the model they take next to no memory more, inside it as much again."""
    more = {}
    for limit in (100, 2**31):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(tmp_path), str(limit)], capture_output=True, text=True, check=True
        )
        more[limit] = int(done.stdout)
    assert more[100] < 20e6
    assert more[2**31] > 250e6
