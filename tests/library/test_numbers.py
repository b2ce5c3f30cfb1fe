"""Functions of compile-time numbers, and the operators that stand for them."""

from __future__ import annotations

from typing import Any

import pytest

from dslc.diagnostics import Problem
from dslc.library.operation import word_of_symbol
from dslc.library.word import FUNCTIONS
from dslc.types import symbol

T = symbol("T")


@pytest.mark.parametrize(
    ("name", "values", "result"),
    [
        ("add", (2, 3), 5), ("add", (T, 3), T + 3), ("subtract", (2, 3), -1), ("multiply", (2, 1.5), 3.0),
        ("divide", (7, 2), 3.5), ("floor_divide", (-7, 2), -4), ("floor_divide", (2 * T, 2), T),
        ("remainder", (-7, 2), 1), ("pow", (2, 10), 1024), ("pow", (2, -1), 0.5), ("pow", (T, 2), T * T),
        ("negative", (3,), -3), ("equal", (3, 3.0), True), ("equal", ("same", "valid"), False),
        ("equal", (None, None), True), ("equal", (T, T), True), ("equal", (T + 1, T), False),
        ("equal", (T, None), False),
        ("not_equal", (T + 1, T), True), ("less", (1, 2), True), ("less_equal", (2, 2), True),
        ("greater", (1, 2), False),
        ("greater_equal", (1, 2), False), ("logical_and", (True, False), False), ("logical_or", (True, False), True),
        ("logical_not", (True,), False), ("exp", (0,), 1.0), ("log", (1,), 0.0), ("sqrt", (16,), 4.0),
        ("sin", (0,), 0.0),
        ("cos", (0,), 1.0), ("erf", (0,), 0.0), ("floor", (1.7,), 1), ("ceil", (1.2,), 2), ("round", (2.5,), 2),
        ("sign", (-3,), -1), ("abs", (-3,), 3), ("min", (3, 2), 2), ("max", (3, 2), 3), ("relu", (-3,), 0),
        ("relu", (2.5,), 2.5), ("tanh", (0,), 0.0),
    ],
)  # fmt: skip
def test_numbers(name: str, values: tuple[Any, ...], result: Any) -> None:
    found = FUNCTIONS[name].number(*values)
    assert FUNCTIONS[name].folds()
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("name", "values", "code", "message"),
    [
        ("floor_divide", (4, 0), "E0313", "floor_divide of 4, 0 is a division by zero"),
        ("divide", (4, 0), "E0313", "division by zero"),
        ("divide", (T, 2), "E0308", "`//` divides sizes"),
        ("remainder", (4, 0), "E0313", "division by zero"),
        ("remainder", ("%d", 1), "E0313", "has no value"),
        ("multiply", ("a", 3), "E0313", "has no value"),
        ("add", ("a", 3), "E0313", 'add of "a", 3 has no value'),
        ("pow", (10, 10**9), "E0313", "has no value"),
        ("pow", (2, 63), "E0313", "fits in 64 bits"),
        ("pow", (-8, 0.5), "E0313", "has no value"),
        ("pow", (T, 9), "E0308", "not known before run time"),
        ("pow", (2, T), "E0308", "not known before run time"),
        ("sqrt", (-1,), "E0313", "has no value"),
        ("log", (0,), "E0313", "has no value"),
        ("exp", (1000,), "E0313", "has no value"),
        ("less", (T, 3), "E0308", "can't be compared"),
        ("equal", (T, 3), "E0308", "is not known before run time"),
        ("max", (T, 3), "E0308", "can't be compared"),
        ("abs", (T,), "E0308", "is not known before run time"),
        ("relu", (T,), "E0308", "can't be compared"),
        ("negative", (None,), "E0313", "negative of none has no value"),
    ],
)
def test_what_has_no_value(name: str, values: tuple[Any, ...], code: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        FUNCTIONS[name].number(*values)
    assert caught.value.diagnostic.code.id == code
    assert message in caught.value.diagnostic.message


def test_what_is_not_for_numbers() -> None:
    assert not FUNCTIONS["concat"].folds()
    assert not FUNCTIONS["softmax"].folds()


def test_operators_mean_functions() -> None:
    binary = ["+", "-", "*", "/", "//", "%", "**", "@", "==", "!=", "<", "<=", ">", ">=", "and", "or"]
    assert [word_of_symbol(s, 2).name for s in binary] == [
        "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "pow", "matmul", "equal", "not_equal",
        "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
    ]  # fmt: skip
    assert [word_of_symbol(s, 1).name for s in ("-", "not")] == ["negative", "logical_not"]


def test_round_is_exact_for_large_numbers() -> None:
    assert FUNCTIONS["floor"].number(2**53 + 1) == 2**53 + 1
    assert FUNCTIONS["abs"].number(-(2**53) - 1) == 2**53 + 1
