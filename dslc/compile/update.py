"""The update, the second part of a training step: clipping, optimizers, averages, counters.

It takes the gradients of an objective by its parameters, and the state; it gives the successors of parameters,
moments, averages and counters. Nothing else of the batches is known to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dslc import graph as g
from dslc.compile.state import (
    COUNTER_STEP,
    MOVED,
    TOTAL,
    StateRole,
    StateTensor,
    StepState,
    average_name,
    chosen,
    counter,
)
from dslc.graph import Tensor
from dslc.library.optimizers.optimizer import Member, Slot, Update, common
from dslc.library.schedules.schedule import FigureSchedule, Schedule
from dslc.plan.terms import varying_sites
from dslc.plan.training import Group, Objective, TrainPlan
from dslc.types import FLOAT32, FLOAT64, INT64, ElementType, TensorType

__all__ = [
    "HostSchedule", "averaged_paths", "clipped", "count_update", "has_moved", "move_averages", "schedules_of",
    "total_of", "update_parameters",
]  # fmt: skip

CLIP_EPSILON = 1e-6
"""Added to the norm before dividing by it, as PyTorch's clip_grad_norm_ does."""


@dataclass(frozen=True)
class HostSchedule:
    """A schedule that the host drives through a state scalar."""

    state: str
    schedule: FigureSchedule


