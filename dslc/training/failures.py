"""Explaining a loss that is not finite: the first layer whose output went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dslc.diagnostics import Label, Problem
from dslc.errors.objectives import LOSS_NOT_FINITE
from dslc.graph.model import load_model, probed, save_model
from dslc.model.checked import CheckedTrain, Objective
from dslc.model.lowering import origin_of
from dslc.model.measures import applications_of
from dslc.training.artifacts import Artifacts
from dslc.training.evaluation import Predictor
from dslc.training.session import Settings
from dslc.training.state import StateRole
from dslc.training.step import NEXT, SEED, TrainStep

__all__ = ["check_state", "explain_loss"]

HINT = "try a lower learning rate, 'clip norm 1.0', or inputs scaled with standardize"
GRADIENT_HINTS = {
    "Sqrt": "the root of 0 has no gradient: add a small number inside",
    "ReduceL2": "the norm of zeros has no gradient: add a small number inside of a root",
    "Log": "the logarithm of 0 has no gradient: add a small number inside",
    "Exp": "exp of more than 88 overflows: bound what it is of, with clip for example",
    "Div": "a division by 0 has no gradient: add a small number to what divides",
    "Reciprocal": "a division by 0 has no gradient: add a small number to what divides",
    "Pow": "a power below 1 has no gradient at 0: add a small number inside",
}
"""By the operator whose gradient was the first that was not finite."""


def explain_loss(
    train: CheckedTrain,
    artifacts: Artifacts,
    step: TrainStep,
    batch: Mapping[str, np.ndarray],
    number: int,
    seed: int,
    at: int,
) -> Problem:
    """Return the error for a loss that is not finite: that of an objective, in update ``at``, which has just run."""
    objective = train.objectives[number]
    what = f"the loss of '{objective.name}'" if len(train.objectives) > 1 else "the loss"
    what = f"{what} is not finite in step {at}"
    models = [artifacts.models[name] for name in artifacts.step_files]
    state = _state_read_by(models[:number], step, batch, seed)
    weights = [name for name in train.parameters if not np.isfinite(state[name]).all()]
    if weights:
        hint = _hint_of_operators(models)
        problem = LOSS_NOT_FINITE(f"{what}: the update before it left '{weights[0]}' not finite", hint=hint)
        return problem.at(objective.span)
    found = _first_not_finite(models[number], state, batch, seed, step.settings)
    last = objective.loss.application  # whose own output is the loss
    value, origin = found or (last.site or last.operation.name, str(origin_of(last.span)))
    name = value.split("/")[0]
    problem = LOSS_NOT_FINITE(f"{what}: the first output that is not finite is that of '{name}' ({origin})", hint=HINT)
    return problem.at(objective.span, *_labels(objective, name, origin))


def check_state(
    train: CheckedTrain, artifacts: Artifacts, step: TrainStep, batch: Mapping[str, np.ndarray] | None, seed: int,
    after: int,
) -> None:  # fmt: skip
    """Refuse a state that is not finite although the losses are: the slope of a root at 0 leaves one, say.

    Args:
        batch: the one that ran last, from which the state followed; None where none did.

    Raises:
        Problem: E0520, names the first tensor, weights before statistics and what optimizers keep, and its cause.
    """
    state = step.view()
    order = sorted(state, key=lambda name: (name not in train.parameters, name not in train.frozen, name))
    for name in order:
        if _is_finite(state[name]):
            continue
        if batch is None:
            where, cause, hint = "before training goes on", "", HINT
        else:
            where = f"by step {after}"
            cause, hint = _cause(artifacts, step, batch, seed, name)
        raise LOSS_NOT_FINITE(f"'{name}' is not finite {where}, although the loss still is{cause}", hint=hint).at(
            train.objectives[0].span
        )


def _is_finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _cause(
    artifacts: Artifacts, step: TrainStep, batch: Mapping[str, np.ndarray], seed: int, name: str
) -> tuple[str, str]:
    """Return what was the first to be not finite on the way to a tensor of the state in the last step, and a hint."""
    models = [artifacts.models[file] for file in artifacts.step_files]
    role = artifacts.state[name].role
    if role is StateRole.STATISTIC:
        return "; the update of a running statistic overflowed", "scale what comes in, with standardize for example"
    for number, graph in enumerate(artifacts.steps):
        if name not in graph.changes:
            continue
        before = _state_read_by(models[:number], step, batch, seed)
        found = _first_not_finite(models[number], before, batch, seed, step.settings, output=name + NEXT)
        value, origin = found or ("", "")
        forward, is_gradient, _ = value.partition("/gradient/")
        if is_gradient:
            operator = _operator(forward)
            what = f"; its gradient was not: the first value that was not finite is in the gradient of '{operator}'"
            return f"{what} ({origin})", GRADIENT_HINTS.get(operator, HINT)
        if role is StateRole.MOMENT:  # may be from an earlier step: nothing else hangs on it
            return "; what the optimizer remembers of its gradients overflowed", HINT
        if name in before and _is_finite(before[name]):
            return "; its gradient was, and the update overflowed", "lower the learning rate, or use 'clip norm 1.0'"
    return "", _hint_of_operators(models)


def _operator(name: str) -> str:
    """Return the operator of a node: nodes are called ``<scope>/<operator>``, counted where that repeats."""
    return name.rpartition("/")[2].partition("_")[0]


def _hint_of_operators(models: Sequence[bytes]) -> str:
    """Return a hint for a gradient or an update that was not finite, by the operators that gradients go through."""
    names = {str(node.name) for model in models for node in load_model(model).graph}
    operators = {_operator(name.partition("/gradient/")[0]) for name in names if "/gradient/" in name}
    hints = [hint for operator, hint in GRADIENT_HINTS.items() if operator in operators]
    return (
        f"either a gradient was infinite ({hints[0]}), or the update too large: lower the learning rate"
        if hints
        else HINT
    )


def _state_read_by(
    before: Sequence[bytes], step: TrainStep, batch: Mapping[str, np.ndarray], seed: int
) -> dict[str, np.ndarray]:
    """Return the state that an objective's graph has read: from before the step, as the graphs before it changed it."""
    state = step.before()
    for model in before:
        changed = _run(model, state, batch, seed, step.settings)
        state.update({name.removesuffix(NEXT): array for name, array in changed.items() if name.endswith(NEXT)})
    return state


def _first_not_finite(
    data: bytes, state: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray], seed: int, settings: Settings,
    output: str = "loss",
) -> tuple[str, str] | None:  # fmt: skip
    """Run what an output derives from, with every floating-point value on the way as an output.

    Returns:
        The name and the place of the first one that is not finite.
    """
    model = load_model(data)
    probes = probed(model, output)
    results = _run(save_model(model), state, batch, seed, settings)
    return next(((n, at) for n, at in probes.items() if not np.isfinite(results[n]).all()), None)


def _run(
    model: bytes, state: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray], seed: int, settings: Settings
) -> dict[str, np.ndarray]:
    predictor = Predictor(model, settings)
    feeds = {**state, **batch, SEED: np.asarray(seed, np.int64)}
    size = len(next(iter(batch.values()))) if batch else 1
    return predictor.run({name: feeds[name] for name in predictor.graph.inputs}, chunk=size)


def _labels(objective: Objective, name: str, origin: str) -> list[Label]:
    """Return a label at the application that a node comes from."""
    named = [a for a in applications_of(objective.loss) if (a.site or a.operation.name) == name]
    spans = [a.span for a in named if a.span is not None and origin_of(a.span) == origin]
    return [Label(span, "not finite from here on") for span in spans[:1]]
