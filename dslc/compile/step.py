"""The training step as a graph: forward, loss, backward, clipping, optimizer, averages, counters.

``train.onnx`` is a pure function of plain operators: batch fields and state in, loss and the next state out.
With several objectives there is a graph for each, run in order; the last one advances counters and averages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.compile.accumulation import Accumulation, alive, term_name, term_values
from dslc.compile.lowering import Lowering
from dslc.compile.state import (
    COUNTER_BATCH,
    COUNTER_STEP,
    MOVED,
    TOTAL,
    StateRole,
    StateTensor,
    average_name,
    counter,
    parameter_tensors,
)
from dslc.graph import Builder, Tensor
from dslc.graph.model import Model
from dslc.graph.random import Randomness
from dslc.library.optimizers import Update
from dslc.library.schedules import Schedule
from dslc.library.word import options_of
from dslc.plan.constants import FittedConstants
from dslc.plan.indices import field_of, follows_from_examples
from dslc.plan.measures import BATCH, applications_of
from dslc.plan.terms import known_by_fields, varying_sites
from dslc.plan.training import Group, Objective, TrainPlan
from dslc.plan.values import ParameterOf, Placeholder, Value
from dslc.types import FLOAT32, FLOAT64, INT64, ElementType, TensorType, symbol

__all__ = ["HostSchedule", "StepGraph", "step_graphs"]

CLIP_EPSILON = 1e-6
"""Added to the norm before dividing by it, as PyTorch's clip_grad_norm_ does."""


@dataclass(frozen=True)
class HostSchedule:
    """A schedule that the host drives through a state scalar."""

    state: str
    schedule: Schedule


@dataclass
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


def step_graphs(train: TrainPlan, constants: FittedConstants) -> list[StepGraph]:
    """Compile every objective of a train block."""
    return [
        _StepBuilder(train, objective, constants, is_last=objective is train.objectives[-1]).build()
        for objective in train.objectives
    ]


