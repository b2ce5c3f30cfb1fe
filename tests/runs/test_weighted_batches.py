"""Batches in which nothing counts are left out of training, and running losses are weighted as the loss itself is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from dslc.diagnostics import Failure, Problem
from tests.conftest import mostly_alike
from tests.runs.driving import found_in, lines_of, opened, trained

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
    with pytest.raises(Failure, match="E0551") as caught:
        run(tmp_path, objective=objective)
    (found,) = caught.value.diagnostics
    word = "mse" if "mse" in objective else "cross_entropy"
    line = 2 + next(i for i, weight in enumerate(weights) if weight < 0)
    what, value = ("the weight computed from 'w'", "-1") if "2 * w" in objective else ("field 'w'", "-0.5")
    assert found.message == f"'{word}' takes weights from 0 up, and {what} is {value} (t.csv, line {line}, column 'w')"
    assert found.span is not None
    assert found.span.text.startswith(word)
    assert found.hint == "a number that may be below 0 is a factor: mean(factor * each)"
    assert not (tmp_path / "run" / "model.onnx").exists()


NOTHING = {
    "targets that a network computes": "cross_entropy(logits, where(sigmoid(mean(logits, axis = 1)) > 2, "
    "argmax(logits, axis = 1), y * 0 - 100))",
    "weights that a network computes": "mse(logits[:, 0], w, weight = relu(detach(logits[:, 0]) * 0 - 1))",
    "a formula": "exp(cross_entropy(logits, y * 0 - 100)) - 1",
    "a formula of computed targets": "exp(cross_entropy(logits, cast(detach(logits[:, 0]) * 0, int64) - 100))",
    "targets computed from fields": "cross_entropy(logits, where(y > 9, y, y * 0 - 100)) + 0.1 * l2(Net)",
    "weights computed from fields": "cross_entropy(logits, y, weight = relu(w - 9))",
}


@pytest.mark.parametrize(
    "length", mostly_alike(["epochs 2", "steps 5", "steps 5\n  accumulate 3", "epochs 2\n  accumulate 3"], every=2)
)
@pytest.mark.parametrize("objective", NOTHING.values(), ids=NOTHING)
def test_a_run_that_has_nothing_to_learn_from_ends_with_an_error(objective: str, length: str, tmp_path: Path) -> None:
    write(tmp_path, [0, 1, 2, 1] * 4)
    with pytest.raises(Problem, match="E0524") as caught:
        run(tmp_path, objective=objective, length=length, optimizer="SGD(lr = 0.1, momentum = 0.9, weight_decay = 0.1)")
    assert caught.value.diagnostic.message == (
        "every target that the objective looks at in the training split is ignored or has a weight of 0"
    )
    assert caught.value.diagnostic.span is not None
    assert not (tmp_path / "run" / "model.onnx").exists()


@pytest.mark.parametrize(
    ("objective", "accumulate", "expected"),
    [
        ("cross_entropy(logits, y)", 2, [1, 3]),
        ("cross_entropy(logits, y + cast(detach(logits[:, 0]) * 0, int64))", 1, [1, 2, 3, 5, 6, 7]),
    ],
)
def test_a_step_is_evaluated_once(objective: str, accumulate: int, expected: list[int], tmp_path: Path) -> None:
    """Batches that make no update are not told as another one of the step before them."""
    dead, live = [-100] * 8, [0, 1, 2, 1, 2, 0, 1, 0]
    write(tmp_path, [*dead, *live, *dead, *live])
    length = f"epochs 2 accumulate {accumulate} evaluate every 1 steps"
    lines = lines_of(run(tmp_path, objective=objective, length=length))
    assert [line["step"] for line in lines if line["epoch"] % 1] == expected


@pytest.mark.parametrize("computed", ["", " + cast(detach(logits[:, 0]) * 0, int64)"])
def test_computed_targets_leave_out_what_given_ones_do(computed: str, tmp_path: Path) -> None:
    """Where a network computes the targets, the graph leaves out what the host can't know of."""
    live, dead = [0, 1, 2, 1, 2, 0, 1, 0], [-100] * 4
    optimizer = "SGD(lr = 0.1, momentum = 0.9, weight_decay = 0.1)"
    write(tmp_path, [*live[:4], *dead, *live[4:]])
    found = load_file(run(tmp_path, "found", optimizer=optimizer, objective=f"cross_entropy(logits, y{computed})",
                          length="epochs 3") / "weights.safetensors")  # fmt: skip
    points = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "t.csv").write_text("\n".join([*points[:5], *points[9:]]) + "\n", encoding="utf-8")
    expected = load_file(run(tmp_path, "expected", optimizer=optimizer, length="epochs 3") / "weights.safetensors")
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6, atol=1e-7)
    assert lines_of(tmp_path / "found")[-1]["step"] == lines_of(tmp_path / "expected")[-1]["step"] == 6


