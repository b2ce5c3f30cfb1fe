"""Whole numbers are asked for in one place: 8 / 2 is one, alone and in lists, and no fraction, text or truth is."""

from __future__ import annotations

from typing import Any

import pytest

from dslc.check.core.arguments import Given, check_option
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.values import POISON
from dslc.diagnostics import Diagnostics, Failure
from dslc.library.operation import Operation
from dslc.library.word import FUNCTIONS, LAYERS, Option, options_of
from dslc.plan.conditions import Stalled
from dslc.source import Source
from dslc.types import symbol
from tests.check.checking import program_of, train_of

PLACE = Source("x.dl", "x").span(0, 1)
LISTS = [
    (word, option) for word in (*LAYERS.values(), *FUNCTIONS.values()) for option in options_of(word)
    if int in option.items and float not in option.items
]  # fmt: skip
SINGLE = [
    (word, option) for word in (*LAYERS.values(), *FUNCTIONS.values()) for option in options_of(word)
    if int in option.kinds and float not in option.kinds
]  # fmt: skip


def fitted(word: type[Operation], option: Option, value: object) -> Any:
    return check_option(word.name, option, Given(None, value, PLACE), Elaboration(Diagnostics()).report)


def test_there_are_some() -> None:
    assert len(LISTS) > 15
    assert len(SINGLE) > 40


@pytest.mark.parametrize(("word", "option"), LISTS, ids=lambda v: v.name)
def test_lists_hold_whole_numbers(word: type[Operation], option: Option) -> None:
    (first, second) = values = fitted(word, option, [4.0, 3])
    assert values == (4, 3)
    assert type(first) is type(second) is int
    for wrong in (1.5, True, "1", None, [1], float("nan")):
        assert fitted(word, option, [2, wrong]) is POISON
    if word.name in ("Conv", "MaxPool", "AveragePool"):
        assert fitted(word, option, [2, symbol("N")]) is POISON


@pytest.mark.parametrize(("word", "option"), SINGLE, ids=lambda v: v.name)
def test_single_ones_are_whole(word: type[Operation], option: Option) -> None:
    value = fitted(word, option, 4.0)
    assert value == 4
    assert type(value) is int
    assert fitted(word, option, 1.5) is POISON


@pytest.mark.parametrize(
    "output",
    [
        "x -> Reshape(8 / 2, 48)", "x -> Conv(4, kernel = [4.0, 3])", "x -> Conv(8 / 2, kernel = 6 / 2)", "split(x, [4.0, 4], axis = 3.0)[1.0]",
        "mean(x, axis = [1.0, 2])", "expand(x[:, 0:2 / 2], [-1.0, 6 / 2, 8, 8])", "x -> MaxPool([4 / 2, 2])",
        "x -> AveragePool(2, padding = [1.0, 1])", "squeeze(x[:, 0:1], axis = [1.0])", "pad(x, [1.0, -1.0])", "x[:, 4 / 4]",
        "x[:, 0:4 / 2]", "x[:, ::4 / 2]", "transpose(x, [0.0, 2, 1, 3])", "reshape(x, [-1.0, 64])",
        'rearrange(x, "n c (h a) w -> n c h a w", a = 4 / 2)', "unsqueeze(x, [1.0])",
    ],
)  # fmt: skip
def test_quotients_that_are_whole(output: str) -> None:
    loop = "for i in range(4 / 2) { x = x -> Relu }"
    program_of(f"model Net {{\n  input x: float32[N, 6 / 2, 8, 8]\n  {loop}\n  y = {output}\n  output z = x\n}}\n")


@pytest.mark.parametrize(
    "output",
    [
        "x -> Reshape(7 / 2, -1)", "x -> Conv(4, kernel = [3.5, 3])", "split(x, [4.5, 3.5], axis = 3)", "mean(x, axis = [1.5])",
        "expand(x, [-1, 3, 8.5, 8])", "x -> MaxPool([N, 2])", "pad(x, [0.5, 1])", "x[:, 0.5]", "x[:, 0:0.5]", "x -> Dense(2.5)",
        "transpose(x, [0, 2.5, 1, 3])", "x -> Conv(4, kernel = [true, 3])",
    ],
)  # fmt: skip
def test_fractions_are_refused_at_their_place(output: str) -> None:
    with pytest.raises(Failure) as caught:
        program_of(f"model Net {{\n  input x: float32[N, 3, 8, 8]\n  output y = {output}\n}}\n")
    assert {d.code.id for d in caught.value.diagnostics} <= {"E0205", "E0217", "E0219", "E0311", "E0218"}
    assert all(d.span is not None for d in caught.value.diagnostics)


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("N == 8 / 2", "E0217"), ("8 / 2 != N", "E0217"), ("N == 7 / 2", None), ("8 / 2 == 4", None),
        ("[3, N] == [3, 4]", "E0217"), ("(N, 3) != (4, 3)", "E0217"), ("[3, N] == [2, 4]", None), ("[N] == [N, 1]", None),
    ],
)  # fmt: skip
def test_sizes_are_compared_with_quotients_that_are_whole(condition: str, code: str | None) -> None:
    text = f"model Net {{\n  input x: float32[N, 3]\n  if {condition} {{ y = x }} else {{ y = 2 * x }}\n  output z = x\n}}\n"
    try:
        program_of(text)
        found = []
    except Failure as failure:
        found = [d.code.id for d in failure.diagnostics]
    assert found == ([] if code is None else [code])


def test_seeds_and_patience_are_whole() -> None:
    train = train_of(
        'data rows {\n  source csv("rows.csv")\n  field x: float32[1] = column("x")\n'
        "  split train = 80%, validation = 20%, seed = 6 / 2\n}\n"
        "model Net {\n  input x: float32[N, 1]\n  output y = x -> Dense(1)\n}\n"
        "train run {\n  data rows\n  minimize mse(Net(x), x) using SGD(lr = 0.1)\n  epochs 8 / 2\n  seed 4 / 2\n"
        "  stop when stalled(validation.loss, epochs = 10 / 2)\n}\n"
    )
    assert train.stop is not None
    assert isinstance(train.stop.expression, Stalled)
    assert (train.data.split.seed, train.epochs, train.seed, train.stop.expression.patience) == (3, 4, 2, 5)
