"""The state of a training run: its tensors, their names, roles and first values; and a step's graph's view of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import prod
from typing import Any
from zlib import crc32

import numpy as np

from dslc import graph as g
from dslc.dimensions import evaluate
from dslc.graph import Builder, Tensor
from dslc.library.operation import Role, Variable
from dslc.plan.training import TrainPlan
from dslc.plan.values import ParameterRecord
from dslc.types import INT64, TensorType

__all__ = [
    "COUNTER_BATCH", "COUNTER_STEP", "FLUSH", "MOVED", "TOTAL", "StateRole", "StateTensor", "StepState",
    "average_name", "chosen", "counter", "initial_parameters", "parameter_tensors",
]  # fmt: skip

COUNTER_STEP = "counter/step"
"""Updates done, int64."""
COUNTER_BATCH = "counter/batch"
"""Batches seen, int64; only where several make one update."""
MOVED = "counter/moved"
"""1 where an objective before the last one has made an update in this step, int64; only where all may make none."""
TOTAL = "host/total_steps"
"""Updates in the whole training, int64, set by the host."""
FLUSH = "host/flush"
"""1 where this batch completes an update early, int64, set by the host."""


class StateRole(Enum):
    """What a state tensor is for, as the manifest says it."""

    PARAMETER = "parameter"
    STATISTIC = "statistic"
    MOMENT = "moment"
    COUNTER = "counter"
    AVERAGE = "average"
    HOST = "host"


@dataclass(frozen=True)
class StateTensor:
    """One tensor of the state with its first value."""

    name: str
    type: TensorType
    role: StateRole
    initial: Any = None
    of: str | None = None
    """The path of the parameter or statistic whose first value it starts from, in place of ``initial``."""


def average_name(path: str) -> str:
    """Return the name of a parameter's average."""
    return f"average/{path}"


def initial_parameters(records: Mapping[str, ParameterRecord], seed: int) -> dict[str, np.ndarray]:
    """Draw the first value of every parameter; each has a generator of its own, seeded by its path."""
    return {path: _sample(record.variable, path, seed) for path, record in records.items()}


def _sample(variable: Variable, path: str, seed: int) -> np.ndarray:
    shape = tuple(evaluate(d, {}) for d in variable.shape)
    if variable.norm_of is not None:
        owner = path.removesuffix(variable.name)
        whole = _sample(variable.norm_of, owner + variable.norm_of.name, seed)
        over = tuple(axis for axis, size in enumerate(shape) if size == 1)
        return np.asarray(np.sqrt(np.square(whole).sum(over, keepdims=True)), whole.dtype)
    fan_in = variable.fan_in if variable.fan_in is not None else (prod(shape[:-1]) if len(shape) > 1 else prod(shape))
    fan_out = variable.fan_out if variable.fan_out is not None else (shape[-1] if shape else 1)
    generator = np.random.default_rng([seed, crc32(path.encode())])
    drawn = variable.initializer.sample(generator, shape, max(evaluate(fan_in, {}), 1), max(evaluate(fan_out, {}), 1))
    with np.errstate(over="ignore"):  # what is beyond the type ends the training with an error that names it
        return np.asarray(drawn).astype(variable.element.numpy).reshape(shape)


def parameter_tensors(train: TrainPlan) -> Iterable[StateTensor]:
    """Yield the parameters and statistics of a train block."""
    for path, record in train.parameters.items():
        role = StateRole.STATISTIC if record.variable.role is Role.STATISTIC else StateRole.PARAMETER
        yield StateTensor(path, record.type, role, of=path)


def counter(name: str) -> StateTensor:
    """Return a counter that starts from 0."""
    return StateTensor(name, TensorType(INT64), StateRole.COUNTER, 0)


@dataclass(eq=False)
class StepState:
    """The state as a step's graph has it: what it reads are inputs, and for what it changes there are successors."""

    builder: Builder
    owner: str = ""
    """The objective's name and a slash, where there are several: it stands in the names of what is its own."""
    tensors: dict[str, StateTensor] = field(default_factory=dict)
    """What it reads, by name."""
    next: dict[str, Tensor] = field(default_factory=dict)
    """The successors of what it changes, by name."""
    _before: dict[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor that it reads, as it is before the step."""
        return self._before[name]

    def read(self, tensor: StateTensor) -> Tensor:
        """Return a state tensor as it is before the step; the first time, it becomes an input of the graph."""
        if tensor.name not in self.tensors:
            self.tensors[tensor.name] = tensor
            self._before[tensor.name] = self.builder.input(tensor.name, tensor.type)
        return self._before[tensor.name]

    def label(self, kind: str, name: str) -> str:
        """Return the name of a state tensor of this kind that is the objective's own."""
        return f"{kind}/{self.owner}{name}"


def chosen(is_update: Tensor | None, after: Tensor, before: Tensor) -> Tensor:
    """Return what comes after an update, and what was before where a step makes none; None: it always does."""
    return after if is_update is None else g.where(is_update, after, before)
