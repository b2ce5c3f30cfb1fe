"""How a run is followed: a bar and a live table on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dslc.cli.console import counted, report, say
from dslc.training.loop import Observer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.progress import Progress, TaskID

    from dslc.diagnostics import Diagnostic
    from dslc.training.loop import Plan, RunResult

__all__ = ["BarObserver", "LineObserver", "figure", "observer"]

LINES = 25
"""Evaluations of which plain output tells, spread evenly over the run."""
ROWS = 8
"""Evaluations in the live table."""
REFRESH_SECONDS = 0.1
PLACE = ("epoch", "step", "batch")


def observer(*, quiet: bool = False) -> LineObserver | BarObserver:
    """Return what suits standard error; ``quiet`` tells only of warnings."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if quiet:
        return LineObserver(0)
    return BarObserver(console) if sys.stderr.isatty() and not console.is_dumb_terminal else LineObserver(LINES)


def figure(value: Any) -> str:
    """Return a figure as people read it: four decimals, or four digits where these would say nothing."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.4g}"


def summary(plan: Plan) -> list[str]:
    """Return the two lines that a run begins with."""
    first, *others = plan.examples
    examples = [f"{counted(plan.examples[first], 'example')} to {first if first != 'train' else 'train on'}"]
    examples += [f"{plan.examples[name]:,} for {name}" for name in others]
    if plan.epochs is None:
        length = counted(plan.total_steps, "step")
    else:
        length = f"{counted(plan.epochs, 'epoch')} of {plan.batches_per_epoch:,} batches"
    resumed = f", going on after {counted(plan.resumed_at, 'batch').replace('batchs', 'batches')}" if plan.resumed_at else ""
    return [
        f"{plan.name}: {counted(plan.parameters, 'parameter')}, {', '.join(examples)}",
        f"{length}, on {plan.provider} with {counted(plan.threads, 'thread')}{resumed}",
    ]


class LineObserver(Observer):
    """Tells of a run in plain lines, about ``lines`` of them however long the run is; 0 only tells of warnings."""

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._total = 1
        self._told = -1

    def __enter__(self) -> LineObserver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Do nothing: there is no display to close."""

    def started(self, plan: Plan) -> None:
        """Say what is about to run."""
        self._total = max(plan.total_steps, 1)
        if self._lines:
            say("\n".join(summary(plan)))

    def evaluated(self, record: Mapping[str, float]) -> None:
        """Say the figures of an evaluation, if the run has come far enough since the last ones."""
        mark = int(record["step"] * self._lines / self._total)
        if self._lines and mark > self._told:
            self._told = mark
            figures = [f"{name} {figure(value)}" for name, value in record.items() if name not in PLACE]
            say(f"epoch {record['epoch'] + whole(record)}  step {record['step']}  {'  '.join(figures)}")

    def warned(self, diagnostic: Diagnostic) -> None:
        """Show a warning."""
        report([diagnostic])
