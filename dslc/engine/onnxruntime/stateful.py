"""Running graphs whose outputs become their inputs: the training step, and evaluation with accumulators.

State lives on the device in two sets of buffers. A graph reads a tensor ``NAME`` from the one and writes
``NAME.next`` to the other, so nothing is copied and nothing crosses to Python between steps. A tensor that the
graph has read for the last time before it writes the next one, as an optimizer's moments, needs but one. Whatever
number of graphs change a tensor within one step, after two steps it is back where it began: two sets of
bindings serve all steps.

Fields are copied into buffers of the runtime's: binding NumPy's memory instead measured no faster, since the
copy warms the cache, and would make the last bits depend on where an array happens to lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import override

from dslc.engine.onnxruntime.buffers import allocate, element_dtype, place
from dslc.engine.onnxruntime.runtime import runtime_errors
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.protocol import NEXT, SEED, Feed, Runner
from dslc.errors.environment import STATE_MISFIT

__all__ = ["StatefulRunner"]

MOST_FEEDS = 64
"""Buffers for batches of different sizes that are kept."""
HOST = (np.ndarray, np.generic)
"""What lies in NumPy's memory; arithmetic on 0-d arrays gives scalars of the second kind."""


@dataclass
class BoundGraph:
    """One graph with its inputs and outputs bound, in one phase."""

    graph: Graph
    session: Any
    binding: Any
    inputs: dict[str, Any]
    """The bound ``OrtValue`` of each input."""
    scalars: dict[str, Any]
    """The bound ``OrtValue`` of each result that is one number."""


@dataclass
class BoundFeed(Feed):
    """Input buffers for one batch, bound to the graphs."""

    staged: list[tuple[np.ndarray, Any]]
    """Arrays that are copied to a device's buffers; on the CPU, ``arrays`` are the buffers themselves."""
    phases: tuple[list[BoundGraph], list[BoundGraph]]
    """The runs of even and of odd steps."""


