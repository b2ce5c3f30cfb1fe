"""ONNX Runtime as an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from dslc.engine.onnxruntime.buffers import lend, place
from dslc.engine.onnxruntime.runtime import Provider
from dslc.engine.onnxruntime.session import Graph, Settings
from dslc.engine.onnxruntime.stateful import StatefulRunner
from dslc.engine.protocol import Buffer, Engine, LoadedGraph, Model

__all__ = ["OnnxRuntimeEngine"]


@dataclass(frozen=True)
class OnnxRuntimeEngine(Engine):
    """Sessions of ONNX Runtime with certain settings."""

    settings: Settings

    @property
    @override
    def provider(self) -> str:
        return self.settings.provider.value

    @property
    @override
    def threads(self) -> int:
        return self.settings.threads

    @property
    @override
    def even_split(self) -> bool:
        return self.settings.even_split

    @property
    @override
    def reads_arrays(self) -> bool:
        return self.settings.provider is Provider.CPU

    @override
    def load(self, model: Model) -> Graph:
        return Graph(model, self.settings)

    @override
    def open(
        self, graphs: Sequence[LoadedGraph], state: Mapping[str, np.ndarray | Buffer],
        constants: Mapping[str, np.ndarray] | None = None,
    ) -> StatefulRunner:  # fmt: skip
        own = [graph for graph in graphs if isinstance(graph, Graph)]
        assert len(own) == len(graphs), "an engine opens the graphs that it has loaded"
        fixed = {
            name: lend(array) if self.reads_arrays else place(array, self.settings.provider)
            for name, array in (constants or {}).items()
        }
        return StatefulRunner(own, state, self.settings, fixed)
