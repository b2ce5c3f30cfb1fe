"""Compares ways of lowering one thing: each is a function of tensors, run as a graph of its own.

Ways take turns, and what is compared is the shortest of many runs, since other programs disturb.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from dslc import graph as g
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.protocol import Runner
from dslc.graph import Builder, Tensor
from dslc.rewrite.passes import shipped, simplify
from dslc.run.resuming import Job
from dslc.types import ElementType, TensorType

ROUND_SECONDS = 0.15
PAUSE = 0.05
"""Seconds: the threads of a session wait awake for the next run, and take the cores from the session that follows."""

Way = Callable[..., Tensor | Sequence[Tensor | None]]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Return normally distributed float32 numbers."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape, dtype=np.float32)


def compare(
    title: str, ways: Mapping[str, Way], *operands: np.ndarray, passes: Sequence[str] = (), rounds: int = 8,
    runs: int = 4,
) -> None:  # fmt: skip
    """Print, for each way, its shortest time and how many times as fast as the first way that is.

    The results must agree with the first way's, up to rounding. Of the passes for training, which choose between ways
    themselves, only those of ``passes`` are applied.
    """
    graphs = {name: _graph(way, operands, passes) for name, way in ways.items()}
    feeds = {f"x{i}": array for i, array in enumerate(operands)}
    sessions = {name: graph.session({}) for name, graph in graphs.items()}
    expected: list[np.ndarray] = []
    for name, session in sessions.items():
        results = session.run(None, feeds)
        expected = expected or results
        for result, known in zip(results, expected, strict=True):
            difference = float(np.abs(result - known).max())
            if difference > 1e-4 * float(np.abs(known).max()):
                raise SystemExit(f"{title}: '{name}' differs by {difference}")
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, session in sessions.items():
            time.sleep(PAUSE)
            session.run(None, feeds)
            for _ in range(runs):
                start = time.perf_counter()
                session.run(None, feeds)
                times[name].append(time.perf_counter() - start)
    first = min(next(iter(times.values())))
    print(title)
    for name, found in times.items():
        print(f"    {name:36} {min(found) * 1e3:8.3f} ms   {first / min(found):5.2f}")


def times_as_long(runs: Sequence[Callable[[int], object]], rounds: int) -> list[float]:
    """Return how many times as long as the first each one takes, the median of rounds side by side.

    A run is told how often to do what is measured.
    """
    started = time.perf_counter()
    runs[0](3)
    count = max(1, round(ROUND_SECONDS / (time.perf_counter() - started) * 3))
    found: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, seconds in zip(runs, found, strict=True):
            time.sleep(PAUSE)
            run(max(1, count // 3))
            started = time.perf_counter()
            run(count)
            seconds.append(time.perf_counter() - started)
    return [statistics.median(b / a for a, b in zip(found[0], seconds, strict=True)) for seconds in found]


def on_one_batch(step: Runner, job: Job) -> Callable[[int], None]:
    """Return what runs a number of training steps, all on the first batch."""
    batch = job.bound.dataset.splits["train"].take(
        next(job.bound.dataset.places("train", job.bound.train.batch, shuffle=False, seed=0, epoch=0))
    )
    step.run_batch(batch)
    feed = step.feed({name: batch[name].shape for name in step.fields})

    def run(count: int) -> None:
        for _ in range(count):
            step.run(feed)

    return run


def _graph(way: Way, operands: Sequence[np.ndarray], passes: Sequence[str]) -> Graph:
    """Large results are summed up, so that the runtime need not allocate them anew in each run."""
    builder = Builder("way")
    types = [TensorType(ElementType.of(array.dtype), array.shape) for array in operands]
    results = way(*(builder.input(f"x{i}", type) for i, type in enumerate(types)))
    for i, result in enumerate([results] if isinstance(results, Tensor) else results):
        assert result is not None
        builder.output(f"y{i}", g.reduce_sum(result, range(1, result.rank)) if result.rank == 4 else result)
    model = ir.to_proto(simplify(builder.model(), [*shipped(None), *passes])).SerializeToString()
    return Graph(model, Settings.of("cpu"))
