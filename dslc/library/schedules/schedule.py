"""Schedules: hyper-parameters that change with the number of updates done.

Each formula is written once, over numbers and over tensors alike: :meth:`Schedule.at` evaluates it in NumPy's
float64 for printing and tests, and an optimizer evaluates it in the training graph, in the parameters' type, from the
step counter. float32 holds every step up to 2 ** 24 exactly; beyond, a step is off by one part in 10 ** 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np

from dslc import graph as g
from dslc.library.word import SCHEDULES, Word, word_decorator

__all__ = ["FigureSchedule", "Moment", "Number", "Schedule", "mathematics", "schedule"]

Number: TypeAlias = Any
"""A float, an array of float64, or a scalar of a graph; the formulas below hold for all three."""


def mathematics(*values: Number) -> Any:
    """Return the module whose functions compute with such values: ``dslc.graph``, or NumPy for numbers."""
    return g if any(isinstance(value, g.Tensor) for value in values) else np


@dataclass(frozen=True)
class Moment:
    """Where in training a schedule is evaluated."""

    step: Number
    """Updates done since the schedule began, never negative."""
    remaining: Number
    """Updates from where the schedule began to the end of training, at least 1."""
    host: Mapping[FigureSchedule, Number] = field(default_factory=dict)
    """What the host has set for those that it drives."""
    target: Number = 0.0
    """The value with which the next schedule begins."""
    began: int = 0
    """Updates in the whole training until the schedule began."""


class Schedule(Word):
    """A value as a function of the number of updates done.

    The first update sees step 0. Schedules are joined with ``then``, see :mod:`.chains`.
    """

    family: ClassVar[str] = "schedule"
    leads: ClassVar[bool] = False
    """Whether it goes to the value with which another one begins, which has to follow."""

    @property
    def length(self) -> int | None:
        """How many updates it lasts where another one follows; None if that is not said."""
        return getattr(self, "steps", None)

    @property
    def last(self) -> Schedule:
        """The one that lasts to the end of training."""
        return self

    @property
    def needs_total(self) -> bool:
        """Whether its value depends on how many updates the training has in all."""
        return False

    @property
    def settled(self) -> float | None:
        """The value that it keeps once it has come to its end, None where it has none."""
        return None

    def formula(self, moment: Moment) -> Number:
        """Return the value at a moment; the formula, over numbers and tensors alike."""
        raise NotImplementedError

    def first(self, moment: Moment) -> Number:
        """Return the value before any update."""
        value = self.formula(replace(moment, step=0.0))
        return value if isinstance(value, g.Tensor) else float(value)

    def host_values(self) -> dict[FigureSchedule, float]:
        """Return the schedules in it that the host drives, each with the number it starts from."""
        return {}

    def at(
        self, step: float | Sequence[int] | np.ndarray[Any, Any], total: int,
        host: Mapping[FigureSchedule, float] | None = None,
    ) -> np.ndarray[Any, Any]:  # fmt: skip
        """Evaluate it in float64 after that many updates (a number or an array) of ``total``."""
        values: dict[FigureSchedule, Number] = {**self.host_values(), **(host or {})}
        steps = np.asarray(step, dtype=np.float64)
        with np.errstate(over="ignore", under="ignore"):
            return np.broadcast_to(self.formula(Moment(steps, float(max(total, 1)), values)), steps.shape)


class FigureSchedule(Schedule):
    """A schedule that follows epochs, or a validation figure: the host looks at that once per epoch, and drives it."""

    @property
    def figure(self) -> str | None:
        """The name of the figure that it looks at; None: it counts epochs, whatever they gave."""
        return None

    def host_values(self) -> dict[FigureSchedule, float]:
        return {self: 1.0}

    def observe(self, history: Sequence[float]) -> float:
        """Return the number after these figures, one per epoch; the host gives it to the training graph."""
        raise NotImplementedError


schedule = word_decorator("schedule", SCHEDULES)
