"""One training step from each of fifty states of PyTorch, and fifty steps on their own."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from dslc.compile.state import COUNTER_STEP, StateRole
from dslc.engine.protocol import Runner
from tests.conftest import mostly_alike

from .stepping import EPSILON, HERE, artifacts_of, largest, stored, subset, train_step

MODELS = ("mlp", "cnn", "words")
OPTIMIZERS = ("sgd", "nesterov", "adam", "adamw", "rmsprop")
CASES = [(model, optimizer) for model in MODELS for optimizer in OPTIMIZERS]
GRID = 4
"""As in the oracle: before each step the first convolution's weights are rounded to multiples of 1 / GRID, so that
pooling meets many ties."""

SLOTS = {
    "momentum": ("momentum_buffer", 1.0),
    "first_moment": ("exp_avg", 1 / (1 - 0.9)),
    "second_moment": ("exp_avg_sq", 1 / (1 - 0.999)),
    "mean_square": ("square_avg", 1.0),
}
"""PyTorch's name of each slot, and by what it is multiplied: Adam's moments are kept as sums, not as averages."""


@cache
def states(model: str, optimizer: str) -> dict[str, np.ndarray]:
    """PyTorch's 51 states under our names: [51, ...]."""
    artifacts = artifacts_of(HERE / "specs" / f"{model}.dl", optimizer)
    theirs = subset(stored(model), f"{optimizer}/state/")
    found = {COUNTER_STEP: np.arange(51)}
    for name, tensor in artifacts.state.items():
        if tensor.role in (StateRole.PARAMETER, StateRole.STATISTIC):
            found[name] = theirs.pop(name)
        elif tensor.role is StateRole.MOMENT:
            path, slot = name.removeprefix("moment/").rsplit("/", 1)
            key, factor = SLOTS[slot]
            found[name] = (theirs.pop(f"{path}/{key}") * factor).astype(np.float32)
    assert not theirs
    assert set(found) == set(artifacts.state)
    return found


def step_of(model: str, optimizer: str) -> Runner:
    first = {name: values[0] for name, values in states(model, optimizer).items()}
    return train_step(artifacts_of(HERE / "specs" / f"{model}.dl", optimizer), **first)


def batch_of(model: str, number: int) -> dict[str, np.ndarray]:
    return {name: stored(model)[name][number] for name in ("x", "label")}


@pytest.mark.parametrize("case", mostly_alike(CASES, every=6), ids="-".join)
def test_one_step_from_each_state(case: tuple[str, str]) -> None:
    model, optimizer = case
    known, step = states(model, optimizer), step_of(model, optimizer)
    for number, loss in enumerate(stored(model)[f"{optimizer}/loss"]):
        before = {name: values[number] for name, values in known.items()}
        if model == "cnn":
            before["Net.h.conv.weight"] = (np.round(before["Net.h.conv.weight"] * GRID) / GRID).astype(np.float32)
        for name, array in before.items():
            step.set_state(name, array)
        step.run_batch(batch_of(model, number))
        assert step.loss() == pytest.approx(loss, rel=4 * EPSILON), f"loss of step {number}"
        after = step.state()
        assert after[COUNTER_STEP] == number + 1
        for name, values in known.items():
            expected = values[number + 1]
            change = largest(expected - before[name])
            tolerance = 1e-5 * change + 2 * EPSILON * largest(expected)
            error = largest(after[name] - expected)
            assert error <= tolerance, f"{name} after step {number}: {error:.2g} off, of a change of {change:.2g}"


@pytest.mark.parametrize("case", mostly_alike(CASES, every=6), ids="-".join)
def test_left_running(case: tuple[str, str]) -> None:
    model, optimizer = case
    steps, tolerance = (10, 1e-3) if model == "cnn" else (50, 1e-4)
    step = step_of(model, optimizer)
    for number, loss in enumerate(stored(model)[f"{optimizer}/free"][:steps]):
        step.run_batch(batch_of(model, number))
        assert step.loss() == pytest.approx(loss, rel=tolerance), f"loss of step {number}"
