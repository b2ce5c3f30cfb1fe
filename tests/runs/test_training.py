"""What the statements of a train block do to a run, measured on small ones."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dslc.diagnostics import Failure, Problem
from dslc.pipeline import Options
from dslc.plan.conditions import Record
from dslc.storage.checkpoints import read_checkpoint
from tests.conftest import compile_spec
from tests.runs.driving import (
    MODEL,
    Witness,
    evaluations,
    lines_of,
    opened,
    outcome,
    spec_of,
    trained,
    write_spec,
)

SGD = "minimize cross_entropy(logits, label) using SGD(lr = 0.1)"
ADAM = "minimize cross_entropy(logits, label) using Adam(lr = 2e-2)"


def run_of(folder: Path, body: str, *, name: str = "run", model: str = MODEL, **options: Any) -> Witness:
    """Train a spec of these statements into a folder; return what was seen."""
    spec = write_spec(folder, spec_of(body, model=model), f"{name}.dl")
    witness = Witness()
    trained(spec, folder / name, observer=witness, **options)
    return witness


def weights(folder: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = load_file(folder / "weights.safetensors")
    return found


def same(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


# --- How long, and in which order ---------------------------------------------------------------------------


def test_epochs_count_all_examples(tmp_path: Path) -> None:
    seen = run_of(tmp_path, f"{SGD} epochs 3 batch 16")  # 70 examples
    assert (seen.batches, seen.plans[0].total_steps, len(seen.records)) == (15, 15, 3)
    assert [r["epoch"] for r in seen.records] == [1, 2, 3]


def test_steps_count_updates_across_epochs(tmp_path: Path) -> None:
    seen = run_of(tmp_path, f"{SGD} steps 12 batch 16")
    assert (seen.batches, [(r["epoch"], r["step"]) for r in seen.records]) == (12, [(1, 5), (2, 10), (2.4, 12)])


def test_drop_last_leaves_the_partial_batch_out(tmp_path: Path) -> None:
    assert run_of(tmp_path, f"{SGD} epochs 3 batch 16, drop_last = true").batches == 12


def test_without_shuffling_a_smaller_rate_sees_the_same_batches(tmp_path: Path) -> None:
    """One epoch in the file's order is the same whatever the seed; in a shuffled order it is not."""
    for shuffle in ("false", "true"):
        for seed in (1, 2):
            body = f"{SGD} epochs 1 batch 16, shuffle = {shuffle} seed {seed}"
            spec = write_spec(tmp_path, spec_of(body, model=MODEL.replace("Dense(8)", "Dense(8, init = zeros)")
                .replace("Dense(3)", "Dense(3, init = constant(0.1))")), f"{shuffle}{seed}.dl")  # fmt: skip
            trained(spec, tmp_path / f"{shuffle}{seed}")
    assert same(tmp_path / "false1", tmp_path / "false2")
    assert not same(tmp_path / "true1", tmp_path / "true2")


def test_evaluate_every(tmp_path: Path) -> None:
    seen = run_of(tmp_path, f"{SGD} epochs 2 batch 16 evaluate every 2 steps")
    assert [(r["epoch"], r["step"]) for r in seen.records] == [(0.4, 2), (0.8, 4), (1, 5), (1.2, 6), (1.6, 8), (2, 10)]
    assert all(r["validation.loss"] > 0 for r in seen.records)
    assert evaluations(tmp_path / "run") == seen.records


def test_evaluating_changes_nothing(tmp_path: Path) -> None:
    run_of(tmp_path, f"{ADAM} epochs 2 batch 16", name="a")
    run_of(tmp_path, f"{ADAM} epochs 2 batch 16 evaluate every 1 steps", name="b")
    assert same(tmp_path / "a", tmp_path / "b")


