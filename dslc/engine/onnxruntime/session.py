"""Sessions of ONNX Runtime, and what their failures mean."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from dslc.diagnostics import Problem
from dslc.engine.machine import has_unlike_cores, places_of_workers, thread_count
from dslc.engine.onnxruntime.bounded import BoundedSession
from dslc.engine.onnxruntime.buffers import element_dtype
from dslc.engine.onnxruntime.runtime import (
    FLUSH_OPTION,
    Provider,
    choose_provider,
    flushes_subnormals,
    not_loadable,
    runtime,
    runtime_errors,
)
from dslc.engine.outside import Outside, find_outside
from dslc.engine.protocol import Model, Port, run_failure
from dslc.errors.environment import GRAPH_REFUSED
from dslc.targets import Target
from dslc.targets.cpu import CPU

__all__ = ["Graph", "Settings"]

SPIN_VARIABLE = "DSLC_SPIN"
_FUSED = "com.microsoft."
"""The domain of the operators that only the runtime's own optimizer writes."""
ARITHMETIC = frozenset({"Add", "Div", "Max", "Min", "Mul", "Neg", "Sqrt", "Sub"})
"""Operators of ONNX that compute each element of the result from those at the same place."""


def _source(path: Path) -> str | bytes:
    """Return what ONNX Runtime opens a file by; it knows no names but UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return path.read_bytes()
    return str(path)


@dataclass(frozen=True)
class Settings:
    """How sessions run. ``Settings.of`` fills in what this machine offers."""

    provider: Provider
    threads: int
    """Threads that compute within one operator."""
    arena: bool = True
    """Keep freed memory for reuse; without, memory peaks lower and runs are slower."""
    spin: bool = True
    """Let idle threads wait awake. On cores of one's own, small graphs run up to 1.6 times as fast by it; where other
    programs want the cores too, half as fast."""
    static_shapes: int = 4
    """For how many sizes of batches a session of its own is made."""
    bounded: bool = False
    """Give up (E0636) on what takes too much memory or time: the graphs may be anybody's."""
    target: Target = CPU
    """What was measured of sessions."""

    @classmethod
    def of(
        cls, provider: Provider | str | None = None, threads: int | None = None, *, bounded: bool = False
    ) -> Settings:
        """Return the settings for a provider (None: the best) and threads (None: one per core).

        The environment variable DSLC_SPIN=0 is for machines that are shared, see :attr:`spin`.

        Raises:
            Problem: E0601 to E0603, E0611.
        """
        spin = os.environ.get(SPIN_VARIABLE) != "0"
        return cls(choose_provider(provider), thread_count(threads), spin=spin, bounded=bounded)

    @property
    def even_split(self) -> bool:
        """Whether each of two threads keeps to its half of every tensor, which it has in its cache.

        Of more parts than two, one whose thread comes late goes to others in pieces that depend on timing, and so would
        the last bits of a logarithm; on unlike cores the runtime makes more parts than there are threads.
        """
        is_split = 1 + len(places_of_workers(self.threads)) == self.target.split_threads
        return is_split and self.spin and not has_unlike_cores()


