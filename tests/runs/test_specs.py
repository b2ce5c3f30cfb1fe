"""The example specs, trained on their real data to the floors that they promise."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest

from dslc import pipeline
from dslc.pipeline import Options, train
from dslc.run.finished import FinishedRun
from dslc.run.observing import RunResult
from tests.conftest import SPECS, compile_spec


def result_of(name: str, folder: Path, **options: Any) -> RunResult:
    return train(compile_spec(SPECS / f"{name}.dl", Options(**options)), folder, provider="cpu")


def accuracy(name: str, folder: Path, **options: Any) -> float:
    result = result_of(name, folder, **options)
    assert result.split == "test"
    return float(result.metrics["accuracy"])


def test_linear_regression_finds_the_line(tmp_path: Path) -> None:
    result_of("linear_regression", tmp_path / "run")
    (tmp_path / "new.csv").write_text("x\n1\n2\n3\n4\n")
    found = FinishedRun.open(tmp_path / "run", pipeline).predict(tmp_path / "new.csv")["y"]
    assert np.abs(found.reshape(-1) - [1, 2, 3, 4]).max() < 0.01


@pytest.mark.slow
def test_iris_over_ten_splits(tmp_path: Path) -> None:
    found = [accuracy("iris", tmp_path / str(n), settings={"partition": str(n)}) for n in range(10)]
    assert mean(found) >= 0.93


def test_diabetes_explains_a_part(tmp_path: Path) -> None:
    result = result_of("diabetes", tmp_path / "run")
    assert 0.35 < result.metrics["r2"] < 0.75
    assert 40 < result.metrics["rmse"] < 65


@pytest.mark.slow  # README's training of the same data is quick
def test_digits(tmp_path: Path) -> None:
    assert accuracy("digits", tmp_path / "run") >= 0.95
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sources"]["data/digits.csv.gz"]["size"] > 0


@pytest.mark.slow
def test_digits_over_ten_seeds(tmp_path: Path) -> None:
    assert mean(accuracy("digits", tmp_path / str(n), seed=n) for n in range(10)) >= 0.965


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "epochs", "floor"),
    [("mnist_mlp", 6, 0.976), ("mnist_mlp_small", 8, 0.925), ("mnist_cnn", 5, 0.989)],
)
def test_mnist(name: str, epochs: int, floor: float, mnist: Path, tmp_path: Path) -> None:
    assert accuracy(name, tmp_path / "run", epochs=epochs, data=[mnist.parent]) >= floor


@pytest.mark.slow
def test_fashion(fashion_mnist: Path, tmp_path: Path) -> None:
    assert accuracy("fashion_cnn", tmp_path / "run", epochs=6, data=[fashion_mnist.parent]) >= 0.905
