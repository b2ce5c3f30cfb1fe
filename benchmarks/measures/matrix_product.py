"""The machine's rate of matrix products, in the same runtime that trains."""

from __future__ import annotations

import statistics
import time

import numpy as np

__all__ = ["SIZE", "gemm_rate"]

SIZE = 2048


def gemm_rate(threads: int, runs: int = 9) -> float:
    """Return floating-point operations per second of a square float32 ``MatMul``, the median of some runs."""
    import onnxruntime
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIZE, SIZE]) for name in "abc"]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", ports[:2], ports[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = {name: np.random.default_rng(0).random((SIZE, SIZE), np.float32) for name in "ab"}
    seconds = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        session.run(None, given)
        seconds.append(time.perf_counter() - start)
    return 2 * SIZE**3 / statistics.median(seconds[2:])
