from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dslc.data import scratch
from dslc.data.readers import csv_records
from dslc.types import BOOL, FLOAT32, FLOAT64, INT64, STRING, ElementType
from tests.data.conftest import Findings, Open

ENCODING = 'name its encoding, csv(..., encoding = "latin-1") or "cp1252" or another, or save the file as UTF-8'
TABLE = 'p1,p2,name,digit\n1,0.5,ann,7\n2,,bob,8\n3,1e2,"x, y",9\n'


def test_columns_have_their_own_types_and_convert(open_text: Open) -> None:
    table = open_text(TABLE)
    assert table.names == ("p1", "p2", "name", "digit")
    assert table.rows == 3
    assert [table.element(name) for name in table.names] == [INT64, FLOAT64, STRING, INT64]
    assert table.row_shape("p1") == ()
    assert table.read("digit").tolist() == [7, 8, 9]
    assert table.read("digit", FLOAT32).dtype == np.float32
    np.testing.assert_array_equal(table.read("p2"), [0.5, math.nan, 100])
    assert table.read("name").tolist() == ["ann", "bob", "x, y"]
    assert table.text("p1").strings().tolist() == ["1", "2", "3"]
    assert table.text("p2").strings().tolist() == ["0.5", "", "1e2"]
    block = table.read_block(table.match(["p*"]), FLOAT32)
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block, [[1, 0.5], [2, math.nan], [3, 100]])
    assert table.select(["digit", "p1"]).names == ("digit", "p1")
    assert table.select(["digit", "p1"]).read("p1").tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "options", "columns"),
    [
        ("\ufeffa,b\r\n1,2\r\n", {}, {"a": [1], "b": [2]}),
        ("a;b\n1;2\n", {"delimiter": ";"}, {"a": [1], "b": [2]}),
        ("1,2\n3,4", {"header": False}, {"1": [1, 3], "2": [2, 4]}),
        ("a\r1\r2\r", {}, {"a": [1, 2]}),
        ("\n\na\n1\n\n2\n\n", {}, {"a": [1, 2]}),
        ("a,b\n'x,y',1\n", {"quote": "'"}, {"a": ["x,y"], "b": [1]}),
        ('a,b\n"x",1\n', {"quote": ""}, {"a": ['"x"'], "b": [1]}),
        ("a\nNA\n3\n", {"missing": "NA"}, {"a": [math.nan, 3.0]}),
        ("a\n1_000\n2\n", {}, {"a": ["1_000", "2"]}),
        ("a\n007\n1\n", {}, {"a": [7, 1]}),
        ("隐藏\né\n", {}, {"隐藏": ["é"]}),
    ],
)
def test_dialects(open_text: Open, text: str, options: dict[str, object], columns: dict[str, list[object]]) -> None:
    for packed in (False, True):
        table = open_text(text, packed=packed, **options)
        assert table.names == tuple(columns)
        for name, values in columns.items():
            np.testing.assert_array_equal(table.read(name), np.array(values, table.element(name).numpy))


def test_text_keeps_what_numbers_would_lose(open_text: Open) -> None:
    assert open_text("zip\n00501\n01234\n").read("zip", STRING).tolist() == ["00501", "01234"]


def test_booleans(open_text: Open) -> None:
    table = open_text("a,b\ntrue,1\nFalse,0\n")
    assert table.read("a", BOOL).tolist() == [True, False]
    assert table.read("b", BOOL).tolist() == [True, False]


