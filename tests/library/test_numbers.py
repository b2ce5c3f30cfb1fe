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
        ("negative", (3,), -3), ("negative", (T,), -T), ("logical_and", (True, False), False),
        ("logical_or", (True, False), True),
        ("logical_not", (True,), False), ("exp", (0,), 1.0), ("log", (1,), 0.0), ("sqrt", (16,), 4.0),
        ("sin", (0,), 0.0),
        ("cos", (0,), 1.0), ("erf", (0,), 0.0), ("floor", (1.7,), 1), ("ceil", (1.2,), 2), ("round", (2.5,), 2),
        ("sign", (-3,), -1), ("abs", (-3,), 3), ("min", (3, 2), 2), ("max", (3, 2), 3), ("relu", (-3,), 0),
        ("relu", (2.5,), 2.5), ("tanh", (0,), 0.0),
    ],
)  # fmt: skip
def test_numbers(name: str, values: tuple[Any, ...], result: Any) -> None:
    found = FUNCTIONS[name].number(*values)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("name", "values", "code", "message"),
    [
        ("sqrt", (-1,), "E0313", "has no value"),
        ("log", (0,), "E0313", "has no value"),
        ("exp", (1000,), "E0313", "has no value"),
        ("max", (T, 3), "E0308", "can't be compared"),
        ("abs", (T,), "E0308", "is not known before run time"),
        ("relu", (T,), "E0308", "can't be compared"),
    ],
)
def test_what_has_no_value(name: str, values: tuple[Any, ...], code: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        FUNCTIONS[name].number(*values)
    assert caught.value.diagnostic.code.id == code
    assert message in caught.value.diagnostic.message


def test_what_is_not_for_numbers() -> None:
    assert FUNCTIONS["concat"].of_numbers is None
    assert FUNCTIONS["softmax"].of_numbers is None


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
