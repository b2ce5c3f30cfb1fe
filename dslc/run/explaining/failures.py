"""Explaining a training that has met a number that is not finite: the step, the expression, and what it was of.

The loop looks at every loss, and at the state before it is measured, saved or shipped. Where either is not finite,
the batches since the last state that was saved run again, each followed by a look at the whole state, and the first
that leaves a number that is not finite is taken apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dslc.compile.artifacts import Artifacts
from dslc.compile.state import StateRole
from dslc.diagnostics import Failure, Label, Problem
from dslc.engine.finite import all_finite, is_finite
from dslc.engine.protocol import NEXT, SEED, Engine
from dslc.errors.environment import DAMAGED_CHECKPOINT
from dslc.errors.objectives import LOSS_NOT_FINITE
from dslc.graph.probes import ProbedNode
from dslc.plan.training import TrainPlan
from dslc.run.course import Course
from dslc.run.explaining.causes import GRADIENT, SCALE, Cause, cause_of
from dslc.run.explaining.tracing import Birth, LaidOpen, reach, span_of
from dslc.run.progress import Progress, progress_of
from dslc.run.resuming import Job
from dslc.storage.checkpoints import Checkpoints
from dslc.storage.entries import Entry

__all__ = ["explained"]

GROWN = 100.0
"""How many times as large as at first the largest weight is where the training is said to have diverged."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Fault:
    """What a step made that is not finite."""

    objective: int
    target: str
    """``loss``, or the name of a tensor of the state."""
    birth: Birth
    cause: Cause


def explained(job: Job, course: Course, checkpoints: Checkpoints, engine: Engine) -> Problem:
    """Return the error for a training that has met a number that is not finite, with its cause.

    Args:
        job: what is trained.
        course: the training, after the batch in which the number was met, or a later one.
        checkpoints: those that it has written.
        engine: what runs its graphs.
    """
    train, artifacts = job.bound.train, job.artifacts
    first, state, progress = _last_good(artifacts, checkpoints)
    place = train.objectives[0].span
    for name in sorted(state):
        if not is_finite(state[name]):
            return LOSS_NOT_FINITE(
                f"'{name}' is not finite before the first step", hint="its first values are those of its initializer"
            ).at(place)
    step = course.progress.step + bool(course.progress.pending)
    for feed, before in course.again(state, progress):
        losses = [course.step.loss(number) for number in range(len(train.objectives))]
        if np.isfinite(losses).all() and all_finite(course.step.view()):
            continue
        step = course.progress.step + bool(course.progress.pending)
        batch = course.feeder.batch(feed)
        host = {name: np.array(course.step.value(name)) for name in before if name.startswith("host/")}
        try:
            fault = _fault(train, artifacts, {**before, **host}, batch, engine)
        except (MemoryError, Problem):  # all values at once may not fit into memory
            fault = None
        if fault is None:
            break
        return _told(train, artifacts, fault, step, _growth(train, first, before))
    # the device does not compute the same twice, or the graph with all values as outputs not the same as without
    hint = f"{_slower(train)}; {SCALE}"
    return LOSS_NOT_FINITE(f"a loss or a weight is not finite in step {step}", hint=hint).at(place)


def _last_good(artifacts: Artifacts, checkpoints: Checkpoints) -> tuple[Arrays, Arrays, Progress]:
    """Return the first state, and the last one that was saved with where the training stood."""
    found, _ = checkpoints.latest()
    if found is None:
        first = artifacts.first_state()
        return first, first, Progress()
    try:
        first = artifacts.first_state()
    except (Failure, Problem):  # a file of 'load' is gone since: how far the weights have grown is not known, then
        first = found.tensors
    return first, found.tensors, progress_of(Entry(found.meta["progress"], "the checkpoint", DAMAGED_CHECKPOINT))


def _fault(
    train: TrainPlan, artifacts: Artifacts, state: dict[str, np.ndarray], batch: Arrays, engine: Engine
) -> _Fault | None:
    """Run a step's graphs on the state before it, as the host has set it, with all that they compute laid open."""
    for number, file in enumerate(artifacts.step_files):
        graph = LaidOpen(artifacts.models[file], engine)
        values = graph.run({**state, **batch, SEED: np.asarray(train.seed, np.int64)})
        changed = [name.removesuffix(NEXT) for name in graph.outputs if name.endswith(NEXT)]
        changed.sort(key=lambda name: (name not in train.parameters, name in train.frozen))
        for target, value in {"loss": "loss", **{name: name + NEXT for name in changed}}.items():
            if not is_finite(values[value]):
                return _Fault(number, target, *cause_of(graph.probes, values, value))
        state |= {name: values[name + NEXT] for name in changed}
    return None


# --- in words ----------------------------------------------------------------------------------------


def _told(train: TrainPlan, artifacts: Artifacts, fault: _Fault, step: int, growth: str | None) -> Problem:
    objective, node = train.objectives[fault.objective], fault.birth.node
    cause = fault.cause
    if growth is not None and cause.overflows:
        cause = Cause(f"{cause.text}; {growth}", _slower(train), overflows=True)
    elif _is_update(node) and not cause.text.startswith("the square"):
        cause = Cause(cause.text, _slower(train), overflows=True)
    what, although = _subject(train, artifacts, fault)
    problem = LOSS_NOT_FINITE(f"{what} is not finite in step {step}{although}: {cause.text}", hint=cause.hint)
    span = span_of(objective.loss, node)
    if span is None or span == objective.span:
        return problem.at(objective.span)
    return problem.at(span, *([Label(objective.span, "in this objective")] if objective.span is not None else []))


def _slower(train: TrainPlan) -> str:
    return "lower the learning rate" + ("" if train.clip_norm else ", or clip the gradients' norm: 'clip norm 1.0'")


def _subject(train: TrainPlan, artifacts: Artifacts, fault: _Fault) -> tuple[str, str]:
    """Return what is not finite, and what still is."""
    target = fault.target
    name = train.objectives[fault.objective].name
    loss = f"the loss of '{name}'" if len(train.objectives) > 1 else "the loss"
    if target == "loss":
        return loss, ""
    role = artifacts.state[target].role
    if role is StateRole.STATISTIC:
        return f"the running statistic '{target}'", f", although {loss} is"
    path = next((p for p in sorted(train.parameters, key=len, reverse=True) if p in target), target)
    if not _is_update(fault.birth.node):
        return f"the gradient of '{path}'", f", although {loss} is"
    words = {StateRole.MOMENT: "what the optimizer keeps", StateRole.AVERAGE: "the average"}
    return f"{words.get(role, 'the update')} of '{path}'", ", although its gradient is"


def _is_update(node: ProbedNode | None) -> bool:
    return node is not None and node.origin is None and GRADIENT not in node.name


def _growth(train: TrainPlan, first: Arrays, before: Arrays) -> str | None:
    """Say how far the weights have grown, where they have grown far."""
    paths = {path for objective in train.objectives for group in objective.groups for path in group.paths}
    old, new = (max((abs(reach(state[path])) for path in paths), default=0.0) for state in (first, before))
    return f"the weights have grown from {old:.2g} to {new:.2g}" if new > GROWN * (old or 1.0) else None
