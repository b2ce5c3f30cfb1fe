"""The schedule that follows a validation figure."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from dslc.library.schedules.schedule import FigureSchedule, Moment, Number, schedule
from dslc.library.word import option


@schedule
class plateau(FigureSchedule):
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

    @property
    def figure(self) -> str:
        return self.watch

    def formula(self, moment: Moment) -> Number:
        return moment.host[self] * self.start

    def observe(self, history: Sequence[float]) -> float:
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
