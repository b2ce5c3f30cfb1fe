"""What the loop adds to a bare ``run_with_iobinding``.

``python benchmarks/loop_overhead.py [train.onnx state.safetensors]``; without arguments, a hand-made 784-128-10
network. Compares the lower quartiles of short alternating rounds, since other programs disturb them.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from dslc.training.session import Graph, Settings, allocate, place
from dslc.training.step import NEXT, TrainStep

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "training"))


Arrays = dict[str, np.ndarray]


def bare(graph: Graph, state: Arrays, batches: list[Arrays]) -> Callable[[], None]:
    """Return a run that cycles through batches bound beforehand: nothing is fed, the state does not alternate."""
    settings = graph.settings
    session = graph.session({"batch": len(next(iter(batches[0].values())))})
    fixed = {name: place(array, settings.provider) for name, array in {**state, "seed": np.array(0)}.items()}
    successors = {
        name: allocate(port.shape, port.dtype, settings.provider)
        for name, port in graph.outputs.items()
        if name.endswith(NEXT)
    }
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


def milliseconds(run: Callable[[], None], repetitions: int) -> float:
    """Return how long one call takes, the mean of several."""
    start = time.perf_counter()
    for _ in range(repetitions):
        run()
    return (time.perf_counter() - start) / repetitions * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("state", type=Path, nargs="?")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--repetitions", type=int, default=20)
    options = parser.parse_args()
    if options.model:
        model, state = options.model.read_bytes(), load_file(options.state)
    else:
        from graphs import mlp, mlp_state

        model, state = mlp(), mlp_state()
    settings = Settings.of("cpu")
    train = TrainStep([model], state, settings)
    rng = np.random.default_rng(0)
    shapes = {n: tuple(d if isinstance(d, int) else options.batch for d in p.shape) for n, p in train.fields.items()}
    batches = [
        {
            n: rng.standard_normal(shapes[n]).astype(p.dtype) if p.dtype.kind == "f" else np.zeros(shapes[n], p.dtype)
            for n, p in train.fields.items()
        }
        for _ in range(20)
    ]
    turns = itertools.cycle(batches)
    plain = bare(train.graphs[0], state, batches)

    def step() -> None:
        train.step(next(turns), 1)

    for run in (plain, step):
        milliseconds(run, options.repetitions)
    rounds = [[milliseconds(run, options.repetitions) for run in (plain, step)] for _ in range(options.rounds)]
    session, loop = (statistics.quantiles(column, n=4)[0] for column in zip(*rounds, strict=True))
    print(
        f"session {session:.3f} ms, loop {loop:.3f} ms, overhead {loop / session - 1:.1%} ({settings.threads} threads)"
    )


if __name__ == "__main__":
    main()