def clipped(train: TrainPlan, gradients: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Limit the gradients' norm, taken over all groups, and their elements."""
    norm, value = train.clip_norm, train.clip_value
    if norm is not None:
        squares = [g.reduce_sum(gradient * gradient) for gradient in gradients.values()]
        widest = _widest(gradients.values())
        total = g.sqrt(g.total(*(g.cast(square, widest) for square in squares)))
        # a norm beyond the type would scale everything to 0, and training stand still without a word: NaN ends it
        factor = g.minimum(norm / (total + CLIP_EPSILON), 1.0) + (total - total)
        gradients = {path: gradient * g.cast(factor, gradient.element) for path, gradient in gradients.items()}
    if value is not None:
        # an infinite gradient would come out as a step of the usual size: what is added is 0, or NaN, which ends it
        gradients = {
            path: g.clip(gradient, -value, value) + (gradient - gradient) for path, gradient in gradients.items()
        }
    return gradients


def _widest(tensors: Iterable[Tensor]) -> ElementType:
    """Return the element type of what all of these share: the norm, what the host sets."""
    return FLOAT64 if any(tensor.element is FLOAT64 for tensor in tensors) else FLOAT32


# --- optimizers ----------------------------------------------------------------------------------------


def update_parameters(
    objective: Objective, state: StepState, gradients: Mapping[str, Tensor], is_update: Tensor | None
) -> tuple[HostSchedule, ...]:
    """Let each group's optimizer make its update, given clipped gradients by path; return what the host drives.

    ``is_update`` says whether there is one (bool), None: there always is.
    """
    widest = _widest(gradients.values())
    schedules = [schedule for _, _, schedule in schedules_of(objective)]
    parts = dict.fromkeys(part for schedule in schedules for part in schedule.host_values())  # each once
    driven = tuple(
        HostSchedule(state.label("host", f"{type(part).name}_{number}"), part) for number, part in enumerate(parts, 1)
    )
    host = {
        one.schedule: state.read(
            StateTensor(one.state, TensorType(widest), StateRole.HOST, one.schedule.host_values()[one.schedule])
        )
        for one in driven
    }
    total = None
    if any(schedule.needs_total for schedule in schedules):
        total = total_of(state)
    updates: dict[ElementType, Update] = {}
    for element in dict.fromkeys(gradient.element for gradient in gradients.values()):
        updates[element] = Update(state.builder, state[COUNTER_STEP], total, host, element)
    for number, group in enumerate(objective.groups, 1):
        _update_group(updates, group, f"{group.optimizer.name}_{number}", state, gradients, is_update)
    return driven


def total_of(state: StepState) -> Tensor:
    """Return how many updates there are in the whole training."""
    return state.read(StateTensor(TOTAL, TensorType(INT64), StateRole.HOST, 0))


def _update_group(
    updates: Mapping[ElementType, Update], group: Group, name: str, state: StepState,
    gradients: Mapping[str, Tensor], is_update: Tensor | None,
) -> None:  # fmt: skip
    """Let an optimizer update the parameters of its group; ``name`` is that of the group."""
    optimizer = group.optimizer
    names: dict[str, dict[str, str]] = {}
    members = []
    for path in group.paths:
        weight, gradient = state[path], gradients[path]
        slots = optimizer.slots(weight.type)
        names[path] = {
            slot: average_name(path) if slot == optimizer.evaluated else state.label("moment", f"{path}/{slot}")
            for slot in slots
        }
        before = {slot: _kept(state, names[path][slot], kept, weight.type, path) for slot, kept in slots.items()}
        members.append(Member(path, updates[gradient.element], weight, gradient, before))
    common_type = TensorType(common(members).element)
    labels = {slot: state.label("moment", f"{name}/{slot}") for slot in optimizer.shared()}
    shared = {slot: _kept(state, labels[slot], kept, common_type) for slot, kept in optimizer.shared().items()}
    for (after, moments), member in zip(optimizer.updates(members, shared), members, strict=True):
        state.next[member.path] = chosen(is_update, after, member.weight)
        for slot, label in names[member.path].items():
            if moments[slot].type != member.slots[slot].type:
                raise TypeError(f"{optimizer.name} makes {moments[slot].type} of {slot}, a {member.slots[slot].type}")
            state.next[label] = chosen(is_update, moments[slot], member.slots[slot])
    for slot, label in labels.items():
        state.next[label] = chosen(is_update, shared[slot], state[label])


def _kept(state: StepState, name: str, slot: Slot, like: TensorType, path: str | None = None) -> Tensor:
    """Return what an optimizer keeps, as it is before the step; ``path`` is the parameter that it is kept for."""
    role = StateRole.AVERAGE if path is not None and name == average_name(path) else StateRole.MOMENT
    return state.read(StateTensor(name, slot.type(like), role, slot.first, path if slot.first is None else None))


def schedules_of(objective: Objective) -> list[tuple[Group, str, Schedule]]:
    """Return the schedules among the groups' hyper-parameters, with the names of these, in the order of the text."""
    return [(group, name, value) for group in objective.groups for name, value in group.optimizer.schedules()]


# --- counters and averages -----------------------------------------------------------------------------


def has_moved(
    train: TrainPlan, objective: Objective, state: StepState, is_update: Tensor | None, complete: Tensor | None
) -> Tensor | None:
    """Return whether the step has made an update by now, in any objective (bool); None: it has.

    ``complete`` says whether the batch is the last of those that make an update, None: every batch is.
    """
    if len(train.objectives) == 1:
        return is_update
    if is_update is None or not all(varying_sites(other.loss) for other in train.objectives):
        return complete
    if objective is not train.objectives[0]:
        before = state.read(counter(MOVED))
        is_update = g.logical_or(is_update, g.greater(before, state.builder.constant(0, INT64)))
    if objective is not train.objectives[-1]:
        state.read(counter(MOVED))
        state.next[MOVED] = g.cast(is_update, INT64)
    return is_update


def averaged_paths(train: TrainPlan) -> list[str]:
    """Return the parameters and running statistics of which averages are kept: all that any objective changes."""
    if train.average is None:
        return []
    objectives = train.objectives
    trained = [path for o in objectives for group in o.groups for path in group.paths]
    return list(dict.fromkeys([*trained, *(path for o in objectives for path in o.statistics)]))


def count_update(state: StepState, moved: Tensor | None) -> None:
    """Count the update, after the last objective; ``moved`` is what :func:`has_moved` says."""
    step = state[COUNTER_STEP]
    state.next[COUNTER_STEP] = step + 1 if moved is None else step + g.cast(moved, INT64)


def move_averages(train: TrainPlan, state: StepState, moved: Tensor | None) -> None:
    """Move the averages, after the last objective; ``moved`` is what :func:`has_moved` says."""
    step, decays = state[COUNTER_STEP], dict[ElementType, Tensor]()
    for path in averaged_paths(train):
        weight = state.next.get(path, state[path])
        if weight.element not in decays:
            assert train.average is not None
            done = g.cast(step, weight.element)
            decays[weight.element] = g.minimum((done + 1.0) / (done + 10.0), train.average)
        before = state.read(StateTensor(average_name(path), weight.type, StateRole.AVERAGE, of=path))
        after = weight + (before - weight) * decays[weight.element]
        state.next[average_name(path)] = chosen(moved, after, before)
