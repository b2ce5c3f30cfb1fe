"""A loss that takes logits warns of probabilities wherever they come from, and of nothing else."""

from __future__ import annotations

import pytest

from dslc.diagnostics import Diagnostics
from dslc.model import check_program, resolve_program
from dslc.source import Source

SPEC = """\
data d {{
  source csv("d.csv")
  field x: float32[3] = columns("a", "b", "c")
  field label: int64 = column("label")
  field teacher: float32[3] = columns("t*")
}}
block Head {{
  input h: [N, K]
  output a = h -> Softmax
  output b = h
}}
model Net {{
  input x: float32[N, 3]
  h = x -> Dense(3)
  parts = h -> Head
  output logits = h
  output probability = h -> Softmax
  output inner = parts.a
  output bare = parts.b
  layer norm = LayerNorm
  output normed = parts.a -> norm
}}
model Other {{
  input p: float32[N, 3]
  output q = p
  output r = p -> Dense(3)
}}
train t {{
  data d
  let y = Net(x)
  let p = y.probability
  minimize cross_entropy({}, label) + mse(y.logits, x) using Adam
  epochs 1
}}
"""
PROBABILITIES = [
    "p", "y.probability", "y.inner", "Other(p).q", "softmax(y.logits)", "log_softmax(y.logits)", "sigmoid(y.logits)",
    "reshape(p, [-1, 3])", "p[:, :]", "p[:, 0:3]", "squeeze(unsqueeze(p, axis = 1), axis = 1)", "clip(p, 0.1, 0.9)",
    "transpose(transpose(p))", "concat(p[:, :1], p[:, 1:], axis = 1)", "p -> Dropout(0.5)", "cast(p, float32)",
    "where(p > 0.5, p, 0.1)", "mean(stack(p, softmax(y.bare), axis = 2), axis = 2)", "Other(Other(p).q).q",
    'rearrange(p, "n k -> n k")', "if 1 > 0 then p else x",
]  # fmt: skip
OTHERS = [
    "y.logits", "y.bare", "y.normed", "Other(p).r", "x", "teacher", "concat(p[:, :1], y.logits[:, 1:], axis = 1)",
    "log(p)", "p * 10", "where(p > 0.5, y.logits, 0.1)", "y.logits + detach(p)", "cast(argmax(p[:, :, none]), float32)",
    "mean(stack(p, y.logits, axis = 2), axis = 2)",
]  # fmt: skip


def codes(expression: str) -> list[str]:
    found = Diagnostics()

    def load(*_: object) -> Source:
        raise AssertionError

    program = resolve_program(Source("main.dl", SPEC.format(expression)), found, load=load)
    check_program(program, found)
    return [d.code.id for d in found]


@pytest.mark.parametrize("expression", PROBABILITIES)
def test_probabilities_are_warned_of(expression: str) -> None:
    assert codes(expression) == ["W0301"]


@pytest.mark.parametrize("expression", OTHERS)
def test_other_values_are_not(expression: str) -> None:
    assert codes(expression) == []
