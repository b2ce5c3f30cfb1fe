"""Schedules in arithmetic: ``1e-3 * 0.5 ** (epoch // 10)``, ``cosine(1e-3) * warmup(100)``."""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dslc.library.schedules.chains import ended
from dslc.library.schedules.schedule import FigureSchedule, Moment, Number, Schedule, mathematics

__all__ = ["FUNCTIONS", "SIGNS", "Calculation", "StepCount", "calculation", "epoch"]


@dataclass(frozen=True)
class StepCount(Schedule):
    """``step`` in an expression: the updates done in the whole training, wherever it stands."""

    described: ClassVar[str] = "the number of updates done"

    def formula(self, moment: Moment) -> Number:
        return moment.step + moment.began


@dataclass(frozen=True)
class epoch(FigureSchedule):
    """``epoch`` in an expression: the epochs done, which the host counts."""

    described: ClassVar[str] = "the number of epochs done"
    name: ClassVar[str] = "epoch"

    def host_values(self) -> dict[FigureSchedule, float]:
        return {self: 0.0}

    def formula(self, moment: Moment) -> Number:
        return moment.host[self]

    def observe(self, history: Sequence[float]) -> float:
        return float(len(history))


def _quotient(a: Number, b: Number) -> Number:
    whole = a / b
    return mathematics(whole).floor(whole)


SIGNS: dict[str, Callable[..., Number]] = {
    "+": python.add, "-": python.sub, "*": python.mul, "/": python.truediv, "**": python.pow, "//": _quotient,
    "%": lambda a, b: a - _quotient(a, b) * b,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Number]] = {
    **{name: lambda x, name=name: getattr(mathematics(x), name)(x)
       for name in ("exp", "log", "sqrt", "sin", "cos", "floor", "ceil")},
    **{name: lambda a, b, name=name: getattr(mathematics(a, b), f"{name}imum")(a, b) for name in ("min", "max")},
    "abs": lambda x: mathematics(x).absolute(x),
}  # fmt: skip
"""The functions of numbers that schedules may stand in, by their names in a spec."""


@dataclass(frozen=True)
class Calculation(Schedule):
    """An operator or function of schedules and numbers."""

    described: ClassVar[str] = "a schedule"

    sign: str
    operands: tuple[Schedule | float, ...]

    @property
    def _parts(self) -> list[Schedule]:
        return [operand for operand in self.operands if isinstance(operand, Schedule)]

    @property
    def length(self) -> int | None:
        lengths = [part.length for part in self._parts]
        known = [length for length in lengths if length is not None]
        return max(known) if len(known) == len(lengths) else None

    @property
    def needs_total(self) -> bool:
        return any(part.needs_total for part in self._parts)

    @property
    def settled(self) -> float | None:
        values = [operand.settled if isinstance(operand, Schedule) else operand for operand in self.operands]
        if None in values:
            return None
        return float((SIGNS.get(self.sign) or FUNCTIONS[self.sign])(*map(np.float64, values)))

    def host_values(self) -> dict[FigureSchedule, float]:
        return {driven: value for part in self._parts for driven, value in part.host_values().items()}

    def formula(self, moment: Moment) -> Number:
        values = [operand.formula(moment) if isinstance(operand, Schedule) else operand for operand in self.operands]
        return (SIGNS.get(self.sign) or FUNCTIONS[self.sign])(*values)


def calculation(sign: str, operands: Sequence[Any]) -> Schedule:
    """Return an operator or function of schedules and numbers; what leads to a successor rises to 1 and stays there."""
    parts: list[Schedule | float] = []
    for operand in operands:
        if isinstance(operand, Schedule):
            parts.append(ended(operand))
        else:
            parts.append(float(operand))
    return Calculation(sign=sign, operands=tuple(parts))
