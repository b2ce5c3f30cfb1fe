"""SGD, Adam, AdamW and RMSprop against PyTorch's over 20 steps (tools/oracles/optimizers.py), options of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Problem
from dslc.graph import Builder, Tensor
from dslc.library.optimizers.optimizer import Optimizer, Update
from dslc.library.schedules.chains import chain
from dslc.library.word import OPTIMIZERS, SCHEDULES
from dslc.types import FLOAT32, INT64, Shape, TensorType
from tests.library.graphs import compiled, listless, stored

STORED = stored("optimizers.json")
WEIGHT = np.array(STORED["weight"], np.float32)
GRADIENTS = np.array(STORED["gradients"], np.float32)
SCALAR = TensorType(INT64)


def trained(word: Optimizer, shape: Shape = WEIGHT.shape) -> Callable[..., list[np.ndarray]]:
    """Compile one update: (step, total, weight, gradient, *slots) -> (weight, *slots)."""
    tensor = TensorType(FLOAT32, shape)
    kept = word.slots(tensor)

    def build(
        builder: Builder, step: Tensor, total: Tensor, weight: Tensor, gradient: Tensor, *slots: Tensor
    ) -> Sequence[Tensor]:
        update = Update(builder, step, total)
        weight, state = word.update(update, weight, gradient, dict(zip(kept, slots, strict=True)))
        assert list(state) == list(kept)
        return [weight, *state.values()]

    return compiled(build, [SCALAR, SCALAR, tensor, tensor, *(slot.type(tensor) for slot in kept.values())])


def weights_after_each_step(word: Optimizer) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    run = trained(word)
    slots = word.slots(TensorType(FLOAT32, WEIGHT.shape))
    state, weights = [WEIGHT, *[np.zeros_like(WEIGHT)] * len(slots)], []
    for step, gradient in enumerate(GRADIENTS):
        state = run(np.array(step), np.array(len(GRADIENTS)), state[0], gradient, *state[1:])
        weights.append(state[0])
    return np.array(weights), dict(zip(slots, state[1:], strict=True))


@pytest.mark.parametrize("row", STORED["rows"], ids=lambda row: f"{row['word']}-{row['options']}")
def test_twenty_steps_are_pytorch_s(row: dict[str, Any]) -> None:
    word = OPTIMIZERS[row["word"]](**listless(row["options"]))
    weights, state = weights_after_each_step(word)
    moved = np.abs(np.array(row["weights"]) - WEIGHT).max()
    np.testing.assert_allclose(weights, row["weights"], rtol=1e-6, atol=2e-6 * moved)
    assert set(state) == set(row["state"])
    beta1, beta2 = getattr(word, "betas", (0, 0))
    scales = {"first_moment": 1 - beta1, "second_moment": 1 - beta2, "second_moment_peak": 1 - beta2}
    for slot, expected in row["state"].items():
        np.testing.assert_allclose(state[slot] * scales.get(slot, 1), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 10, 1000, 100_000, 16_000_000])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.99), (0.999, 0.9999)])
def test_adam_s_bias_corrections_are_exact_to_round_off_at_any_step(count: int, betas: tuple[float, float]) -> None:
    word = OPTIMIZERS["Adam"](lr=1.0, betas=betas, eps=0.0)
    one = np.ones(1, np.float32)
    weight, *_ = trained(word, (1,))(np.array(count - 1), np.array(0), 0 * one, one, 0 * one, 0 * one)
    beta1, beta2 = betas
    m, v = (1 - beta1) / -np.expm1(count * np.log(max(beta1, 1e-300))), (1 - beta2) / -np.expm1(count * np.log(beta2))
    np.testing.assert_allclose(weight, -m / np.sqrt(v), rtol=1e-6)


def test_a_schedule_as_learning_rate_gives_what_its_values_give_one_by_one() -> None:
    schedule = chain(SCHEDULES["warmup"](steps=5), SCHEDULES["cosine"](start=0.1, end=0.01))
    scheduled, _ = weights_after_each_step(OPTIMIZERS["SGD"](lr=schedule))
    rates = schedule.at(np.arange(len(GRADIENTS)), len(GRADIENTS))
    np.testing.assert_allclose(scheduled, WEIGHT - np.cumsum(rates[:, None] * GRADIENTS, 0), rtol=1e-5, atol=1e-6)


def test_scalars_are_computed_once_for_all_parameters() -> None:
    word = OPTIMIZERS["AdamW"](lr=SCHEDULES["linear"](start=0.1, end=0.0))
    counts = []

    def build(builder: Builder, step: Tensor, total: Tensor, weight: Tensor) -> Sequence[Tensor]:
        update = Update(builder, step, total)
        results = []
        for _ in range(3):
            result, _ = word.update(update, weight, weight, {"first_moment": weight, "second_moment": weight})
            results.append(result)
            counts.append(len(builder.graph))
        return results

    compiled(build, [SCALAR, SCALAR, TensorType(FLOAT32, (2,))])
    assert counts[2] - counts[1] == counts[1] - counts[0] == 11


def test_plain_sgd_is_two_nodes() -> None:
    def build(builder: Builder, weight: Tensor, step: Tensor) -> Sequence[Tensor]:
        result, state = OPTIMIZERS["SGD"]().update(Update(builder, step), weight, weight, {})
        assert not state
        assert len(builder.graph) == 2
        return [result]

    compiled(build, [TensorType(FLOAT32, (2,)), SCALAR])


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("SGD", {"nesterov": True}, "E0360"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "E0360"),
        ("Adam", {"betas": (0.9,)}, "E0363"),
        ("AdamW", {"betas": (0.9, 1.0)}, "E0363"),
        ("RMSprop", {"momentum": SCHEDULES["warmup"](steps=3)}, "E0362"),
        ("Lion", {"betas": (0.9,)}, "E0363"),
        ("Adan", {"betas": (0.9, 0.99)}, "E0363"),
        ("Adan", {"betas": (0.9, 0.99, 1.0)}, "E0363"),
        ("Rprop", {"etas": (1.1, 1.2)}, "E0363"),
        ("Rprop", {"etas": (0.5,)}, "E0363"),
        ("Rprop", {"step_sizes": (1.0, 0.1)}, "E0363"),
        ("LARS", {"nesterov": True}, "E0360"),
        ("Muon", {"ns_coefficients": (1.0, 2.0)}, "E0363"),
        ("Muon", {"others": OPTIMIZERS["ASGD"]()}, "E0360"),
        ("ScheduleFreeAdamW", {"betas": (0.0, 0.9)}, "E0360"),
        ("Lookahead", {"inner": OPTIMIZERS["ScheduleFreeSGD"]()}, "E0360"),
        ("Lookahead", {"inner": OPTIMIZERS["Lookahead"](inner=OPTIMIZERS["SGD"]())}, "E0360"),
        ("Lookahead", {"inner": OPTIMIZERS["Prodigy"]()}, "E0360"),
        ("Lookahead", {"inner": OPTIMIZERS["SAM"](inner=OPTIMIZERS["SGD"]())}, "E0360"),
        ("SAM", {"inner": OPTIMIZERS["SAM"](inner=OPTIMIZERS["SGD"]())}, "E0360"),
        ("Muon", {"others": OPTIMIZERS["SAM"](inner=OPTIMIZERS["SGD"]())}, "E0360"),
    ],
)
def test_options_that_make_no_sense_are_refused(name: str, options: dict[str, Any], code: str) -> None:
    with pytest.raises(Problem) as caught:
        OPTIMIZERS[name](**options)
    assert caught.value.diagnostic.code.id == code