def test_lines_are_those_of_an_editor(open_text: Open) -> None:
    table = open_text('a,b\n\n1,"two\nlines"\n2,x\r\n\r\n3,"c\r\nd\re"\n4,y\n')
    assert [str(table.origin(row, "b")) for row in range(4)] == [
        f"t.csv, line {line}, column 'b'" for line in (3, 5, 7, 10)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["E0405: 't.csv' is empty"]),
        ("\n\n", ["E0405: 't.csv' is empty"]),
        ("a,b\n", ["E0405: 't.csv' has a header and no rows"]),
        (
            "a,b\n1,2\n3\n4,5,6\n7,8\n",
            [
                "E0409: line 3 of t.csv has 1 cell, and there are 2 columns",
                "E0409: line 4 of t.csv has 3 cells, and there are 2 columns",
            ],
        ),
        ("a,b,a\n1,2,3\n", ["E0410: columns 1 and 3 of t.csv are both called 'a'"]),
        (
            "1,1\n2,3\n",
            [
                (
                    "E0410: columns 1 and 2 of t.csv are both called '1' | "
                    "is the first row data already? then read it with header = false"
                )
            ],
        ),
        (
            'a,b\n1,"2\n3,4\n',
            [
                (
                    "E0408: the row that begins in line 2 of t.csv cannot be split into cells: "
                    "unexpected end of data | is a quote never closed?"
                )
            ],
        ),
        (
            'a,b\n1,"2"3\n',
            ["E0408: the row that begins in line 2 of t.csv cannot be split into cells: ',' expected after '\"'"],
        ),
        (
            b"a,b\n1,x\n2,caf\xe9\n",
            ["E0407: a cell is not UTF-8 (t.csv, line 3, column 'b') | " + ENCODING],
        ),
        (b"caf\xe9\n1\n", ["E0407: the name of column 1 in line 1 of t.csv is not UTF-8 | " + ENCODING]),
    ],
)
def test_faults_of_form(open_text: Open, findings: Findings, text: str | bytes, expected: list[str]) -> None:
    assert findings(lambda: open_text(text)) == expected


@pytest.mark.parametrize(
    ("cell", "element", "expected"),
    [
        ("x1", "float32", "E0412: 'x1' where float32 is due (t.csv, line 3, column 'a')"),
        (
            "NA",
            "float32",
            ("E0412: 'NA' where float32 is due (t.csv, line 3, column 'a') | "
            'if it marks a missing value, say so: csv(..., missing = "NA")'),
        ),
        (
            '"1,5"',
            "float32",
            "E0412: '1,5' where float32 is due (t.csv, line 3, column 'a') | csv(..., decimal = \",\") reads it as 1.5",
        ),
        ("2.5", "int64", "E0413: 2.5 where int64 is due (t.csv, line 3, column 'a') | give the field a float type"),
        ("300", "uint8", "E0414: 300 is outside uint8, which holds 0 to 255 (t.csv, line 3, column 'a')"),
        ("-1", "uint32", "E0414: -1 is outside uint32, which holds 0 to 4294967295 (t.csv, line 3, column 'a')"),
        ("1e300", "float32", "E0414: 1e+300 is outside float32 (t.csv, line 3, column 'a')"),
        ("2", "bool", "E0414: 2 is neither 0 nor 1, and bool is due (t.csv, line 3, column 'a')"),
        (
            "99999999999999999999",
            "uint64",
            ("E0414: '99999999999999999999' is outside uint64, which holds 0 to 18446744073709551615 "
            "(t.csv, line 3, column 'a')"),
        ),
        (
            "12345678901234567891",
            "float64",
            ("E0414: '12345678901234567891' would be rounded to 12345678901234567168 in float64 "
            "(t.csv, line 3, column 'a') | an identifier is text or int64, no quantity"),
        ),
        (
            "",
            "int64",
            ("E0415: an empty cell where int64 is due (t.csv, line 3, column 'a') | "
            "mend the data: whole numbers have no mark for a missing value"),
        ),
        (
            "nan",
            "bool",
            ("E0415: an empty cell where bool is due (t.csv, line 3, column 'a') | "
            "mend the data: bool has no mark for a missing value"),
        ),
    ],
)  # fmt: skip
def test_misfits_are_named_with_their_place(
    open_text: Open, findings: Findings, cell: str, element: str, expected: str
) -> None:
    table = open_text(f"a,b\n1,0\n{cell},0\n")
    assert findings(lambda: table.read("a", ElementType(element))) == [expected]
    assert findings(lambda: table.read_block(("b", "a"), ElementType(element))) == [expected]


