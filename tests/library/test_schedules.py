"""Schedules against PyTorch's (tools/oracles/schedules.py), in the graph against NumPy, and joined with ``then``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Problem
from dslc.graph import Builder, Tensor
from dslc.library.optimizers.optimizer import Update
from dslc.library.schedules.chains import Chain, as_schedule, chain, check_complete
from dslc.library.schedules.schedule import Schedule
from dslc.library.word import SCHEDULES
from dslc.types import FLOAT32, INT64, TensorType
from tests.library.graphs import compiled, listless, stored

STORED = stored("schedules.json")


def made(word: str, **options: object) -> Schedule:
    return SCHEDULES[word](**options)


def of_row(row: dict[str, Any]) -> Schedule:
    options = listless(row["options"])
    then = options.pop("then", None)
    schedule = made(row["word"], **options)
    return schedule if then is None else chain(schedule, then)


def in_graph(schedule: Schedule, steps: Iterable[int], total: int, host: Sequence[float] = ()) -> np.ndarray:
    """Evaluate a schedule in a graph at each of the steps."""
    driven = list(schedule.host_values())

    def build(builder: Builder, step: Tensor, total: Tensor, *host: Tensor) -> Sequence[Tensor]:
        value = Update(builder, step, total, dict(zip(driven, host, strict=True))).value(schedule)
        return [builder.as_tensor(value, FLOAT32)]

    run = compiled(build, [TensorType(INT64)] * 2 + [TensorType(FLOAT32)] * len(driven))
    given = [np.array(value, np.float32) for value in host]
    return np.array([run(np.array(step), np.array(total), *given)[0] for step in steps])


def test_every_schedule_has_a_row() -> None:
    assert set(SCHEDULES) == {row["word"] for row in STORED["rows"] + STORED["plateaus"]}


@pytest.mark.parametrize("row", STORED["rows"], ids=lambda row: f"{row['word']}-{row['options']}")
def test_values_are_pytorch_s(row: dict[str, Any]) -> None:
    schedule = of_row(row)
    steps = np.arange(len(row["values"]))
    np.testing.assert_allclose(schedule.at(steps, row["total"]), row["values"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(in_graph(schedule, steps, row["total"]), row["values"], rtol=2e-6, atol=1e-7)
    assert schedule.at(3, row["total"]).item() == pytest.approx(row["values"][3])


@pytest.mark.parametrize("row", STORED["plateaus"], ids=lambda row: str(row["options"]))
def test_plateau_is_pytorch_s(row: dict[str, Any]) -> None:
    schedule = SCHEDULES["plateau"](**row["options"])
    factors = [schedule.observe(row["history"][: i + 1]) for i in range(len(row["history"]))]
    np.testing.assert_allclose(np.array(factors) * schedule.start, row["values"], rtol=1e-12)
    assert len(set(row["values"])) > 1 or row["options"]["start"] < 1e-6


def test_plateau_is_driven_by_the_host() -> None:
    schedule = chain(made("warmup", steps=4), made("plateau", start=0.5))
    (driven,) = schedule.host_values()
    assert schedule.host_values() == {driven: 1.0}
    assert schedule.at(4, 9).item() == 0.5
    assert schedule.at([2, 4], 9, {driven: 0.1}).tolist() == [0.025, 0.05]
    np.testing.assert_allclose(in_graph(schedule, [2, 4], 9, [0.1]), [0.025, 0.05], rtol=1e-6)


LONG = chain(
    chain(made("warmup", steps=10), made("linear", start=1.0, end=0.5, steps=20)),
    chain(made("step", start=0.5, every=3, factor=0.1, steps=9), made("cosine", start=0.3, end=0.1)),
)


def test_each_part_begins_where_the_one_before_ended() -> None:
    assert isinstance(LONG, Chain)
    assert LONG.needs_total
    assert LONG.length is None
    values = LONG.at(np.arange(100), 100)
    assert values[0] == 0
    np.testing.assert_allclose(values[[5, 10, 20, 29, 30, 33, 38]], [0.5, 1, 0.75, 0.525, 0.5, 0.05, 0.005])
    np.testing.assert_allclose(values[39], 0.3)
    np.testing.assert_allclose(values[39:], made("cosine", start=0.3, end=0.1).at(np.arange(61), 61))
    np.testing.assert_allclose(in_graph(LONG, range(100), 100), values, rtol=2e-6, atol=1e-7)


def test_a_number_is_a_constant() -> None:
    assert as_schedule(0.1) == made("constant", value=0.1)
    assert chain(made("warmup", steps=2), 0.1).at([0, 1, 2, 99], 5).tolist() == [0, 0.05, 0.1, 0.1]


@pytest.mark.parametrize("step", [2**24 - 1, 2**24 - 2, 14 * 10**6 - 1, 14 * 10**6])
def test_steps_are_exact_to_2_to_the_24(step: int) -> None:
    schedule = made("step", start=1.0, every=7 * 10**6, factor=0.5)
    assert in_graph(schedule, [step], 2**25)[0] == schedule.at(step, 2**25)


def test_a_training_that_is_over_before_the_last_part_begins_is_no_division_by_0() -> None:
    schedule = chain(made("warmup", steps=10), made("cosine", start=0.3, end=0.1))
    for total in (0, 3, 10, 11):
        values = in_graph(schedule, range(12), total)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values, schedule.at(np.arange(12), total), rtol=1e-6)


@pytest.mark.parametrize("first", [made("constant", value=1.0), made("cosine", start=1.0), made("plateau", start=1.0)])
def test_what_is_followed_needs_a_length(first: Schedule) -> None:
    with pytest.raises(Problem) as caught:
        chain(first, 0.1)
    assert caught.value.diagnostic.code.id == "E0361"


@pytest.mark.parametrize(
    "curve",
    [
        made("one_cycle", peak=0.4), made("cosine_restarts", start=0.4, every=3, factor=2),
        made("polynomial", start=0.4), made("cyclic", start=0.1, peak=0.4, up=3),
        made("inverse_sqrt", start=0.4, timescale=5), made("piecewise", values=(0.4, 0.2), boundaries=(7,)),
    ],
    ids=lambda curve: curve.name,
)  # fmt: skip
def test_a_warmup_rises_to_where_a_curve_begins(curve: Schedule) -> None:
    schedule = chain(made("warmup", steps=5), curve)
    values = schedule.at(np.arange(40), 40)
    first = float(curve.at(0, 35))
    np.testing.assert_allclose(values[:6], first * np.arange(6) / 5, rtol=1e-12)
    np.testing.assert_allclose(values[5:], curve.at(np.arange(35), 35), rtol=1e-12)
    np.testing.assert_allclose(in_graph(schedule, range(40), 40), values, rtol=5e-6, atol=1e-7)


@pytest.mark.parametrize("factor", [2, 3, 10])
def test_each_wave_begins_where_it_should_however_late(factor: int) -> None:
    """The wave's number is a logarithm, which is not left to rounding."""
    schedule = made("cosine_restarts", start=1.0, every=3, factor=factor)
    ends = [3 * (factor**n - 1) // (factor - 1) for n in range(1, 24) if factor**n < 2**21]
    np.testing.assert_array_equal(in_graph(schedule, ends, 2**25), np.ones(len(ends)))
    np.testing.assert_allclose(in_graph(schedule, [end - 1 for end in ends[2:]], 2**25), 0, atol=0.02)
    np.testing.assert_array_equal(schedule.at(ends, 2**25), np.ones(len(ends)))


@pytest.mark.parametrize(
    ("word", "options", "code"),
    [
        ("piecewise", {"values": (0.1, 0.2), "boundaries": (1, 2)}, "E0363"),
        ("piecewise", {"values": (0.1, 0.2, 0.3), "boundaries": (2, 2)}, "E0360"),
        ("one_cycle", {"peak": 0.1, "pct_start": 0.6, "three_phase": True}, "E0360"),
    ],
)
def test_options_that_make_no_sense_are_refused(word: str, options: dict[str, Any], code: str) -> None:
    with pytest.raises(Problem) as caught:
        made(word, **options)
    assert caught.value.diagnostic.code.id == code


@pytest.mark.parametrize("total", [1, 2, 3, 5])
@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_of_few_updates_has_a_value_at_each(total: int, three_phase: bool) -> None:
    schedule = made("one_cycle", peak=1.0, three_phase=three_phase)
    values = in_graph(schedule, range(total + 2), total)
    assert ((values > 0) & (values <= 1)).all()
    np.testing.assert_allclose(values, schedule.at(np.arange(total + 2), total), rtol=1e-5)


def test_warmup_needs_a_successor() -> None:
    check_complete(chain(made("warmup", steps=3), 0.1))
    for schedule in (made("warmup", steps=3), chain(made("constant", value=1.0, steps=3), made("warmup", steps=3))):
        with pytest.raises(Problem) as caught:
            check_complete(schedule)
        assert caught.value.diagnostic.code.id == "E0362"
