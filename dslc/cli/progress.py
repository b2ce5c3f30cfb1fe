"""How a run is followed: a bar and a live table on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dslc.cli.console import counted, report, say
from dslc.training.loading import some_of
from dslc.training.loop import Observer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.progress import Progress, TaskID
    from typing_extensions import Self

    from dslc.diagnostics import Diagnostic
    from dslc.training.loop import Plan
    from dslc.training.progress import Progress as RunProgress

__all__ = ["Follower", "figure", "follower"]

LINES = 25
"""Evaluations of which plain output tells, spread evenly over the run."""
ROWS = 8
"""Evaluations in the live table."""
REFRESH_SECONDS = 0.1
PLACE = ("epoch", "step", "batch")
"""Entries of a record that are no figures."""


def follower(*, quiet: bool = False) -> Follower:
    """Return what suits standard error; ``quiet`` tells only of warnings."""
    if quiet:
        return Follower()
    return Bar() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else Lines()


def figure(value: Any) -> str:
    """Return a figure as people read it: four decimals, or four digits where these would say nothing."""
    if value is None:
        return "not finite"  # as JSON has kept it
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.4g}"


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

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True, highlight=False)
        self._progress: Progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"),
            TimeRemainingColumn(elapsed_when_finished=True), TextColumn("{task.fields[losses]}"), console=console,
        )  # fmt: skip
        self._live: Live = Live(console=console, auto_refresh=False, redirect_stdout=False)
        self._records: deque[Mapping[str, float]] = deque(maxlen=ROWS)
        self._task: TaskID | None = None
        self._epochs: int | None = None
        self._drawn = 0.0

    def __exit__(self, *raised: object) -> None:
        """Leave the last state of the display standing."""
        self._live.stop()

    def started(self, plan: Plan) -> None:
        """Say what is about to run, and open the display."""
        say("\n".join(summary(plan)))
        self._epochs = plan.epochs
        self._task = self._progress.add_task(self._title(0), total=plan.total_steps, losses="")
        self._live.start()
        self._draw()

    def stepped(self, progress: RunProgress) -> None:
        """Move the bar, some ten times per second."""
        if self._task is not None and time.monotonic() - self._drawn >= REFRESH_SECONDS:
            shown = "  ".join(f"{name} {figure(value)}" for name, value in progress.losses().items())
            title = self._title(progress.epoch)
            self._progress.update(self._task, completed=progress.step, description=title, losses=shown)
            self._draw()

    def evaluated(self, record: Mapping[str, float]) -> None:
        """Add a row to the table."""
        self._records.append(record)
        if self._task is not None:
            title = self._title(math.ceil(record["epoch"]) - 1)
            self._progress.update(self._task, completed=record["step"], description=title)
        self._draw()

    def warned(self, diagnostic: Diagnostic) -> None:
        """Show a warning above the display."""
        from dslc.render import render

        self._live.console.print(render(diagnostic), markup=False, end="")

    def _title(self, epoch: int) -> str:
        return "training" if self._epochs is None else f"epoch {min(epoch + 1, self._epochs)}/{self._epochs}"

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._live.update(self._picture(), refresh=True)

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table

        if not self._records:
            return self._progress
        names = [name for name in self._records[-1] if name != "batch"]
        table = Table(*names, box=None, header_style="bold", pad_edge=False)
        for column in table.columns:
            column.justify = "right"
        for record in self._records:
            table.add_row(*(figure(record[name]) if name in record else "" for name in names))
        return Group(table, self._progress)
