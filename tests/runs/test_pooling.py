"""``over``: fields whose elements are taken together, in training, undone by ``original``, and shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dslc.diagnostics import Failure
from tests.conftest import compile_spec
from tests.runs.driving import opened, trained

SPEC = """\
data d {{
  source npz("d.npz")
  field image: float32[3, 4, 4] = {image}
  field y: float32[2] = minmax(column("y"), over = "all")
  split train = 75%, validation = 25%, order = row
}}
model Net {{
  input image: float32[N, 3, 4, 4]
  output y = image -> Flatten -> Dense(2)
}}
train t {{
  data d
  let y_hat = Net(image)
  minimize mse(y_hat, y) using SGD(lr = 0.01)
  metric error = mae(original(y, y), original(0 * y_hat, y))
  output prediction = original(y_hat, y)
  epochs 1
}}
"""


def put(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    image = generator.normal(5, 3, (40, 3, 4, 4)) * np.array([1, 10, 100])[:, None, None]
    y = generator.normal(-2, 5, (40, 2)) * [1, 3]
    np.savez(folder / "d.npz", image=image, y=y, row=np.arange(40))
    return image, y


@pytest.mark.parametrize(("over", "axes"), [
    ("", (0,)), (", over = [1, 2]", (0, 2, 3)), (", over = [-1, -2]", (0, 2, 3)), (', over = "all"', (0, 1, 2, 3)),
    (", over = 0", (0, 1)),
])  # fmt: skip
def test_fields_are_what_numpy_makes_of_them(over: str, axes: tuple[int, ...], tmp_path: Path) -> None:
    image, y = put(tmp_path)
    spec = tmp_path / "spec.dl"
    spec.write_text(SPEC.format(image=f'standardize(column("image"){over})'))
    fields = compile_spec(spec).bound.dataset.splits["train"].fields
    mean, scale = (f(image[:30], axis=axes, keepdims=True) for f in (np.mean, np.std))
    np.testing.assert_allclose(fields["image"][:30], ((image - mean) / scale)[:30], rtol=1e-6, atol=1e-6)
    low, high = y[:30].min(), y[:30].max()
    np.testing.assert_allclose(fields["y"][:30], ((y - low) / (high - low))[:30], rtol=1e-6, atol=1e-6)


def test_a_run_undoes_and_ships_them(tmp_path: Path) -> None:
    image, y = put(tmp_path)
    (tmp_path / "spec.dl").write_text(SPEC.format(image='standardize(column("image"), over = [1, 2])'))
    result = trained(tmp_path / "spec.dl", tmp_path / "run")
    assert result.metrics["error"] == pytest.approx(np.abs(y[30:] - y[:30].min()).mean(), rel=1e-5)
    run = opened(tmp_path / "run", [tmp_path])
    np.savez(tmp_path / "new.npz", image=image)
    predicted = run.predict(tmp_path / "new.npz")["prediction"]
    weights = run.weights
    mean, scale = (f(image[:30], axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.std))
    net = ((image - mean) / scale).reshape(40, -1) @ weights["Net.y.dense.weight"] + weights["Net.y.dense.bias"]
    np.testing.assert_allclose(predicted, net * np.ptp(y[:30]) + y[:30].min(), rtol=1e-4, atol=1e-3)


def test_an_axis_that_is_not_there(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "spec.dl").write_text(SPEC.format(image='standardize(column("image"), over = 3)'))
    with pytest.raises(Failure, match="E0305: standardize of one example: axis 3 of a tensor of rank 3"):
        _ = compile_spec(tmp_path / "spec.dl").bound.train
