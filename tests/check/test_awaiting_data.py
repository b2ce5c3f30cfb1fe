"""Findings that hang on numbers of categories wait for the data; all others are told before it is read."""

from __future__ import annotations

from functools import cache

import pytest

from dslc.check import Facts, Program, check_train_block, resolve_program
from dslc.diagnostics import Diagnostics
from dslc.limits import Limits
from dslc.plan.columns import ColumnFact
from dslc.source import Source, Span
from dslc.types import FLOAT32, STRING
from tests.conftest import mostly_alike

COUNTS = (1, 2, 3, 4, 5, 6, 8, 12)
SPEC = """\
data d {{
  source csv("d.csv")
  field town: int64 = category(column("town"))
  field x: float32[4] = columns("x*")
  field many: float32[5, 6] = columns("m*")
}}
block Rows(k) {{
  input h: [N, k]
  output h -> Relu
}}
model Net(k, m = [2, 3, 4]) {{
  input x: float32[N, 4]
  input many: float32[N, 5, 6]
  input town: int64[N]
  hot = one_hot(town, k)
  {body}
  output y = x -> Dense(k)
  output z = x -> Dense(1)
}}
train t {{
  data d
  net net = Net(classes(town))
  let y, z = net(x, many, town)
  minimize {loss} using {optimizer}
  {setting}
}}
"""
USUAL = {"body": "", "loss": "mean(y)", "optimizer": "SGD(lr = 0.1)", "setting": "epochs 1"}


def refuse(path: str, span: Span) -> Source:
    raise AssertionError("nothing is imported")


@cache
def program_of(text: str) -> Program:
    found = Diagnostics()
    program = resolve_program(Source("main.dl", text), found, load=refuse)
    found.raise_errors()
    return program


def found_in(facts: Facts, **parts: str) -> set[tuple[str, str]]:
    """Codes and texts of the errors in a spec with these parts."""
    found = Diagnostics()
    check_train_block(program_of(SPEC.format(**USUAL | parts)), "t", found, Limits(), facts)
    return {(d.code.id, d.span.text if d.span else "") for d in found if d.severity == "error"}


def known(count: int) -> Facts:
    columns: dict[tuple[tuple[str, ...], bool], ColumnFact] = {(("x*",), True): ColumnFact(FLOAT32, (4,)), (("m*",), True): ColumnFact(FLOAT32, (5, 6)),
               (("town",), False): ColumnFact(STRING, ())}  # fmt: skip
    return Facts(columns, class_counts={"town": count})


