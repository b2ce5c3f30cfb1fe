"""The artifacts of every spec, with examples to run them on."""

from __future__ import annotations

import re
from atexit import register
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import numpy as np
import onnx
import pytest

from dslc.compile.artifacts import Artifacts, serialized
from dslc.pipeline import Compilation, Options
from tests.conftest import DATA, ROOT, compile_spec

EQUALITY = ROOT / "tests" / "equality" / "specs"
SPECS = {path.stem: path for path in sorted((ROOT / "specs").glob("*.dl"))}
LARGE = {name for name, path in SPECS.items() if "idx(" in path.read_text(encoding="utf-8")}
"""Specs whose data `make data` brings."""

FAST = {
    "digits-digits_mlp", "iris-iris", "diabetes-diabetes", "linear_regression-linear_regression", "mnist_cnn-mnist_cnn",
    "cnn-adam", "words-sgd", "options-accumulate", "options-average", "options-adversarial", "options-schedule",
}  # fmt: skip
"""Specs with their train blocks that the default suite looks at; the others are marked slow."""


def cases() -> list[Any]:
    """Every train block of the examples and of the specs that are compared with PyTorch."""
    paths = (*SPECS.values(), *sorted(EQUALITY.glob("*.dl")))
    every = {f"{path.stem}-{block}": (path, block) for path in paths for block in blocks_of(path)}
    assert set(every) >= FAST
    return [pytest.param(case, id=name, marks=() if name in FAST else pytest.mark.slow) for name, case in every.items()]


def require_data(path: Path, request: pytest.FixtureRequest) -> None:
    """Skip, or in CI fail, where the data set of a spec is missing."""
    if path.stem in LARGE:
        request.getfixturevalue("fashion_mnist" if "fashion" in path.stem else "mnist")


def blocks_of(path: Path) -> list[str]:
    found: list[str] = re.findall(r"^train (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return found


@dataclass
class Compiled:
    """A spec's artifacts, and its inference graphs with the first weights."""

    compilation: Compilation
    artifacts: Artifacts
    models: Mapping[str, bytes]

    @property
    def all_graphs(self) -> dict[str, bytes]:
        return {**self.artifacts.models, **self.models}


@cache
def _folders(path: Path) -> list[Path]:
    """Where a spec's data lies: what the oracle stored is laid out as a source of examples."""
    if path.parent != EQUALITY:
        return [DATA]
    folder = Path(mkdtemp(prefix="dslc-portability-"))
    register(rmtree, folder)
    with np.load(EQUALITY.parent / "data" / f"{path.stem}.npz") as file:
        batches = {key.removeprefix("batch/"): file[key] for key in file.files if "/" not in key.removeprefix("batch/")}
    columns = {name: array.reshape(-1, *array.shape[2:]) for name, array in batches.items() if array.ndim > 1}
    np.savez(folder / f"{path.stem}.npz", **columns)
    return [folder]


@cache
def compiled(path: Path, train: str | None = None) -> Compiled:
    compilation = compile_spec(path, Options(data=_folders(path), train=train))
    artifacts = compilation.artifacts
    shipped = compilation.inference(artifacts.initial)
    return Compiled(compilation, artifacts, {model.file: serialized(model.model) for model in shipped})


def proto(data: bytes) -> onnx.ModelProto:
    return onnx.load_model_from_string(data)


def examples(compilation: Compilation, count: int) -> dict[str, np.ndarray]:
    """The first training examples, all fields."""
    return next(compilation.bound.dataset.batches("train", count))
