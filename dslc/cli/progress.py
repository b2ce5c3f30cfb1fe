"""How a run is followed: a bar and a live table on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dslc.cli.console import counted, report, say
from dslc.cli.display import State, figure, picture
from dslc.data.loading import some_of
from dslc.run.observing import Observer
from dslc.storage.log import PLACE

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from typing_extensions import Self

    from dslc.diagnostics import Diagnostic
    from dslc.run.observing import Plan
    from dslc.run.progress import Progress as RunProgress

__all__ = ["Bar", "Follower", "Lines", "follower", "summary"]

LINES = 25
"""Evaluations of which plain output tells, spread evenly over the run."""
ROWS = 8
"""Evaluations in the live table."""
REFRESH_SECONDS = 0.1
OTHER_LINES = 6
"""Lines of a terminal that are left to the table's head, the bar and the prompt."""


def follower(*, quiet: bool = False) -> Follower:
    """Return what suits standard error; ``quiet`` tells only of warnings."""
    if quiet:
        return Follower()
    return Bar() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else Lines()


def summary(plan: Plan) -> list[str]:
    """Return the lines that a run begins with: two, and what was loaded."""
    first, *others = plan.examples
    examples = [f"{counted(plan.examples[first], 'example')} to {first if first != 'train' else 'train on'}"]
    examples += [f"{plan.examples[name]:,} for {name}" for name in others]
    if plan.epochs is None:
        length = counted(plan.total_steps, "step")
    else:
        length = f"{counted(plan.epochs, 'epoch')} of {plan.batches_per_epoch:,} batches"
    resumed = f", going on after {plan.resumed_at:,} batches" if plan.resumed_at else ""
    loaded = []
    for file in plan.loaded:
        left = f"; left in it: {some_of(file.left)}" if file.left else ""
        loaded.append(f"{file.path}: {counted(len(file.taken), 'tensor')} loaded{left}")
    if plan.initialized:
        loaded.append(f"not loaded, but initialized: {some_of(plan.initialized)}")
    return [
        f"{plan.name}: {counted(plan.parameters, 'parameter')}, {', '.join(examples)}",
        f"{length}, on {plan.provider} with {counted(plan.threads, 'thread')}{resumed}",
        *loaded,
    ]


class Follower(Observer):
    """Tells of nothing but warnings; used with ``with``, for those that have a display to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Close the display."""

    def warned(self, diagnostic: Diagnostic) -> None:
        """Show a warning."""
        report([diagnostic])


class Lines(Follower):
    """Tells of a run in plain lines, no more than some however long it is."""

    def __init__(self) -> None:
        self._steps = 1
        self._told = -1

    def started(self, plan: Plan) -> None:
        """Say what is about to run."""
        self._steps = max(plan.total_steps, 1)
        say("\n".join(summary(plan)))

    def evaluated(self, record: Mapping[str, float]) -> None:
        """Say the figures of an evaluation, if the run has come far enough since the last ones."""
        mark = int(record["step"] * LINES / self._steps)
        if mark > self._told:
            self._told = mark
            figures = [f"{name} {figure(value)}" for name, value in record.items() if name not in PLACE]
            say(f"epoch {record['epoch']}  step {record['step']}  {'  '.join(figures)}")


class Bar(Follower):
    """Follows a run on a terminal: a bar with the running losses, and the last few evaluations in a table."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = console or Console(stderr=True, highlight=False)
        self._records: deque[Mapping[str, float]] = deque(maxlen=ROWS)
        self._losses: Mapping[str, float] = {}
        self._plan: Plan | None = None
        self._progress: RunProgress | None = None
        self._began = self._drawn = 0.0
        self._step = 0
        self._first_step: int | None = None
        """Updates that were done before."""
        self._live: Live = Live(
            console=self._console, auto_refresh=False, redirect_stdout=False, get_renderable=self._picture
        )

    def __exit__(self, *raised: object) -> None:
        """Leave the last state of the display standing."""
        self._live.stop()

    def started(self, plan: Plan) -> None:
        """Say what is about to run, and open the display."""
        say("\n".join(summary(plan)))
        self._plan = plan
        self._began = time.monotonic()
        self._live.start()
        self._draw()

    def stepped(self, progress: RunProgress) -> None:
        """Move the bar, some ten times per second."""
        self._progress, self._step = progress, progress.step
        if self._first_step is None:
            self._first_step = progress.step - 1
        if time.monotonic() - self._drawn >= REFRESH_SECONDS:
            self._losses = progress.losses()
            self._draw()

    def evaluated(self, record: Mapping[str, float]) -> None:
        """Add a row to the table; its losses are newer than those that were drawn at some step before."""
        self._records.append(record)
        self._step = int(record["step"])
        losses = {name.removeprefix("train."): v for name, v in record.items() if name.startswith("train.")}
        self._losses = losses or self._losses
        if time.monotonic() - self._drawn >= REFRESH_SECONDS:
            self._draw()

    def warned(self, diagnostic: Diagnostic) -> None:
        """Show a warning above the display."""
        from dslc.render import render

        self._console.print(render(diagnostic), markup=False, end="")

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._live.refresh()

    def _picture(self) -> RenderableType:
        from rich.text import Text

        plan, elapsed = self._plan, time.monotonic() - self._began
        if plan is None:
            return Text("")
        done, due = self._step - (self._first_step or 0), plan.total_steps - self._step
        rows = max(self._console.height - OTHER_LINES, 1)
        state = State(
            self._title(plan), self._step, plan.total_steps, elapsed, elapsed * due / done if done > 0 else None,
            self._losses, list(self._records)[-rows:], self._progress.best if self._progress is not None else None,
        )  # fmt: skip
        return picture(state, self._console.width)

    def _title(self, plan: Plan) -> str:
        if plan.epochs is None:
            return "training"
        done = math.ceil(self._records[-1]["epoch"]) - 1 if self._records else 0
        epoch = max(done, self._progress.epoch if self._progress is not None else 0)
        return f"epoch {min(epoch + 1, plan.epochs)}/{plan.epochs}"