WAITING = [
    {"body": "a = hot + x"},
    {"body": "a = hot @ transpose(x)"},
    {"body": "a = hot @ many[0]"},
    {"body": "a = many @ hot[0]"},
    {"body": "a = hot -> Reshape(2, 2)"},
    {"body": "a = hot -> Reshape(2, -1)"},
    {"body": "a = reshape(x, [-1, k])"},
    {"body": "a = x[:, :k]"},
    {"body": "a = x[:, k]"},
    {"body": "a = x[:, k - 3]"},
    {"body": "a = hot[:, 3]"},
    {"body": "a = hot[:, 2:7]"},
    {"body": "a = m[k]"},
    {"body": "a = m[k - 1]"},
    {"body": "a = range(k)"},
    {"body": "for i in range(1, k) { x = x -> Dense(4) }"},
    {"body": "if k > 4 { x = x -> Relu }"},
    {"body": "if k == 4 { x = x -> Relu }"},
    {"body": "a = if k != 3 then 1 else 2"},
    {"body": "a = x -> Dropout(k / 20)"},
    {"body": "a = x -> Dropout(k)"},
    {"body": "a = k ** 9"},
    {"body": "a = 2 ** k"},
    {"body": "a = k * 0.5"},
    {"body": "a = -k + 0.5"},
    {"body": "a = max(k, 4)"},
    {"body": "a = abs(k - 4)"},
    {"body": "a = sqrt(k)"},
    {"body": "a = x -> Dense(k - 3)"},
    {"body": "a = x -> Dense(k // 2)"},
    {"body": "a = x -> Dense(k % 2)"},
    {"body": "a = hot -> Rows(4)"},
    {"body": "a = x -> Rows(k)"},
    {"body": "a = hot -> Rows(k // 2)"},
    {"body": "layer l = Dense(3)\n  a = hot -> l\n  b = x -> l"},
    {"body": "parameter w: float32[k - 2] = zeros"},
    {"body": "a = many -> Conv(8, kernel = k)"},
    {"body": "a = many -> Conv(6, kernel = 3, groups = k)"},
    {"body": "a = many -> Conv(k, kernel = 3, groups = 2)"},
    {"body": "a = many -> MaxPool(k)"},
    {"body": "a = hot[:, none] -> MaxPool(3)"},
    {"body": "a = hot[:, none] -> Conv(8, kernel = 3)"},
    {"body": "a = hot -> LayerNorm"},
    {"body": "a = x -> GroupNorm(k)"},
    {"body": "a = split(hot, 2, axis = 1)"},
    {"body": "a, b = split(hot, [1, 3], axis = 1)"},
    {"body": "a = concat(hot, many[:, 0], axis = 0)"},
    {"body": "a = stack(hot, x, axis = 1)"},
    {"body": 'a = einsum("ij, ij -> i", hot, x)'},
    {"body": "a = softmax(x, axis = k - 4)"},
    {"body": "a = transpose(many, axes = [0, k, 1])"},
    {"body": "a = top_k(hot, 3)"},
    {"body": "a = where(hot > 0, x, 0)"},
    {"body": "a = pad(x, [[0, 0], [k - 3, 0]])"},
    {"body": "a = expand(x[:, :1], [N, k]) + x"},
    {"body": "a = squeeze(hot, axis = 1)"},
    {"loss": "cross_entropy(y, town)"},
    {"loss": "cross_entropy(z, town)"},
    {"loss": "cross_entropy(x, town)"},
    {"loss": "cross_entropy(y, town, class_weight = [1, 2, 3])"},
    {"loss": "mse(y, x)"},
    {"loss": "mse(y, one_hot(town, 3))"},
    {"loss": "cross_entropy(y, one_hot(town, 3))"},
    {"loss": "binary_cross_entropy(y, x, pos_weight = [1, 2, 3])"},
    {"loss": "mean(y)", "setting": "epochs 1\n  metric a = top_k(y, town, k = 3)"},
    {"loss": "mean(y)", "setting": "epochs 1\n  metric a = accuracy(y, town)"},
    {"loss": "mean(y)", "setting": "epochs classes(town)"},
    {"loss": "mean(y)", "setting": "steps classes(town) - 3"},
    {"optimizer": "SGD(lr = classes(town))"},
    {"optimizer": "SGD(lr = 0.1 / classes(town))"},
    {"optimizer": "SGD(lr = 0.1, momentum = classes(town) - 2)"},
    {"optimizer": "Adam(betas = [0.9, classes(town) - 3])"},
]


@pytest.mark.parametrize("parts", mostly_alike(WAITING, every=3), ids=lambda parts: "; ".join(parts.values()))
def test_what_is_told_before_the_data_stands_whatever_it_is(parts: dict[str, str]) -> None:
    before = found_in(Facts(), **parts)
    for count in COUNTS:
        assert before <= found_in(known(count), **parts), f"with {count} categories it is right"


CERTAIN = {
    "a = hot -> Conv(8, kernel = 3)": "E0304",
    "a = softmax(hot, axis = 2)": "E0305",
    "a = hot and hot": "E0303",
    "a = hot + town": "E0302",
    "a = x -> Dense(k * 0)": "E0206",
    "a = hot + many": "",
    "if k { x = x -> Relu }": "E0216",
}


@pytest.mark.parametrize(("body", "code"), CERTAIN.items())
def test_what_no_number_of_categories_mends_is_told_at_once(body: str, code: str) -> None:
    assert {found for found, _ in found_in(Facts(), body=body)} == {code} - {""}
