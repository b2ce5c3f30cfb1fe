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
from dslc.training.step import NEXT, SEED, TrainStep

__all__ = ["explain_loss"]

HINT = "try a lower learning rate, 'clip norm 1.0', or inputs scaled with standardize"


def explain_loss(
    train: CheckedTrain, artifacts: Artifacts, step: TrainStep, batch: Mapping[str, np.ndarray], number: int, seed: int, at: int
) -> Problem:
    """Return the error for a loss that is not finite: that of an objective, in update ``at``, which has just run."""
    objective = train.objectives[number]
    what = f"the loss of '{objective.name}'" if len(train.objectives) > 1 else "the loss"
    what = f"{what} is not finite in step {at}"
    models = [artifacts.models[name] for name in artifacts.step_files]
    state = _state_read_by(models[:number], step, batch, seed)
    weights = [name for name in train.parameters if not np.isfinite(state[name]).all()]
    if weights:
        problem = LOSS_NOT_FINITE(f"{what}: the update before it left '{weights[0]}' not finite", hint=HINT)
        return problem.at(objective.span)
    name, origin = _first_not_finite(models[number], state, batch, seed, step.settings)
    problem = LOSS_NOT_FINITE(f"{what}: the first output that is not finite is that of {name} ({origin})", hint=HINT)
    return problem.at(objective.span, *_labels(objective, origin))


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
    data: bytes, state: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray], seed: int, settings: Settings
) -> tuple[str, str]:
    """Run the forward part with every floating-point value as an output; return the first bad one's layer and place."""
    model = load_model(data)
    probes = probed(model, "loss")
    results = _run(save_model(model), state, batch, seed, settings)
    name = next((name for name in probes if not np.isfinite(results[name]).all()), None)
    return ("the objective", "its last operation") if name is None else (f"'{name.split('/')[0]}'", probes[name])


def _run(
    model: bytes, state: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray], seed: int, settings: Settings
) -> dict[str, np.ndarray]:
    predictor = Predictor(model, settings)
    feeds = {**state, **batch, SEED: np.asarray(seed, np.int64)}
    size = len(next(iter(batch.values()))) if batch else 1
    return predictor.run({name: feeds[name] for name in predictor.graph.inputs}, chunk=size)


def _labels(objective: Objective, origin: str) -> list[Label]:
    """Return a label at the place in the spec that a node comes from."""
    spans = [application.span for application in applications_of(objective.loss)]
    span = next((span for span in spans if span is not None and origin_of(span) == origin), None)
    return [Label(span, "not finite from here on")] if span is not None else []
