"""Which outputs have a score for each class of a field, as a loss or metric takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import compile_spec

SPEC = """data d {{
  source csv("d.csv")
  field x: float32[2] = columns("a", "b")
  field kind: int64 = category(column("kind"))
}}
model Net {{
  input x: float32[N, 2]
  parameter table: float32[3, 3] = glorot_uniform
  output scores = x -> Dense(3)
  output centers = table
}}
train t {{
  data d
  let net = Net(x)
  minimize {loss} using Adam()
  output scores = net.scores
  epochs 1
}}
"""


@pytest.mark.parametrize(
    ("loss", "named"),
    [
        ("cross_entropy(net.scores, kind)", True),
        ("multi_margin(net.scores, kind)", True),
        ("lovasz_softmax(net.scores, kind)", True),
        ("arcface(net.scores, kind, net.centers)", False),
        ("center(net.scores, kind, net.centers)", False),
    ],
)
def test_scores_of_classes_are_told_from_embeddings(loss: str, named: bool, tmp_path: Path) -> None:
    rows = (f"{i},{i % 5},{'uvw'[i % 3]}" for i in range(12))
    (tmp_path / "d.csv").write_text("\n".join(["a,b,kind", *rows]) + "\n", encoding="utf-8")
    (tmp_path / "spec.dl").write_text(SPEC.format(loss=loss), encoding="utf-8")
    compilation = compile_spec(tmp_path / "spec.dl")
    (model,) = compilation.inference(compilation.artifacts.initial)
    assert model.classes == ({"scores": "kind"} if named else {})
