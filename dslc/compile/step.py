"""The training step as a graph: a gradient and an update, joined; or apart, as two graphs.

``train.onnx`` is a pure function of plain operators: batch fields and state in, loss and the next state out.
With several objectives there is a graph for each, run in order; the last one advances counters and averages.

Apart, ``gradient.onnx`` takes a batch, and what it reads of the state, to the loss, to tensors that add up over the
batches of an update, and to what each batch moves: running statistics, the counter of batches. ``update.onnx`` takes
the sums and the state to the next state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dslc.compile.accumulation import OutsideSums, check_sums
from dslc.compile.gradient import gradient_of
from dslc.compile.lowering import Lowering
from dslc.compile.state import (
    COUNTER_BATCH,
    COUNTER_STEP,
    StateRole,
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
    total_of,
    update_parameters,
)
from dslc.errors.objectives import NOT_APART
from dslc.graph import Builder, Tensor
from dslc.graph.model import Model, ports_of, with_outputs
from dslc.library.optimizers.optimizer import Update
from dslc.library.schedules.schedule import Schedule
from dslc.plan.indices import field_of, follows_from_examples
from dslc.plan.measures import variables_of
from dslc.plan.terms import scheduled_in
from dslc.plan.training import Objective, TrainPlan
from dslc.plan.values import FittedConstants, Value
from dslc.targets import Target
from dslc.targets.cpu import CPU
from dslc.types import ElementType

__all__ = ["StepGraph", "step_graphs"]


@dataclass(frozen=True, eq=False)
class StepGraph:
    """One compiled objective."""

    name: str
    models: Mapping[str, Model]
    """The graph ``train``; or ``gradient`` and ``update``, which run in this order."""
    state: Mapping[str, StateTensor]
    """Every state tensor that it reads."""
    changes: tuple[str, ...]
    """Those of which it returns the successor."""
    host_schedules: tuple[HostSchedule, ...]
    terms: int
    """How many terms of the loss it returns, 0 where the loss is one of them or all examples count alike."""
    counts: bool
    """Whether it says itself if the step has made an update; else every one does that completes its batches."""
    sums: tuple[str, ...] = ()
    """Apart: what the gradient puts out of a batch, and the update takes in added up over batches."""


def step_graphs(
    train: TrainPlan, constants: FittedConstants, target: Target = CPU, *, apart: bool = False
) -> list[StepGraph]:
    """Compile every objective of a train block; ``apart``: the gradient and the update as graphs of their own.

    Raises:
        Problem: E0526, they can't be had apart; E0590, an operator has no gradient.
    """
    return [(_apart if apart else _joined)(train, objective, constants, target) for objective in train.objectives]


def _joined(
    train: TrainPlan, objective: Objective, constants: FittedConstants, target: Target,
    outside: OutsideSums | None = None,
) -> StepGraph:  # fmt: skip
    """Compile an objective into one graph; with ``outside``, what adds up goes out of it and comes in as sums."""
    builder = Builder(f"{train.name}.{objective.name}", target)
    is_last = objective is train.objectives[-1]
    state = StepState(builder, f"{objective.name}/" if len(train.objectives) > 1 else "")
    lowering = _open_graph(train, objective, constants, state)
    gradient = gradient_of(train, objective, lowering, state, outside)
    host = update_parameters(objective, state, clipped(train, gradient.gradients), gradient.is_update)
    # what each batch moves, be it the last of an update or not; apart, the update is given it as it is by then
    by_batch = state.next if outside is None else dict[str, Tensor]()
    for path in objective.statistics:
        if path in gradient.statistics:
            by_batch[path] = chosen(gradient.learns, gradient.statistics[path], state[path])
    moved = has_moved(train, objective, state, gradient.is_update, gradient.complete)
    if is_last:
        count_update(state, moved)
        if train.accumulate > 1:
            by_batch[COUNTER_BATCH] = state[COUNTER_BATCH] + 1
        move_averages(train, state, moved)
    after = {**by_batch, **state.next}
    for name, tensor in after.items():
        builder.output(f"{name}.next", tensor)
    return StepGraph(
        objective.name, {"train": builder.model(doc=train.doc)}, state.tensors, tuple(after), host, gradient.terms,
        counts=is_last and moved is not None, sums=tuple(outside.names) if outside is not None else (),
    )  # fmt: skip


def _apart(train: TrainPlan, objective: Objective, constants: FittedConstants, target: Target) -> StepGraph:
    """Compile an objective into two graphs: the joined one cut where batches are added up."""
    check_sums(objective)
    step, again = (_joined(train, objective, constants, target, OutsideSums()) for _ in range(2))  # each to be cut
    by_batch = [n for n in step.changes if n == COUNTER_BATCH or step.state[n].role is StateRole.STATISTIC]
    of_update = [f"{name}.next" for name in step.changes if name not in by_batch]
    _, outputs = ports_of(step.models["train"])
    gradient = with_outputs(step.models["train"], [o["name"] for o in outputs if o["name"] not in of_update])
    update = with_outputs(again.models["train"], of_update)
    known = {*step.state, *step.sums}
    beyond = [port["name"] for port in ports_of(update)[0] if port["name"] not in known]
    if beyond:
        raise NOT_APART(
            f"the update of '{objective.name}' would need {' and '.join(map(repr, beyond))} too, and is given "
            "nothing but what adds up over batches",
            hint="leave --apart out: train.onnx makes gradient and update of one batch",
            span=objective.span,
        )
    models = {"gradient": gradient, "update": update}
    for part, model in models.items():
        model.graph.name = f"{model.graph.name}.{part}"
    return replace(step, models=models)


def _open_graph(train: TrainPlan, objective: Objective, constants: FittedConstants, state: StepState) -> Lowering:
    """Declare the inputs that an objective reads: fields, state, a seed where it draws random numbers."""
    used = variables_of(objective.loss) | {path for group in objective.groups for path in group.paths}
    used |= set(averaged_paths(train)) if objective is train.objectives[-1] else set()
    tensors = {tensor.name: tensor for tensor in parameter_tensors(train) if tensor.name in used}

    def batches() -> Tensor:
        """Return what random numbers follow from beside the seed and the site: the number of batches seen."""
        steps = state.read(counter(COUNTER_STEP))
        return state.read(counter(COUNTER_BATCH)) if train.accumulate > 1 else steps

    def is_checked(value: Value) -> bool:
        """Whether the host has looked at indices or weights, because the data alone decides them."""
        is_weight = value.type.element.is_float
        return field_of(value) in train.data.fields or (is_weight and follows_from_examples(value))

    updates: dict[ElementType, Update] = {}

    def scheduled(schedule: Schedule, element: ElementType) -> Tensor:
        """Return the value of a schedule in the objective."""
        if element not in updates:
            updates[element] = Update(state.builder, state.read(counter(COUNTER_STEP)), element=element)
        if schedule.needs_total:
            updates[element].total = total_of(state)
        return state.builder.as_tensor(updates[element].value(schedule), element)

    lowering = Lowering.open(
        state.builder, [objective.loss], inputs=train.data.fields, docs=train.data.docs, constants=constants,
        parameters=lambda path: state.read(tensors[path]), declared=tensors, batches=batches,
        site_prefix=state.owner, checked=is_checked, differentiated=True, scheduled=scheduled,
    )  # fmt: skip
    batches()
    for application in scheduled_in(objective.loss):  # first of all, since loops take them from outside
        lowering.emit(*application.outputs)
    return lowering
