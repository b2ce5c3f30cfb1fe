"""Whole numbers in a field are exact up to the ends of int64, and refused behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dslc.diagnostics import Failure
from tests.conftest import compile_spec

LOW, HIGH = -(2**63), 2**63 - 1
SPEC = """\
data d {{
  source csv("t.csv")
  field x: int64 = {expression}
}}
model Net {{
  input y: float32[N, 1]
  output z = y -> Dense(1)
}}
train t {{
  data d
  minimize mean(Net(cast(x, float32)[:, none])) using SGD(lr = 0.1)
  epochs 1
}}
"""


def field(folder: Path, expression: str, **columns: list[int]) -> np.ndarray:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "spec.dl").write_text(SPEC.format(expression=expression), encoding="utf-8")
    return compile_spec(folder / "spec.dl").bound.dataset.splits["train"].fields["x"]


NEAR = [0, 1, 2, 500, 512, 1000, 1024, 1025, 4096]
WORDS = {
    'column("a") + column("b")': lambda a, b: a + b,
    'column("a") - column("b")': lambda a, b: a - b,
    'column("a") * column("b")': lambda a, b: a * b,
    '-column("a") - column("b")': lambda a, b: -a - b,
    'abs(column("a")) + column("b")': lambda a, b: abs(a) + b,
}


@pytest.mark.parametrize("expression", WORDS)
def test_every_result_is_exact_or_refused(expression: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    pairs = [
        *((HIGH - near, by) for near in NEAR for by in (-1, 0, 1, 1000)),
        *((LOW + near, by) for near in NEAR for by in (-1000, -1, 0, 1)),
        *((HIGH // 2 + near, HIGH // 2 - other) for near in (0, 1, 2, 700) for other in (-1, 0, 1, 700)),
        *((int(a), int(b)) for a, b in generator.integers(-(2**33), 2**33, (40, 2))),
        (3037000499, 3037000499), (3037000500, 3037000500), (-3037000500, 3037000500),
        (2**62, 2), (2**62, -2), (2**62, 4),
    ]  # fmt: skip
    exact = [WORDS[expression](a, b) for a, b in pairs]
    fits = [
        LOW <= value <= HIGH and not ("-column" in expression and a == LOW) and not ("abs" in expression and a == LOW)
        for value, (a, _) in zip(exact, pairs, strict=True)
    ]
    good = [pair for pair, ok in zip(pairs, fits, strict=True) if ok]
    found = field(tmp_path, expression, a=[a for a, _ in good], b=[b for _, b in good])
    assert found.tolist() == [value for value, ok in zip(exact, fits, strict=True) if ok]
    bad = [pair for pair, ok in zip(pairs, fits, strict=True) if not ok]
    with pytest.raises(Failure, match="E0414") as caught:
        field(tmp_path, expression, a=[a for a, _ in bad], b=[b for _, b in bad])
    told = caught.value.diagnostics
    assert len(told) == min(len(bad), 5)
    if len(bad) > 5:
        assert f"and {len(bad) - 5} more like it" in str(told[-1].hint)


@pytest.mark.parametrize(
    "text", ["resize(x, size = 4)[:, 0, 2]", "pad(x, [0, 1], value = 7)[:, 0, 1]", f"clip(x, max = {HIGH})[:, 0, 1]"]
)
def test_what_is_only_moved_does_not_wrap(text: str, tmp_path: Path) -> None:
    ends = [LOW, LOW + 1, HIGH - 1, HIGH]
    expression = text.replace("x,", 'unsqueeze(columns("a", "b"), axis = 1),')
    assert field(tmp_path, expression, a=ends[::-1], b=ends).tolist() == ends


def test_sums_and_powers_are_exact(tmp_path: Path) -> None:
    """ONNX Runtime computes both through float64."""
    a, b = [300_001, 2**53 + 1, 208_065], [2**53 + 1, 2, -(2**60) - 1]
    total = field(tmp_path, 'sum(columns("a", "b"), axis = -1)', a=a, b=b)
    assert total.tolist() == [x + y for x, y in zip(a, b, strict=True)]
    power = field(tmp_path, 'column("a") ** 3', a=[300_001, -208_065, 2_097_151], b=b)
    assert power.tolist() == [300_001**3, -(208_065**3), 2_097_151**3]
    power = field(tmp_path, 'column("a") ** column("b")', a=[3, -7, 2], b=[39, 21, 62])
    assert power.tolist() == [3**39, (-7) ** 21, 2**62]
