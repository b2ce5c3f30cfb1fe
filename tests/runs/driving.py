"""Small specs with small data, trained within the test's process."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dslc import pipeline
from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.pipeline import Options, train
from dslc.plan.conditions import Record
from dslc.run.finished import FinishedRun
from dslc.run.observing import Observer, Plan, RunResult
from dslc.run.progress import Progress
from tests.conftest import compile_spec

DATA = """\
data flowers {
  source csv("flowers.csv")
  field x: float32[4] = standardize(columns("x*"))
  field label: int64 = column("label")
  split train = 70%, validation = 30%, seed = 1
}
"""
MODEL = """\
model Net {
  input x: float32[N, 4]
  output logits = x -> Dense(8) -> Tanh -> Dense(3)
}
"""
LOSS = "data flowers let logits = Net(x) metric accuracy = accuracy(logits, label)"


class Witness(Observer):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.records: list[Record] = []
        self.warnings: list[Diagnostic] = []
        self.steps: list[int] = []
        self.batches = 0

    def started(self, plan: Plan) -> None:
        self.plans.append(plan)

    def stepped(self, progress: Progress) -> None:
        self.batches += 1
        self.steps.append(progress.step)

    def evaluated(self, record: Record) -> None:
        self.records.append(dict(record))

    def warned(self, diagnostic: Diagnostic) -> None:
        self.warnings.append(diagnostic)


def found_in(error: Exception) -> tuple[Diagnostic, ...]:
    """Return what a Problem or a Failure tells."""
    if isinstance(error, Problem):
        return (error.diagnostic,)
    assert isinstance(error, Failure)
    return error.diagnostics


def write_flowers(folder: Path, rows: int = 100) -> None:
    """Write three clouds of points that overlap a little."""
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 3, rows)
    centers = np.array([[0, 1, 2, 3], [2, 0, 3, 1], [3, 2, 0, 0]])
    points = centers[labels] + generator.normal(0, 1.0, (rows, 4))
    lines = [",".join([*(f"{v:.4f}" for v in point), str(label)]) for point, label in zip(points, labels, strict=True)]
    (folder / "flowers.csv").write_text("\n".join(["x1,x2,x3,x4,label", *lines]) + "\n", encoding="utf-8")


def write_spec(folder: Path, text: str, name: str = "spec.dl") -> Path:
    """Write a spec, and the flowers beside it unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "flowers.csv").exists():
        write_flowers(folder)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def spec_of(body: str, data: str = DATA, model: str = MODEL) -> str:
    """Return a whole spec around the statements of its train block."""
    return f"{data}\n{model}\ntrain run {{\n  {LOSS}\n  {body}\n}}\n"


def trained(
    spec: Path, folder: Path, *, resume: bool = False, overwrite: bool = False, observer: Observer | None = None,
    **options: Any,
) -> RunResult:  # fmt: skip
    """Train on one thread."""
    job = compile_spec(spec, Options(**options))
    return train(job, folder, provider="cpu", threads=1, resume=resume, overwrite=overwrite, observer=observer)


def opened(folder: Path, data: Iterable[Path] = ()) -> FinishedRun:
    return FinishedRun.open(folder, pipeline, list(data))


def lines_of(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def outcome(folder: Path) -> dict[str, bytes]:
    """Return the files of a run in which nothing may differ."""
    return {name: (folder / name).read_bytes() for name in ("model.onnx", "weights.safetensors", "metrics.jsonl")}


def evaluations(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl that have figures of the validation split."""
    return [line for line in lines_of(folder) if any(name.startswith("validation.") for name in line)]
