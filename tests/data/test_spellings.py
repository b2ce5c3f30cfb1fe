"""How cells spell numbers, text and what is missing: the options of csv."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dslc.data.readers import csv_records
from dslc.data.spellings import Spelling, advice
from dslc.diagnostics import Problem
from dslc.library.word import SOURCES
from dslc.types import BOOL, FLOAT64, INT64, STRING, ElementType
from tests.data.conftest import Findings, Open


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({}, {"1": 1, "-1.5e3": -1500.0, " 7 ": 7, "007": 7, "1,5": None, "1_0": None, "x": None, "12%": None}),
        ({}, {"": math.nan, "  ": math.nan, "NaN": math.nan, "-nan": math.nan, "inf": math.inf}),
        ({"decimal": ","}, {"1,5": 1.5, "1.5": None, ",5": 0.5, "-1,5e3": -1500.0, "12": 12, ",": None}),
        ({"thousands": ","}, {"1,200.50": 1200.5, "1,20": None, "12,345,678": 12345678, "1,2345": None, "1234": 1234}),
        ({"decimal": ",", "thousands": "."}, {"1.200,5": 1200.5, "1.5": None, "1.234": 1234}),
        ({"thousands": " "}, {"1 200": 1200, "1\u202f200.5": 1200.5, "1\u00a0000": 1000, "1 20": None}),
        ({"thousands": "'"}, {"1'200": 1200, "1\u2019200": 1200}),
        ({"percent": True}, {"12%": 0.12, "12.3 %": 0.123, "12": 12, "%": None, "%5": None}),
        ({"currency": ("$", "€", "USD")}, {"$5": 5, "-$5": -5, "$-5": -5, "-$-5": None, "5 €": 5, "USD 7.5": 7.5,
                                           "$5$": None, "$": None}),
        ({"missing": ("?", "-999", "1e3")}, {"?": math.nan, " ? ": math.nan, "-999.0": math.nan, "1000": math.nan,
                                             "-998": -998}),
        ({"decimal": ",", "missing": ("0,5",)}, {"0,50": math.nan, "0,51": 0.51}),
        ({"thousands": ","}, {"1" * 400 + ",": None, "1" + " " * 10_000 + "x": None}),
    ],
)  # fmt: skip
def test_numbers(options: dict[str, Any], values: dict[str, object]) -> None:
    spelling = Spelling(**options)
    for text, value in values.items():
        found = spelling.number(text)
        assert type(found) is type(value), text
        assert found == value or (found != found and value != value), text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1,5", 'csv(..., decimal = ",") reads it as 1.5'),
        ("1,200", 'csv(..., decimal = ",") reads it as 1.2, and csv(..., thousands = ",") reads it as 1200'),
        ("1,200.5", 'csv(..., thousands = ",") reads it as 1200.5'),
        ("1 000", 'csv(..., thousands = " ") reads it as 1000'),
        ("12%", "csv(..., percent = true) reads it as 0.12"),
        ("$5", 'csv(..., currency = "$") reads it as 5'),
        ("EUR 1.200,50", 'csv(..., decimal = ",", thousands = ".", currency = "EUR") reads it as 1200.5'),
        ("n/a", 'if it marks a missing value, say so: csv(..., missing = "n/a")'),
        ("5 kg", None),
        ("2020-01-01", None),
    ],
)
def test_advice(text: str, hint: str | None) -> None:
    assert advice(text) == hint


def test_advice_adds_to_what_the_source_says() -> None:
    german = Spelling(decimal=",", thousands=".")
    assert advice("224.472 €", german) == 'csv(..., currency = "€") reads it as 224472'
    assert advice("12,5 %", german) == "csv(..., percent = true) reads it as 0.125"
    assert advice("7 €", Spelling(currency=("$",))) == 'csv(..., currency = ["$", "€"]) reads it as 7'
    assert advice("1.5", german) == 'csv(..., decimal = ".") reads it as 1.5'


def test_missing_marks_are_the_same_in_text_and_in_numbers(open_text: Open) -> None:
    table = open_text("n,t,w\n1,a,5\n-999.0,-999,6\n?,?,-999\nNaN,nan,7\n , ,8\n", missing=("?", "-999"))
    np.testing.assert_array_equal(table.read("n"), [1, math.nan, math.nan, math.nan, math.nan])
    assert table.read("t").tolist() == ["a", "", "", "", ""]
    np.testing.assert_array_equal(table.read("w"), [5, 6, math.nan, 7, 8])
    assert table.text("n").strings().tolist() == ["1", "", "", "", ""]


@pytest.mark.parametrize(("cells", "kind"), [
    (["1", "2"], INT64), (["1", ""], FLOAT64), (["1", "-9"], FLOAT64), (["1", "x"], STRING), (["1", "1.5"], FLOAT64),
    (["", ""], FLOAT64), ([str(2**63 - 1), str(-(2**63))], INT64), ([str(2**63), "1"], STRING),
    ([str(2**53), "0.5"], FLOAT64), ([str(2**53 + 1), "0.5"], STRING), ([str(-(2**53) - 1), ""], STRING),
    ([str(2**53 + 1), "-9"], STRING), ([str(2**53 + 1), "7"], INT64), (["9" * 400, "1"], STRING),
    (["1e300", "5"], FLOAT64), (["10000000000000000000", "20000000000000000000"], STRING), (["1_0", "2"], STRING),
    (["true", "False"], STRING),
])  # fmt: skip
@pytest.mark.parametrize("block", [1, 1000])
def test_the_kind_of_a_column_is_that_of_all_its_rows(
    open_text: Open, monkeypatch: pytest.MonkeyPatch, cells: list[str], kind: ElementType, block: int
) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_CELLS", block)
    for order in (cells, cells[::-1]):
        table = open_text("a,b\n" + "".join(f"{cell},0\n" for cell in order), missing="-9")
        assert table.element("a") is kind
        if kind is STRING:
            assert table.read("a").tolist() == ["" if cell == "-9" else cell for cell in order]
        late = open_text("a,b\n" + "".join(f"{cell},0\n" for cell in order)).marking({"a": ["-9"]})
        assert late.element("a") is kind
        np.testing.assert_array_equal(late.read("a"), table.read("a"))


def test_marks_of_one_column(open_text: Open, findings: Findings) -> None:
    table = open_text("a,b,c\n1,1,x\n-9,-9,-9\n?,2,?\n").marking({"a": ["-9", "?"], "c": ["-9", "?"]})
    np.testing.assert_array_equal(table.read("a"), [1, math.nan, math.nan])
    assert table.read("b").tolist() == [1, -9, 2]
    assert table.read("c").tolist() == ["x", "", ""]
    assert table.select(["c", "a"]).read("c").tolist() == ["x", "", ""]
    assert findings(lambda: table.read("a", INT64))[0].startswith("E0415: '-9', a missing value, where int64 is due")
    assert findings(lambda: table.marking({"z": ["?"]}))[0].startswith("E0411: there is no column 'z'")


def test_blanks_around_cells_and_names(open_text: Open) -> None:
    text = 'a , b,"c "\n Private, 1 ," x, y "\nPrivate,2,z\n'
    table = open_text(text)
    assert table.names == ("a", "b", "c")
    assert table.read("a").tolist() == ["Private", "Private"]
    assert len(table.text("a").vocabulary) == 1
    assert table.read("b").tolist() == [1, 2]
    assert table.read("c").tolist() == ["x, y", "z"]
    kept = open_text("a , b,c\n Private, 1 ,x \nPrivate,2,y\n", trim=False)
    assert kept.names == ("a ", " b", "c")
    assert kept.read("a ").tolist() == [" Private", "Private"]
    assert kept.read("c").tolist() == ["x ", "y"]


def test_spelled_numbers(open_text: Open) -> None:
    table = open_text("a;b;c;d\n1.200,50;12%;5 €;1.000\n7;3,5 %;-€ 1;2\n", delimiter=";", decimal=",", thousands=".",
                      percent=True, currency="€")  # fmt: skip
    assert table.read("a").tolist() == [1200.5, 7]
    np.testing.assert_array_equal(table.read("b"), [0.12, 0.035])
    assert table.read("c").tolist() == [5, -1]
    assert table.read("d").tolist() == [1000, 2]
    assert table.element("d") is INT64
    assert table.text("a").strings().tolist() == ["1.200,50", "7"]


def test_a_point_is_no_number_where_commas_are_decimal(open_text: Open, findings: Findings) -> None:
    table = open_text("a\n1.5\n2,5\n".replace(",", ";"), delimiter=",", decimal=",")
    assert table.element("a") is STRING
    assert findings(lambda: table.read("a", FLOAT64))[0] == (
        "E0412: '1.5' where float64 is due (t.csv, line 2, column 'a') | csv(..., decimal = \".\") reads it as 1.5"
    )


def test_truth(open_text: Open, findings: Findings) -> None:
    table = open_text("a,b\nTrue,yes\nFALSE,N\n1,y\n0,no\n")
    assert table.read("a", BOOL).tolist() == [True, False, True, False]
    assert table.read("b", BOOL).tolist() == [True, False, True, False]
    assert table.is_truth("b")
    assert findings(lambda: table.read("b", INT64))[0].startswith("E0412: 'yes' where int64 is due")


def test_comments_and_lines_to_skip(open_text: Open) -> None:
    text = 'exported by x\n"really\n# one\na,b\n# two\n1,"x\n# not a comment"\n#3,4\n\n5,y\n'
    table = open_text(text, comment="#", skip=2)
    assert table.names == ("a", "b")
    assert table.read("b").tolist() == ["x\n# not a comment", "y"]
    assert [table.origin(row, "a").line for row in range(2)] == [6, 10]


def test_names_for_a_file_without_a_header(open_text: Open, findings: Findings) -> None:
    table = open_text("1,2\n3,4\n", header=False, names=("a", "b"))
    assert table.read("b").tolist() == [2, 4]
    assert findings(lambda: open_text("1,2\n", header=False, names=("a",))) == [
        "E0409: line 1 of t.csv has 2 cells, and 'names' has 1"
    ]


@pytest.mark.parametrize(("encoding", "option"), [
    ("utf-16", "utf-8"), ("utf-32", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "latin-1"), ("latin-1", "latin-1"),
    ("cp1252", "Windows-1252"), ("shift_jis", "shift-jis"), ("gb18030", "GB18030"), ("utf-16-le", "utf-16-le"),
])  # fmt: skip
def test_encodings(open_text: Open, encoding: str, option: str) -> None:
    word = "größe" if encoding in {"latin-1", "cp1252", "utf-16-le"} else "日本"
    table = open_text(f"{word},b\n{word},1\n".encode(encoding), encoding=option)
    assert table.names == (word, "b")
    assert table.read(word).tolist() == [word]


@pytest.mark.parametrize("encoding", ["rot13", "hex", "../os", "cp037", "latin1x", "", "é", "x" * 5000])
def test_unknown_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(Problem, match="no known text encoding"):
        SOURCES["csv"](path="x.csv", encoding=encoding)


def test_a_file_that_is_not_in_its_encoding(open_text: Open, findings: Findings) -> None:
    told = findings(lambda: open_text(b"a\nx\n\xd8\n", encoding="utf-16"))
    assert told[0].startswith("E0407: t.csv is not utf_16: ")
    many = "a,b\n" + "".join(f"{n},é{n}\n" for n in range(60_000))
    told = findings(lambda: open_text(many.encode("latin-1")))
    assert len(told) == 1
    assert told[0].startswith("E0407: a cell is not UTF-8 (t.csv, line 2, column 'b') | name its encoding")
