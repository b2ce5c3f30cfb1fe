"""Batches in which nothing counts are left out of training, and running losses are weighted as the loss itself is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from dslc.diagnostics import Problem
from tests.runs.driving import lines_of, trained

SPEC = """\
data d {{
  source csv("t.csv")
  field x: float32[2] = columns("a", "b")
  field y: int64 = column("y")
  field w: float32 = column("w")
}}
model Net {{
  input x: float32[N, 2]
  output logits = x -> Dense(3)
}}
train t {{
  data d
  let logits = Net(x)
  minimize {objective} using {optimizer}
  average ema(0.5)
  batch 4, shuffle = false
  {length}
}}
"""
OPTIMIZERS = ["SGD(lr = 0.1, momentum = 0.9, weight_decay = 0.1)", "Adam(lr = 0.1)", "AdamW(lr = 0.1)"]


def write(folder: Path, targets: list[int], weights: list[float] | None = None) -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(size=(len(targets), 2))
    rows = zip(points, targets, weights or [1.0] * len(targets), strict=True)
    lines = ["a,b,y,w", *(f"{a:.4f},{b:.4f},{y},{w}" for (a, b), y, w in rows)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(folder: Path, name: str = "run", **parts: str) -> Path:
    given = {"objective": "cross_entropy(logits, y)", "optimizer": "SGD(lr = 0.1)", "length": "epochs 1", **parts}
    (folder / "spec.dl").write_text(SPEC.format(**given), encoding="utf-8")
    trained(folder / "spec.dl", folder / name)
    return folder / name


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("objective", ["cross_entropy(logits, y)", "cross_entropy(logits, y) + 0.1 * l2(Net)"])
def test_a_batch_of_which_all_is_ignored_is_as_if_it_were_not_there(
    optimizer: str, objective: str, tmp_path: Path
) -> None:
    live = [0, 1, 2, 1, 2, 0, 1, 0]
    write(tmp_path, [*live, -100, -100, -100, -100])
    with_dead = load_file(run(tmp_path, "with", optimizer=optimizer, objective=objective) / "weights.safetensors")
    write(tmp_path, live)
    without = load_file(run(tmp_path, "without", optimizer=optimizer, objective=objective) / "weights.safetensors")
    assert all(np.array_equal(with_dead[name], without[name]) for name in without)
    assert lines_of(tmp_path / "with")[-1]["step"] == lines_of(tmp_path / "without")[-1]["step"] == 2
    assert lines_of(tmp_path / "with")[-1]["train.loss"] == lines_of(tmp_path / "without")[-1]["train.loss"]


def test_nothing_to_learn_from_at_all(tmp_path: Path) -> None:
    write(tmp_path, [-100] * 8)
    for length in ("epochs 2", "steps 5"):
        with pytest.raises(Problem, match="E0524") as caught:
            run(tmp_path, length=length)
        assert "every target" in caught.value.diagnostic.message
        assert not (tmp_path / "run").exists() or not (tmp_path / "run" / "model.onnx").exists()


@pytest.mark.parametrize(
    "objective",
    [
        "cross_entropy(logits, y, weight = w)", "0.1 * l2(Net) + mse(logits[:, 0], cast(y, float32), weight = w)",
        "cross_entropy(logits, y, class_weight = [1, 2, 3], weight = 2 * w)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("weights", [[1, 1, 1, -0.5], [-0.5] * 4])
def test_a_weight_below_0_is_refused(weights: list[float], objective: str, tmp_path: Path) -> None:
    write(tmp_path, [0, 1, 2, 1], weights)
    with pytest.raises(Problem, match="E0551") as caught:
        run(tmp_path, objective=objective)
    found = caught.value.diagnostic
    word = "mse" if "mse" in objective else "cross_entropy"
    assert found.message.startswith(
        f"'{word}' is given weights below 0 for {sum(w < 0 for w in weights)} of the 4 examples to train on, such as -"
    )
    assert found.span is not None
    assert found.span.text.startswith(word)
    assert found.hint == "to multiply by a number that may be below 0, write mean(number * ...)"
    assert not (tmp_path / "run" / "model.onnx").exists()


@pytest.mark.parametrize(
    "objective",
    [
        "cross_entropy(logits, y)", "cross_entropy(logits, y, weight = w)",
        "cross_entropy(logits, y, class_weight = [1, 2, 3])", "cross_entropy(logits, y) + 0.5 * mean(logits ** 2)",
        "cross_entropy(logits, y) + 0.5 * mean(logits ** 2) + 0.1 * l2(Net)",
    ],
)  # fmt: skip
def test_the_running_loss_of_an_epoch_is_the_loss_over_its_examples(objective: str, tmp_path: Path) -> None:
    """With a rate of 0 the epoch's running loss in small batches is the one batch's, in every epoch."""
    write(tmp_path, [0, -100, -100, 1, 2, 0, 1, -100, 1], [1, 2, 3, 0, 0.5, 1, 1, 9, 2])
    parts = {"objective": objective, "optimizer": "SGD(lr = 0)"}
    small = [line["train.loss"] for line in lines_of(run(tmp_path, "small", length="epochs 3", **parts))]
    spec = SPEC.replace("batch 4", "batch 9").format(length="epochs 1", **parts)
    (tmp_path / "one.dl").write_text(spec, encoding="utf-8")
    trained(tmp_path / "one.dl", tmp_path / "one")
    assert small == pytest.approx([lines_of(tmp_path / "one")[-1]["train.loss"]] * 3, rel=1e-6)
