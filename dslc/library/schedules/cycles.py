"""Schedules that rise and fall again, once or over and over."""

from __future__ import annotations

from math import log, pi

from dslc.errors import losses as errors
from dslc.library.schedules.schedule import Moment, Number, Schedule, mathematics, schedule
from dslc.library.word import option

_STEPS = "How many updates it lasts, where another schedule follows."


@schedule
class one_cycle(Schedule):
    """A rise to a peak and a longer fall far below the start, over the whole training (PyTorch's ``OneCycleLR``).

    The last update sees the lowest value. L. N. Smith, N. Topin, Super-convergence: Very fast training of neural
    networks using large learning rates, 2018.
    """

    aliases = {"onecyclelr": "in place of the number: lr = one_cycle(0.1)"}
    peak: float = option("The highest value.")
    pct_start: float = option("The share of updates in which it rises.", default=0.3, minimum=0, below=1)
    anneal_strategy: str = option("The curve between.", default="cos", choices=("cos", "linear"))
    div_factor: float = option("The start is the peak over this.", default=25.0, above=0)
    final_div_factor: float = option("The end is the start over this.", default=1e4, above=0)
    three_phase: bool = option("Fall to the start as fast as it rose, then to the end.", default=False)
    steps: int | None = option("In how many updates; without it, in all that remain.", default=None, minimum=1)

    def __post_init__(self) -> None:
        if self.three_phase and self.pct_start > 0.5:
            raise errors.CONTRADICTION(
                "with 'three_phase' it rises and falls in equal shares, each at most a half",
                hint="one_cycle(..., pct_start = 0.3, three_phase = true)",
            )

    @property
    def needs_total(self) -> bool:
        return self.steps is None

    @property
    def settled(self) -> float:
        return self.peak / self.div_factor / self.final_div_factor

    def first(self, moment: Moment) -> Number:
        return self.peak / self.div_factor

    def formula(self, moment: Moment) -> Number:
        total = moment.remaining if self.steps is None else float(self.steps)
        start = self.peak / self.div_factor
        end = start / self.final_div_factor
        rise = total * self.pct_start - 1.0
        phases = [(0.0, rise, start, self.peak)]
        if self.three_phase:
            phases += [(rise, rise * 2.0, self.peak, start), (rise * 2.0, total - 1.0, start, end)]
        else:
            phases += [(rise, total - 1.0, self.peak, end)]
        m = mathematics(moment.step, total)
        *earlier, last = phases
        result = self._between(moment, *last)
        for phase in reversed(earlier):
            result = m.where(m.less_equal(moment.step, phase[1]), self._between(moment, *phase), result)
        return result

    def _between(self, moment: Moment, begins: Number, ends: Number, first: float, last: float) -> Number:
        """Return the value in a phase; one without a length is left where it begins."""
        length = ends - begins
        share = (moment.step - begins) / mathematics(length).maximum(length, 1e-6)
        share = mathematics(share).minimum(share, 1.0)
        if self.anneal_strategy == "linear":
            return share * (last - first) + first
        return (mathematics(share).cos(share * pi) + 1.0) * ((first - last) / 2) + last


@schedule
class cyclic(Schedule):
    """Up and down in straight lines, over and over (PyTorch's ``CyclicLR``).

    L. N. Smith, Cyclical learning rates for training neural networks, 2017.
    """

    aliases = {"cycliclr": "in place of the number: lr = cyclic(1e-4, 1e-2)"}
    start: float = option("The lowest value, at the beginning.")
    peak: float = option("The highest value.")
    up: int = option("How many updates it rises.", default=2_000, minimum=1)
    down: int | None = option("How many updates it falls; without it, as many.", default=None, minimum=1)
    mode: str = option(
        "Whether the peaks stay, halve their height with every cycle, or shrink with every update by gamma.",
        default="triangular", choices=("triangular", "triangular2", "exp_range"),
    )  # fmt: skip
    gamma: float = option('The factor per update of mode = "exp_range".', default=1.0, above=0)
    steps: int | None = option(_STEPS, default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        m = mathematics(moment.step)
        down = float(self.up if self.down is None else self.down)
        cycle = m.floor(moment.step / (self.up + down))
        done = moment.step - cycle * (self.up + down)
        height = m.minimum(done / float(self.up), (self.up + down - done) / down)
        if self.mode == "triangular2":
            height = height * 0.5**cycle
        elif self.mode == "exp_range":
            height = height * self.gamma**moment.step
        return height * (self.peak - self.start) + self.start


@schedule
class cosine_restarts(Schedule):
    """Half a cosine wave from a start down to an end, over and over (PyTorch's ``CosineAnnealingWarmRestarts``).

    I. Loshchilov, F. Hutter, SGDR: Stochastic gradient descent with warm restarts, 2017.
    """

    aliases = dict.fromkeys(
        ("cosineannealingwarmrestarts", "cosinedecayrestarts", "sgdr"), "in place of the number: lr = ..."
    )
    start: float = option("The value at the beginning of each wave.")
    every: int = option("How many updates the first wave takes.", minimum=1)
    factor: int = option("How many times as long each wave is as the one before.", default=1, minimum=1)
    end: float = option("The value towards which each wave falls.", default=0.0)
    steps: int | None = option(_STEPS, default=None, minimum=1)

    def formula(self, moment: Moment) -> Number:
        progress = self._progress(moment.step / float(self.every))
        wave = mathematics(progress).cos(progress * pi) + 1.0
        return wave * ((self.start - self.end) / 2) + self.end

    def _progress(self, waves: Number) -> Number:
        """Return how far the wave has come, from 0 to 1, after as many updates in lengths of the first wave."""
        m = mathematics(waves)
        if self.factor == 1:
            return waves - m.floor(waves)
        # the wave's number follows from a logarithm, which may be off by one where a wave begins
        number = m.floor(m.log(waves * (self.factor - 1.0) + 1.0) / log(self.factor))
        for off in (1.0, 0.0):
            later = number + off
            begun = m.less_equal(self._begins(later), waves)
            number = m.where(begun, later, later - 1.0)
        return (waves - self._begins(number)) / self._length(number)

    def _begins(self, number: Number) -> Number:
        return (self._length(number) - 1.0) / (self.factor - 1.0)

    def _length(self, number: Number) -> Number:
        """Return the length of a wave, a whole number, in those of the first."""
        return mathematics(number).floor(float(self.factor) ** number + 0.5)
