"""What marks a missing value in training marks one in all data that comes later, in whatever form that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from dslc.run.finished import FinishedRun
from tests.runs.driving import opened, trained

SPEC = """\
data d {{
  source train = csv("t.csv", missing = ["-999", "?", "-1,5"], decimal = ",", delimiter = ";")
  source test = {test}
  field size: float32 = impute(column("size"), 0)
  field gone: float32 = cast(is_missing(column("size")), float32)
  field town: int64 = category(column("town"), missing = true)
  field lost: float32 = cast(is_missing(column("town")), float32)
  field rank: int64 = category(column("rank"), missing = true)
  field pair: float32[2] = impute(columns("size", "width"), 0)
  field y: float32 = column("y")
}}
model Net {{
  input size: float32[N]
  input gone: float32[N]
  input town: int64[N]
  input lost: float32[N]
  input rank: int64[N]
  input pair: float32[N, 2]
  output all = stack([size, gone, cast(town, float32), lost, cast(rank, float32), pair[:, 0], pair[:, 1]], axis = 1)
  output guess = all -> Dense(1)
}}
train t {{
  data d
  let all, guess = Net(size, gone, town, lost, rank, pair)
  minimize mse(guess[:, 0], y) using SGD(lr = 1e-6)
  metric sizes = mean(size)
  metric gaps = mean(gone)
  output prediction = all
  epochs 1
}}
"""
ROWS = [
    ("2,5", "Ulm", "1", "7,5"), ("-999", "?", "-999", "-1,5"), ("4", "Bern", "2", "3"), ("-1,5", "Ulm", "?", "1"),
    ("?", "-999", "1", "-999"), ("1", "Bern", "2", "2"),
]  # fmt: skip
EXPECTED = np.array([
    [2.5, 0, 1, 0, 0, 2.5, 7.5], [0, 1, 2, 1, 2, 0, 0], [4, 0, 0, 0, 1, 4, 3], [0, 1, 1, 0, 2, 0, 1],
    [0, 1, 2, 1, 0, 0, 0], [1, 0, 0, 0, 1, 1, 2],
])  # fmt: skip
NUMBERS = {
    "size": [2.5, -999, 4, -1.5, -999, 1], "town": ["Ulm", "?", "Bern", "Ulm", "-999", "Bern"],
    "rank": [1, -999, 2, -999, 1, 2], "width": [7.5, -1.5, 3, 1, -999, 2],
}  # fmt: skip


def write(path: Path, delimiter: str, decimal: str) -> None:
    lines = [delimiter.join(("size", "town", "rank", "width", "y"))]
    lines += [delimiter.join((*(cell.replace(",", decimal) for cell in row), "1")) for row in ROWS]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module", params=['csv("o.csv")', 'npz("o.npz")'])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A run whose test split is in a file of another form, that names no marks."""
    folder = tmp_path_factory.mktemp("marks")
    write(folder / "t.csv", ";", ",")
    write(folder / "o.csv", ",", ".")
    columns: dict[str, Any] = {name: np.array(values) for name, values in NUMBERS.items()}
    np.savez(folder / "o.npz", y=np.ones(len(ROWS)), **columns)
    (folder / "spec.dl").write_text(SPEC.format(test=request.param))
    trained(folder / "spec.dl", folder / "run")
    return opened(folder / "run")


def test_a_test_source_of_another_form(run: FinishedRun) -> None:
    np.testing.assert_array_equal(run.predict(split="train")["prediction"], EXPECTED)
    np.testing.assert_array_equal(run.predict(split="test")["prediction"], EXPECTED)
    figures = run.evaluate("test")["metrics"]
    assert figures == pytest.approx({"sizes": EXPECTED[:, 0].mean(), "gaps": EXPECTED[:, 1].mean()})


def test_new_data_of_another_form(run: FinishedRun) -> None:
    folder = run.folder.parent
    for found in (
        run.predict(folder / "o.csv", source='csv(delimiter = ",")'), run.predict(folder / "o.npz"),
        run.predict(folder / "t.csv"), run.predict(NUMBERS),
        run.predict({name: np.array(values) for name, values in NUMBERS.items()}),
    ):  # fmt: skip
        np.testing.assert_array_equal(found["prediction"], EXPECTED)


def test_marks_that_training_has_not_met(tmp_path: Path) -> None:
    """Whole numbers, which have no NaN: the category of what is missing is found all the same."""
    spec = """data d {
  source csv("t.csv", missing = "-999")
  field rank: int64 = category(column("rank"), missing = true)
  field y: int64 = column("y")
}
model Net {
  input rank: int64[N]
  output rank_again = cast(rank, float32)
  output logits = rank -> Embedding(3, 2)
}
train t {
  data d
  let again, logits = Net(rank)
  minimize cross_entropy(logits, y) using SGD(lr = 0.1)
  output place = again
  epochs 1
}
"""
    (tmp_path / "spec.dl").write_text(spec)
    (tmp_path / "t.csv").write_text("rank,y\n1,0\n5,1\n")
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    assert run.predict({"rank": [5, -999, 1]})["place"].tolist() == [1, 2, 0]
    session = onnxruntime.InferenceSession(run.export(fields=True))
    (found,) = session.run(["place"], {"rank": np.array([5, -999, 1])})
    assert found.tolist() == [1, 2, 0]


def test_an_exported_model(run: FinishedRun) -> None:
    session = onnxruntime.InferenceSession(run.export(fields=True))
    feeds = {
        port.name: np.array(NUMBERS[port.name], object if port.type == "tensor(string)" else np.float64)
        for port in session.get_inputs()
    }
    (found,) = session.run(["prediction"], feeds)
    np.testing.assert_array_equal(found, EXPECTED)
