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

__all__ = ["check_state", "explain_loss"]

STATE_HINT = (
    "a gradient was infinite (that of a root at 0, say), or an update too large: add a small number inside of the root "
    "or lower the learning rate"
)
HINT = "try a lower learning rate, 'clip norm 1.0', or inputs scaled with standardize"


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
        problem = LOSS_NOT_FINITE(f"{what}: the update before it left '{weights[0]}' not finite", hint=HINT)
        return problem.at(objective.span)
    found = _first_not_finite(models[number], state, batch, seed, step.settings)
    last = objective.loss.application  # whose own output is the loss
    name, origin = found or (last.site or last.operation.name, str(origin_of(last.span)))
    problem = LOSS_NOT_FINITE(f"{what}: the first output that is not finite is that of '{name}' ({origin})", hint=HINT)
    return problem.at(objective.span, *_labels(objective, name, origin))


def check_state(train: CheckedTrain, state: Mapping[str, np.ndarray], after: int) -> None:
    """Refuse a state that is not finite although the losses are: the slope of a root at 0 leaves one, say.

    Raises:
        Problem: E0520, names the first tensor, weights before statistics and what optimizers keep.
    """
    order = sorted(state, key=lambda name: (name not in train.parameters, name not in train.frozen, name))
    for name in order:
        array = state[name]
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            where = f"after step {after}" if after else "before the first step"
            raise LOSS_NOT_FINITE(f"'{name}' is not finite {where}, although the loss still is", hint=STATE_HINT).at(
                train.objectives[0].span
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
    data: bytes, state: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray], seed: int, settings: Settings
) -> tuple[str, str] | None:
    """Run the forward part with every floating-point value before the loss as an output.

    Returns:
        The layer and the place of the first one that is not finite.
    """
    model = load_model(data)
    probes = probed(model, "loss")
    results = _run(save_model(model), state, batch, seed, settings)
    return next(((n.split("/")[0], at) for n, at in probes.items() if not np.isfinite(results[n]).all()), None)


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
