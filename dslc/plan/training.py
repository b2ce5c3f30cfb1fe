"""A train block after checking: what the later stages compile, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dslc.library.optimizers.optimizer import Optimizer
from dslc.plan.conditions import Condition
from dslc.plan.data import DataPlan
from dslc.plan.paths import LoadFile
from dslc.plan.values import Application, ParameterRecord, Value
from dslc.source import Span

__all__ = ["Group", "Keep", "Measure", "Objective", "Shipped", "TrainPlan"]


@dataclass(frozen=True, eq=False)
class Measure:
    """A scalar (or a confusion matrix) over a split, taken apart into accumulators.

    ``sites`` are the applications of statistics whose accumulators are carried across batches;
    ``carried`` are values that do not depend on the batch and are carried as they are.
    """

    name: str
    value: Value
    sites: tuple[Application, ...]
    carried: tuple[Value, ...]
    direction: str | None
    span: Span


@dataclass(frozen=True)
class Group:
    """Parameters that one optimizer updates, by path."""

    optimizer: Optimizer
    paths: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Objective:
    """One ``minimize``: ``loss`` in training mode, ``measure`` over a split in evaluation mode."""

    name: str
    loss: Value
    groups: tuple[Group, ...]
    statistics: tuple[str, ...]
    """Paths of the running statistics that its step updates."""
    measure: Measure
    span: Span


@dataclass(frozen=True)
class Keep:
    """Which checkpoint becomes the model: the one where ``figure`` is highest, or lowest."""

    figure: Condition
    highest: bool
    span: Span


@dataclass(frozen=True, eq=False)
class Shipped:
    """A model that ships: a network as it is, or what ``output`` statements say."""

    network: str | None
    """None where ``output`` statements say what ships: the outputs follow from fields then, not from own inputs."""
    doc: str | None
    outputs: Mapping[str, Value]
    docs: Mapping[str, str]
    """What is said of inputs and outputs, by name."""
    fields: Mapping[str, str]
    """The data field that feeds each input, where one does as it stands."""


@dataclass(frozen=True, eq=False)
class TrainPlan:
    """A ``train`` block, ready to be compiled."""

    name: str
    doc: str | None
    data: DataPlan
    parameters: Mapping[str, ParameterRecord]
    frozen: frozenset[str]
    """Paths of the parameters and statistics that do not change."""
    objectives: tuple[Objective, ...]
    metrics: tuple[Measure, ...]
    shipped: tuple[Shipped, ...]
    epochs: int | None
    steps: int | None
    batch: int
    shuffle: bool
    drop_last: bool
    evaluate_every: int | None
    stop: Condition | None
    keep: Keep | None
    clip_norm: float | None
    clip_value: float | None
    accumulate: int
    average: float | None
    load: tuple[LoadFile, ...]
    seed: int
    places: Mapping[str, Span]
    """Where ``batch`` and ``accumulate`` are said, if they are."""
