"""Schedules: hyper-parameters that change with the number of updates done.

Each formula is written once, over numbers and over tensors alike: :meth:`Schedule.at` evaluates it in NumPy's
float64 for printing and tests, and an optimizer evaluates it in the training graph, in the parameters' type, from the
step counter. float32 holds every step up to 2 ** 24 exactly; beyond, a step is off by one part in 10 ** 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, pi
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.word import SCHEDULES, Word, option, word_decorator

if TYPE_CHECKING:
    pass

__all__ = [
    "Chain", "Moment", "Number", "Schedule", "as_schedule", "chain", "check_complete", "constant", "cosine",
    "exponential", "linear", "mathematics", "plateau", "schedule", "step", "warmup",
]  # fmt: skip

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
    host: Mapping[Schedule, Number] = field(default_factory=dict)
    """What the host has set for those that it drives."""
    target: Number = 0.0
    """The value with which the next schedule begins."""


class Schedule(Word):
    """A value as a function of the number of updates done.

    The first update sees step 0. Schedules are joined with ``then``, see :func:`chain`.
    """

    family: ClassVar[str] = "schedule"

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
        """Does its value depend on how many updates the training has in all?"""
        return False

    def formula(self, moment: Moment) -> Number:
        """Return the value at a moment; the formula, over numbers and tensors alike."""
        raise NotImplementedError

    def first(self, moment: Moment) -> Number:
        """Return the value before any update."""
        return self.formula(replace(moment, step=0.0))

    def host_values(self) -> dict[Schedule, float]:
        """Return the schedules in it that the host drives, each with the number it starts from."""
        return {}

    def at(
        self, step: float | Sequence[int] | np.ndarray[Any, Any], total: int,
        host: Mapping[Schedule, float] | None = None,
    ) -> np.ndarray[Any, Any]:  # fmt: skip
        """Evaluate it in float64 after that many updates (a number or an array) of ``total``."""
        values: dict[Schedule, Number] = {**self.host_values(), **(host or {})}
        steps = np.asarray(step, dtype=np.float64)
        with np.errstate(over="ignore", under="ignore"):
            return np.broadcast_to(self.formula(Moment(steps, float(max(total, 1)), values)), steps.shape)


schedule = word_decorator("schedule", SCHEDULES)


@schedule
class constant(Schedule):
    """One value throughout; a bare number means the same."""

    value: float = option("The value.")
    steps: int | None = option("How many updates it lasts, where another schedule follows.", default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        return self.value


@schedule
class step(Schedule):
    """The start value, multiplied by a factor after every so many updates (PyTorch's ``StepLR``)."""

    start: float = option("The value at the beginning.")
    every: int = option("How many updates there are from one change to the next.", minimum=1)
    factor: float = option("What each change multiplies the value by.", above=0)
    steps: int | None = option("How many updates it lasts, where another schedule follows.", default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        changes = mathematics(moment.step).floor(moment.step / self.every)
        return self.factor**changes * self.start


@schedule
class exponential(Schedule):
    """The start value, shrinking (or growing) evenly by a factor per so many updates (PyTorch's ``ExponentialLR``)."""

    start: float = option("The value at the beginning.")
    factor: float = option("What the value is multiplied by.", above=0)
    every: int = option("In how many updates it is.", default=1, minimum=1)
    steps: int | None = option("How many updates it lasts, where another schedule follows.", default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        return self.factor ** (moment.step / self.every) * self.start


class _Ramp(Schedule):
    """From a start to an end in a number of updates, or in all that remain."""

    start: float
    end: float
    steps: int | None

    @property
    def needs_total(self) -> bool:
        return self.steps is None

    def first(self, moment: Moment) -> Number:
        return self.start

    def progress(self, moment: Moment) -> Number:
        """Return how far it has come, from 0 to 1."""
        share = moment.step / (moment.remaining if self.steps is None else float(self.steps))
        return mathematics(share).minimum(share, 1.0)


@schedule
class linear(_Ramp):
    """A straight line from a start to an end, which it then keeps (PyTorch's ``LinearLR``)."""

    start: float = option("The value at the beginning.")
    end: float = option("The value at the end.")
    steps: int | None = option("In how many updates; without it, in all that remain.", default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        return self.progress(moment) * (self.end - self.start) + self.start


@schedule
class cosine(_Ramp):
    """Half a cosine wave from a start down to an end, which it then keeps (PyTorch's ``CosineAnnealingLR``).

    I. Loshchilov, F. Hutter, SGDR: Stochastic gradient descent with warm restarts, 2017.
    """

    start: float = option("The value at the beginning.")
    end: float = option("The value at the end.", default=0.0)
    steps: int | None = option("In how many updates; without it, in all that remain.", default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        progress = self.progress(moment)
        wave = mathematics(progress).cos(progress * pi) + 1.0
        return wave * ((self.start - self.end) / 2) + self.end


@schedule
class warmup(Schedule):
    """A rise in a straight line from 0 to the value with which the next schedule begins."""

    steps: int = option("How many updates it takes.", minimum=1)

    def formula(self, moment: Moment) -> Number:
        return moment.step / float(self.steps) * moment.target


@schedule
class plateau(Schedule):
    """The start value, reduced whenever a validation figure has stopped improving (PyTorch's ``ReduceLROnPlateau``).

    It looks at the figure once per epoch.
    """

    start: float = option("The value at the beginning.", above=0)
    factor: float = option("What a reduction multiplies the value by.", default=0.1, above=0, below=1)
    patience: int = option("How many epochs without improvement are put up with.", default=10, minimum=0)
    watch: str = option("The name of the validation figure.", default="loss")
    mode: str = option("Whether a lower or a higher figure is better.", default="min", choices=("min", "max"))
    threshold: float = option("By how much a figure must be better to count.", default=1e-4, minimum=0)
    threshold_mode: str = option(
        "Whether the threshold is a share of the best figure or a difference.", default="rel", choices=("rel", "abs")
    )
    cooldown: int = option("For how many epochs after a reduction none is counted.", default=0, minimum=0)
    min_lr: float = option("The value never falls below this.", default=0.0, minimum=0)
    steps: int | None = option("How many updates it lasts, where another schedule follows.", default=None, minimum=1)

    def host_values(self) -> dict[Schedule, float]:
        return {self: 1.0}

    def formula(self, moment: Moment) -> Number:
        return moment.host[self] * self.start

    def observe(self, history: Sequence[float]) -> float:
        """Return the factor after these figures, one per epoch; the host gives it to the training graph."""
        best = inf if self.mode == "min" else -inf
        value, bad, cooling = self.start, 0, 0
        for figure in history:
            if self._better(figure, best):
                best, bad = figure, 0
            else:
                bad += 1
            if cooling > 0:
                cooling, bad = cooling - 1, 0
            if bad > self.patience:
                reduced = max(value * self.factor, self.min_lr)
                value = reduced if value - reduced > 1e-8 else value
                cooling, bad = self.cooldown, 0
        return value / self.start

    def _better(self, figure: float, best: float) -> bool:
        lower = self.mode == "min"
        if abs(best) == inf:
            return figure < best if lower else figure > best
        margin = self.threshold * best if self.threshold_mode == "rel" else self.threshold
        return figure < best - margin if lower else figure > best + margin


# --- One after another -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain(Schedule):
    """``before then after``: the first lasts its own length, then the second begins."""

    described: ClassVar[str] = "a chain of schedules"

    before: Schedule
    after: Schedule

    @property
    def ends(self) -> int:
        """How many updates the first lasts."""
        length = self.before.length
        assert length is not None  # made sure of by `chain`
        return length

    @property
    def length(self) -> int | None:
        return None if self.after.length is None else self.ends + self.after.length

    @property
    def needs_total(self) -> bool:
        return self.after.needs_total

    @property
    def last(self) -> Schedule:
        return self.after.last

    def host_values(self) -> dict[Schedule, float]:
        return {**self.before.host_values(), **self.after.host_values()}

    def _moments(self, moment: Moment) -> tuple[Moment, Moment]:
        """Return the moment as each of the two sees it."""
        m = mathematics(moment.step)
        remaining = moment.remaining
        if self.after.needs_total:
            remaining = mathematics(remaining).maximum(remaining - float(self.ends), 1.0)
        after = replace(moment, step=m.maximum(moment.step - float(self.ends), 0.0), remaining=remaining)
        return replace(moment, target=self.after.first(after)), after

    def first(self, moment: Moment) -> Number:
        return self.before.first(self._moments(replace(moment, step=0.0))[0])

    def formula(self, moment: Moment) -> Number:
        before, after = self._moments(moment)
        m = mathematics(moment.step)
        return m.where(m.less(moment.step, float(self.ends)), self.before.formula(before), self.after.formula(after))


def chain(before: Schedule | float, after: Schedule | float) -> Schedule:
    """Join two schedules: ``before then after``. Raise a Problem where the first does not say how long it lasts."""
    before, after = as_schedule(before), as_schedule(after)
    if before.length is None:
        name = before.last.name
        raise errors.NEEDS_LENGTH(
            f"another schedule follows '{name}', which does not say how many updates it lasts",
            hint=f"{name}(..., steps = 1_000)",
        )
    return Chain(before=before, after=after)


def as_schedule(value: Schedule | float) -> Schedule:
    """Return a schedule as it is, and a number as a constant one."""
    if isinstance(value, Schedule):
        return value
    made: Schedule = SCHEDULES["constant"](value=float(value))
    return made


def check_complete(schedule: Schedule) -> None:
    """Raise a Problem where a schedule that needs a successor has none."""
    last = schedule.last
    if isinstance(last, warmup):
        raise errors.NEEDS_SUCCESSOR(
            "'warmup' rises to what follows it, and nothing does", hint=f"warmup({last.steps}) then 1e-3"
        )
