"""Layers around a layer, and tensors given by name, as specs say them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dslc.compile.state import initial_parameters
from dslc.library.operation import Operation
from dslc.library.word import LAYERS
from dslc.plan.coding import read, written
from dslc.plan.values import Value
from tests.check.checking import elaborated, parameters_of, train_of

NET = """model Net {
  input x: float32[N, 5]
  layer deep = WeightNorm(Dense(4))
  h = x -> deep -> SpectralNorm(layer = Dense(5, bias = false), iterations = 2)
  output y = h -> deep
}
"""
TRAIN = """data d {
  source csv("d.csv")
  field x: float32[5] = columns("x*")
  field y: float32[4] = columns("y*")
}
train t {
  data d
  minimize mse(Net(x), y) using SGD(lr = 0.1)
  epochs 1
}
"""


def applied(value: Value) -> Operation:
    return value.application.operation


def test_parameters_stand_under_the_outer_layer() -> None:
    deep = [f"Net.deep.{name}" for name in ("length", "direction", "bias")]
    spectral = [f"Net.h.spectral_norm.{name}" for name in ("weight", "left", "right")]
    assert parameters_of(NET) == [*deep, *spectral]


def test_lengths_start_as_those_of_the_directions() -> None:
    first = initial_parameters(elaborated(NET)[1].parameters, seed=3)
    lengths = np.linalg.norm(first["Net.deep.direction"], axis=0, keepdims=True)
    assert lengths.shape == (1, 4)
    np.testing.assert_allclose(first["Net.deep.length"], lengths, rtol=1e-6)


def test_a_plan_with_a_layer_inside_of_another_goes_through_json() -> None:
    plan = train_of(NET + TRAIN)
    text = json.dumps(written(plan))
    assert json.dumps(written(read(json.loads(text), type(plan)))) == text
    layers = {applied(plan.objectives[0].loss.application.operands[0])}
    assert LAYERS["WeightNorm"](layer=LAYERS["Dense"](units=4)) in layers


def test_one_layer_around_another_is_enough() -> None:
    with pytest.raises(Exception, match="WeightNorm takes a layer with a weight"):
        elaborated(NET.replace("WeightNorm(Dense(4))", "WeightNorm(WeightNorm(Dense(4)))"))


@pytest.mark.parametrize(
    ("options", "operands"),
    [
        ("mask = alibi(x, heads = 2)", 4), ("mask = seen", 4), ("value = memory", 3), ("key = memory", 2),
        ("key = memory, mask = seen", 4), ("causal = true", 1),
    ],
)  # fmt: skip
def test_tensors_that_attention_is_given_by_name(options: str, operands: int) -> None:
    outputs, _ = elaborated(
        "model Net {\n  input x: float32[N, 3, 4]\n  input memory: float32[N, 3, 4]\n  input seen: bool[3, 3]\n"
        f"  output y = x -> MultiHeadAttention(heads = 2, {options})\n}}\n"
    )
    given = outputs["y"].application.operands
    assert len(given) == operands
    x = given[0]
    if operands == 4:
        assert (given[1] is x) is ("key" not in options)
        assert given[2] is given[1]
    if options.startswith("value"):
        assert given[1] is x
        assert given[2] is not x
