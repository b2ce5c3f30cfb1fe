"""Parts of moments against Python's own calendar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from dslc.graph import Builder, Tensor
from dslc.library.functions.calendar import cyclic
from dslc.library.operation import Context
from dslc.library.word import FUNCTIONS
from dslc.types import FLOAT32, FLOAT64, TensorType, symbol
from tests.library.graphs import compiled

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda t: t.year, "month": lambda t: t.month, "day": lambda t: t.day, "weekday": lambda t: t.weekday(),
    "hour": lambda t: t.hour, "minute": lambda t: t.minute, "second": lambda t: t.second,
    "day_of_year": lambda t: t.timetuple().tm_yday,
}  # fmt: skip


def moments() -> list[datetime]:
    generator = np.random.default_rng(1)
    edges = [datetime(y, m, d, tzinfo=timezone.utc) for y in (1, 1600, 1899, 1900, 1970, 2000, 2024, 2100, 9998)
             for m, d in ((1, 1), (2, 28), (3, 1), (12, 31))]  # fmt: skip
    edges += [edge + timedelta(days=1, seconds=-1) for edge in edges]
    return edges + [EPOCH + timedelta(seconds=int(s)) for s in generator.integers(-60 * 10**9, 200 * 10**9, 500)]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_pythons(name: str) -> None:
    given = moments()
    word = FUNCTIONS[name]()

    def build(builder: Builder, x: Tensor) -> Sequence[Tensor]:
        return [word.emit(Context(builder), x)]

    seconds = np.array([(t - EPOCH).total_seconds() for t in given])
    for shortly_before_the_next in (seconds, np.nextafter(seconds + 1, -np.inf)):
        (found,) = compiled(build, [TensorType(FLOAT64, (symbol("N"),))])(shortly_before_the_next)
        assert found.tolist() == [PARTS[name](t) for t in given]
    (missing,) = compiled(build, [TensorType(FLOAT64, (symbol("N"),))])(np.array([math.nan]))
    assert np.isnan(missing).all()  # a missing moment has no parts


def test_a_circle() -> None:
    def build(builder: Builder, x: Tensor) -> Sequence[Tensor]:
        return [cyclic(period=24).emit(Context(builder), x)]

    hours = np.arange(24, dtype=np.float32).reshape(4, 6)
    (found,) = compiled(build, [TensorType(FLOAT32, (4, 6))])(hours)
    angle = hours * 2 * math.pi / 24
    np.testing.assert_allclose(found, np.stack([np.sin(angle), np.cos(angle)], axis=-1), atol=1e-6)


def test_every_part_is_here() -> None:
    words = {name for name, word in FUNCTIONS.items() if word.__module__ == "dslc.library.functions.calendar"}
    assert words == {*PARTS, "cyclic"}
