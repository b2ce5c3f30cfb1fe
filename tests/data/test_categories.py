from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

from dslc.data.categories import encode, fit_categories
from dslc.data.checks import where_in
from dslc.data.readers.array_table import ArrayTable
from dslc.data.table import Table
from dslc.plan.contract import Categories
from tests.data.conftest import Findings


def table(values: object) -> Table:
    return ArrayTable({"c": np.array(values)}, {"c": "t.npz"})


def fitted(values: object, rows: list[int] | None = None, **more: bool) -> Categories:
    return Categories(fit_categories(table(values), "c", None if rows is None else np.array(rows)), **more)


def coded(values: object, categories: Categories) -> list[object]:
    new = table(values)
    return encode(new, "c", categories, where_in(new, ["c"])).tolist()


EMPTY = (
    "E0415: an empty cell where a category is due (t.npz, index 1, column 'c') | "
    "category(x, missing = true) makes the missing value a category of its own"
)
UNSEEN = "category(x, unknown = true) gives all such values one number of their own"


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Orl\u00e9ans", "Orle\u0301ans"),
        ("New York", "New\u00a0York"),
        ("caf\u00e9", "caf\u00e9\u200b"),
        ("\u00c5", "\u212b"),
    ],
)
def test_texts_that_look_the_same_are_never_two_categories(findings: Findings, text: str, other: str) -> None:
    (fitting,) = findings(lambda: fitted([text, "b", other]))
    assert fitting.startswith("E0468: ")
    assert "t.npz, index " in fitting
    assert "U+" in fitting
    assert fitted([text, "b", other], [0, 1]).count == 2  # the third is of no example of the training split
    for unknown in (False, True):
        known = fitted([text, "b"], unknown=unknown)
        assert coded([text, "b"], known) == [known.values.index(text), known.values.index("b")]
        (found,) = findings(coded, ["b", text, other], known)
        assert found.startswith("E0468: ")
        assert "(t.npz, index 2, column 'c')" in found


def test_joiners_and_scripts_tell_texts_apart() -> None:
    texts = [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645",
        "a",
        "\u0430",
    ]
    assert fitted(texts).count == 4


def test_text(findings: Findings) -> None:
    known = fitted(["é", "b", "a", "b", "", "zoo"], [0, 1, 2, 4])
    assert known.values == ("a", "b", "é")
    assert known.count == 3
    assert findings(lambda: coded(["a", "", "zoo"], known)) == [
        EMPTY,
        f"E0419: 'zoo' is not among the values of the training split (t.npz, index 2, column 'c') | {UNSEEN}",
    ]


@pytest.mark.parametrize(
    ("missing", "unknown", "expected"),
    [(True, False, [2, 0, 1, 2]), (True, True, [2, 0, 1, 2, 3])],
)
def test_the_missing_value_is_the_last_category(missing: bool, unknown: bool, expected: list[int]) -> None:
    """And what training did not see has the number behind it."""
    known = fitted(["a", "b"], missing=missing, unknown=unknown)
    values = ["", "a", "b", "", "zoo"][: len(expected)]
    assert coded(values, known) == expected
    assert known.names == ("a", "b", "missing")
    numbers = fitted([3.0, 7.5], missing=missing, unknown=unknown)
    given = [np.nan, 3, 7.5, np.nan, 9][: len(expected)]
    assert coded(given, numbers) == expected


@pytest.mark.parametrize(
    "values", [["a"], [1], ["missing", "b"], ["missing", "missing value", "no value", "no value 2"]]
)
def test_every_category_has_a_name_of_its_own(values: list[object]) -> None:
    """Scores are told by these names."""
    known = fitted(values, missing=True)
    assert len(set(known.names)) == known.count == len(values) + 1


def test_a_missing_value_is_not_an_unknown_one(findings: Findings) -> None:
    assert findings(lambda: coded(["a", ""], fitted(["a"], unknown=True))) == [EMPTY]


def test_numbers_of_many_axes(findings: Findings) -> None:
    values = np.tile(np.array([[30, 10], [20, 10], [99, 5]]), (20, 1))
    known = fitted(values, [n for n in range(60) if n % 3 != 2])
    assert known.values == (10, 20, 30)
    assert coded(values[:2], known) == [[2, 0], [1, 0]]
    told = findings(lambda: coded(values[:3], known))
    assert told[1] == f"E0419: 5 is not among the values of the training split (t.npz, index 2, column 'c') | {UNSEEN}"


