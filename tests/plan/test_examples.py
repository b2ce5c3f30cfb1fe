"""Which figures and outputs follow from each example by itself, whatever stands beside it in a batch."""

from __future__ import annotations

import pytest

from dslc.diagnostics import Failure
from tests.check.checking import train_of

SPEC = """\
data d {{
  source csv("d.csv")
  field x: float32[3] = columns("x*")
  field y: float32[3] = columns("y*")
  field k: int64 = column("k")
}}
model Net {{
  input x: float32[N, 3]
  input y: float32[N, 3]
  input k: int64[N]
  z = x -> Dense(3)
  output z = z
  output shipped = {shipped}
}}
train t {{
  data d
  let z = Net(x, y, k).z
  minimize mse(z, y) using SGD(lr = 0.1)
  {statement}
  epochs 1
}}
"""
APART = (
    "z", "softmax(z, axis = 1)", "transpose(softmax(transpose(z), axis = 0))", "z[:, 1:]", "z[:, none, :]",
    "reshape(z, [-1, 1, 3])", "reshape(reshape(z, [-1]), [-1, 3])", 'rearrange(z, "n d -> (n d)")',
    'rearrange(rearrange(z, "n d -> (d n)"), "(d n) -> n d", d = 3)', 'einsum("nd,nd->n", z, y)',
    "gather(z, k[:, none], axis = 1)", "concat(z, y, axis = 0)", "transpose(z) * transpose(y)",
    'rearrange(z, "n d -> (d n)") * rearrange(y, "n d -> (d n)")',
)  # fmt: skip
MIXED = (
    "softmax(z, axis = 0)", "softmax(transpose(z), axis = 1)", "z[k]",
    "gather(z, k[:, none] + 0 * cast(z, int64), axis = 0)", "z @ transpose(z)", 'einsum("nd,md->nd", z, y)', 'einsum("nd,md->nm", z, y)', "reshape(z, [3, -1])",
    "transpose(reshape(z, [3, -1])) * z", 'rearrange(z, "n d -> (d n)") * rearrange(y, "n d -> (n d)")',
    'rearrange(rearrange(z, "n d -> (d n)"), "(n d) -> n d", d = 3)', "z[1:]",
)  # fmt: skip


def codes(statement: str, shipped: str = "z + y + cast(k, float32)[:, none]") -> list[str]:
    try:
        train_of(SPEC.format(statement=statement, shipped=shipped))
    except Failure as failure:
        return [finding.code.id for finding in failure.diagnostics]
    return []


def codes_of(expression: str) -> list[list[str]]:
    """What is said of it as a metric, as an output, and as an output of a network that ships as it is."""
    return [codes(f"metric m = mean({expression})"), codes(f"output o = {expression}"), codes("", expression)]


@pytest.mark.parametrize("expression", APART)
def test_examples_stay_apart(expression: str) -> None:
    assert codes_of(expression) == [[], [], []]


@pytest.mark.parametrize("expression", MIXED)
def test_examples_meet(expression: str) -> None:
    assert codes_of(expression) == [["E0501"], ["E0547"], ["E0547"]]
