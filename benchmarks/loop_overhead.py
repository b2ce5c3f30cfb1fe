"""What the training loop adds to the bare session: fetching batches, then feeding, reading the loss, counting.

`python benchmarks/loop_overhead.py [SPEC] [--data DIR]`, by default the MNIST perceptron (after `make data`). Rounds
alternate and are compared pair by pair, since other programs disturb.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dslc.api import Spec
from dslc.engine.onnxruntime.buffers import allocate, place
from dslc.engine.onnxruntime.engine import OnnxRuntimeEngine
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.protocol import NEXT, Feed
from dslc.pipeline import Options
from dslc.run.loop import Trainer
from dslc.run.observing import Observer
from dslc.storage.folder import RunFolder

Arrays = dict[str, np.ndarray]
ROOT = Path(__file__).resolve().parents[1]


def bare(graph: Graph, state: Arrays, batches: list[Arrays]) -> Callable[[], None]:
    """Return a run that cycles through batches bound beforehand: nothing is fed, the state does not alternate.

    The batches are as many as those of a round, so that they come from memory, as any data set's do.
    """
    settings = graph.settings
    session = graph.session({"batch": len(next(iter(batches[0].values())))})
    fixed = {name: place(array, settings.provider) for name, array in {**state, "seed": np.array(0)}.items()}
    successors = {
        name: allocate(tuple(map(int, port.shape)), port.dtype, settings.provider)
        for name, port in graph.outputs.items() if name.endswith(NEXT)
    }  # fmt: skip
    bindings = []
    for batch in batches:
        values = {**fixed, **{name: place(array, settings.provider) for name, array in batch.items()}}
        bindings.append(session.io_binding())
        for name in graph.inputs:
            bindings[-1].bind_ortvalue_input(name, values[name])
        for name in graph.outputs:
            if name in successors:
                bindings[-1].bind_ortvalue_output(name, successors[name])
            else:
                bindings[-1].bind_output(name)
    turns = itertools.cycle(bindings)
    return lambda: session.run_with_iobinding(next(turns))


def endless(run: Trainer) -> Iterator[Feed]:
    """Yield the full batches of one epoch after another."""
    while True:
        run.progress.batch, count = 0, run.dataset.examples("train") // run.train.batch
        yield from run.course.feeder.feeds(itertools.islice(run.course.places(), count))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", type=Path, nargs="?", default=ROOT / "specs" / "mnist_mlp.dl")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--batches", type=int, default=200, help="batches in a round")
    options = parser.parse_args()
    job = Spec(options.spec, Options(data=[options.data])).compilation
    settings = Settings.of("cpu")
    with TemporaryDirectory() as folder:
        run = Trainer(job, RunFolder.of(Path(folder)), OnnxRuntimeEngine(settings), Observer())
        run.prepare(job.artifacts.initial)
        graph = Graph(job.artifacts.models[job.artifacts.step_files[0]], settings)
        fields = [name for name in graph.inputs if name in job.bound.dataset.splits["train"].fields]
        places = job.bound.dataset.places("train", job.bound.train.batch, shuffle=True, seed=0, epoch=0, drop_last=True)
        split = job.bound.dataset.splits["train"]
        sample = [split.take(each, fields) for each in itertools.islice(places, options.batches)]
        plain = bare(graph, job.artifacts.initial, sample)

        feeds = endless(run)

        def round_of(kind: str) -> float:
            run_some(kind, options.batches // 2)  # the threads of the session before wait awake for a while
            start = time.perf_counter()
            run_some(kind, options.batches)
            taken: float = (time.perf_counter() - start) / options.batches
            return taken

        def run_some(kind: str, batches: int) -> None:
            if kind == "session":
                for _ in range(batches):
                    plain()
            elif kind == "step":
                for feed in itertools.islice(feeds, batches):
                    run.step.run(feed)
            else:
                for feed in itertools.islice(feeds, batches):
                    run.run_batch(feed)

        times: dict[str, list[float]] = {"session": [], "step": [], "loop": []}
        for kind in times:
            round_of(kind)
        for _ in range(options.rounds):
            for kind, found in times.items():
                found.append(round_of(kind) * 1e3)
    session, step, loop = (statistics.median(found) for found in times.values())
    print(
        f"{options.spec.name}, batch {job.bound.train.batch}, {settings.threads} threads, medians: session on batches "
        f"bound beforehand {session:.3f} ms; with fetching them {step:.3f} ms ({over(times, 'step', 'session'):+.1%}); "
        f"the whole loop {loop:.3f} ms ({over(times, 'loop', 'step'):+.1%}, "
        f"together {over(times, 'loop', 'session'):+.1%})"
    )


def over(times: dict[str, list[float]], kind: str, base: str) -> float:
    """Return how much longer one kind takes than another: the median of rounds that ran side by side."""
    return statistics.median(b / a for a, b in zip(times[base], times[kind], strict=True)) - 1


if __name__ == "__main__":
    main()
