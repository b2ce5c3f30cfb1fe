"""A loss that takes logits warns of probabilities wherever they come from, and of nothing else."""

from __future__ import annotations

import pytest

from dslc.check import check_program, resolve_program
from dslc.diagnostics import Diagnostics
from dslc.source import Source

SPEC = """\
data d {{
  source csv("d.csv")
  field x: float32[3] = columns("a", "b", "c")
  field label: int64 = column("label")
  field teacher: float32[3] = columns("t*")
}}
cell Softer {{
  input x: [N, D]
  state h: [N, D] = zeros
  h = 0.5 * h + x
  output h -> Softmax
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
  output slow = (x[:, none] -> Softer)[:, 0]
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
  {}
  epochs 1
}}
"""
PROBABILITIES = [
    "p", "y.probability", "y.inner", "Other(p).q", "softmax(y.logits)", "log_softmax(y.logits)", "sigmoid(y.logits)",
    "reshape(p, [-1, 3])", "p[:, :]", "p[:, 0:3]", "squeeze(unsqueeze(p, axis = 1), axis = 1)", "clip(p, 0.1, 0.9)",
    "transpose(transpose(p))", "concat(p[:, :1], p[:, 1:], axis = 1)", "p -> Dropout(0.5)", "cast(p, float32)",
    "where(p > 0.5, p, 0.1)", "mean(stack(p, softmax(y.bare), axis = 2), axis = 2)", "Other(Other(p).q).q",
    'rearrange(p, "n k -> n k")', "y.slow", "if 1 > 0 then p else x",
    # arithmetic that leaves no doubt
    "p * 1", "1 * p", "p + 0", "p + 1e-9", "p - 0.5", "1 - p", "-p", "p / 2", "p / 0.5", "2 * p - 1", "p * 3 + 7",
    "clip(p + 1e-7, 0, 1) / 1.5", "concat(p[:, :1] * 2, p[:, 1:] / 2, axis = 1)", "(p - 0.5) * 2 * 2",
    "log_softmax(y.logits) * 1", "log_softmax(y.logits) + 1e-7", "log_softmax(y.logits) - 0",
]  # fmt: skip
OTHERS = [
    "y.logits", "y.bare", "y.normed", "Other(p).r", "x", "teacher", "concat(p[:, :1], y.logits[:, 1:], axis = 1)",
    "log(p)", "p * 10", "where(p > 0.5, y.logits, 0.1)", "y.logits + detach(p)", "cast(argmax(p[:, :, none]), float32)",
    "mean(stack(p, y.logits, axis = 2), axis = 2)", "p * 5", "p / 0.1", "p * 0", "1 / p", "p * x", "p + x", "p / x",
    "log_softmax(y.logits) / 2", "(p - 0.5) * 20", "concat(p[:, :1] * 9, p[:, 1:], axis = 1)", "p * 4 * 4",
]  # fmt: skip


def codes(expression: str, more: str = "") -> list[str]:
    found = Diagnostics()

    def load(*_: object) -> Source:
        raise AssertionError

    program = resolve_program(Source("main.dl", SPEC.format(expression, more)), found, load=load)
    check_program(program, found)
    return [d.code.id for d in found]


@pytest.mark.parametrize("expression", PROBABILITIES)
def test_probabilities_are_warned_of(expression: str) -> None:
    assert codes(expression) == ["W0301"]


@pytest.mark.parametrize("expression", OTHERS)
def test_other_values_are_not(expression: str) -> None:
    assert codes(expression) == []


FIGURES = [
    # of two classes the threshold is 0, which a shift may put where it belongs
    ("accuracy(sigmoid(y.logits), cast(x > 0, float32))", "E0240"), ("accuracy(2 * sigmoid(y.logits), cast(x > 0, float32))", "E0240"),
    ("accuracy(sigmoid(y.logits) - 0.5, cast(x > 0, float32))", None),
    ("accuracy(0.5 - sigmoid(y.logits), cast(x > 0, float32))", None),
    ("accuracy(p * 100 + 3, label)", None), ("kl_divergence(p + 1e-9, teacher)", "E0241"),
    ("kl_divergence(p * 1, teacher)", "E0241"), ("kl_divergence(p - 1, teacher)", None),
    ("binary_cross_entropy(sigmoid(y.logits) * 1, x)", "W0301"), ("binary_cross_entropy(sigmoid(y.logits) + 1e-7, x)", "W0301"),
    ("binary_cross_entropy(sigmoid(y.logits) * 2 - 1, x)", None), ("binary_cross_entropy(-sigmoid(y.logits), x)", None),
]  # fmt: skip


@pytest.mark.parametrize(("figure", "code"), FIGURES)
def test_other_figures(figure: str, code: str | None) -> None:
    found = codes("y.logits", f"metric m = {figure}")
    assert found == ([] if code is None else [code])
