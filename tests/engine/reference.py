"""A second engine, of the reference evaluator that ONNX comes with: slow, and no part of it is ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from dslc.diagnostics import Problem
from dslc.engine.outside import find_outside
from dslc.engine.protocol import NEXT, SEED, Buffer, Feed, LoadedGraph, Model, Port, Runner, run_failure
from dslc.errors.environment import STATE_MISFIT


class ReferenceGraph:
    def __init__(self, model: Model) -> None:
        self.data = model if isinstance(model, bytes) else model.read_bytes()
        proto = onnx.load_model_from_string(self.data)
        self.inputs = {value.name: _port(value) for value in proto.graph.input}
        self.outputs = {value.name: _port(value) for value in proto.graph.output}
        self._evaluator = ReferenceEvaluator(proto)

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        symbols: dict[str, int] = {}
        for name, port in self.inputs.items():
            port.match(feeds[name], symbols)
        given = {name: feeds[name] for name in self.inputs}
        try:
            with np.errstate(all="ignore"):
                found = self._evaluator.run(None, given)
        except (IndexError, ValueError, RuntimeError) as error:
            raise self._failure(error, given) from error
        return {name: np.asarray(value) for name, value in zip(self.outputs, found, strict=True)}

    def _failure(self, error: Exception, feeds: Mapping[str, np.ndarray]) -> Problem:
        outside = find_outside(self.data, feeds, lambda part, given: list(ReferenceGraph(part).run(given).values()))
        return outside.failure if outside is not None else run_failure("", "", None, str(error))

    def falls_back(self) -> bool:
        return False


def _port(value: onnx.ValueInfoProto) -> Port:
    type = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param for d in type.shape.dim)
    return Port(value.name, np.dtype(onnx.helper.tensor_dtype_to_np_dtype(type.elem_type)), shape)


@dataclass
class HostBuffer:
    array: np.ndarray

    def numpy(self) -> np.ndarray:
        return self.array


class ReferenceRunner(Runner):
    def __init__(
        self, graphs: Sequence[LoadedGraph], state: Mapping[str, np.ndarray | Buffer],
        constants: Mapping[str, np.ndarray],
    ) -> None:  # fmt: skip
        self._graphs, self._constants = graphs, constants
        self._state = {n: np.array(v.numpy() if hasattr(v, "numpy") else v) for n, v in state.items()}
        known = {SEED, *state, *constants}
        self.fields = {n: port for graph in graphs for n, port in graph.inputs.items() if n not in known}
        self._results: list[dict[str, np.ndarray]] = []

    def feed(self, shapes: Mapping[str, tuple[int, ...]], number: int = 0) -> Feed:
        return Feed({name: np.empty(shapes[name], port.dtype) for name, port in self.fields.items()})

    def run(self, feed: Feed, seed: int = 0) -> None:
        given = {**self._constants, **feed.arrays, SEED: np.array(seed, np.int64)}
        self._results = []
        for graph in self._graphs:
            found = graph.run({**given, **self._state})
            self._state |= {name.removesuffix(NEXT): value for name, value in found.items() if name.endswith(NEXT)}
            self._results.append({name: value for name, value in found.items() if not name.endswith(NEXT)})

    def results(self, graph: int = 0) -> dict[str, np.ndarray]:
        return self._results[graph]

    def scalar(self, name: str, graph: int = 0) -> float:
        return float(self._results[graph][name])

    def lend(self) -> dict[str, HostBuffer]:
        return {name: HostBuffer(array) for name, array in self._state.items()}

    def value(self, name: str) -> np.ndarray:
        return self._state[name]

    def set_state(self, name: str, array: np.ndarray) -> None:
        if (array.shape, array.dtype) != (self._state[name].shape, self._state[name].dtype):
            raise STATE_MISFIT(f"'{name}' is not {array.dtype}{list(array.shape)}")
        self._state[name] = np.array(array)


@dataclass(frozen=True)
class ReferenceEngine:
    reads_arrays: bool = True
    provider: str = "reference"
    threads: int = 1
    even_split: bool = False

    def load(self, model: Model) -> ReferenceGraph:
        return ReferenceGraph(model)

    def open(
        self, graphs: Sequence[LoadedGraph], state: Mapping[str, np.ndarray | Buffer],
        constants: Mapping[str, np.ndarray] | None = None,
    ) -> ReferenceRunner:  # fmt: skip
        return ReferenceRunner(graphs, state, constants or {})
