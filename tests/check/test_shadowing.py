"""A block's own names hide those of the file, unless a reader could doubt which is meant."""

from __future__ import annotations

import pytest

from dslc.diagnostics import Failure
from tests.check.checking import elaborated, train_of

FILE = "param k: int = 3\nparam x: int = 5\nparam i: int = 7\n"


def model(body: str, formals: str = "") -> str:
    return f"{FILE}model Net{formals} {{\n  {body}\n}}\n"


@pytest.mark.parametrize(("body", "formals", "type"), [
    ("input a: float32[N, 4] output y = a -> Dense(k)", "(k = 2)", "float32[N, 2]"),
    ("input a: float32[N, 4] output y = a -> Dense(k)", "(k = k)", "float32[N, 3]"),
    ("input a: float32[N, 4] output y = a -> Dense(m)", "(k = 2, m = 2 * k)", "float32[N, 4]"),
    ("input x: float32[N, 4] output y = x -> Dense(k)", "", "float32[N, 3]"),
    ("input x: float32[N, 4] k = x -> Relu output y = k", "", "float32[N, 4]"),
    ("input x: float32[N, 4] parameter k: float32[4] = zeros output y = x + k", "", "float32[N, 4]"),
    ("input a: float32[N, 4] for i in range(2) { a = a -> Dense(i + 1) } output y = a", "", "float32[N, 2]"),
    ("input a: float32[N, 4] for j in range(2) { k = a -> Relu a = k } output y = a", "", "float32[N, 4]"),
    ("input a: float32[N, 4] output k = a -> Dense(k)", "", "float32[N, 3]"),
    ("input a: float32[N, 4] k, x = split(a, [1, 3], axis = 1) output y = concat(x, k, k, axis = 1)", "",
     "float32[N, 5]"),
])  # fmt: skip
def test_what_leaves_no_doubt(body: str, formals: str, type: str) -> None:
    outputs, _ = elaborated(model(body, formals))
    assert str(next(iter(outputs.values())).type) == type


@pytest.mark.parametrize(("body", "formals"), [
    ("input a: float32[N, 4] output y = a -> Dense(m)", "(m = k, k = 2)"),
    ("input x: float32[N, x] output y = x -> Relu", ""),
    ("input a: float32[N, 4] k = a * k output y = k", ""),
    ("input a: float32[N, 4] b = a * k k = b output y = k", ""),
    ("input a: float32[N, 4] if i > 9 { k = a -> Relu } output y = a * k", ""),
    ("input a: float32[N, 4] if i > 9 { k = a a = k } else { a = a * k } output y = a", ""),
    ("input a: float32[N, 4] for j in range(2) { a = a * k k = a } output y = a", ""),
    ("input a: float32[N, 4] for i in range(2) { a = a * i } output y = a * i", ""),
    ("input a: float32[N, 4] for i in range(i) { a = a * i } output y = a", ""),
    ("input a: float32[N, 3] parameter k: float32[k] = zeros output y = a + k", ""),
    ("input a: float32[N, 4] output k = a -> Relu output y = a * k", ""),
])  # fmt: skip
def test_what_leaves_doubt(body: str, formals: str) -> None:
    with pytest.raises(Failure) as caught:
        elaborated(model(body, formals))
    assert {d.code.id for d in caught.value.diagnostics} == {"E0210"}


TRAIN = """\
param size: int = 4
param y: int = 2
data d {{
  source csv("d.csv")
  field x: float32[4] = columns("x*")
  field {field}: float32 = column("y") {more}
}}
model Net {{
  input x: float32[N, 4]
  output z = squeeze(x -> Dense(1), axis = 1)
}}
train t {{
  data d
  let {let} = Net(x)
  minimize mse({let}, {field}) using Adam({lr})
  batch {batch}
  epochs 1
}}
"""
PLAIN = {"field": "y", "let": "p", "more": "", "lr": "lr = 0.1", "batch": "8"}


@pytest.mark.parametrize("change", [{}, {"let": "size"}, {"batch": "size"}, {"lr": "lr = size"}])
def test_fields_and_lets_may_hide_params(change: dict[str, str]) -> None:
    assert train_of(TRAIN.format(**PLAIN | change)).data.fields.keys() == {"x", "y"}


@pytest.mark.parametrize("change", [
    {"batch": "y"}, {"lr": "lr = y"}, {"more": "* y"}, {"let": "size", "batch": "size"}, {"let": "size", "more": "+ size"},
])  # fmt: skip
def test_but_not_where_both_are_used(change: dict[str, str]) -> None:
    with pytest.raises(Failure) as caught:
        train_of(TRAIN.format(**PLAIN | change))
    assert {d.code.id for d in caught.value.diagnostics} == {"E0210"}