# --- When it ends, and what is kept -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "at"),
    [
        ("epoch >= 3", 3),
        ("epoch >= 2 and step >= 20", 4),
        ("epoch >= 4 or step >= 15", 3),
        ("not (epoch < 2)", 2),
        ("validation.accuracy >= 0.0", 1),
        ("train.loss < 100 and validation.loss / 2 < 100 and epoch == 2", 2),
        ("stalled(validation.loss, epochs = 2)", 3),
        ("stalled(validation.loss, steps = 5)", 2),
    ],
)
def test_stop_when(condition: str, at: int, tmp_path: Path) -> None:
    """The last two see a loss that is best after the first epoch, because nothing is learnt."""
    objective = SGD.replace("0.1", "0.0") if "stalled" in condition else SGD
    spec = write_spec(tmp_path, spec_of(f"{objective} epochs 9 batch 16 stop when {condition}"))
    result = trained(spec, tmp_path / "run")
    assert (result.epochs, result.reason) == (at, f"stopped: {condition}")


@pytest.mark.parametrize(
    ("keep", "best"),
    [("best validation.accuracy", max), ("lowest validation.loss", min), ("highest validation.loss", max),
     ("lowest validation.loss - validation.accuracy", min)],
)  # fmt: skip
def test_keep(keep: str, best: Any, tmp_path: Path) -> None:
    seen = run_of(tmp_path, f"minimize cross_entropy(logits, label) using SGD(lr = 1.5) epochs 12 batch 8 keep {keep}")
    figures: dict[str, Callable[[Record], float]] = {
        "best validation.accuracy": lambda r: r["validation.accuracy"],
        "lowest validation.loss - validation.accuracy": lambda r: r["validation.loss"] - r["validation.accuracy"],
    }
    figure = figures.get(keep, itemgetter("validation.loss"))
    chosen = best(seen.records, key=figure)
    assert len({figure(r) for r in seen.records}) > 2
    found = opened(tmp_path / "run").evaluate("validation")
    assert found["loss"] == pytest.approx(chosen["validation.loss"], rel=1e-6)
    assert found["metrics"]["accuracy"] == pytest.approx(chosen["validation.accuracy"])


# --- How weights move ---------------------------------------------------------------------------------------


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    body = "minimize cross_entropy(logits, label) using SGD(lr = 1) steps 1"
    run_of(tmp_path, f"{body} clip norm 0.01", name="norm")
    run_of(tmp_path, f"{body} clip value 0.001", name="value")
    first = compile_spec(tmp_path / "norm.dl").artifacts.initial
    moved = {name: [w - first[path] for path, w in weights(tmp_path / name).items()] for name in ("norm", "value")}
    assert np.sqrt(sum(np.square(d).sum() for d in moved["norm"])) == pytest.approx(0.01, rel=1e-3)
    largest = max(np.abs(d).max() for d in moved["value"])
    assert largest == pytest.approx(0.001, rel=1e-3)


def test_accumulated_batches_make_one_large_one(tmp_path: Path) -> None:
    """Two batches of 35 in one update are the whole split; the last update may be of fewer."""
    run_of(tmp_path, f"{SGD} epochs 3 batch 35, shuffle = false accumulate 2", name="parts")
    run_of(tmp_path, f"{SGD} epochs 3 batch 70, shuffle = false", name="whole")
    a, b = weights(tmp_path / "parts"), weights(tmp_path / "whole")
    assert all(np.allclose(a[name], b[name], rtol=1e-5, atol=1e-7) for name in a)
    seen = run_of(tmp_path, f"{SGD} epochs 3 batch 16 accumulate 4", name="flush")
    assert (seen.plans[0].total_steps, seen.steps) == (4, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4])


@pytest.mark.parametrize("layers", ["Dense(8) -> Tanh", "Dense(8) -> BatchNorm -> Tanh"])
def test_averages_are_evaluated_and_shipped(layers: str, tmp_path: Path) -> None:
    model = MODEL.replace("Dense(8) -> Tanh", layers)
    seen = run_of(tmp_path, f"{ADAM} epochs 2 batch 16 average ema(0.99)", model=model)
    checkpoint = read_checkpoint(max((tmp_path / "run" / "checkpoints").glob("step-*")))
    shipped = weights(tmp_path / "run")
    for path, array in shipped.items():
        assert np.array_equal(array, checkpoint.tensors[f"average/{path}"])
        assert not np.array_equal(array, checkpoint.tensors[path])
    found = opened(tmp_path / "run").evaluate("validation")
    assert found["loss"] == pytest.approx(seen.records[-1]["validation.loss"], rel=1e-6)


