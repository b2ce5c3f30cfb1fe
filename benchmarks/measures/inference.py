"""Inference: what dslc ships beside what PyTorch exports, in the same ONNX Runtime."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case, open_spec

from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.protocol import Model

__all__ = ["inference"]

ROUND_SECONDS = 0.1
PAUSE = 0.05
"""Seconds in which the threads of the session before, which wait awake for a while, go to sleep."""


def inference(case: Case, torch: Path, threads: int, rounds: int) -> dict[str, Any]:
    """Return seconds of both at batch 1 and 256, and how much faster ``model.onnx`` is, pair by pair."""
    exported = case.folder / "torch.onnx"
    script = Path(__file__).resolve().parents[1] / "scripts" / "torch_export.py"
    done = subprocess.run(
        [str(torch), str(script), str(case.folder), str(exported)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"failed": f"PyTorch's export: {done.stderr.strip().splitlines()[-1][:200]}"}
    job = open_spec(case.folder)
    shipped = job.inference(job.artifacts.initial)[0].model
    models: dict[str, Model] = {"dslc": job.serialized(shipped), "torch": exported}
    with np.load(case.folder / case.workload.data_file) as data:
        examples = data[data.files[0]]
    found: dict[str, Any] = {}
    for batch in (1, 256):
        rows = np.resize(examples, (batch, *examples.shape[1:]))
        runs = {name: _runner(model, rows, threads) for name, model in models.items()}
        results = [np.asarray(run()).reshape(batch, -1) for run in runs.values()]
        if results[0].shape == results[1].shape and not _is_sequence(case):
            np.testing.assert_allclose(results[0], results[1], rtol=1e-3, atol=1e-4)
        pace = _seconds(runs["torch"], 3)
        count = max(1, round(ROUND_SECONDS / pace))
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                time.sleep(PAUSE)
                _seconds(run, max(1, count // 4))
                seconds[name].append(_seconds(run, count))
        found[str(batch)] = {name: statistics.median(values) for name, values in seconds.items()} | {
            "ratio": statistics.median(t / d for t, d in zip(seconds["torch"], seconds["dslc"], strict=True))
        }
    return found


def _is_sequence(case: Case) -> bool:
    """PyTorch's twin has the classes on another axis there, so outputs are not compared element by element."""
    return case.workload.spec == "gpt.dl"


def _runner(model: Model, rows: np.ndarray, threads: int) -> Callable[[], Any]:
    """Return what runs a model; its threads have cores of their own, since two on one stay there for long."""
    session = Graph(model, Settings.of("cpu", threads)).session({})
    given = {session.get_inputs()[0].name: rows}
    return lambda: session.run(None, given)[0]


def _seconds(run: Callable[[], Any], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count
