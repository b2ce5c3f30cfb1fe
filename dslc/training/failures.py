"""Explaining a loss that is not finite: the first layer whose output went wrong."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from dslc.diagnostics import Problem
from dslc.errors.objectives import LOSS_NOT_FINITE
from dslc.graph.model import load_model, probed, save_model
from dslc.model.checked import CheckedTrain
from dslc.training.artifacts import Artifacts
from dslc.training.evaluation import Predictor
from dslc.training.step import SEED, TrainStep

__all__ = ["explain_loss"]


def explain_loss(
    train: CheckedTrain, artifacts: Artifacts, step: TrainStep, batch: Mapping[str, np.ndarray], number: int, seed: int, at: int
) -> Problem:
    """Return the error for a loss that is not finite, after the step that gave it."""
    objective = train.objectives[number]
    what = f"the loss of '{objective.name}'" if len(train.objectives) > 1 else "the loss"
    message = f"{what} is not finite in step {at}"
    state = step.before()
    weights = [name for name, array in state.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if weights:
        message += f": '{weights[0]}' was not finite before it"
    else:
        found = _first_not_finite(artifacts.models[artifacts.step_files[number]], state, batch, seed, step)
        if found is not None:
            message += f": the first output that is not finite is that of {found}"
    return LOSS_NOT_FINITE(
        message, hint="try a lower learning rate, 'clip norm 1.0', or inputs scaled with standardize"
    ).at(objective.span)


def _first_not_finite(
    data: bytes, state: Mapping[str, np.ndarray], batch: Mapping[str, np.ndarray], seed: int, step: TrainStep
) -> str | None:
    """Run the forward part with every floating-point value as an output; return the place of the first bad one."""
    model = load_model(data)
    probes = probed(model, "loss")
    feeds = {**state, **batch, SEED: np.asarray(seed, np.int64)}
    predictor = Predictor(save_model(model), step.settings)
    arrays = {name: feeds[name] for name in predictor.graph.inputs}
    results = predictor.run(arrays, chunk=len(next(iter(batch.values()))) if batch else 1)
    for name, origin in probes.items():
        if name in results and not np.isfinite(results[name]).all():
            return f"{str(name).split('/')[0]} ({origin})"
    return None
