"""Inputs that may be left away: `none` where nothing is given, decided when the spec is compiled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dslc.pipeline import check_spec
from tests.runs.driving import opened, trained

SPEC = """\
block Scaled {{
  input x: [N, D]
  input scale: [N, D] = none
  y = x
  if scale != none {{
    y = x * scale
  }}
  output y
}}

model Net {{
  input x: float32[N, 3]
  input scale: float32[N, 3] = none
  inner = (x, scale) -> Scaled
  output y = inner + (x -> Scaled) -> Dense(1)
}}

data table {{
  source npz("table.npz")
  field x: float32[3] = column("x")
  field s: float32[3] = column("x") + 1
  split train = 100%
}}

train run {{
  data table
  minimize mse({call}, 1) using SGD
  steps 1
}}
"""


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        ("Net(x)", ["x"]), ("Net(x, s)", ["x", "scale"]), ("Net(scale = s, x = x)", ["x", "scale"]),
        ("Net(x, none)", ["x"]), ("Net(x, scale = none)", ["x"]), ("(x -> Net)", ["x"]), ("((x, s) -> Net)", ["x", "scale"]),
    ],
)  # fmt: skip
def test_a_model_ships_with_the_inputs_that_it_was_trained_with(call: str, inputs: list[str], tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    np.savez(tmp_path / "table.npz", x=x)
    spec = tmp_path / "spec.dl"
    spec.write_text(SPEC.format(call=call))
    trained(spec, tmp_path / "run")
    run = opened(tmp_path / "run", [tmp_path])
    given = {"x": x, "scale": x + 1}
    found = run.predict({name: given[name] for name in inputs}, prepared=True)
    weight, bias = run.weights["Net.y.dense.weight"], run.weights["Net.y.dense.bias"]
    inner = x * (x + 1) if "scale" in inputs else x
    np.testing.assert_allclose(found["y"], (inner + x) @ weight + bias, rtol=1e-5, atol=1e-6)


def test_both_ways_through_a_model_are_checked(tmp_path: Path) -> None:
    spec = tmp_path / "spec.dl"
    spec.write_text(
        "model Net {\n  input x: float32[N, 3]\n  input s: float32[N, 4] = none\n  y = x\n"
        "  if s != none {\n    y = x + s\n  } else {\n    y = x @ x\n  }\n  output y = y\n}\n"
    )
    assert [d.code.id for d in check_spec(spec).findings] == ["E0301", "E0308"]
