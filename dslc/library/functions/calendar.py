"""Parts of moments, which are given in seconds from 1970-01-01 00:00:00 UTC, as ``datetime`` reads them.

Dates are those of the Gregorian calendar, extended to all times; the arithmetic on days is that of H. Hinnant,
"chrono-Compatible Low-Level Date Algorithms", https://howardhinnant.github.io/date_algorithms.html.
"""

from __future__ import annotations

import math
from typing import Any

from dslc import graph as g
from dslc.errors.types import COMBINATION
from dslc.library.checks import need_float
from dslc.library.operation import Context, Function, function, option
from dslc.types import FLOAT64, TensorType

DAY = 86400
"""Seconds."""


class _Part(Function):
    """A whole number read off a moment, as float64."""

    differentiable = False
    elementwise = True

    def type(self, x: TensorType) -> TensorType:
        if x.element is not FLOAT64:
            raise COMBINATION(
                f"{self.name} takes seconds as float64, which holds them exactly, not {x}",
                hint=f'in a field: {self.name}(datetime(column("when")))',
            )
        return x

    def emit(self, context: Context, x: g.Tensor) -> Any:
        # of whole seconds, as x / 60 would round up what is little below a whole minute
        return super().emit(context, g.floor(x))


def _within(x: g.Tensor, unit: int, period: int) -> g.Tensor:
    """Return how many whole units have passed in the running period."""
    whole = g.floor(x / unit)
    return whole - period * g.floor(whole / period)


def _date(x: g.Tensor) -> tuple[g.Tensor, g.Tensor, g.Tensor]:
    """Return year, month and day; years begin in March inside, so that the leap day is a year's last."""
    days = g.floor(x / DAY) + 719468
    era = g.floor(days / 146097)
    of_era = days - era * 146097
    leap = g.floor(of_era / 1460) - g.floor(of_era / 36524) + g.floor(of_era / 146096)
    year = g.floor((of_era - leap) / 365)
    of_year = of_era - (365 * year + g.floor(year / 4) - g.floor(year / 100))
    month = g.floor((5 * of_year + 2) / 153)
    day = of_year - g.floor((153 * month + 2) / 5) + 1
    late = g.floor(month / 10)  # January and February, which belong to the next year
    return year + era * 400 + late, month + 3 - 12 * late, day


def _day_of_year(x: g.Tensor) -> g.Tensor:
    year, _, _ = _date(x)
    before = year - 1
    leap_days = g.floor(before / 4) - g.floor(before / 100) + g.floor(before / 400)
    return g.floor(x / DAY) - (365 * (year - 1970) + leap_days - 477) + 1


@function
class year(_Part):
    """The year of a moment, such as 2026."""

    formula = lambda x: _date(x)[0]


@function
class month(_Part):
    """The month of a moment, 1 to 12."""

    formula = lambda x: _date(x)[1]


@function
class day(_Part):
    """The day of a moment in its month, 1 to 31."""

    formula = lambda x: _date(x)[2]


@function
class weekday(_Part):
    """The day of a moment in its week: 0 is Monday, 6 is Sunday."""

    formula = lambda x: _within(x + 3 * DAY, DAY, 7)


@function
class hour(_Part):
    """The hour of a moment, 0 to 23."""

    formula = lambda x: _within(x, 3600, 24)


@function
class minute(_Part):
    """The minute of a moment, 0 to 59."""

    formula = lambda x: _within(x, 60, 60)


@function
class second(_Part):
    """The second of a moment, 0 to 59, its fraction cut off."""

    formula = lambda x: _within(x, 1, 60)


@function
class day_of_year(_Part):
    """The day of a moment in its year, 1 to 366."""

    formula = _day_of_year


@function
class cyclic(Function):
    """The sine and the cosine of x on a circle, along a new last axis: hour 23 lies beside hour 0.

    `cyclic(hour(t), 24)` is two numbers for each t.
    """

    local = True
    period: float = option("How far it is around the circle, in the unit of x.", above=0)

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        return x.with_shape((*x.shape, 2))

    def emit(self, context: Context, x: g.Tensor) -> g.Tensor:
        angle = g.unsqueeze(x * (2 * math.pi / self.period), [x.rank])
        return g.concat([g.sin(angle), g.cos(angle)], axis=x.rank)
