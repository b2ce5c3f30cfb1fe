"""Recurrent layers, forward and backward, beside PyTorch's; and as loops beside rounds one after the other.

`python benchmarks/lowering/recurrence.py [--threads N] [--torch PYTHON] [--unrolled]`. The layers take turns
with PyTorch's, in a process of its own. With one thread, seconds are the processor's, which other programs take none
of. See `dslc.autodiff.rules.loops` and, for what is done to loops, `dslc.rewrite`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import onnx_ir as ir
import onnxruntime
from environments import make_environment

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Builder
from dslc.library.layers.recurrent import GRU, LSTM, RNN
from dslc.library.operation import Context
from dslc.rewrite.passes import simplify
from dslc.targets.cpu import CPU
from dslc.types import FLOAT32, TensorType

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "torch_recurrence.py"
PAUSE = 0.05
"""Seconds after which the threads of the other side sleep."""
ROUNDS = 12
LAYERS = [
    ("LSTM", 64, 32, 256, 256, 2), ("LSTM", 64, 32, 128, 128, 1), ("LSTM", 64, 1, 128, 128, 1),
    ("LSTM", 500, 32, 64, 64, 1), ("GRU", 24, 32, 128, 128, 1), ("GRU", 64, 32, 256, 256, 1),
    ("RNN", 24, 32, 128, 128, 1),
]  # fmt: skip
"""Kind, steps, examples, features, units and layers."""

Sizes = tuple[str, int, int, int, int, int]
Run = Callable[[int], list[float]]
"""Runs something so often, and returns the seconds."""


def model_of(sizes: Sizes, unrolled: int = 0) -> ir.Model:
    """Return a model of sum(y * dy) for a layer's result y, and of its gradients by x and all weights."""
    kind, steps, examples, features, units, layers = sizes
    builder = Builder("layer", replace(CPU, unrolled_rounds=unrolled))
    x = builder.input("x", TensorType(FLOAT32, (examples, steps, features)))
    word = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}[kind](units=units, layers=layers)
    weights = {v.name: builder.input(v.name, TensorType(FLOAT32, v.shape)) for v in word.variables(x.type)}
    y = word.emit(Context(builder, training=True, variables=weights), x)
    value = g.reduce_sum(y * builder.input("dy", y.type))
    for number, result in enumerate([value, *gradients(value, [x, *weights.values()])]):
        assert result is not None
        builder.output(f"y{number}", result)
    return simplify(builder.model())


def session_of(model: ir.Model, threads: int) -> Run:
    """Return what runs a model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options, ["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    feeds = {port.name: random.uniform(-0.1, 0.1, port.shape).astype(np.float32) for port in session.get_inputs()}
    clock = time.process_time if threads == 1 else time.perf_counter

    def run(count: int) -> list[float]:
        seconds = []
        for _ in range(count):
            started = clock()
            session.run(None, feeds)
            seconds.append(clock() - started)
        return seconds

    return run


def torch_of(python: str, threads: int, sizes: Sizes) -> Run:
    """Return what lets PyTorch run a layer."""
    command = [python, str(SCRIPT), str(threads), *map(str, sizes)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    to, back = process.stdin, process.stdout

    def run(count: int) -> list[float]:
        print(count, file=to, flush=True)
        return [float(word) for word in back.readline().split()]

    return run


def compare(title: str, runs: Mapping[str, Run], count: int) -> None:
    """Print the shortest times of runs that take turns, how many times as fast as the first they are by these, and by
    the medians of turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run(3)
    for _ in range(ROUNDS):
        for name, run in runs.items():
            time.sleep(PAUSE)
            times[name].append(min(run(count)))
    first = next(iter(times.values()))
    for name, found in times.items():
        median = statistics.median(a / b for a, b in zip(first, found, strict=True))
        print(f"{title:42} {name:10} {min(found) * 1e3:9.3f} ms   {min(first) / min(found):5.2f}   {median:5.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch", help="a Python with PyTorch")
    parser.add_argument("--unrolled", action="store_true", help="loops beside rounds one after the other")
    options = parser.parse_args()
    layers: list[Sizes] = [*LAYERS]
    if options.unrolled:
        layers = [
            ("LSTM", steps, examples, units, units, 1)
            for units in (64, 128, 256)
            for examples in (1, 32)
            for steps in (2, 4, 8, 16, 64)
        ]
    for sizes in layers:
        kind, steps, examples, features, units, count = sizes
        models = {"loop": model_of(sizes)}
        if options.unrolled:
            models["unrolled"] = model_of(sizes, unrolled=steps)
        runs = {name: session_of(model, options.threads) for name, model in models.items()}
        if not options.unrolled:
            python = options.torch or str(make_environment("torch"))
            runs = {"PyTorch": torch_of(python, options.threads, sizes), **runs}
        compare(f"{kind} {count} x {units}, {examples} x {steps} of {features}", runs, max(3, 100 // steps))


if __name__ == "__main__":
    main()
