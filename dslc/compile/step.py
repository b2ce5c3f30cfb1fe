"""The training step as a graph: a gradient and an update, joined.

``train.onnx`` is a pure function of plain operators: batch fields and state in, loss and the next state out.
With several objectives there is a graph for each, run in order; the last one advances counters and averages.
"""

from __future__ import annotations

from dataclasses import dataclass

from dslc.compile.gradient import gradient_of
from dslc.compile.lowering import Lowering
from dslc.compile.state import (
    COUNTER_BATCH,
    COUNTER_STEP,
    StateTensor,
    StepState,
    chosen,
    counter,
    parameter_tensors,
)
from dslc.compile.update import (
    HostSchedule,
    averaged_paths,
    clipped,
    count_update,
    has_moved,
    move_averages,
    update_parameters,
)
from dslc.graph import Builder, Tensor
from dslc.graph.model import Model
from dslc.graph.random import Randomness
from dslc.plan.constants import FittedConstants
from dslc.plan.indices import field_of, follows_from_examples
from dslc.plan.measures import BATCH, applications_of
from dslc.plan.training import Objective, TrainPlan
from dslc.plan.values import ParameterOf, Placeholder, Value
from dslc.targets import Target
from dslc.targets.cpu import CPU
from dslc.types import INT64, TensorType, symbol

__all__ = ["HostSchedule", "StepGraph", "step_graphs"]


@dataclass(frozen=True, eq=False)
class StepGraph:
    """One compiled objective."""

    name: str
    model: Model
    state: dict[str, StateTensor]
    """Every state tensor that it reads."""
    changes: tuple[str, ...]
    """Those of which it returns the successor."""
    random: bool
    host_schedules: tuple[HostSchedule, ...]
    terms: int
    """How many terms of the loss it returns, 0 where the loss is one of them or all examples count alike."""
    counts: bool
    """Does it say itself whether the step has made an update? Else every one does that completes its batches."""


def step_graphs(train: TrainPlan, constants: FittedConstants, target: Target = CPU) -> list[StepGraph]:
    """Compile every objective of a train block."""
    return [_step_graph(train, objective, constants, target) for objective in train.objectives]


def _step_graph(train: TrainPlan, objective: Objective, constants: FittedConstants, target: Target) -> StepGraph:
    builder = Builder(f"{train.name}.{objective.name}", target)
    is_last = objective is train.objectives[-1]
    state = StepState(builder, f"{objective.name}/" if len(train.objectives) > 1 else "")
    lowering = _opened(train, objective, constants, state)
    gradient = gradient_of(train, objective, lowering, state)
    host = update_parameters(objective, state, clipped(train, gradient.gradients), gradient.is_update)
    for path in objective.statistics:
        if path in gradient.statistics:
            # each batch moves them, also those that are not the last of an update
            moves = gradient.is_update if gradient.complete is None else None
            state.next[path] = chosen(moves, gradient.statistics[path], state[path])
    moved = has_moved(train, objective, state, gradient.is_update, gradient.complete)
    if is_last:
        count_update(state, moved)
        if train.accumulate > 1:
            state.next[COUNTER_BATCH] = state[COUNTER_BATCH] + 1
        move_averages(train, state, moved)
    for name, tensor in state.next.items():
        builder.output(f"{name}.next", tensor)
    return StepGraph(
        objective.name, builder.model(doc=train.doc), state.tensors, tuple(state.next),
        lowering.randomness is not None, host, gradient.terms, counts=is_last and moved is not None,
    )  # fmt: skip


def _opened(train: TrainPlan, objective: Objective, constants: FittedConstants, state: StepState) -> Lowering:
    """Declare what an objective reads: fields, state, a seed where it draws random numbers."""
    builder, is_last = state.builder, objective is train.objectives[-1]
    applications = applications_of(objective.loss)
    keys = {a.operation.key for a in applications if isinstance(a.operation, Placeholder)}
    fields: dict[str, Tensor] = {}
    for name, checked in train.data.fields.items():
        if name in keys:
            type = TensorType(checked.type.element, (symbol(BATCH), *checked.type.shape))
            fields[name] = builder.input(name, type, checked.doc)
    used = {a.operation.path for a in applications if isinstance(a.operation, ParameterOf)}
    used |= {path for a in applications for path in a.variables.values()}
    used |= {path for group in objective.groups for path in group.paths}
    used |= set(averaged_paths(train)) if is_last else set()
    for tensor in parameter_tensors(train):
        if tensor.name in used:
            state.read(tensor)
    seed = None
    if any(a.operation.draws(a.training) for a in applications):
        seed = builder.input("seed", TensorType(INT64))
    batches = state.read(counter(COUNTER_STEP))
    if train.accumulate > 1:
        batches = state.read(counter(COUNTER_BATCH))

    def given(key: str) -> Tensor:
        return fields[key] if key in fields else constants.tensor(builder, key)

    def is_checked(value: Value) -> bool:
        """Has the host looked at indices or weights, because the data alone decides them?"""
        is_weight = value.type.element.is_float
        return field_of(value) in train.data.fields or (is_weight and follows_from_examples(value))

    # random numbers follow from the seed, the number of batches seen, and the site
    randomness = None if seed is None else Randomness(builder, seed, batches)
    return Lowering(builder, given, state.__getitem__, randomness, site_prefix=state.owner, checked=is_checked)
