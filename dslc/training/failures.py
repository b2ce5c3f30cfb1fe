"""Explaining a training that has met a number that is not finite: the step, the expression, and what it was of.

The loop looks at every loss, and at the state before it is measured, saved or shipped. Where either is not finite,
the batches since the last state that was saved run again, each followed by a look at the whole state, and the first
that leaves a number that is not finite is taken apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dslc.diagnostics import Label, Problem
from dslc.errors.environment import DAMAGED_CHECKPOINT
from dslc.errors.objectives import LOSS_NOT_FINITE
from dslc.graph.model import load_model
from dslc.graph.probes import ProbedNode, Probes, probed
from dslc.model.checked import CheckedTrain, Objective
from dslc.model.lowering import origin_of
from dslc.model.measures import applications_of
from dslc.source import Span
from dslc.training.artifacts import Artifacts
from dslc.training.causes import SCALE, Cause, cause_of, slope_of
from dslc.training.entries import Entry
from dslc.training.evaluation import Predictor
from dslc.training.progress import Progress, progress_of
from dslc.training.session import Settings
from dslc.training.state import StateRole
from dslc.training.step import NEXT, SEED, TrainStep
from dslc.training.tracing import Birth, all_finite, at_place, is_finite, reach, trace

if TYPE_CHECKING:
    from dslc.training.loop import TrainingRun

__all__ = ["NotFinite", "all_finite", "explained"]

GROWN = 100.0
"""How many times as large as at first the largest weight is where the training is said to have diverged."""
GRADIENT = "/gradient/"
"""In the names of the nodes of a gradient, behind that of the node it belongs to."""

Arrays = Mapping[str, np.ndarray]


class NotFinite(Exception):
    """A loss or the state is not finite."""


@dataclass(frozen=True)
class _Fault:
    """What a step made that is not finite."""

    objective: int
    target: str
    """``loss``, or the name of a tensor of the state."""
    birth: Birth
    probes: Probes
    values: Arrays


def explained(run: TrainingRun) -> Problem:
    """Return the error for a run that has met a number that is not finite, with its cause."""
    train, course = run.train, run.course
    first, state, progress = _last_good(run)
    place = train.objectives[0].span
    for name in sorted(state):
        if not is_finite(state[name]):
            return LOSS_NOT_FINITE(
                f"'{name}' is not finite before the first step", hint="it has its values from an initializer or 'load'"
            ).at(place)
    for feed, before in course.again(state, progress):
        losses = [course.step.loss(number) for number in range(len(train.objectives))]
        if np.isfinite(losses).all() and all_finite(course.step.view()):
            continue
        step = course.progress.step + bool(course.progress.pending)
        batch = course.feeder.batch(feed)
        fault = _fault(train, run.artifacts, dict(before), batch, run.seed, run.settings, _host(course.step, before))
        if fault is None:
            break
        return _told(train, run.artifacts, fault, step, _growth(train, first, before))
    # the device does not compute the same twice, or the graph with all values as outputs not the same as without
    return LOSS_NOT_FINITE(f"the training is not finite in step {run.progress.step}", hint=SCALE).at(place)


def _last_good(run: TrainingRun) -> tuple[Arrays, Arrays, Progress]:
    """Return the run's first state, and the last one that was saved with where it stands."""
    first = run.artifacts.first_state()
    found, _ = run.files.checkpoints.latest()
    if found is None:
        return first, first, Progress()
    return first, found.tensors, progress_of(Entry(found.meta["progress"], "the checkpoint", DAMAGED_CHECKPOINT))


def _host(step: TrainStep, before: Arrays) -> Arrays:
    """Return what the host has set between a state and the step that followed."""
    return {name: np.array(step.value(name)) for name in before if name.startswith("host/")}


def _fault(
    train: CheckedTrain, artifacts: Artifacts, state: dict[str, np.ndarray], batch: Arrays, seed: int,
    settings: Settings, host: Arrays,
) -> _Fault | None:  # fmt: skip
    """Run a step's graphs on the state before it, with all that they compute laid open."""
    state |= host
    for number, file in enumerate(artifacts.step_files):
        probes = probed(load_model(artifacts.models[file]))
        predictor = Predictor(probes.data, settings)
        feeds = {**state, **batch, SEED: np.asarray(seed, np.int64)}
        given = {name: feeds[name] for name in predictor.graph.inputs}
        size = len(next(iter(batch.values()))) if batch else 1
        values = {**probes.constants, **given, **predictor.run(given, chunk=size)}
        changed = [name.removesuffix(NEXT) for name in predictor.graph.outputs if name.endswith(NEXT)]
        changed.sort(key=lambda name: (name not in train.parameters, name in train.frozen))
        for target, value in {"loss": "loss", **{name: name + NEXT for name in changed}}.items():
            if not is_finite(values[value]):
                return _Fault(number, target, trace(probes, values, value), probes, values)
        state |= {name: values[name + NEXT] for name in changed}
    return None


