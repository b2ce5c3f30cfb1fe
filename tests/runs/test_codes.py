"""Categories of what looks like numbers: codes with zeros in front are text, for every later reader; other numbers are
numbers, however they are spelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from dslc.data.categories import fit_categories
from dslc.data.readers.csv_table import open_csv
from dslc.diagnostics import Failure
from dslc.library.sources.csv import csv
from dslc.run.finished import FinishedRun
from tests.runs.driving import opened, trained

SPEC = """\
data d {
  source csv("t.csv")
  field code: int64 = category(column("code"))
  field y: int64 = column("y")
}
model Net {
  input code: int64[N]
  output y = code -> Embedding(classes(code) + 1, 4)
}
train t {
  data d
  minimize cross_entropy(Net(code), y) using Adam(lr = 0.1)
  epochs 1
}
"""


def run(folder: Path, cells: list[str]) -> FinishedRun:
    lines = ["code,y", *(f"{cell},{number % 4}" for number, cell in enumerate(cells))]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "spec.dl").write_text(SPEC, encoding="utf-8")
    trained(folder / "spec.dl", folder / "run")
    return opened(folder / "run")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["007", "7", "12"], ["007", "12", "7"]),
        (["02138", "94110"], ["02138", "94110"]),
        (["02138", "", "94110"], ["02138", "94110"]),  # with a gap, numbers would be float64
        (["-07", "7"], ["-07", "7"]),
        (["00", "0"], ["0", "00"]),
        (["7"] * 20_000 + ["007"], ["007", "7"]),  # in another block
        # numbers
        (["7", "+7", "12"], [7, 12]),
        (["7", "7.0", "12"], [7, 12]),
        (["1000", "1e3", "2"], [2, 1000]),
        (["0", "-0", "10", "100", "-100", "999", "-9"], [-100, -9, 0, 10, 100, 999]),
        (["0.5", "0.25", "1"], [0.25, 0.5, 1.0]),
    ],
    ids=lambda x: ",".join(map(str, x[:4])),
)  # fmt: skip
def test_zeros_in_front_make_text(cells: list[str], expected: list[object], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["code,y", *(f"{cell},0" for cell in cells)]) + "\n", encoding="utf-8")
    assert list(fit_categories(open_csv(tmp_path / "t.csv", csv(path="t.csv"), "t.csv"), "code", None)) == expected


def test_every_later_reader_keeps_them_apart(tmp_path: Path) -> None:
    """A file in which no code has zeros in front, arrays, texts, and the exported model with ``--fields``."""
    found = run(tmp_path, ["02138", "2138", "94110", "10001"] * 3)
    file, one, exported = tmp_path / "new.csv", tmp_path / "one.csv", tmp_path / "model.onnx"
    file.write_text("code\n94110\n2138\n", encoding="utf-8")
    one.write_text("code\n02138\n", encoding="utf-8")
    rows = found.predict({"code": ["02138", "10001", "2138", "94110"]})["y"]
    assert len(np.unique(rows, axis=0)) == 4
    np.testing.assert_array_equal(found.predict(file)["y"], rows[[3, 2]])
    np.testing.assert_array_equal(found.predict(one)["y"], rows[[0]])
    np.testing.assert_array_equal(found.predict({"code": np.array([94110, 10001])})["y"], rows[[3, 1]])
    with pytest.raises(Failure, match="E0467"):  # a number is either
        found.predict({"code": np.array([94110, 2138])})
    exported.write_bytes(found.export(fields=True))
    session = onnxruntime.InferenceSession(exported)
    assert [port.type for port in session.get_inputs()] == ["tensor(string)"]
    given = {"code": np.array(["02138", "10001", "2138", "94110"], object)}
    np.testing.assert_allclose(session.run(None, given)[0], rows, rtol=1e-6)


def test_a_code_that_has_lost_its_zeros_is_told(tmp_path: Path) -> None:
    found = run(tmp_path, ["02138", "94110"])
    with pytest.raises(Failure) as caught:
        found.predict({"code": ["2138"]})
    (told,) = caught.value.diagnostics
    assert told.code.id == "E0419"
    assert told.hint == "training has '02138': zeros in front count"


def test_numbers_stay_numbers_for_later_readers(tmp_path: Path) -> None:
    """Training has no code with zeros in front, so that the values are numbers, and 007 is 7."""
    found = run(tmp_path, ["7", "12", "100"])
    file = tmp_path / "new.csv"
    file.write_text("code\n007\n1e2\n+12\n7.0\n", encoding="utf-8")
    rows = found.predict({"code": [7, 100, 12, 7]})["y"]
    np.testing.assert_array_equal(found.predict(file)["y"], rows)


@pytest.mark.parametrize("cells", [["True", "False"], ["true", "false"], ["TRUE", "FALSE"]])
def test_truth_is_spelled_in_any_way_by_later_readers(cells: list[str], tmp_path: Path) -> None:
    found = run(tmp_path, cells)
    yes, no = found.predict({"code": cells})["y"]
    words = ["true", "True", "TRUE", "1", "yes", "t", "false", "False", "FALSE", "0", "no", "F"]
    expected = np.stack([yes] * 6 + [no] * 6)
    np.testing.assert_array_equal(found.predict({"code": words})["y"], expected)
    np.testing.assert_array_equal(found.predict({"code": np.array([True, False])})["y"], [yes, no])
    np.testing.assert_array_equal(found.predict({"code": np.array([1, 0])})["y"], [yes, no])
    exported = onnxruntime.InferenceSession(found.export(fields=True))
    np.testing.assert_allclose(exported.run(None, {"code": np.array(words, object)})[0], expected, rtol=1e-6)
    with pytest.raises(Failure, match="E0419"):
        found.predict({"code": ["maybe"]})


@pytest.mark.parametrize("cells", [["yes", "no"], ["true", "True", "false"], ["t", "false"]])
def test_other_texts_are_only_themselves(cells: list[str], tmp_path: Path) -> None:
    found = run(tmp_path, cells)
    with pytest.raises(Failure, match="E0419"):
        found.predict({"code": ["TRUE"]})


def test_groups_of_codes_are_as_written(tmp_path: Path) -> None:
    """001 and 1 are two: four groups of a row can be dealt in four parts, two of two rows can't."""
    lines = ["code,y", *(f"{code},{number}" for number, code in enumerate(["1", "001", "2", "002"]))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    field = '  field y: int64 = column("y")\n'
    split = "  split train = 50%, validation = 25%, test = 25%, group = code\n"
    text = SPEC.replace(field, field + split).replace('column("code")', 'column("code"), unknown = true')
    (tmp_path / "spec.dl").write_text(text, encoding="utf-8")
    trained(tmp_path / "spec.dl", tmp_path / "run")
    assert [opened(tmp_path / "run").examples(name) for name in ("train", "validation", "test")] == [2, 1, 1]
