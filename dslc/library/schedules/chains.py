"""One schedule after another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dslc.errors import losses as errors
from dslc.library.schedules.schedule import FigureSchedule, Moment, Number, Schedule, mathematics, schedule
from dslc.library.word import SCHEDULES, option


@schedule
class warmup(Schedule):
    """A rise in a straight line from 0 to the value with which the next schedule begins."""

    leads = True
    steps: int = option("How many updates it takes.", minimum=1)

    def formula(self, moment: Moment) -> Number:
        return moment.step / float(self.steps) * moment.target


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

    @property
    def settled(self) -> float | None:
        return self.after.settled

    def host_values(self) -> dict[FigureSchedule, float]:
        return {**self.before.host_values(), **self.after.host_values()}

    def _moments(self, moment: Moment) -> tuple[Moment, Moment]:
        """Return the moment as each of the two sees it."""
        m = mathematics(moment.step)
        remaining = moment.remaining
        if self.after.needs_total:
            remaining = mathematics(remaining).maximum(remaining - float(self.ends), 1.0)
        after = replace(
            moment,
            step=m.maximum(moment.step - float(self.ends), 0.0),
            remaining=remaining,
            began=moment.began + self.ends,
        )
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


def ended(schedule: Schedule) -> Schedule:
    """Return a schedule with 1 behind it, where it rises to what follows and nothing does: a factor."""
    return chain(schedule, 1.0) if schedule.last.leads else schedule


def check_complete(schedule: Schedule) -> None:
    """Raise a Problem where a schedule that needs a successor has none."""
    last = schedule.last
    if last.leads:
        raise errors.NEEDS_SUCCESSOR(
            f"'{last.name}' rises to what follows it, and nothing does", hint=f"{last.name}({last.length}) then 1e-3"
        )
