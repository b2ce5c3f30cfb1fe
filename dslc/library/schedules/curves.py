"""Schedules that follow a curve."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from dslc.library.schedules.schedule import Moment, Number, Schedule, mathematics, schedule
from dslc.library.word import option


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


@dataclass(frozen=True, kw_only=True)
class _Ramp(Schedule):
    """From a start to an end in a number of updates, or in all that remain."""

    start: float = option("The value at the beginning.")
    end: float = option("The value at the end.")
    steps: int | None = option("In how many updates; without it, in all that remain.", default=None, minimum=1)

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

    def formula(self, moment: Moment) -> Number:
        return self.progress(moment) * (self.end - self.start) + self.start


@schedule
class cosine(_Ramp):
    """Half a cosine wave from a start down to an end, which it then keeps (PyTorch's ``CosineAnnealingLR``).

    I. Loshchilov, F. Hutter, SGDR: Stochastic gradient descent with warm restarts, 2017.
    """

    end: float = option("The value at the end.", default=0.0)

    def formula(self, moment: Moment) -> Number:
        progress = self.progress(moment)
        wave = mathematics(progress).cos(progress * pi) + 1.0
        return wave * ((self.start - self.end) / 2) + self.end
