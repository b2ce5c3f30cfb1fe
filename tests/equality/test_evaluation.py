"""Losses and metrics over a split: exact, whatever the batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from dslc.compile.artifacts import Artifacts
from dslc.diagnostics import Failure
from dslc.engine.evaluation import MetricRunner

from .stepping import ENGINE, compiled_text

ROWS = 41
SPEC = """
data examples {
  source npz("x.npz")
  field x: float32[5] = column("x")
  field label: int64 = column("label")
  field binary: float32 = column("binary")
  field y: float32 = column("y")
  field weight: float32 = column("weight")
}

model Net {
  input x: float32[N, 5]
  h = x -> Dense(6) -> BatchNorm -> Relu -> Dropout(0.5)
  output logits = h -> Dense(3)
  output logit = squeeze(h -> Dense(1), axis = 1)
}

train all {
  data examples
  let found = Net(x)
  minimize loss = cross_entropy(found.logits, label, label_smoothing = 0.1, class_weight = [1.0, 2.0, 0.5])
    + 0.3 * mse(found.logit, y) / (1 + l2(Net)) + 1e-2 * l2(Net)
    using Adam
  metric weighted = cross_entropy(found.logits, label, weight = weight)
  metric accuracy = accuracy(found.logits, label)
  metric weighted_accuracy = accuracy(found.logits, label, weight = weight)
  metric top = top_k(found.logits, label, k = 2)
  metric of_two = accuracy(found.logit, binary)
  metric precision = precision(found.logits, label, average = "macro")
  metric recall = recall(found.logits, label, average = "weighted")
  metric f1 = f1(found.logits, label)
  metric micro = f1(found.logits, label, average = "micro")
  metric binary_f1 = f1(found.logit, binary)
  metric confusion = confusion(found.logits, label)
  metric mse = mse(found.logit, y)
  metric rmse = rmse(found.logit, y)
  metric mae = mae(found.logit, y)
  metric r2 = r2(found.logit, y)
  metric huber = huber(found.logit, y)
  metric two = binary_cross_entropy(found.logit, binary, weight = weight)
  metric area = roc_auc(found.logit, binary)
  metric areas = roc_auc(found.logits, label, weight = weight)
  metric half = 1 - 2 * average_precision(found.logit, binary)
  metric mean = mean(found.logits)
  metric sum = sum(found.logit)
  metric variance = var(found.logit)
  metric least = min(found.logit)
  metric most = max(found.logit)
  metric penalty = l2(Net)
  metric ratio = 1 - mse(found.logit, y) / var(y, correction = 0)
  epochs 1
}
"""
INTEGERS = {"accuracy", "top", "of_two", "precision", "recall", "f1", "micro", "binary_f1", "confusion",
            "area", "areas", "half"}  # fmt: skip
"""Figures of counts, and of rows that are kept: every batching gives the same bits."""


def rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        "x": rng.standard_normal((ROWS, 5)).astype(np.float32), "label": rng.integers(0, 3, ROWS),
        "binary": rng.integers(0, 2, ROWS).astype(np.float32),
        "y": (100 + rng.standard_normal(ROWS)).astype(np.float32),
        "weight": rng.uniform(0, 2, ROWS).astype(np.float32),
    }  # fmt: skip


def cut(size: int) -> list[dict[str, np.ndarray]]:
    return [{name: array[start : start + size] for name, array in rows().items()} for start in range(0, ROWS, size)]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    return compiled_text(tmp_path_factory.mktemp("spec"), SPEC)


@pytest.fixture(scope="module")
def state(artifacts: Artifacts) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(6)
    return {name: array + rng.uniform(0, 1, array.shape).astype(array.dtype) if "Net" in name else array
             for name, array in artifacts.initial.items()}  # fmt: skip


@pytest.fixture(scope="module")
def figures(artifacts: Artifacts, state: dict[str, np.ndarray]) -> dict[int, dict[str, np.ndarray]]:
    evaluator = MetricRunner(artifacts.models["eval.onnx"], artifacts.models["metrics.onnx"], ENGINE)
    return {size: evaluator.run(cut(size), state) for size in (ROWS, 1, 7, 40)}


def test_of_no_batches_nothing_is_measured(artifacts: Artifacts, state: dict[str, np.ndarray]) -> None:
    evaluator = MetricRunner(artifacts.models["eval.onnx"], artifacts.models["metrics.onnx"], ENGINE)
    found = evaluator.run([], state)
    assert all(np.isnan(found[name]) for name in ("accuracy", "area", "areas", "half"))


@pytest.mark.parametrize("size", [1, 7, 40])
def test_batches_do_not_matter(figures: dict[int, dict[str, np.ndarray]], size: int) -> None:
    whole, parts = figures[ROWS], figures[size]
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        if name in INTEGERS:
            np.testing.assert_array_equal(parts[name], value, err_msg=name)
        else:  # within a batch sums are of float32, and targets around 100 lose seven digits of their square
            np.testing.assert_allclose(parts[name], value, rtol=4e-6, err_msg=name)


def test_values_are_those_of_the_definitions(
    figures: dict[int, dict[str, np.ndarray]], state: dict[str, np.ndarray]
) -> None:
    found, data = figures[7], {name: a.astype(np.float64) for name, a in rows().items()}
    p = {name.removeprefix("Net."): a.astype(np.float64) for name, a in state.items()}
    h = data["x"] @ p["h.dense.weight"] + p["h.dense.bias"]
    scale = p["h.batch_norm.weight"] / np.sqrt(p["h.batch_norm.running_var"] + 1e-5)
    h = np.maximum((h - p["h.batch_norm.running_mean"]) * scale + p["h.batch_norm.bias"], 0)
    logits = h @ p["logits.dense.weight"] + p["logits.dense.bias"]
    logit = (h @ p["logit.dense.weight"] + p["logit.dense.bias"])[:, 0]
    label = rows()["label"]
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    of_class = np.array([1.0, 2.0, 0.5])
    target = np.eye(3)[label] * 0.9 + 0.1 / 3
    cross_entropy = -(target * of_class * log_p).sum() / of_class[label].sum()
    square = ((logit - data["y"]) ** 2).mean()
    penalty = sum((p[f"{name}.dense.weight"] ** 2).sum() for name in ("h", "logits", "logit"))
    guess = logits.argmax(1)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (label, guess), 1)
    hits, true, guessed = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    positive, binary = logit > 0, data["binary"] > 0.5
    expected = {
        "loss": cross_entropy + 0.3 * square / (1 + penalty) + 1e-2 * penalty,
        "weighted": -(log_p[np.arange(ROWS), label] * data["weight"]).sum() / data["weight"].sum(),
        "accuracy": (guess == label).mean(),
        "weighted_accuracy": ((guess == label) * data["weight"]).sum() / data["weight"].sum(),
        "top": (np.argsort(-logits, 1)[:, :2] == label[:, None]).any(1).mean(),
        "of_two": (positive == binary).mean(),
        "precision": (hits / np.maximum(guessed, 1)).sum() / ((true + guessed) > 0).sum(),
        "recall": (hits / true * true).sum() / true.sum(),
        "f1": (2 * hits / (true + guessed)).mean(),
        "micro": hits.sum() / ROWS,
        "binary_f1": 2 * (positive & binary).sum() / (positive.sum() + binary.sum()),
        "confusion": confusion,
        "mse": square, "rmse": square**0.5, "mae": np.abs(logit - data["y"]).mean(),
        "r2": 1 - square / data["y"].var(),
        "huber": (np.abs(logit - data["y"]) - 0.5).mean(),
        "two": ((np.logaddexp(0, logit) - logit * binary) * data["weight"]).sum() / data["weight"].sum(),
        "area": roc_auc_score(binary, logit),
        "areas": roc_auc_score(label, np.exp(log_p), multi_class="ovr", sample_weight=data["weight"]),
        "half": 1 - 2 * average_precision_score(binary, logit),
        "mean": logits.mean(), "sum": logit.sum(), "variance": logit.var(ddof=1),
        "least": logit.min(), "most": logit.max(),
        "penalty": penalty, "ratio": 1 - square / data["y"].var(),
    }  # fmt: skip
    assert (np.abs(logit - data["y"]) > 1).all()  # the linear part of huber's loss
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


def test_a_reduction_that_batches_cannot_be_joined_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="E0501: 'einsum' looks across the examples"):
        compiled_text(tmp_path, SPEC.replace("= l2(Net)\n", '= mean(einsum("nd,nd->d", x, x))\n'))


def test_what_follows_from_shapes_alone_is_no_reduction(tmp_path: Path) -> None:
    compiled_text(tmp_path, SPEC.replace("= l2(Net)\n", "= mean(x * cast(positions(x, axis = 1), float32))\n"))
    numbered = SPEC.replace("= l2(Net)\n", "= mean(x[:, 0] * cast(positions(x, axis = 0), float32))\n")
    with pytest.raises(Failure, match="E0501: 'positions' compares the examples of a batch"):
        compiled_text(tmp_path, numbered)
