"""Names of what ships: whatever a thing is called, the graphs have names that tell apart, or the spec is refused."""

from __future__ import annotations

import numpy as np
import pytest

from dslc.compile.evaluation import evaluation_graphs
from dslc.compile.inference import inference_models
from dslc.compile.step import step_graphs
from dslc.diagnostics import Failure
from tests.check.checking import train_of
from tests.conftest import mostly_alike
from tests.graph.verifying import verify

SPEC = """\
data d {{
  source csv("d.csv")
  field {field}: float32[3] = columns("a", "b", "c")
  field {target}: int64 = column("label")
}}
model Net {{
  input {input}: float32[N, 3]
  parameter {parameter}: float32[3] = normal(0.1)
  layer {layer} = Dense(4)
  {bound} = {input} + {parameter} + 0.1 * normal_like({input}) -> {layer} -> Relu
  output {first} = {bound} -> Dense(3)
  output {second} = softmax({bound}[:, 1:]) * N
}}
train t {{
  data d
  net {network} = Net
  let {let} = {network}({field})
  minimize {objective} = cross_entropy({let}.{first}, {target}) using Adam(lr = 1e-2)
  metric {metric} = accuracy({let}.{first}, {target})
  {outputs}
  epochs 1
}}
"""
NAMES = {
    "field": "f", "target": "t", "input": "i", "parameter": "p", "layer": "l", "bound": "h", "first": "o1",
    "second": "o2", "network": "n", "let": "q", "objective": "j", "metric": "m", "shipped": "z",
}  # fmt: skip
OUTPUTS = "output {shipped} = {let}.{first}\n  output zz = {field} + 1"


@pytest.mark.parametrize("outputs", mostly_alike(["", OUTPUTS], every=2), ids=["networks", "outputs"])
@pytest.mark.parametrize("role", mostly_alike(["first", "metric", "field", "objective", "input", "shipped"], every=3))
def test_any_name_for_anything(role: str, outputs: str) -> None:
    taken = ["f", "i", "o1", "z", "seed", "Shape"]
    compiled = 0
    for name in taken:
        names = {**NAMES, role: name}
        text = SPEC.format(**names, outputs=outputs.format(**names))
        try:
            train = train_of(text)
        except Failure:
            continue
        compiled += 1
        weights = {path: np.zeros(record.variable.shape, np.float32) for path, record in train.parameters.items()}
        shipped = inference_models(train, {}, weights)
        steps = step_graphs(train, {})
        for model in (
            *(m.model for m in shipped),
            *(model for step in steps for model in step.models.values()),
            *evaluation_graphs(train, {}),
        ):
            verify(model)
    assert compiled
