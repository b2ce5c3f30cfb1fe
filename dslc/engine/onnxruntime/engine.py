"""ONNX Runtime as an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dslc.engine.onnxruntime.buffers import lend, place
from dslc.engine.onnxruntime.runtime import Provider
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.onnxruntime.stateful import StatefulRunner
from dslc.engine.protocol import Buffer, LoadedGraph, Model

__all__ = ["OnnxRuntimeEngine"]


@dataclass(frozen=True)
class OnnxRuntimeEngine:
    """Sessions of ONNX Runtime with certain settings; see :class:`~dslc.engine.protocol.Engine`."""

    settings: Settings

    @property
    def provider(self) -> str:
        """What it computes on, as users name it."""
        return self.settings.provider.value

    @property
    def threads(self) -> int:
        """Threads that compute within one operator."""
        return self.settings.threads

    @property
    def even_split(self) -> bool:
        """Whether each of two threads keeps to its half of every tensor."""
        return self.settings.even_split

    @property
    def reads_arrays(self) -> bool:
        """Whether graphs read constants where they lie in the processor's memory."""
        return self.settings.provider is Provider.CPU

    def load(self, model: Model) -> Graph:
        """Load a graph.

        Raises:
            Problem: E0605, it can't be read.
        """
        return Graph(model, self.settings)

    def open(
        self, graphs: Sequence[LoadedGraph], state: Mapping[str, np.ndarray | Buffer],
        constants: Mapping[str, np.ndarray] | None = None,
    ) -> StatefulRunner:  # fmt: skip
        """Open graphs on a state.

        Raises:
            Problem: E0606, a graph does not fit the state.
        """
        own = [graph for graph in graphs if isinstance(graph, Graph)]
        assert len(own) == len(graphs), "an engine opens the graphs that it has loaded"
        fixed = {
            name: lend(array) if self.reads_arrays else place(array, self.settings.provider)
            for name, array in (constants or {}).items()
        }
        return StatefulRunner(own, state, self.settings, fixed)
