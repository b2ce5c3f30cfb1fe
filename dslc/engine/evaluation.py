"""Losses and metrics over a split, and predictions, by running the shipped graphs on any engine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dslc.engine.outside import IndexFailure
from dslc.engine.protocol import NEXT, Engine, Model
from dslc.errors.environment import INPUT_MISFIT

__all__ = ["MetricRunner", "Predictor"]

COUNTS = ("weight", "present", "true", "predicted")
"""The accumulators that are 0 where all targets are ignored or have a weight of 0, and only there."""


class MetricRunner:
    """Losses and metrics that are exact over a split, however it is cut into batches.

    Args:
        eval_model: accumulators (``NAME`` in, ``NAME.next`` out), state and fields to accumulators; any other
            output is collected over the batches and joined along its first axis.
        metrics_model: accumulators, and what was collected under the names of its other inputs, to values.
        engine: what runs them.

    Raises:
        Problem: E0605, a model can't be read.
    """

    def __init__(self, eval_model: Model, metrics_model: Model, engine: Engine) -> None:
        self._engine = engine
        self._graph = engine.load(eval_model)
        self._metrics = engine.load(metrics_model)
        names = [name.removesuffix(NEXT) for name in self._graph.outputs if name.endswith(NEXT)]
        self._zeros = {name: self._graph.inputs[name].zeros() for name in names}
        self._collects = len(names) < len(self._graph.outputs)
        self._rows = {
            name: np.zeros([size if isinstance(size, int) else 0 for size in port.shape], port.dtype)
            for name, port in self._metrics.inputs.items() if name not in self._zeros
        }  # fmt: skip
        self.unmeasured: Sequence[str] = ()
        """What the last split had nothing to measure of: all of its targets are ignored, or all weights 0."""

    @property
    def inputs(self) -> Collection[str]:
        """What the graph reads of a batch and of the state."""
        return self._graph.inputs

    def run(
        self, batches: Iterable[Mapping[str, np.ndarray]], state: Mapping[str, Any], seed: int = 0
    ) -> dict[str, np.ndarray]:
        """Return the metrics over all batches, and what was collected for nothing else.

        A figure that there is nothing to measure of is not a number; ``unmeasured`` names it.

        Args:
            batches: fields by name.
            state: arrays, or the buffers that :meth:`Runner.lend` gives, which are read in place; names that
                the graph does not read are ignored.
            seed: of what is random, if anything is; each batch gets the next one.

        Raises:
            Problem: E0604 to E0607; E0540, E0551, an index or a weight is outside of its range.
        """
        read = {name: value for name, value in state.items() if name in self._graph.inputs and name not in self._zeros}
        loop = self._engine.open([self._graph], {**read, **self._zeros})
        collected: dict[str, list[np.ndarray]] = {}
        row = 0
        for index, batch in enumerate(batches):
            size = max((len(batch[name]) for name in loop.fields if name in batch), default=0)
            try:
                loop.run_batch(batch, seed + index)
            except IndexFailure as failure:
                raise failure.of_rows(range(row, row + size)) from None
            row += size
            if self._collects:
                for name, array in loop.results().items():
                    collected.setdefault(name, []).append(np.atleast_1d(array))
        joined = {name: np.concatenate(parts) for name, parts in collected.items()}
        totals = {**loop.state(), **{name: joined.pop(name, none) for name, none in self._rows.items()}}
        found = self._metrics.run(totals)
        numbers = [name for name, value in found.items() if value.ndim == 0 and value.dtype.kind == "f"]
        self.unmeasured = [name for name in numbers if _is_empty(name, totals)]
        return found | {name: np.full_like(found[name], np.nan) for name in self.unmeasured} | joined


def _is_empty(name: str, totals: Mapping[str, np.ndarray]) -> bool:
    """Return whether nothing counted in any of the statistics that a figure is made of."""
    sites: dict[str, list[bool]] = {}
    for key, total in totals.items():
        if key.startswith(f"accumulator/{name}/"):
            site, is_statistic, what = key.removeprefix(f"accumulator/{name}/").partition("/")
            counted = sites.setdefault(site, []) if is_statistic else []  # others don't hang on the examples
            if what in COUNTS:
                counted.append(bool(total.any()))
    return bool(sites) and all(counted and not any(counted) for counted in sites.values())


class Predictor:
    """Runs a shipped model over many examples, a chunk at a time."""

    def __init__(self, model: Model, engine: Engine) -> None:
        self.graph = engine.load(model)
        ports = self.graph.inputs.values()
        first = {port.shape[0] for port in ports if port.shape and isinstance(port.shape[0], str)}
        self._examples = next(iter(first)) if len(first) == 1 else None
        """The symbol that counts examples, if one does."""

    def run(self, arrays: Mapping[str, np.ndarray], chunk: int = 1024) -> dict[str, np.ndarray]:
        """Return the model's outputs for all examples; numbers are converted to the types that the inputs have.

        A model with an output that has no dimension of examples runs on all of them at once.

        Raises:
            Problem: E0604, E0607.
        """
        inputs = {name: self._converted(name, arrays) for name in self.graph.inputs}
        outputs = self.graph.outputs.values()
        cut = [name for name, port in self.graph.inputs.items() if port.shape[:1] == (self._examples,)]
        for name in cut:
            self.graph.inputs[name].match(inputs[name], {})
        sizes = {len(inputs[name]) for name in cut}
        if len(sizes) != 1 or any(port.shape[:1] != (self._examples,) for port in outputs):
            return self.graph.run(inputs)
        (size,) = sizes
        parts = []
        for start in range(0, max(size, 1), chunk):
            piece = {name: inputs[name][start : start + chunk] for name in cut}
            try:
                parts.append(self.graph.run({**inputs, **piece}))
            except IndexFailure as failure:
                raise failure.of_rows(range(start, start + chunk)) from None
        return {name: np.concatenate([part[name] for part in parts]) for name in self.graph.outputs}

    def _converted(self, name: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        if name not in arrays:
            raise INPUT_MISFIT(f"the model's input '{name}' is missing", hint=f"given are {', '.join(arrays)}")
        array, dtype = arrays[name], self.graph.inputs[name].dtype
        fits = array.dtype.kind in "OUS" if dtype.kind == "O" else np.can_cast(array.dtype, dtype, "same_kind")
        if not fits:
            raise INPUT_MISFIT(f"'{name}' is {array.dtype}, but the model takes {dtype}")
        return array.astype(dtype, copy=False)
