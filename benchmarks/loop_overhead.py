"""What the training loop adds to the bare session: fetching batches, feeding, reading the loss, counting.

`python benchmarks/loop_overhead.py [SPEC] [--data DIR]`, by default the MNIST perceptron (after `make data`). Rounds of
the loop and of the bare session alternate, and the lower quartiles are compared, since other programs disturb.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dslc.pipeline import Options, compile_spec
from dslc.training.data import prefetch
from dslc.training.loop import Observer, TrainingRun
from dslc.training.session import Graph, Settings, allocate, place
from dslc.training.step import NEXT

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
        name: allocate(port.shape, port.dtype, settings.provider)
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", type=Path, nargs="?", default=ROOT / "specs" / "mnist_mlp.dl")
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--batches", type=int, default=200, help="batches in a round")
    options = parser.parse_args()
    job = compile_spec(options.spec, Options(data=[options.data]))
    settings = Settings.of("cpu")
    with TemporaryDirectory() as folder:
        run = TrainingRun(job, Path(folder), settings, Observer())
        run.prepare(job.artifacts.initial)
        graph = run.step.graphs[0]
        fields = tuple(run.step.fields)
        sample = list(
            itertools.islice(
                job.dataset.batches("train", job.train.batch, shuffle=True, seed=0, epoch=0, names=fields),
                options.batches,
            )
        )
        plain = bare(graph, job.artifacts.initial, sample)

        def rounds(kind: str) -> float:
            start = time.perf_counter()
            if kind == "session":
                for _ in range(options.batches):
                    plain()
                return (time.perf_counter() - start) / options.batches
            done = 0
            while done < options.batches:
                run.progress.batch = 0
                rounds_of_feeds = prefetch(run.rounds(), depth=1)
                for feed in itertools.chain.from_iterable(rounds_of_feeds):
                    run.one(feed)
                    done += 1
                    if done == options.batches:
                        break
                rounds_of_feeds.close()  # type: ignore[attr-defined]
            return (time.perf_counter() - start) / options.batches

        times: dict[str, list[float]] = {"session": [], "loop": []}
        for kind in times:
            rounds(kind)
        for _ in range(options.rounds):
            for kind, found in times.items():
                found.append(rounds(kind) * 1e3)
    session, loop = (statistics.quantiles(found, n=4)[0] for found in times.values())
    ratios = statistics.median(b / a for a, b in zip(times["session"], times["loop"], strict=True))
    print(
        f"{options.spec.name}, batch {job.train.batch}, {settings.threads} threads: session {session:.3f} ms, "
        f"loop {loop:.3f} ms, overhead {loop / session - 1:.1%} (median of pairs {ratios - 1:.1%})"
    )


if __name__ == "__main__":
    main()
