"""Where a run stands."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Progress"]


@dataclass
class Progress:
    """Where a run stands; what a checkpoint holds beside the state."""

    epoch: int = 0
    """Epochs done."""
    batch: int = 0
    """Batches done in the epoch that runs."""
    batches: int = 0
    """Batches done in all."""
    step: int = 0
    """Updates done."""
    pending: int = 0
    """Batches since the last update."""
    sums: dict[str, float] = field(default_factory=dict)
    """Of the losses in the running epoch, weighted by examples."""
    examples: int = 0
    """Examples seen in the running epoch."""
    logged: int = 0
    """Lines of ``metrics.jsonl``."""
    history: list[dict[str, float]] = field(default_factory=list)
    per_epoch: list[int] = field(default_factory=list)
    """Places in the history that end an epoch; schedules that the host drives look at these."""
    best: dict[str, float] | None = None
    reason: str | None = None
    """Why the run ended, once it has."""

    def losses(self) -> dict[str, float]:
        """Return the running means of the losses in the epoch."""
        return {name: total / self.examples for name, total in self.sums.items()}
