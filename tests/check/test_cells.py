"""Cells: types of what they give, names of their parameters, and what follows from their bodies."""

from __future__ import annotations

import pytest

from dslc.dimensions import substitute
from dslc.plan.recurrence import Recurrence
from dslc.plan.terms import reached_paths
from dslc.report.dumps import model_text
from tests.check.checking import elaborated, parameters_of, train_of

CELLS = """
cell Unit(units = 4) {
  input x: [N, D]
  state h: [N, units] = zeros
  h = tanh((x -> Dense(units)) + (h -> Dense(units, bias = false)))
  output h
}
cell Two(units = 4) {
  input x: [N, D]
  input w: [N]
  state h: [N, units] = 0.5
  state n: int64[N] = ones
  state seen: bool[N, 1] = true
  layer inner = Dense(units)
  for i in range(2) {
    h = h * w[:, none] + (x -> inner)
  }
  if D > 100 {
    h = h * 2
  }
  n = n + 1
  seen = h[:, :1] > 0
  output a = h
  output b = n
}
cell Outer(units = 4) {
  input x: [N, K, D]
  state h: [N, units] = zeros
  h = x -> Unit(units, h = h, last = true)
  output h
}
"""
INPUTS = "  input x: float32[N, T, 3]\n  input w: float32[N, T]\n  input n: int64[N]\n  input f: float32[N, 4]\n"


def net(body: str) -> str:
    return f"{CELLS}model Net {{\n{INPUTS}{body}\n}}\n"


TYPES = {
    "x -> Unit": "float32[N, T, 4]",
    "x -> Unit(7)": "float32[N, T, 7]",
    "x -> Unit(reverse = true, lengths = n, h = f)": "float32[N, T, 4]",
    "x -> Unit(last = true)": "float32[N, 4]",
    "((x, w) -> Two).a": "float32[N, T, 4]",
    "((x, w) -> Two(last = true)).b": "int64[N]",
    "((x, w) -> Two(return_state = true)).seen": "bool[N, 1]",
    "cast(x, float64) -> Unit(5)": "float64[N, T, 5]",
    "x[:, 0][:, none] -> Unit": "float32[N, 1, 4]",
    "x[:, none] -> Outer": "float32[N, 1, 4]",
    "stack(x, x, axis = 2) -> Outer(5)": "float32[N, T, 5]",
}


@pytest.mark.parametrize("expression", TYPES)
def test_types(expression: str) -> None:
    outputs, _ = elaborated(net(f"  output y = {expression}"))
    assert str(outputs["y"].type) == TYPES[expression]


def test_states_follow_the_outputs() -> None:
    body = (
        "  a, b, h, k, seen = (x, w) -> Two(return_state = true, last = true)\n  y, s = x -> Unit(return_state = true)"
    )
    outputs, _ = elaborated(
        net(body + "".join(f"\n  output {o}_ = {o}" for o in ("a", "b", "h", "k", "seen", "y", "s")))
    )
    types = [
        "float32[N, 4]",
        "int64[N]",
        "float32[N, 4]",
        "int64[N]",
        "bool[N, 1]",
        "float32[N, T, 4]",
        "float32[N, 4]",
    ]
    assert [str(value.type) for value in outputs.values()] == types


def test_names_of_parameters() -> None:
    body = "  layer g = Unit(2)\n  h = x\n  for i in range(2) { h = h -> Outer(3) }\n  output y = (x -> g) + (x -> g(reverse = true))"
    assert parameters_of(net(body.replace("h = h -> Outer(3)", "h = h[:, :, none] -> Outer(3)"))) == [
        *(f"Net.h.{i}.outer.h.unit.h.{name}" for i in (0, 1) for name in ("dense.weight", "dense.bias", "dense_2.weight")),
        *(f"Net.g.h.{name}" for name in ("dense.weight", "dense.bias", "dense_2.weight")),
    ]  # fmt: skip


def test_of_an_imported_file() -> None:
    text = f'import "cells.dl" as c\nmodel Net {{\n{INPUTS}  output y = x -> c.Unit(2)\n}}\n'
    assert parameters_of(text, cells=CELLS)[0] == "Net.y.unit.h.dense.weight"


def test_a_state_takes_the_element_type_of_the_first_floats() -> None:
    text = """
cell Words {
  input id: int64[N]
  state h: [N, 2] = zeros
  h = 0.5 * h + (id -> Embedding(5, 2))
  output h
}
model Net {
  input ids: int64[N, T]
  output y = ids -> Words
}
"""
    assert str(elaborated(text)[0]["y"].type) == "float32[N, T, 2]"


def test_cost_is_that_of_all_steps() -> None:
    outputs, _ = elaborated(net("  output y = stack(x, x, axis = 2) -> Outer"))
    application = outputs["y"].application
    cost = application.operation.multiply_adds(*(o.type for o in application.operands))
    assert substitute(cost, {"N": 2, "T": 5}) == 5 * 2 * (2 * 3 * 4 + 2 * 4 * 4)


def train(expression: str, cell: str = "", more: str = "") -> str:
    return f"""{CELLS}{cell}
data d {{
  source npz("d.npz")
  field s: float32[5, 3] = column("s")
  field y: float32[5, 4] = column("y")
}}
model Net {{
  input x: float32[N, T, 3]
  output y = {expression}
}}
train t {{
  data d
  minimize mse(Net(s), y) using SGD(lr = 0.1)
  {more}
  steps 3
}}
"""


DETACHED = """
cell Detached {
  input x: [N, D]
  state h: [N, 4] = zeros
  h = detach(h -> Dense(4)) + (x -> Dense(4))
  output h
}
"""


def test_gradients_reach_what_they_do_inside() -> None:
    loss = train_of(train("x -> Detached", DETACHED, "freeze Net.y.detached.h.dense")).objectives[0].loss
    assert reached_paths(loss) == {"Net.y.detached.h.dense_2.weight", "Net.y.detached.h.dense_2.bias"}


def test_only_axis_0_of_steps_keeps_apart() -> None:
    loss = train_of(train("x -> Unit")).objectives[0].loss
    application = loss.application.operands[0].application
    assert isinstance(application.operation, Recurrence)
    types = [operand.type for operand in application.operands]
    assert application.operation.keeps_apart(types, "batch")
    shipped = train_of(train("x -> Unit")).shipped[0].outputs["y"].application
    assert isinstance(shipped.operation, Recurrence)
    assert not shipped.operation.keeps_apart([operand.type for operand in shipped.operands], "T")


def test_the_model_is_printed_with_the_bodies_of_cells() -> None:
    lines = model_text(train_of(train("x -> Unit"))).splitlines()
    start = next(number for number, line in enumerate(lines) if "Unit(units = 4) of %0  @ Net.y.unit" in line)
    inner = lines[start + 1 : start + 9]
    assert all(line.startswith("    %") for line in inner[:-2])
    assert inner[0].endswith("= placeholder x")
    assert [line.rpartition(" = ")[0].strip() for line in inner[-2:]] == ["next h", "result 1"]