# --- in words ----------------------------------------------------------------------------------------


def _told(train: CheckedTrain, artifacts: Artifacts, fault: _Fault, step: int, growth: str | None) -> Problem:
    objective, node = train.objectives[fault.objective], fault.birth.node
    cause = _cause(fault, train)
    if growth is not None and cause.overflows:
        cause = Cause(f"{cause.text}; {growth}", _slower(train), overflows=True)
    elif _is_update(node) and not cause.text.startswith("the square"):
        cause = Cause(cause.text, _slower(train), overflows=True)
    what, although = _subject(train, artifacts, fault)
    problem = LOSS_NOT_FINITE(f"{what} is not finite in step {step}{although}: {cause.text}", hint=cause.hint)
    span = _span_of(objective, node)
    if span is None or span == objective.span:
        return problem.at(objective.span)
    return problem.at(span, *([Label(objective.span, "in this objective")] if objective.span is not None else []))


def _slower(train: CheckedTrain) -> str:
    return "lower the learning rate" + ("" if train.clip_norm else ", or clip the gradients' norm: 'clip norm 1.0'")


def _subject(train: CheckedTrain, artifacts: Artifacts, fault: _Fault) -> tuple[str, str]:
    """Return what is not finite, and what still is."""
    target = fault.target
    if target == "loss":
        name = train.objectives[fault.objective].name
        return f"the loss of '{name}'" if len(train.objectives) > 1 else "the loss", ""
    role = artifacts.state[target].role
    if role is StateRole.STATISTIC:
        return f"the running statistic '{target}'", ", although the loss is"
    path = next((p for p in sorted(train.parameters, key=len, reverse=True) if p in target), target)
    if not _is_update(fault.birth.node):
        return f"the gradient of '{path}'", ", although the loss is"
    words = {StateRole.MOMENT: "what the optimizer keeps", StateRole.AVERAGE: "the average"}
    return f"{words.get(role, 'the update')} of '{path}'", ", although its gradient is"


def _is_update(node: ProbedNode | None) -> bool:
    return node is not None and node.origin is None and GRADIENT not in node.name


def _cause(fault: _Fault, train: CheckedTrain) -> Cause:
    birth, node = fault.birth, fault.birth.node
    if node is None:
        what = f"the field '{birth.value}'" if birth.value in train.data.fields else "a constant"
        return Cause(f"{what} holds {birth.result:g}", "leave such rows out, or give them a value with impute")
    scope, is_gradient, _ = node.name.partition(GRADIENT)
    forward = fault.probes.named(scope) if is_gradient else None
    slope = slope_of(forward, _operands(forward.inputs, fault, birth)) if forward is not None else None
    cause = slope or cause_of(birth)
    if _is_update(node):
        return replace(cause, text=cause.text.replace("the square of", "the square of a gradient of"))
    word = scope.rpartition("/")[0] if is_gradient else node.name.rpartition("/")[0]
    operator = (forward or node).operator.lower()
    where = f" in '{word}'" if word != "pow" and operator not in word and word not in operator else ""
    if is_gradient and slope is None:
        where = f" in the gradient of '{word}'"
    return replace(cause, text=cause.text + where)


def _operands(names: Sequence[str], fault: _Fault, birth: Birth) -> list[float]:
    """Return what a forward node was computed of, at the place where its gradient is not finite."""
    shape, found = fault.values[birth.value].shape, []
    for name in names:
        if name in fault.values:
            array = fault.values[name]
            same = at_place(array, birth.place, shape)
            found.append(reach(array) if same is None else same)
    return found


def _growth(train: CheckedTrain, first: Arrays, before: Arrays) -> str | None:
    """Say how far the weights have grown, where they have grown far."""
    paths = {path for objective in train.objectives for group in objective.groups for path in group.paths}
    old, new = (max((abs(reach(state[path])) for path in paths), default=0.0) for state in (first, before))
    return f"the weights have grown from {old:.2g} to {new:.2g}" if new > GROWN * (old or 1.0) else None


def _span_of(objective: Objective, node: ProbedNode | None) -> Span | None:
    """Return the span of the application that a node comes from."""
    if node is None or node.origin is None:
        return None
    every = applications_of(objective.loss)
    found = [a for a in every if a.span is not None and origin_of(a.span) == node.origin]
    named = [a for a in found if (a.site or a.operation.name) in node.name.split("/")]
    return next((a.span for a in [*named, *found]), None)