@dataclass
class _StepBuilder:
    train: TrainPlan
    objective: Objective
    constants: FittedConstants
    is_last: bool
    builder: Builder = field(init=False)
    state: dict[str, tuple[StateTensor, Tensor]] = field(default_factory=dict)
    next: dict[str, Tensor] = field(default_factory=dict)
    fields: dict[str, Tensor] = field(default_factory=dict)
    host_schedules: list[HostSchedule] = field(default_factory=list)
    is_random: bool = False

    def build(self) -> StepGraph:
        self.builder = Builder(f"{self.train.name}.{self.objective.name}")
        self.declare_inputs()
        lowering = Lowering(
            self.builder, self.given, lambda path: self.state[path][1], self.randomness(),
            site_prefix=f"{self.objective.name}/" if len(self.train.objectives) > 1 else "",
            checked=self.is_checked,
        )  # fmt: skip
        (loss,) = lowering.emit(self.objective.loss)
        self.builder.output("loss", loss)
        terms = term_values(lowering, self.objective.loss)
        for number, term in enumerate(terms):
            self.builder.output(term_name(number), term)
        slopes, complete, applies = self.gradients(loss, lowering)
        slopes = self.clipped(slopes)
        self.update(slopes, applies)
        for path in self.objective.statistics:
            if path in lowering.updates:
                after = lowering.updates[path]
                self.next[path] = after if complete is not None else _chosen(applies, after, self.state[path][1])
        moves = self.moves(applies, complete)
        if self.is_last:
            self.advance(moves)
        for name, tensor in self.next.items():
            self.builder.output(f"{name}.next", tensor)
        return StepGraph(
            self.objective.name, self.builder.model(doc=self.train.doc), {n: s for n, (s, _) in self.state.items()},
            tuple(self.next), self.is_random, tuple(self.host_schedules), len(terms),
            counts=self.is_last and moves is not None,
        )  # fmt: skip

    # --- inputs --------------------------------------------------------------------------------

    def declare_inputs(self) -> None:
        applications = applications_of(self.objective.loss)
        keys = {a.operation.key for a in applications if isinstance(a.operation, Placeholder)}
        for name, checked in self.train.data.fields.items():
            if name in keys:
                type = TensorType(checked.type.element, (symbol(BATCH), *checked.type.shape))
                self.fields[name] = self.builder.input(name, type, checked.doc)
        used = {a.operation.path for a in applications if isinstance(a.operation, ParameterOf)}
        used |= {path for a in applications for path in a.variables.values()}
        used |= {path for group in self.objective.groups for path in group.paths}
        for tensor in parameter_tensors(self.train):
            if tensor.name in used or (self.is_last and tensor.name in self.averaged()):
                self.add(tensor)
        self.is_random = any(a.operation.draws(a.training) for a in applications)
        if self.is_random:
            self.seed = self.builder.input("seed", TensorType(INT64))
        self.add(counter(COUNTER_STEP))
        if self.train.accumulate > 1:
            self.add(counter(COUNTER_BATCH))

    def add(self, tensor: StateTensor) -> Tensor:
        """Make a state tensor an input of the graph."""
        if tensor.name not in self.state:
            self.state[tensor.name] = (tensor, self.builder.input(tensor.name, tensor.type))
        return self.state[tensor.name][1]

    def is_checked(self, value: Value) -> bool:
        """Has the host looked at indices or weights, because the data alone decides them?"""
        is_weight = value.type.element.is_float
        return field_of(value) in self.train.data.fields or (is_weight and follows_from_examples(value))

    def given(self, key: str) -> Tensor:
        return self.fields[key] if key in self.fields else self.constants.tensor(self.builder, key)

    def randomness(self) -> Randomness | None:
        """Random numbers follow from the seed, the number of batches seen, and the site."""
        if not self.is_random:
            return None
        name = COUNTER_BATCH if self.train.accumulate > 1 else COUNTER_STEP
        return Randomness(self.builder, self.seed, self.state[name][1])

    # --- gradients -----------------------------------------------------------------------------

    def label(self, kind: str, path: str) -> str:
        """Name a state tensor that belongs to a parameter, and to this objective where there are several."""
        owner = f"{self.objective.name}/" if len(self.train.objectives) > 1 else ""
        return f"{kind}/{owner}{path}"

    def gradients(self, loss: Tensor, lowering: Lowering) -> tuple[dict[str, Tensor], Tensor | None, Tensor | None]:
        """Return the gradients, whether the batch completes an update, and whether it makes one; None: it does.

        A batch with nothing to learn from makes none. Where there is but one objective and no accumulation, and the
        data decides, the host leaves such a batch out, and the graph stays free of conditions.
        """
        parameters = {path: self.state[path][1] for group in self.objective.groups for path in group.paths}
        if self.train.accumulate > 1:
            joined = Accumulation(
                self.builder, lowering, self.objective.loss, parameters, self.train.accumulate, self.add, self.label,
                self.next,
            )  # fmt: skip
            found = joined.gradients(loss)
            return found, joined.complete, joined.applies
        decides = len(self.train.objectives) > 1 or not known_by_fields(self.objective.loss)
        applies = alive(lowering, self.objective.loss) if decides else None
        slopes = zip(parameters, gradients(loss, list(parameters.values())), strict=True)
        return (
            {p: d if d is not None else g.full(loss, 0.0, self.state[p][0].type) for p, d in slopes}, None, applies,
        )  # fmt: skip

    def clipped(self, slopes: dict[str, Tensor]) -> dict[str, Tensor]:
        """Limit the gradients' norm, taken over all groups, and their elements."""
        norm, value = self.train.clip_norm, self.train.clip_value
        if norm is not None:
            squares = [g.reduce_sum(slope * slope) for slope in slopes.values()]
            total = g.sqrt(g.total(*(g.cast(square, self.widest()) for square in squares)))
            # a norm beyond the type would scale everything to 0, and training stand still without a word: NaN ends it
            factor = g.minimum(norm / (total + CLIP_EPSILON), 1.0) + (total - total)
            slopes = {path: slope * g.cast(factor, slope.element) for path, slope in slopes.items()}
        if value is not None:
            # an infinite gradient would come out as a step of the usual size: what is added is 0, or NaN, which ends it
            slopes = {path: g.clip(slope, -value, value) + (slope - slope) for path, slope in slopes.items()}
        return slopes

    def widest(self) -> ElementType:
        """Return the element type of what all of the trained parameters share: the norm, what the host sets."""
        paths = (path for group in self.objective.groups for path in group.paths)
        return FLOAT64 if any(self.state[path][1].element is FLOAT64 for path in paths) else FLOAT32

    # --- updates -------------------------------------------------------------------------------

    def update(self, slopes: Mapping[str, Tensor], applies: Tensor | None) -> None:
        host = {schedule: self.host_scalar(number, schedule) for number, schedule in enumerate(self.driven_schedules())}
        step, total = self.state[COUNTER_STEP][1], self.total_steps()
        updates: dict[ElementType, Update] = {}
        for group in self.objective.groups:
            slots = group.optimizer.slots()
            for path in group.paths:
                element = self.state[path][1].element
                if element not in updates:
                    updates[element] = Update(self.builder, step, total, host, element)
                self.update_parameter(updates[element], group, slots, path, slopes[path], applies)

    def update_parameter(
        self, update: Update, group: Group, slots: Sequence[str], path: str, slope: Tensor, applies: Tensor | None
    ) -> None:
        weight = self.state[path][1]
        names = {slot: self.label("moment", f"{path}/{slot}") for slot in slots}
        before = {slot: self.add(StateTensor(name, weight.type, StateRole.MOMENT, 0)) for slot, name in names.items()}
        with self.builder.scope(f"{path}/{group.optimizer.name}"):
            after, moments = group.optimizer.update(update, weight, slope, before)
            self.next[path] = _chosen(applies, after, weight)
            for slot, name in names.items():
                self.next[name] = _chosen(applies, moments[slot], before[slot])

    def driven_schedules(self) -> list[Schedule]:
        """Return the schedules that the host drives, in the order of the text."""
        found: dict[Schedule, None] = {}
        for group in self.objective.groups:
            for option in options_of(type(group.optimizer)):
                value = getattr(group.optimizer, option.name)
                if isinstance(value, Schedule):
                    found.update(dict.fromkeys(value.host_values()))
        return list(found)

    def host_scalar(self, number: int, schedule: Schedule) -> Tensor:
        name = self.label("host", f"{type(schedule).name}_{number + 1}")
        self.host_schedules.append(HostSchedule(name, schedule))
        factor = TensorType(self.widest())
        return self.add(StateTensor(name, factor, StateRole.HOST, schedule.host_values()[schedule]))

    def total_steps(self) -> Tensor | None:
        values = (
            getattr(group.optimizer, o.name)
            for group in self.objective.groups
            for o in options_of(type(group.optimizer))
        )
        if not any(isinstance(value, Schedule) and value.needs_total for value in values):
            return None
        return self.add(StateTensor(TOTAL, TensorType(INT64), StateRole.HOST, 0))

    def moves(self, applies: Tensor | None, complete: Tensor | None) -> Tensor | None:
        """Return whether the step has made an update by now, in any objective; None: it has."""
        if len(self.train.objectives) == 1:
            return applies
        if applies is None or not all(varying_sites(objective.loss) for objective in self.train.objectives):
            return complete
        if self.objective is not self.train.objectives[0]:
            before = self.add(counter(MOVED))
            applies = g.logical_or(applies, g.greater(before, self.builder.constant(0, INT64)))
        if not self.is_last:
            self.add(counter(MOVED))
            self.next[MOVED] = g.cast(applies, INT64)
        return applies

    # --- after the last objective ----------------------------------------------------------------

    def averaged(self) -> list[str]:
        """Return the parameters and running statistics of which averages are kept: all that any objective changes."""
        if self.train.average is None:
            return []
        objectives = self.train.objectives
        trained = [path for o in objectives for group in o.groups for path in group.paths]
        return list(dict.fromkeys([*trained, *(path for o in objectives for path in o.statistics)]))

    def advance(self, applies: Tensor | None) -> None:
        """Count, and move the averages."""
        step = self.state[COUNTER_STEP][1]
        self.next[COUNTER_STEP] = step + 1 if applies is None else step + g.cast(applies, INT64)
        if self.train.accumulate > 1:
            self.next[COUNTER_BATCH] = self.state[COUNTER_BATCH][1] + 1
        if self.train.average is None:
            return
        decays: dict[ElementType, Tensor] = {}
        for path in self.averaged():
            weight = self.next.get(path, self.state[path][1])
            if weight.element not in decays:
                done = g.cast(step, weight.element)
                decays[weight.element] = g.minimum((done + 1.0) / (done + 10.0), self.train.average)
            before = self.add(StateTensor(average_name(path), weight.type, StateRole.AVERAGE, None))
            after = weight + (before - weight) * decays[weight.element]
            self.next[average_name(path)] = _chosen(applies, after, before)


def _chosen(applies: Tensor | None, after: Tensor, before: Tensor) -> Tensor:
    return after if applies is None else g.where(applies, after, before)
