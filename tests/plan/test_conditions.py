"""What conditions on figures come to, also where a figure is not known or not finite."""

from __future__ import annotations

from math import inf, nan

import pytest

from dslc.plan.conditions import Calculation, Expression, Figure, Number, Stalled, evaluate

LOSS, OTHER, TWO = Figure("loss"), Figure("other"), Number(2)


@pytest.mark.parametrize(
    ("expression", "loss", "value"),
    [
        (Calculation("/", (TWO, LOSS)), 4.0, 0.5),
        (Calculation("<", (Calculation("/", (TWO, LOSS)), TWO)), 0.0, False),
        (Calculation("<", (Calculation("/", (LOSS, TWO)), TWO)), nan, False),
        (Calculation("not", (Calculation("<", (Calculation("/", (OTHER, TWO)), TWO)),)), 1.0, True),
        (Calculation("or", (Calculation("<", (OTHER, TWO)), Calculation("==", (LOSS, TWO)))), 2.0, True),
        (Calculation("-", (LOSS,)), 3.0, -3.0),
    ],
)
def test_values(expression: Expression, loss: float, value: float) -> None:
    assert evaluate(expression, [{"loss": loss}]) == value


@pytest.mark.parametrize(
    ("losses", "stalled"),
    [([3, 2, 1], False), ([1, 2, 2], True), ([1, nan, nan], True), ([nan, nan, nan], True), ([inf, 1, 2], False)],
)
def test_stalled(losses: list[float], stalled: bool) -> None:
    history = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate(losses, 1)]
    assert evaluate(Stalled("loss", highest=False, unit="epoch", patience=2), [{"epoch": 0}, *history]) is stalled
