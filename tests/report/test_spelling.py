"""Words as a spec would write them: what is spelled out means what was said."""

from __future__ import annotations

from typing import Any

import pytest

from dslc.report.spelling import spelled
from tests.library.test_schedule_arithmetic import optimizer_of

SAID = [
    ("0.1 * 0.5 ** (epoch // 10)", "0.1 * (0.5 ** (epoch // 10.0))"),
    ("min(step, 3) / (1 + step)", "min(step, 3.0) / (1.0 + step)"),
    ("(warmup(3) then 0.1) * 2", "(warmup(steps = 3) then constant(value = 0.1, steps = none)) * 2.0"),
    ("exp(-step)", "exp(step * -1.0)"),
]


@pytest.mark.parametrize(("text", "expected"), SAID)
def test_schedules_in_arithmetic(text: str, expected: str) -> None:
    lr: Any = optimizer_of(f"SGD(lr = {text})").lr
    assert spelled(lr) == expected
    assert optimizer_of(f"SGD(lr = {expected})").lr == lr


def test_optimizers_within_another() -> None:
    text = spelled(optimizer_of("Lookahead(SGD(lr = 0.5 * cosine(0.1)), k = 3)"))
    assert text.startswith(
        "Lookahead(inner = SGD(lr = 0.5 * cosine(start = 0.1, end = 0.0, steps = none), momentum = 0.0"
    )
    assert optimizer_of(text) == optimizer_of("Lookahead(SGD(lr = 0.5 * cosine(0.1)), k = 3)")