def test_averages_follow_the_formula(tmp_path: Path) -> None:
    """decay min(d, (1 + t) / (10 + t)), followed by hand over the weights after each step."""
    body = f"{ADAM} batch 70, shuffle = false average ema(0.15)"
    compiled = compile_spec(write_spec(tmp_path, spec_of(f"{body} steps 1")))
    average = {path: compiled.artifacts.initial[path] for path in compiled.bound.train.parameters}
    for t in range(4):
        run_of(tmp_path, f"{body} steps {t + 1}", name=f"run{t}")
        tensors = read_checkpoint(max((tmp_path / f"run{t}" / "checkpoints").glob("step-*"))).tensors
        decay = min(0.15, (1 + t) / (10 + t))
        average = {path: decay * before + (1 - decay) * tensors[path] for path, before in average.items()}
        assert all(np.allclose(tensors[f"average/{p}"], a, rtol=1e-5, atol=1e-7) for p, a in average.items())


def test_frozen_weights_stay(tmp_path: Path) -> None:
    model = MODEL.replace("x -> Dense(8) -> Tanh", "x -> Dense(8) -> BatchNorm -> Dropout(0.5) -> Tanh")
    decaying = "minimize cross_entropy(logits, label) using AdamW(lr = 0.1, weight_decay = 0.1)"
    body = f'{decaying} epochs 2 batch 16 freeze "*.dense.*", "*.batch_norm.*"'
    spec = write_spec(tmp_path, spec_of(body, model=model))
    first = compile_spec(spec).artifacts.initial
    trained(spec, tmp_path / "run")
    last = weights(tmp_path / "run")
    assert {name for name in last if not np.array_equal(first[name], last[name])} == {
        "Net.logits.dense_2.weight", "Net.logits.dense_2.bias"}  # fmt: skip


# --- Loaded weights -----------------------------------------------------------------------------------------


def test_loaded_weights_are_where_training_begins(tmp_path: Path) -> None:
    run_of(tmp_path, f"{ADAM} epochs 2 batch 16", name="first")
    (tmp_path / "w.safetensors").write_bytes((tmp_path / "first" / "weights.safetensors").read_bytes())
    run_of(tmp_path, f'{ADAM.replace("2e-2", "0")} load "w.safetensors" epochs 1', name="second")
    assert same(tmp_path / "first", tmp_path / "second")


def test_a_file_may_hold_a_part(tmp_path: Path) -> None:
    path = "Net.logits.dense.weight"
    save_file({path: np.full((4, 8), 0.5, np.float32)}, tmp_path / "w.safetensors")
    spec = write_spec(tmp_path, spec_of(f'{SGD} load "w.safetensors" average ema(0.9) epochs 1'))
    first = compile_spec(spec).artifacts.initial
    assert np.array_equal(first[path], np.full((4, 8), 0.5, np.float32))
    assert np.array_equal(first[f"average/{path}"], first[path])
    plain = compile_spec(write_spec(tmp_path, spec_of(f"{SGD} epochs 1"), "plain.dl")).artifacts.initial
    assert np.array_equal(first["Net.logits.dense_2.weight"], plain["Net.logits.dense_2.weight"])


def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    save_file(
        {"Net.logits.dense.weight": np.zeros((8, 4), np.float32), "Net.other": np.zeros(2)}, tmp_path / "w.safetensors"
    )
    spec = write_spec(tmp_path, spec_of(f'{SGD} load "w.safetensors" epochs 1'))
    with pytest.raises(Failure) as caught:
        trained(spec, tmp_path / "run")
    assert [d.code.id for d in caught.value.diagnostics] == ["E0522", "E0522"]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("path", "code"), [("../w.safetensors", "E0402"), ("v.safetensors", "E0403"), ("spec.dl", "E0406")]
)
def test_files_of_weights_are_found_like_data(path: str, code: str, tmp_path: Path) -> None:
    spec = write_spec(tmp_path / "inner", spec_of(f'{SGD} load "{path}" epochs 1'))
    with pytest.raises((Failure, Problem), match=code):
        trained(spec, tmp_path / "run")