@pytest.mark.parametrize(
    ("trained", "given", "expected"),
    [
        ([7, 12], ["12", "7"], [1, 0]),  # numbers in a column that is text for another value's sake
        ([7, 12], [12.0, 7.0], [1, 0]),
        (["12", "7", "A1"], [7, 12], [1, 0]),  # and the other way round
        ([1.0, np.nan, 2.0], [2, 1], [1, 0]),
        ([True, False], ["True", "false"], [1, 0]),
        ([True, False], [0, 1], [0, 1]),
        ([2**60, 2**60 + 1], [2**60 + 1, 2**60], [1, 0]),
        (["10000000000000000001", "10000000000000000002"], ["10000000000000000002"], [1]),
    ],
)
def test_later_columns_of_another_kind(trained: object, given: object, expected: list[int]) -> None:
    assert coded(given, fitted(trained)) == expected


KINDS = ("float16", "float32", "float64", ">f8", "int8", "uint64", ">i4", "bool", "U", "S")


@pytest.mark.parametrize("values", [[0.1, 2.5, 0.1, 0.2], [3, 100, 11, 3], [True, False, True], [1, 0, 1]])
def test_the_type_of_a_later_column_changes_no_category(values: list[float]) -> None:
    """Not even where what is unknown is no error: then all of it would be, without a word."""
    arrays = [np.array(values).astype(kind) for kind in KINDS]
    alike = [array for array in arrays if array.dtype.kind not in "biu" or array.tolist() == values]
    for first, second in product(alike, alike):
        own, new = table(first), table(second)
        known = Categories(fit_categories(own, "c", None), unknown=True)
        expected = encode(own, "c", known, where_in(own, ["c"])).tolist()
        assert encode(new, "c", known, where_in(new, ["c"]), own.element("c")).tolist() == expected


@pytest.mark.parametrize(
    ("trained", "given", "expected"),
    [
        (["3.0", "11.0"], [11, 3, 4], [0, 1, 2]),  # whole numbers that something has written as fractions
        (["Yes", "No"], [True, False], [1, 0]),
        (["A1", "7"], [7, 8], [0, 2]),
        (np.array([2048, 4096], np.float16), [2049, 2048], [2, 0]),
        ([2.0**60, 0.5], [2**60 + 1, 2**60], [2, 1]),
    ],
)
def test_what_a_number_means(trained: object, given: object, expected: list[int]) -> None:
    own = table(trained)
    known, new = fitted(trained, unknown=True), table(given)
    assert encode(new, "c", known, where_in(new, ["c"]), own.element("c")).tolist() == expected


@pytest.mark.parametrize(
    ("trained", "given", "told"),
    [
        (["7", "007"], [8, 7], "E0467: 7 may be one of several categories .*column's type .*index 1, column 'c'"),
        ([0.1, 0.1 + 1e-9], np.array([0.1], np.float32), "E0467: 0.1.* may be one of several"),
        (["ham", "spam"], [1.0], "E0467: column 'c' of t.npz holds numbers, and was text in training, such as 'ham'"),
    ],
)
@pytest.mark.parametrize("unknown", [False, True])
def test_numbers_that_mean_no_one_category(
    trained: object, given: object, told: str, unknown: bool, findings: Findings
) -> None:
    """Whatever is to happen with what is unknown."""
    (said,) = findings(lambda: coded(given, fitted(trained, unknown=unknown)))
    assert re.match(told, said)


def test_what_is_no_number_is_unknown(findings: Findings) -> None:
    assert coded(["A1", "7"], fitted([7, 12], unknown=True)) == [2, 0]
    assert findings(lambda: coded(["7", "A1"], fitted([7, 12])))[0].startswith("E0419: 'A1' is not among")


def test_a_manifest_keeps_them() -> None:
    for values in (["b", "a"], [1, 2], [0.5, 1.5], [True, False]):
        known = fitted(values, missing=True)
        assert Categories.of(known.described()) == known
    for wrong in ({"values": [1, "a"]}, {"values": [[1]]}, {"values": ["a", "a"]}, {}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            Categories.of({"missing": False, "unknown": False, **wrong})
