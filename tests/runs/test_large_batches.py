"""Figures of as many examples in one batch as anyone may have: as exact as those of small ones."""

from __future__ import annotations

import numpy as np
import pytest

from dslc.run.finished import FinishedRun
from tests.runs.driving import opened, trained

ROWS, PIXELS = 100_003, 8
SPEC = """\
data d {
  source npz("d.npz")
  field x: float32[8] = column("x")
  field y: int64 = column("y")
  field w: float32 = column("w")
}
model Net {
  input x: float32[N, 8]
  parameter shift: float32[1] = zeros
  output z = x + shift
}
train t {
  data d
  let z = Net(x)
  minimize 1e-9 * mse(z, x) using SGD(lr = 1e-9)
  metric absolute = mae(z, 0 * x)
  metric squared = mse(z, 0 * x)
  metric weighted = mse(z, 0 * x, weight = w)
  metric root = rmse(z, 0 * x)
  metric entropy = cross_entropy(z, y)
  metric weighed = cross_entropy(z, y, weight = w)
  metric positions = mean(z)
  metric averaged = 0.5 * z
  metric right = accuracy(z, y)
  metric score = f1(z, y, weight = w)
  epochs 1
  batch 200_000
}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("large")
    x = np.full((ROWS, PIXELS), 0.1, np.float32)  # equal numbers: each addition rounds the same way
    np.savez(folder / "d.npz", x=x, y=np.zeros(ROWS, np.int64), w=np.full(ROWS, 0.3, np.float32))
    (folder / "spec.dl").write_text(SPEC)
    trained(folder / "spec.dl", folder / "run")
    return opened(folder / "run")


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("absolute", 0.1), ("squared", 0.01), ("weighted", 0.01), ("root", 0.1), ("entropy", np.log(8)),
        ("weighed", np.log(8)), ("positions", 0.1), ("averaged", 0.05), ("right", 1.0), ("score", 1.0),
    ],
)  # fmt: skip
def test_sums_of_a_large_batch_lose_nothing(figure: str, expected: float, run: FinishedRun) -> None:
    found = run.evaluate(data={"x": np.full((ROWS, PIXELS), 0.1), "y": np.zeros(ROWS, int), "w": np.full(ROWS, 0.3)})
    np.testing.assert_allclose(found["metrics"][figure], expected, rtol=3e-7)


def test_counts_beyond_what_float32_holds_are_not_rounded_first() -> None:
    from dslc.graph import Builder, Tensor
    from dslc.library.word import FUNCTIONS
    from dslc.types import FLOAT32, INT64, TensorType
    from tests.library.graphs import compiled

    word = FUNCTIONS["accuracy"]()

    def finish(builder: Builder, total: Tensor, weight: Tensor) -> list[Tensor]:
        return [word.finish({"sum": total, "weight": weight}, FLOAT32)]

    (share,) = compiled(finish, [TensorType(INT64), TensorType(INT64)])(np.array(2**24 + 3), np.array(2**25 + 5))
    assert share == np.float32((2**24 + 3) / (2**25 + 5))
