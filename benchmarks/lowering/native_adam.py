"""What a native kernel would bring: Adam's update as the graph's element-wise operators, and as one loop in C.

`python benchmarks/lowering/native_adam.py`, with a C compiler that knows OpenMP as `cc`. Each way updates weights and
moments with two threads, in turns; shortest times.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from harness import normal

from dslc.engine.onnxruntime.buffers import place
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.onnxruntime.stateful import StatefulRunner
from dslc.engine.protocol import NEXT
from dslc.graph import Builder
from dslc.library.optimizers.adaptive import Adam
from dslc.library.optimizers.optimizer import Update
from dslc.rewrite.passes import simplify
from dslc.types import FLOAT32, INT64, TensorType

KERNEL = """
#include <math.h>
#include <stddef.h>
void adam(ptrdiff_t n, float *w, float *m, float *v, const float *g,
          float beta1, float beta2, float rate, float epsilon) {
    #pragma omp parallel for simd num_threads(2) schedule(static)
    for (ptrdiff_t i = 0; i < n; i++) {
        m[i] = m[i] * beta1 + g[i];
        v[i] = v[i] * beta2 + g[i] * g[i];
        w[i] -= m[i] / (sqrtf(v[i]) + epsilon) * rate;
    }
}
"""
SIZES = [100_352, 589_824, 2_359_296, 10_616_832]  # the first layer of a perceptron; layers, and all, of a GPT
SLOTS = ("first_moment", "second_moment")


def compiled(folder: Path) -> ctypes.CDLL:
    """Compile the kernel."""
    source, library = folder / "adam.c", folder / "adam.so"
    source.write_text(KERNEL)
    flags = ["-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"]
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("there is no C compiler 'cc'")
    subprocess.run([compiler, *flags, str(source), "-o", str(library), "-lm"], check=True)
    return ctypes.CDLL(str(library))


def graph(count: int) -> Graph:
    """Return the update as the compiler emits it."""
    builder = Builder("adam")
    types = {name: TensorType(FLOAT32, (count,)) for name in ("weight", *SLOTS, "gradient")}
    values = {name: builder.input(name, type) for name, type in types.items()}
    step = builder.input("step", TensorType(INT64, ()))
    update = Update(builder, step)
    slots = {name: values[name] for name in SLOTS}
    weight, state = Adam().update(update, values["weight"], values["gradient"], slots)
    for name, value in {"weight": weight, **state}.items():
        builder.output(name + NEXT, value)
    return Graph(ir.to_proto(simplify(builder.model())).SerializeToString(), Settings.of("cpu", 2))


def shortest(run: Callable[[], None], runs: int = 6) -> float:
    """Return the seconds of the shortest of some runs."""
    run()
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = compiled(Path(folder)).adam
        for count in SIZES:
            gradient = normal(count, seed=1)
            state = {"weight": normal(count), **{name: np.zeros(count, np.float32) for name in SLOTS}}
            recurrence = StatefulRunner(
                [graph(count)], {**state, "step": np.array(0)}, Settings.of("cpu", 2),
                {"gradient": place(gradient, Settings.of("cpu").provider)},
            )  # fmt: skip
            feed = recurrence.feed({})
            arrays = [array.copy() for array in state.values()]
            pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (*arrays, gradient)]
            numbers = [ctypes.c_float(x) for x in (0.9, 0.999, 1e-3, 1e-8)]  # the first step's corrections cancel

            def native(count: int = count, pointers: list[Any] = pointers, numbers: list[Any] = numbers) -> None:
                kernel(ctypes.c_ssize_t(count), *pointers, *numbers)

            recurrence.run(feed)
            native()
            if np.abs(recurrence.state()["weight"] - arrays[0]).max() > 1e-6:
                raise SystemExit("the ways differ")
            rounds = [(shortest(partial(recurrence.run, feed)), shortest(native)) for _ in range(8)]
            graph_time, native_time = (min(found) * 1e3 for found in zip(*rounds, strict=True))
            ratio = graph_time / native_time
            print(f"{count:12,} weights   graph {graph_time:8.3f} ms   C {native_time:8.3f} ms   {ratio:5.2f}")


if __name__ == "__main__":
    main()
