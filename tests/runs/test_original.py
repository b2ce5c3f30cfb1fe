"""``original`` against the numbers of the file: whatever steps a field ends in, they are undone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.runs.driving import opened, trained

SPEC = """\
data d {{
  source npz("d.npz")
  field p: float32[3] = {field}
  split train = 70%, test = 30%, seed = 2
}}
model Net {{
  input p: float32[N, 3]
  output same = p
  output z = p -> Dense(3)
}}
train t {{
  data d
  let same, z = Net(p)
  minimize mse(z, p) using SGD(lr = 0.01)
  output price = original(same, p)
  epochs 1
}}
"""


@pytest.mark.parametrize(
    ("field", "undone"),
    [
        ('standardize(minmax(column("p")))', lambda p: p),
        ('minmax(standardize(log(column("p")), over = "all"))', np.log),
        pytest.param('standardize(column("p"))', lambda p: p, marks=pytest.mark.slow),
        pytest.param('minmax(standardize(minmax(column("p")), over = 0))', lambda p: p, marks=pytest.mark.slow),
        pytest.param('standardize(minmax(column("p")) * 2)', None, marks=pytest.mark.slow),
    ],
)
def test_what_was_fitted_is_undone(field: str, undone: object, tmp_path: Path) -> None:
    prices = np.exp(np.random.default_rng(1).normal(5, 1, (40, 3)))
    np.savez(tmp_path / "d.npz", p=prices)
    (tmp_path / "spec.dl").write_text(SPEC.format(field=field))
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    found = run.predict(tmp_path / "d.npz")["price"]
    if callable(undone):
        np.testing.assert_allclose(found, undone(prices), rtol=1e-4, atol=1e-3)
    else:  # up to what is no fitted step
        train = prices[run.bound.raw.rows["train"][1]]
        expected = 2 * (prices - train.min(axis=0)) / (train.max(axis=0) - train.min(axis=0))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
