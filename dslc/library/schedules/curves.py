"""Schedules that follow a curve."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from dslc.errors import losses as errors
from dslc.library.schedules.schedule import Moment, Number, Schedule, mathematics, schedule
from dslc.library.word import option

_PLACE = "in place of the number: lr = ..."


@schedule
class constant(Schedule):
    """One value throughout; a bare number means the same."""

    value: float = option("The value.")
    steps: int | None = option("How many updates it lasts, where another schedule follows.", default=None, minimum=1)

    @property
    def settled(self) -> float:
        return self.value

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

    @property
    def settled(self) -> float:
        return self.end

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


@schedule
class polynomial(_Ramp):
    """A power of a straight line, from a start down to an end, which it then keeps (PyTorch's ``PolynomialLR``).

    (start - end) * (1 - progress) ** power + end
    """

    aliases = {"polynomiallr": _PLACE, "polynomialdecay": _PLACE}
    end: float = option("The value at the end.", default=0.0)
    power: float = option("The power: 1 is a straight line, 2 falls fast at first.", default=1.0, above=0)

    def formula(self, moment: Moment) -> Number:
        left = 1.0 - self.progress(moment)
        return left**self.power * (self.start - self.end) + self.end


@schedule
class inverse_sqrt(Schedule):
    """The start value over the root of the updates done, counted in timescales: start / sqrt(1 + step / timescale).

    Behind ``warmup(n)``, with a timescale of n, it is that of A. Vaswani et al., Attention is all you need, 2017.
    """

    aliases = {"noam": "behind a warmup: warmup(500) then inverse_sqrt(1e-3, 500)"}
    start: float = option("The value at the beginning.")
    timescale: int = option("How many updates there are from one unit to the next.", default=10_000, minimum=1)
    steps: int | None = option("How many updates it lasts, where another schedule follows.", default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        units = moment.step / float(self.timescale) + 1.0
        return self.start / mathematics(units).sqrt(units)


@schedule
class inverse_time(Schedule):
    """The start value over a straight line: start / (1 + rate * step / every) (Keras's ``InverseTimeDecay``)."""

    aliases = {"inversetimedecay": _PLACE}
    start: float = option("The value at the beginning.")
    rate: float = option("By how much the divisor rises in so many updates.", minimum=0)
    every: int = option("In how many updates it does.", default=1, minimum=1)
    staircase: bool = option("Rise in steps, not evenly.", default=False)
    steps: int | None = option("How many updates it lasts, where another schedule follows.", default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        risen = moment.step / float(self.every)
        if self.staircase:
            risen = mathematics(risen).floor(risen)
        return self.start / (risen * self.rate + 1.0)


@schedule
class piecewise(Schedule):
    """One value after another; each change comes after as many updates as said (PyTorch's ``MultiStepLR``).

    Keras's ``PiecewiseConstantDecay`` changes one update later: its boundary b is ``b + 1`` here.
    """

    aliases = {"multisteplr": "with the values themselves", "piecewiseconstantdecay": "with each boundary one later"}
    values: tuple[float, ...] = option("The values, in turn.")
    boundaries: tuple[int, ...] = option("How many updates are done where each value but the first begins.", minimum=1)
    steps: int | None = option("How many updates it lasts, where another schedule follows.", default=None, minimum=1)

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise errors.WRONG_COUNT(
                "'values' takes one number more than 'boundaries'", hint="piecewise([1e-3, 1e-4], [1_000])"
            )
        if any(later <= earlier for earlier, later in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise errors.CONTRADICTION(
                "'boundaries' are numbers of updates that rise", hint="boundaries = [1_000, 2_000]"
            )

    @property
    def settled(self) -> float:
        return self.values[-1]

    def formula(self, moment: Moment) -> Number:
        m = mathematics(moment.step)
        result: Number = self.values[0]
        for value, begins in zip(self.values[1:], self.boundaries, strict=True):
            result = m.where(m.less(moment.step, float(begins)), result, value)
        return result