@dataclass
class Graph:
    """A model and its sessions, one for each of the first few assignments of its symbolic dimensions.

    Static shapes let the runtime plan memory and fold the arithmetic on shapes.

    Raises:
        Problem: E0605 on construction or by :meth:`session`, the model can't be loaded.
    """

    model: Model
    settings: Settings
    inputs: dict[str, Port] = field(init=False)
    outputs: dict[str, Port] = field(init=False)
    _sessions: dict[tuple[tuple[str, int], ...], Any] = field(init=False, default_factory=dict)
    _operands: dict[str, set[str]] = field(init=False, default_factory=dict)
    """What the node that computes an output takes; nothing if that does not work element by element."""
    _read: dict[str, set[str]] = field(init=False, default_factory=dict)
    """What is computed directly from an input."""
    _shapes: list[tuple[int | str, ...]] = field(init=False)
    """Of the tensors that are computed on the way, as far as the model tells."""

    def __post_init__(self) -> None:
        from dslc.graph.model import proto_nodes

        proto = self._proto()
        weights = {tensor.name for tensor in proto.graph.initializer}
        self.inputs = {v.name: _port(v) for v in proto.graph.input if v.name not in weights}
        self.outputs = {v.name: _port(v) for v in proto.graph.output}
        self._shapes = [_shape(v) for v in proto.graph.value_info]
        for node in proto_nodes(proto.graph):
            is_safe = node.op_type in ARITHMETIC
            for name in node.output:
                if name in self.outputs:
                    self._operands[name] = set(node.input) if is_safe else set()
            for name in node.input:
                if name in self.inputs:
                    # the name itself, which no node computes, stands for a result that is never among the operands
                    self._read.setdefault(name, set()).update(node.output if is_safe else [name])

    def may_overwrite(self, output: str, input: str) -> bool:
        """Return whether an output may be written where an input lies: all computed from the input comes before.

        Looks no further than the operands of the node that computes the output. That node and those that read the input
        work element by element: none hands the input's memory on, and fused into one they would still read each
        element before they write it.
        """
        return self._read.get(input, {output}) <= self._operands[output]

    def session(self, symbols: Mapping[str, int]) -> Any:
        """Return the ``InferenceSession`` for these sizes of the symbolic dimensions."""
        key = tuple(sorted(symbols.items()))
        if key not in self._sessions and (len(self._sessions) >= self.settings.static_shapes or 0 in symbols.values()):
            key = ()
        if key not in self._sessions:
            self._sessions[key] = self._open(dict(key))
        return self._sessions[key]

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the graph once.

        Raises:
            Problem: E0604, E0605, E0607.
        """
        symbols: dict[str, int] = {}
        for name, port in self.inputs.items():
            port.match(feeds[name], symbols)
        given = {name: feeds[name] for name in self.inputs}
        session = self.session(symbols)
        try:
            return dict(zip(self.outputs, session.run(list(self.outputs), given), strict=True))
        except runtime_errors() as error:
            raise self.failure(error, given) from error

    def falls_back(self) -> bool:
        """Whether the provider leaves nodes of the graph to the processor."""
        if self.settings.provider is Provider.CPU:
            return False
        try:
            self._open({}, fallback=False)
        except Problem:
            return True
        return False

    def _options(self, symbols: Mapping[str, int]) -> Any:
        """Return the ``SessionOptions`` for these sizes of the symbolic dimensions."""
        options = runtime().SessionOptions()
        options.intra_op_num_threads = self.settings.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.enable_cpu_mem_arena = self.settings.arena
        options.enable_mem_pattern = self._lays_out(symbols)
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(self.settings.spin)))
        options.add_session_config_entry(FLUSH_OPTION, str(int(flushes_subnormals())))
        if places := places_of_workers(self.settings.threads):  # the runtime counts processors from 1
            text = ";".join(",".join(str(cpu + 1) for cpu in core) for core in places)
            options.add_session_config_entry("session.intra_op_thread_affinities", text)
        if self.settings.even_split:
            options.add_session_config_entry("session.dynamic_block_base", "1")
        for name, size in symbols.items():
            options.add_free_dimension_override_by_name(name, size)
        return options

    def _lays_out(self, symbols: Mapping[str, int]) -> bool:
        """Return whether the first run lays out the memory of those that follow, which then ask for no tensor's.

        On the processor only where that is a share of the time, with tensors so small that the memory of the first
        run, which stays beside the block, is small too. DirectML can't.
        """
        if self.settings.provider is not Provider.CPU:
            return self.settings.provider is Provider.CUDA
        is_static = all(isinstance(d, int) or d in symbols for port in self.inputs.values() for d in port.shape)
        count = sum(prod(symbols.get(d, 1) if isinstance(d, str) else d for d in shape) for shape in self._shapes)
        return is_static and self.settings.arena and 0 < count <= self.settings.target.laid_out

    def _open(self, symbols: Mapping[str, int], *, level: str = "ORT_ENABLE_ALL", fallback: bool = True) -> Any:
        ort, provider, options = runtime(), self.settings.provider, self._options(symbols)
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        names = dict.fromkeys(
            (provider.runtime_name, Provider.CPU.runtime_name) if fallback else (provider.runtime_name,)
        )
        if not fallback:
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        source = self.model if isinstance(self.model, bytes) else _source(self.model)

        def make() -> Any:
            return ort.InferenceSession(source, options, providers=list(names))

        try:
            session = BoundedSession(self._title, make) if self.settings.bounded else make()
        except runtime_errors() as error:
            if level == "ORT_ENABLE_ALL" and _FUSED in str(error):  # 1.19 fuses float64 into what it has no kernel of
                return self._open(symbols, level="ORT_ENABLE_BASIC", fallback=fallback)
            raise GRAPH_REFUSED(f"ONNX Runtime refuses {self._title}: {_plain(str(error))}") from error
        if provider.runtime_name not in session.get_providers():
            raise not_loadable(provider)
        return session

    @property
    def _title(self) -> str:
        return "a graph" if isinstance(self.model, bytes) else str(self.model)

    def _proto(self) -> Any:
        import onnx
        from google.protobuf.message import DecodeError

        try:
            if isinstance(self.model, bytes):
                return onnx.load_model_from_string(self.model)
            return onnx.load(self.model, load_external_data=False)
        except (OSError, DecodeError) as error:
            raise GRAPH_REFUSED(f"{self._title} can't be read: {error}") from error

    def failure(self, error: Exception, feeds: Mapping[str, np.ndarray]) -> Problem:
        """Return what to raise when a run on ``feeds`` ended with ``error``.

        That is an IndexFailure where an index was outside of its range; else the node and its origin are found.
        """
        from dslc.graph.model import proto_nodes

        if (outside := self._outside(feeds)) is not None:
            return outside.failure
        nodes = {node.name: node for node in proto_nodes(self._proto().graph)}
        kind, name, text = _parse(error)
        if name not in nodes:  # an optimized graph has fused nodes: the plain one fails in a node that we made
            try:
                self._open({}, level="ORT_DISABLE_ALL").run(None, dict(feeds))
            except runtime_errors() as plain:
                kind, name, text = _parse(plain)
        node = nodes.get(name)
        origin = None
        if node is not None:
            origin = next((entry.value for entry in node.metadata_props if entry.key == "origin"), None)
        return run_failure(kind, name, origin, text)

    def _outside(self, feeds: Mapping[str, np.ndarray]) -> Outside | None:
        def run(data: bytes, needed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
            found: list[np.ndarray] = Graph(data, self.settings).session({}).run(None, dict(needed))
            return found

        failures: tuple[type[Exception], ...] = (OSError, Problem, *runtime_errors())
        try:
            data = self.model if isinstance(self.model, bytes) else self.model.read_bytes()
            return find_outside(data, feeds, run)
        except failures:  # what goes wrong for another reason is told as that
            return None


FAILED_NODE = re.compile(r"running (\w+) node\. Name:'([^']*)' Status Message: (.*)", re.DOTALL)


def _parse(error: Exception) -> tuple[str, str, str]:
    """Return operator, node name and reason of a run's failure, empty where ONNX Runtime does not say."""
    found = FAILED_NODE.search(str(error))
    return (found[1], found[2], _plain(found[3])) if found else ("", "", _plain(str(error)))


def _plain(message: str) -> str:
    """Return a message of ONNX Runtime without its code, its source lines and its signatures."""
    message = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", message.strip())
    message = re.sub(r"\S+\.(?:cc|h|cu|cuh):\d+ (?:[^()\n]*\([^()\n]*\)(?: const| mutable)? (?=\S))?", "", message)
    return " ".join(message.split())


def _port(value: Any) -> Port:
    return Port(value.name, element_dtype(value.type.tensor_type.elem_type), _shape(value))


def _shape(value: Any) -> tuple[int | str, ...]:
    return tuple(
        d.dim_value if d.HasField("dim_value") else d.dim_param or f"{value.name}:{axis}"
        for axis, d in enumerate(value.type.tensor_type.shape.dim)
    )
