"""What a run tells while it goes on: to a progress bar, a log, or a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dslc.diagnostics import Diagnostic
from dslc.plan.conditions import Record
from dslc.plan.paths import LoadedFile
from dslc.run.progress import Progress
from dslc.storage.manifest import Result

__all__ = ["Observer", "Plan", "RunResult"]


@dataclass(frozen=True)
class Plan:
    """What a run is about to do."""

    name: str
    folder: Path
    provider: str
    threads: int
    epochs: int | None
    total_steps: int
    """Updates in the whole training."""
    batches_per_epoch: int
    examples: Mapping[str, int]
    parameters: int
    """Numbers that are trained."""
    resumed_at: int | None
    """Batches done before, of a resumed run."""
    loaded: Sequence[LoadedFile] = ()
    """What each file of ``load`` gave, where a run begins."""
    initialized: Sequence[str] = ()
    """Parameters and statistics that none of these files gave."""


@dataclass(frozen=True, kw_only=True)
class RunResult(Result):
    """What came out of a run, and where it lies."""

    folder: Path
    name: str
    examples: int
    """How many the split has."""
    models: Sequence[str]
    """The files of the shipped networks."""


class Observer:
    """Is told what happens in a run; the methods do nothing unless overridden."""

    def started(self, plan: Plan) -> None:
        """Take note that the first batch is about to run."""

    def stepped(self, progress: Progress) -> None:
        """Take note of a batch, and of where the run stands after it. Called often."""

    def evaluated(self, record: Record) -> None:
        """Take note of the figures of an evaluation."""

    def warned(self, diagnostic: Diagnostic) -> None:
        """Take note of a warning."""

    def finished(self, result: RunResult) -> None:
        """Take note of the end."""