def test_a_handful_of_misfits_is_told_and_the_rest_counted(open_text: Open, findings: Findings) -> None:
    table = open_text("a\n" + "x\n" * 100)
    told = findings(lambda: table.read("a", FLOAT32))
    assert [f"line {line}" in text for line, text in enumerate(told, 2)] == [True] * 5
    assert told[-1].endswith("| and 95 more like it")


def test_reading_stops_after_a_handful_of_ragged_rows(open_text: Open, findings: Findings) -> None:
    told = findings(lambda: open_text("a,b\n" + "1\n" * 1000))
    assert told == [f"E0409: line {line} of t.csv has 1 cell, and there are 2 columns" for line in range(2, 7)]


def test_an_empty_cell_of_a_misread_text_column_is_missing(open_text: Open) -> None:
    np.testing.assert_array_equal(open_text('a,b\ntrue,1\n"",2\n').text("a").strings(), ["true", ""])


def test_unknown_columns_are_told_with_a_suggestion(open_text: Open, findings: Findings) -> None:
    table = open_text(TABLE)
    assert findings(lambda: table.read("digitt")) == [
        "E0411: there is no column 'digitt' in t.csv | did you mean 'digit'?"
    ]
    assert findings(lambda: table.read("zzz")) == [
        "E0411: there is no column 'zzz' in t.csv | the columns are p1, p2, name, digit"
    ]
    assert findings(lambda: table.match(["p*", "q*"])) == [
        "E0411: no column of t.csv matches 'q*' | the columns are p1, p2, name, digit"
    ]
    assert findings(lambda: open_text("a;b\n1;2\n").read("b")) == [
        """E0411: there is no column 'b' in t.csv | its first line was not split: csv(..., delimiter = ";")"""
    ]


def test_a_file_beyond_memory_reads_the_same(open_text: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_CELLS", 40)
    lines = [f"{i},{i / 7!r},{'w' if i % 50 > 25 else ''}{i % 13}" for i in range(1000)]
    text = "\n".join(["a,b,c", *lines])
    small = open_text(text)
    assert not isinstance(small.read("a"), np.memmap)
    monkeypatch.setattr(scratch, "MEMORY", 2000)
    large = open_text(text)
    assert isinstance(large.read("a"), np.memmap)
    for name in small.names:
        assert small.element(name) == large.element(name)
        np.testing.assert_array_equal(small.read(name), large.read(name))
        assert small.text(name).vocabulary == large.text(name).vocabulary
    assert small.text("c").strings().tolist() == [line.split(",")[2] for line in lines]
    np.testing.assert_array_equal(small.read_block(("b", "a"), FLOAT32), large.read_block(("b", "a"), FLOAT32))
    np.testing.assert_array_equal(small.read("b"), [i / 7 for i in range(1000)])


def test_misfits_far_into_a_file_are_found(
    open_text: Open, findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_CELLS", 10)
    monkeypatch.setattr(scratch, "MEMORY", 100)
    table = open_text("a\n" + "\n".join("oops" if i in {95, 333} else str(i) for i in range(400)))
    assert table.element("a") is STRING
    assert findings(lambda: table.read("a", INT64)) == [
        f"E0412: 'oops' where int64 is due (t.csv, line {line}, column 'a')" for line in (97, 335)
    ]


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8).map(
    lambda text: f"t{text}"
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), CELLS), min_size=1, max_size=30
    ),
    delimiter=st.sampled_from(",;\t|"),
    terminator=st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read_back(
    open_text: Open, rows: list[tuple[int, float, str]], delimiter: str, terminator: str
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=terminator, quoting=csv.QUOTE_ALL)
    writer.writerow(["whole", "real", "text"])
    writer.writerows((whole, repr(real), text) for whole, real, text in rows)
    table = open_text(file.getvalue(), delimiter=delimiter, trim=False)
    assert table.read("whole", INT64).tolist() == [row[0] for row in rows]
    assert table.read("real", FLOAT64).tolist() == [row[1] for row in rows]
    assert table.read("text").tolist() == [row[2] for row in rows]