def test_resuming_needs_no_loaded_file(tmp_path: Path) -> None:
    run_of(tmp_path, f"{ADAM} epochs 1", name="first")
    (tmp_path / "w.safetensors").write_bytes((tmp_path / "first" / "weights.safetensors").read_bytes())
    text = spec_of(f'{ADAM} load "w.safetensors" epochs 2')
    spec = write_spec(tmp_path, text)
    trained(spec, tmp_path / "run")
    (tmp_path / "w.safetensors").unlink()
    trained(spec, tmp_path / "run", resume=True, epochs=4)
    (tmp_path / "w.safetensors").write_bytes((tmp_path / "first" / "weights.safetensors").read_bytes())
    trained(spec, tmp_path / "whole", epochs=4)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


# --- Schedules that watch -----------------------------------------------------------------------------------


def test_plateau_follows_the_validation_figure(tmp_path: Path) -> None:
    """Watching a figure that never changes, the rate falls once patience is over, and weights stop moving."""
    rate = "plateau(1e-1, factor = 1e-6, patience = 2)"
    body = (
        f"minimize cross_entropy(logits, label) using SGD(lr = {rate}) metric best = 0 * accuracy(logits, label) epochs"
    )
    for epochs in (3, 4, 5):
        watched = rate.replace("patience = 2", 'patience = 2, watch = "best", mode = "max"')
        run_of(tmp_path, f"{body.replace(rate, watched)} {epochs}", name=f"run{epochs}")
    third, fourth, fifth = (weights(tmp_path / f"run{n}")["Net.logits.dense.weight"] for n in (3, 4, 5))
    assert np.abs(fourth - third).max() > 1e-3  # the figures of epochs 2, 3 and 4 are no better than that of 1
    assert np.abs(fifth - fourth).max() < 1e-6


@pytest.mark.parametrize(
    ("watch", "split", "said"),
    [
        ('watch = "acuracy"', "train = 70%, validation = 30%", "'acuracy'"),
        ("", "train = 70%, test = 30%", "validation split"),
    ],
)
def test_plateau_needs_something_to_watch(watch: str, split: str, said: str, tmp_path: Path) -> None:
    text = spec_of(
        f"minimize cross_entropy(logits, label) using SGD(lr = plateau(0.1, {watch})) epochs 1".replace(", )", ")")
    )
    spec = write_spec(tmp_path, text.replace("train = 70%, validation = 30%", split))
    with pytest.raises(Failure, match="E0507") as caught:
        compile_spec(spec, Options())
    assert said in caught.value.diagnostics[0].message


# --- Several objectives -------------------------------------------------------------------------------------

GAN = """\
data points {
  source csv("flowers.csv")
  field x: float32[4] = standardize(columns("x*"))
  split train = 80%, validation = 20%
}
model Generator {
  input z: float32[N, 4]
  output made = z -> Dense(16) -> Relu -> Dense(4)
}
model Judge {
  input x: float32[N, 4]
  output logit = squeeze(x -> Dense(16) -> Relu -> Dense(1), axis = 1)
}
train gan {
  data points
  let fake = Generator(normal_like(x))
  let real_logit = Judge(x)
  let fake_logit = Judge(fake)
  minimize judge = binary_cross_entropy(real_logit, 1) + binary_cross_entropy(Judge(detach(fake)), 0)
    over Judge using Adam(lr = 1e-3)
  minimize generator = binary_cross_entropy(fake_logit, 1) over Generator using Adam(lr = 1e-3)
  epochs 2
  batch 16
}
"""


def test_two_objectives_train_two_networks(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, GAN)
    first = compile_spec(spec).artifacts.initial
    result = trained(spec, tmp_path / "run")
    assert set(result.losses) == {"judge", "generator"}
    assert {path.name for path in (tmp_path / "run").glob("*.onnx")} >= {
        "train.judge.onnx", "train.generator.onnx", "model.Generator.onnx", "model.Judge.onnx"}  # fmt: skip
    last = weights(tmp_path / "run")
    assert all(not np.array_equal(first[name], array) for name, array in last.items() if name.endswith("weight"))
    assert {"train.judge", "train.generator", "validation.judge", "validation.generator"} <= set(
        lines_of(tmp_path / "run")[-1]
    )
    found = opened(tmp_path / "run").evaluate("validation")
    assert found["loss"] == pytest.approx(dict(result.losses))
    trained(spec, tmp_path / "again")
    assert same(tmp_path / "run", tmp_path / "again")
