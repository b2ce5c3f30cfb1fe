"""What runs graphs, as everything else knows it: training, evaluation and predictions ask for nothing beyond this.

An :class:`Engine` loads graphs. A graph that is loaded turns arrays into arrays. Some graphs may be opened together on
a state that they change: the training step, and evaluation, whose state are accumulators. How a graph says what it
reads and changes is the same for all engines: an output ``NAME.next`` is the successor of the input ``NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dslc.diagnostics import Problem
from dslc.errors.environment import INPUT_MISFIT, RUN_FAILED

__all__ = ["NEXT", "SEED", "Buffer", "Engine", "Feed", "LoadedGraph", "Model", "Port", "Runner", "run_failure"]

Model = bytes | Path
"""A serialized ONNX model or the file that holds one."""
NEXT = ".next"
"""What the name of an output ends with that is a tensor of the state after a step."""
SEED = "seed"
"""The input that everything random follows from."""


@dataclass(frozen=True)
class Port:
    """An input or output of a graph; a symbolic dimension is its symbol."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str, ...]

    def zeros(self) -> np.ndarray:
        """Return zeros of the type, of the dimensions that are known."""
        return np.zeros([size for size in self.shape if isinstance(size, int)], self.dtype)

    def match(self, array: np.ndarray, symbols: dict[str, int]) -> None:
        """Check an array against the type; record in ``symbols`` what the symbolic dimensions are.

        Raises:
            Problem: E0607.
        """
        if array.dtype != self.dtype:
            raise INPUT_MISFIT(f"'{self.name}' is {array.dtype}, but the graph takes {self.dtype}")
        fits = array.ndim == len(self.shape)
        for dimension, size in zip(self.shape, array.shape, strict=False):
            fits &= size == (symbols.setdefault(dimension, size) if isinstance(dimension, str) else dimension)
        if not fits:
            known = {name: size for name, size in symbols.items() if name in self.shape}
            wanted = ", ".join(str(known.get(d, d) if isinstance(d, str) else d) for d in self.shape)
            raise INPUT_MISFIT(f"'{self.name}' has shape {list(array.shape)}, but the graph takes [{wanted}]")


def run_failure(operator: str, node: str, origin: str | None, text: str) -> Problem:
    """Return E0604 for a node of which this much is known, and its origin, as the compiler left it in its metadata."""
    place = f" from {origin}" if origin else f" in '{node}'" if node else ""
    return RUN_FAILED(f"{operator}{place} failed: {text}" if operator else f"the run failed: {text}")


class LoadedGraph(Protocol):
    """A graph that an engine has loaded."""

    @property
    def inputs(self) -> Mapping[str, Port]:
        """What it takes, by name."""

    @property
    def outputs(self) -> Mapping[str, Port]:
        """What it gives, by name."""

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the graph once; ``feeds`` has all of its inputs, and whatever else.

        Raises:
            Problem: E0607, an array does not fit; E0604, a node fails; E0540, E0551
                (:class:`~dslc.engine.outside.IndexFailure`).
        """

    def falls_back(self) -> bool:
        """Return whether the provider leaves nodes of the graph to the processor."""


class Buffer(Protocol):
    """A tensor that lies where an engine computes."""

    def numpy(self) -> np.ndarray:
        """Return it for reading; where it lies, if that is the processor's memory."""


@dataclass
class Feed:
    """The place of one batch: fill ``arrays`` (fields by name), then run it."""

    arrays: Mapping[str, np.ndarray]


class Runner(Protocol):
    """Graphs run in order over batches, on a state that they change.

    The inputs of a graph are, by name, tensors of the state, ``seed``, and else fields of the batch; its output
    ``NAME.next`` is the new value of the state's ``NAME``, all others are results.
    """

    fields: Mapping[str, Port]
    """What the graphs read of a batch."""

    def feed(self, shapes: Mapping[str, tuple[int, ...]], number: int = 0) -> Feed:
        """Return the place of a batch with fields of certain shapes; different numbers give different places.

        While one feed runs, others may be filled by another thread.

        Raises:
            Problem: E0607, the shapes do not fit.
        """

    def run(self, feed: Feed, seed: int = 0) -> None:
        """Run every graph once on what a feed holds.

        After a failure the state holds parts of both steps; go on from a checkpoint.

        Raises:
            Problem: as :meth:`LoadedGraph.run`.
        """

    def run_batch(self, batch: Mapping[str, np.ndarray], seed: int = 0) -> None:
        """Run every graph once on a batch (fields by name; those that no graph reads are ignored).

        Raises:
            Problem: E0607, the batch does not fit; else as :meth:`run`.
        """
        for name in self.fields:
            if name not in batch:
                raise INPUT_MISFIT(f"the batch lacks the field '{name}'")
        feed = self.feed({name: batch[name].shape for name in self.fields})
        for name, target in feed.arrays.items():
            if batch[name].dtype != target.dtype:
                self.fields[name].match(batch[name], {})
            np.copyto(target, batch[name])
        self.run(feed, seed)

    def results(self, graph: int = 0) -> dict[str, np.ndarray]:
        """Return copies of what a graph put out in the last step besides state."""

    def scalar(self, name: str, graph: int = 0) -> float:
        """Return a result of the last step that is one number; asking for it is what fetches it."""

    def loss(self, graph: int = 0) -> float:
        """Return the loss of the last step, of one of the graphs."""
        return self.scalar("loss", graph)

    def lend(self) -> Mapping[str, Buffer]:
        """Return the state where it lies, for reading or for another runner of the engine, until the next step."""

    def value(self, name: str) -> np.ndarray:
        """Return one tensor of the state for reading, until the next step."""

    def view(self) -> dict[str, np.ndarray]:
        """Return the state for reading, until the next step."""
        return {name: buffer.numpy() for name, buffer in self.lend().items()}

    def state(self) -> dict[str, np.ndarray]:
        """Return a copy of the state."""
        return {name: np.array(array) for name, array in self.view().items()}

    def set_state(self, name: str, array: np.ndarray) -> None:
        """Overwrite one tensor of the state.

        Raises:
            Problem: E0606, its type or shape differs.
        """


class Engine(Protocol):
    """What runs graphs: a runtime, on a provider, with threads."""

    @property
    def provider(self) -> str:
        """What it computes on, as users name it."""

    @property
    def threads(self) -> int:
        """Threads that compute within one operator."""

    @property
    def even_split(self) -> bool:
        """Whether each thread keeps to an equal part of every tensor, which decides over the last bits."""

    @property
    def reads_arrays(self) -> bool:
        """Whether graphs read constants where they lie in the processor's memory."""

    def load(self, model: Model) -> LoadedGraph:
        """Load a graph.

        Raises:
            Problem: E0605, it can't be read or is refused.
        """

    def open(
        self, graphs: Sequence[LoadedGraph], state: Mapping[str, np.ndarray | Buffer],
        constants: Mapping[str, np.ndarray] | None = None,
    ) -> Runner:  # fmt: skip
        """Open graphs of this engine on a state.

        Args:
            graphs: in the order in which they run within a step.
            state: the initial state: arrays, which are copied, or buffers on loan from another runner, which no graph
                may change.
            constants: further inputs that graphs read and that are not part of the state (C-contiguous).

        Raises:
            Problem: E0606, a graph does not fit the state.
        """