class StatefulRunner(Runner):
    """Graphs on buffers that are inputs and outputs by turns, opened as :meth:`Engine.open` says.

    Buffers on loan, and the constants, are of type ``OrtValue``.
    """

    def __init__(
        self, graphs: Sequence[Graph], state: Mapping[str, Any], settings: Settings,
        constants: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.settings, self.graphs = settings, graphs
        self._constants = dict(constants or {})
        self._changed = [
            [name.removesuffix(NEXT) for name in graph.outputs if name.endswith(NEXT)] for graph in self.graphs
        ]
        changing = {name for names in self._changed for name in names}
        self._buffers: dict[str, tuple[Any, Any]] = {}
        for name, given in state.items():
            value = place(np.asarray(given), settings.provider) if isinstance(given, HOST) else given
            overwrites = len(graphs) == 1 and name in changing and graphs[0].may_overwrite(name + NEXT, name)
            alternates = name in changing and not overwrites
            other = allocate(tuple(value.shape()), _dtype(given), settings.provider) if alternates else value
            self._buffers[name] = (value, other)
        self._check(state)
        self.fields = {
            port.name: port
            for graph in self.graphs
            for port in graph.inputs.values()
            if port.name != SEED and port.name not in state and port.name not in self._constants
        }
        self._seed = place(np.array(0, np.int64), settings.provider)
        self._phase = 0
        self._seed_value = 0
        self._feeds: dict[tuple[Any, ...], BoundFeed] = {}
        self._last: list[BoundGraph] = []

    def _check(self, state: Mapping[str, Any]) -> None:
        for graph, changed in zip(self.graphs, self._changed, strict=True):
            for name in changed:
                if name not in state:
                    raise STATE_MISFIT(f"the state lacks '{name}', which a graph changes")
            for port in graph.inputs.values():
                if port.name in state:
                    shape, dtype = tuple(self._buffers[port.name][0].shape()), _dtype(state[port.name])
                    if (shape, dtype) != (port.shape, port.dtype):
                        raise STATE_MISFIT(
                            f"'{port.name}' is {dtype}{list(shape)}, but the graph takes {port.dtype}{list(port.shape)}"
                        )

    # --- running -------------------------------------------------------------------------------

    @override
    def feed(self, shapes: Mapping[str, tuple[int, ...]], number: int = 0) -> BoundFeed:
        key = (number, *(shapes[name] for name in self.fields))
        if key not in self._feeds:
            if len(self._feeds) > MOST_FEEDS:  # sizes beyond number: keep no buffers for them
                self._feeds.popitem()
            self._feeds[key] = self._prepare(shapes)
        return self._feeds[key]

    @override
    def run(self, feed: Feed, seed: int = 0) -> None:
        assert isinstance(feed, BoundFeed)
        for array, value in feed.staged:
            value.update_inplace(array)
        if seed != self._seed_value:
            self._seed.update_inplace(np.array(seed, np.int64))
            self._seed_value = seed
        self._last = feed.phases[self._phase]
        try:
            for run in self._last:
                run.session.run_with_iobinding(run.binding)
        except runtime_errors() as error:
            raise run.graph.failure(error, {name: value.numpy() for name, value in run.inputs.items()}) from error
        self._phase ^= 1

    @override
    def results(self, graph: int = 0) -> dict[str, np.ndarray]:
        run = self._last[graph]
        names = [name for name in run.graph.outputs if not name.endswith(NEXT)]
        return {name: np.array(value.numpy()) for name, value in zip(names, run.binding.get_outputs(), strict=False)}

    @override
    def scalar(self, name: str, graph: int = 0) -> float:
        return float(self._last[graph].scalars[name].numpy())

    def _prepare(self, shapes: Mapping[str, tuple[int, ...]]) -> BoundFeed:
        """Make and bind buffers for fields of certain shapes."""
        symbols: dict[str, int] = {}
        provider = self.settings.provider
        values: dict[str, Any] = {}
        for name, port in self.fields.items():
            port.match(np.broadcast_to(np.zeros((), port.dtype), shapes[name]), symbols)
            values[name] = allocate(shapes[name], port.dtype, provider)
        is_host = provider.device == "cpu"
        arrays = {n: v.numpy() if is_host else np.empty(shapes[n], self.fields[n].dtype) for n, v in values.items()}
        parity = dict.fromkeys(self._buffers, 0)
        phases: tuple[list[BoundGraph], list[BoundGraph]] = ([], [])
        for phase in phases:
            for graph, changed in zip(self.graphs, self._changed, strict=True):
                phase.append(self._bind(graph, changed, symbols, values, parity))
                for name in changed:
                    parity[name] ^= 1
        return BoundFeed(arrays, [] if is_host else [(arrays[n], v) for n, v in values.items()], phases)

    def _bind(
        self, graph: Graph, changed: list[str], symbols: dict[str, int], fields: dict[str, Any], parity: dict[str, int]
    ) -> BoundGraph:
        used = {name: size for name, size in symbols.items() if any(name in p.shape for p in graph.inputs.values())}
        session = graph.session(used)
        binding = session.io_binding()
        given = {SEED: self._seed, **self._constants, **fields}
        inputs: dict[str, Any] = {}
        scalars: dict[str, Any] = {}
        for name in graph.inputs:
            state = self._buffers.get(name)
            inputs[name] = state[parity[name]] if state else given[name]
            binding.bind_ortvalue_input(name, inputs[name])
        for name in graph.outputs:
            if name.endswith(NEXT):
                continue
            port = graph.outputs[name]
            if port.shape == ():  # a loss: reading it from a buffer of its own costs next to nothing
                scalars[name] = allocate((), port.dtype, self.settings.provider)
                binding.bind_ortvalue_output(name, scalars[name])
            else:  # results come first, so that their places among the outputs are known
                binding.bind_output(name, self.settings.provider.device)
        for name in changed:
            binding.bind_ortvalue_output(name + NEXT, self._buffers[name][parity[name] ^ 1])
        return BoundGraph(graph, session, binding, inputs, scalars)

    # --- state ---------------------------------------------------------------------------------

    def _place_of(self, name: str) -> int:
        """Return which of its two buffers holds a tensor now."""
        flips = sum(name in changed for changed in self._changed)
        return flips & self._phase & 1

    @override
    def lend(self) -> dict[str, Any]:
        return {name: pair[self._place_of(name)] for name, pair in self._buffers.items()}

    @override
    def value(self, name: str) -> np.ndarray:
        array: np.ndarray = self._buffers[name][self._place_of(name)].numpy()
        return array

    @override
    def set_state(self, name: str, array: np.ndarray) -> None:
        value = self.lend()[name]
        shape, dtype = tuple(value.shape()), _dtype(value)
        if (array.shape, array.dtype) != (shape, dtype):
            raise STATE_MISFIT(f"'{name}' is {dtype}{list(shape)}, not {array.dtype}{list(array.shape)}")
        value.update_inplace(np.require(array, requirements="C"))


def _dtype(value: Any) -> np.dtype[Any]:
    return value.dtype if isinstance(value, HOST) else element_dtype(value.element_type())
