"""Confusion matrices: by name, in any width, whatever the names and the counts are."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from dslc.cli import main
from dslc.report.confusion import confusion_lines, draw_confusion, is_table, tables_of

IRIS = ["setosa", "versicolor", "virginica"]
TABLE = [[10, 0, 0], [0, 8, 2], [0, 1, 1234]]


def columns(line: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def test_by_name_where_there_is_room() -> None:
    assert confusion_lines(TABLE, IRIS, 80) == [
        "true        setosa  versicolor  virginica",
        "setosa          10           0          0",
        "versicolor       0           8          2",
        "virginica        0           1      1,234",
    ]


def test_by_number_in_narrow_terminals() -> None:
    assert confusion_lines(TABLE, IRIS, 35) == [
        "true              0      1      2",
        "0 setosa         10      0      0",
        "1 versicolor      0      8      2",
        "2 virginica       0      1  1,234",
    ]


def test_the_pairs_most_often_confused_where_there_is_none() -> None:
    assert confusion_lines(TABLE, IRIS, 24) == [
        "3 classes, 1,252 of 1,255 right; most often:",
        "versicolor  taken for virginica: 2",
        "virginica   taken for versicolor: 1",
    ]
    assert confusion_lines(np.eye(1000, dtype=int).tolist(), None, 80) == ["1000 classes, 1,000 of 1,000 right"]


def test_long_names_are_cut_where_they_do_not_differ() -> None:
    names = [f"a very long name of class {number}" for number in range(2)]
    assert [line.partition("  ")[0] for line in confusion_lines([[1, 0], [0, 1]], names, 80)[1:]] == [
        "a very l…class 0", "a very l…class 1"
    ]  # fmt: skip


def test_classes_without_names_are_numbers() -> None:
    assert confusion_lines([[1, 2], [3, 4]], None, 80) == ["true  0  1", "0     1  2", "1     3  4"]


NAMES = [
    ["山鸢尾", "变色鸢尾", "维吉尼亚鸢尾"], ["", " ", "a\nb"], ["\x1b[31mred", "$x_{", "x" * 500],
    ["e\u0301te\u0301", "🙂", "لا"], ["only one"],
]  # fmt: skip


@pytest.mark.parametrize("width", [1, 20, 40, 70, 100, 200])
@pytest.mark.parametrize("names", NAMES, ids=ascii)
def test_any_names_are_laid_out_in_lines(names: list[str], width: int) -> None:
    lines = confusion_lines(TABLE, names, width)
    assert all(line.isprintable() for line in lines)
    if lines[0].startswith("true"):
        assert {columns(line) for line in lines} == {columns(lines[0])}
        assert columns(lines[0]) <= width


@pytest.mark.parametrize("names", NAMES, ids=ascii)
@pytest.mark.filterwarnings("error")
def test_any_names_are_drawn_without_a_word(
    names: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = draw_confusion(tmp_path, {"table": TABLE, "$other_": [[0]]}, {"table": names}, "test")
    assert picture is not None
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert capfd.readouterr() == ("", "")


COUNTS = {
    "zero": [[0, 0], [0, 0]], "not finite": [[float("nan"), 1.0], [float("inf"), -1.0]],
    "huge": [[1e308, 1e308], [1e308, 0]], "many": np.ones((600, 600)).tolist(),
}  # fmt: skip


@pytest.mark.parametrize("table", COUNTS.values(), ids=list(COUNTS))
@pytest.mark.filterwarnings("error")
def test_any_counts_are_shown(table: list[list[float]], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert draw_confusion(tmp_path, {"table": table}, {}, "test") is not None
    assert confusion_lines(table, None, 60)
    assert capfd.readouterr() == ("", "")


def test_no_tables_no_picture(tmp_path: Path) -> None:
    assert draw_confusion(tmp_path, {}, {}, "test") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [1.5, [1, 2], [[1, 2]], [], [[[1]]], [[1], [2]], "text", None])
def test_what_is_no_table(value: object) -> None:
    assert not is_table(value)


BY_LABEL = [[[8, 2], [1, 9]], [[5, 0], [0, 15]]]


def test_labels_have_a_table_each(tmp_path: Path) -> None:
    assert tables_of(TABLE, IRIS) == {"": (TABLE, IRIS)}
    assert tables_of(BY_LABEL, ["red", "tall"]) == {
        " of red": (BY_LABEL[0], None), " of tall": (BY_LABEL[1], None)
    }  # fmt: skip
    assert list(tables_of(BY_LABEL, None)) == [" of 0", " of 1"]
    assert tables_of(0.5, None) == tables_of([], None) == tables_of([[1, 2, 3]], None) == {}
    assert draw_confusion(tmp_path, {"table": BY_LABEL}, {"table": ["red", "tall"]}, "test") is not None


LABELS = """\
data d {
  source csv("d.csv")
  field x: float32 = column("x")
  field tags: float32[2] = columns("is_*")
}
model Net {
  input x: float32[N]
  output logits = unsqueeze(x, axis = 1) -> Dense(2)
}
train t {
  data d
  minimize binary_cross_entropy(Net(x), tags) using SGD(lr = 0.1)
  metric table = confusion(Net(x), tags)
  epochs 1
}
"""


def test_labels_are_called_as_their_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.csv").write_text("x,is_red,is_tall\n" + "1,0,1\n-1,1,0\n" * 4)
    (tmp_path / "d.dl").write_text(LABELS)
    assert main(["train", str(tmp_path / "d.dl"), "-o", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "train table of is_red, true classes by predicted ones:\n  true  0  1\n" in said
    assert "train table of is_tall, true" in said
    assert main(["eval", str(tmp_path / "run"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["classes"] == {"table": ["is_red", "is_tall"]}
    assert np.shape(found["metrics"]["table"]) == (2, 2, 2)
