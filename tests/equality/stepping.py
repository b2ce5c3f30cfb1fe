"""Compiling a train block, running its step from states that a test sets, and comparing with round-off in mind."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from dslc.compile.artifacts import Artifacts
from dslc.engine.engines import choose_engine
from dslc.engine.protocol import Runner
from dslc.pipeline import Options
from tests.conftest import compile_spec

HERE = Path(__file__).parent
ENGINE = choose_engine("cpu", 1)
EPSILON = float(np.finfo(np.float32).eps)


@cache
def stored(name: str) -> dict[str, np.ndarray]:
    with np.load(HERE / "data" / f"{name}.npz") as file:
        return dict(file)


def artifacts_of(spec: Path, train: str | None = None) -> Artifacts:
    return compile_spec(spec, Options(train=train)).artifacts


def compiled_text(folder: Path, text: str, train: str | None = None) -> Artifacts:
    """Compile a spec given as a text; what it reads need not exist."""
    path = folder / "spec.dl"
    path.write_text(text, encoding="utf-8")
    return artifacts_of(path, train)


def train_step(artifacts: Artifacts, **state: np.ndarray) -> Runner:
    graphs = [ENGINE.load(artifacts.models[name]) for name in artifacts.step_files]
    return ENGINE.open(graphs, {**artifacts.initial, **state})


def subset(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def largest(array: np.ndarray) -> float:
    return float(np.abs(array).max(initial=0))