WEIGHED = [
    *(f"{word}(logits, y, weight = WEIGHT)" for word in ("cross_entropy", "accuracy", "f1", "precision", "recall")),
    "top_k(logits, y, k = 2, weight = WEIGHT)", "subset_accuracy(logits, y, weight = WEIGHT)",
    *(f"{word}(logits[:, 0], w, weight = WEIGHT)" for word in ("mse", "mae", "huber", "rmse", "r2")),
]  # fmt: skip


@pytest.mark.parametrize("figure", mostly_alike(WEIGHED, every=2), ids=lambda figure: figure.partition("(")[0])
def test_a_metric_refuses_weights_below_0_wherever_they_come_from(figure: str, tmp_path: Path) -> None:
    """Given, computed from fields, and computed by a network, which the graph alone can tell."""
    write(tmp_path, [0, 1, 2, 1] * 4, [1.0] * 11 + [-0.5] + [1.0] * 4)
    objective = "cross_entropy(logits, y) using SGD(lr = 0.1)\n  metric m = " + figure
    for number, (weight, what) in enumerate([
        ("w", "field 'w' is -0.5 (t.csv, line 13, column 'w')"),
        ("exp(w) - 1", "the weight computed from 'w' is -0.393469 (t.csv, line 13, column 'w')"),
        ("log(w)", "the weight computed from 'w' is nan (t.csv, line 13, column 'w')"),
        ("w + 0 * logits[:, 0]", "the weight computed from 'x' and 'w' is -0.5 in row 11 (from 0)"),
        ("log(w + 0 * logits[:, 0])", "the weight computed from 'x' and 'w' is nan in row 11 (from 0)"),
    ]):  # fmt: skip
        with pytest.raises((Failure, Problem), match="E0551") as caught:
            run(tmp_path, f"run_{number}", objective=objective.replace("WEIGHT", weight) + "\n#")
        (found,) = found_in(caught.value)
        assert found.message.endswith(f"takes weights from 0 up, and {what}")


def test_a_weight_that_a_network_computes_ends_training_too(tmp_path: Path) -> None:
    write(tmp_path, [0, 1, 2, 1] * 4)
    with pytest.raises(Problem, match="E0551") as caught:
        run(tmp_path, objective="cross_entropy(logits, y, weight = mean(logits, axis = 1) * 0 - 1)")
    assert caught.value.diagnostic.message == (
        "cross_entropy in spec.dl:14:12 takes weights from 0 up, and the weight computed from 'x' is -1 in row 0 "
        "(from 0)"
    )
    run(tmp_path, "fine", objective="cross_entropy(logits, y, weight = sigmoid(logits[:, 1]))")


def test_new_data_with_a_weight_below_0_is_told(tmp_path: Path) -> None:
    write(tmp_path, [0, 1, 2, 1] * 4)
    folder = run(tmp_path, objective="cross_entropy(logits, y, weight = w)")
    write(tmp_path, [0, 1, 2, 1] * 4, [1.0] * 9 + [-2.0] + [1.0] * 6)
    with pytest.raises(Problem, match="E0551") as caught:
        opened(folder).evaluate(data=tmp_path / "t.csv")
    assert "takes weights from 0 up, and 'w' is -2 in row 9 (from 0)" in caught.value.diagnostic.message


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
