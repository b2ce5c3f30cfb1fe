"""Where a run stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from dslc.storage.entries import Entry

__all__ = ["Progress", "progress_of"]


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
    """Of the losses in the running epoch, or of their terms (``loss/1``), each weighted as the loss weighs it."""
    weights: dict[str, float] = field(default_factory=dict)
    """The sums of these weights."""
    examples: int = 0
    """Examples seen in the running epoch."""
    history: list[dict[str, float]] = field(default_factory=list)
    per_epoch: list[int] = field(default_factory=list)
    """Places in the history that end an epoch; schedules that the host drives look at these."""
    best: dict[str, float] | None = None
    lost: dict[str, float] | None = None
    """The figures of the best weights where these were damaged; ``best`` is the best since then."""
    reason: str | None = None
    """Why the run ended, once it has."""

    def add(self, name: str, value: float, weight: float) -> None:
        """Count a batch's loss, or a term of it, in the running mean."""
        self.sums[name] = self.sums.get(name, 0.0) + value * weight
        self.weights[name] = self.weights.get(name, 0.0) + weight

    def losses(self) -> dict[str, float]:
        """Return the running means of the losses in the epoch, of those that had anything to measure."""
        means: dict[str, float] = {}
        for key, total in self.sums.items():
            name, weight = key.partition("/")[0], self.weights[key]
            if weight:
                means[name] = means.get(name, 0.0) + total / weight
        return means


def progress_of(entry: Entry) -> Progress:
    """Return what a checkpoint says.

    Raises:
        Problem: the entry's code, something in it does not fit.
    """
    counts = {name: entry[name].whole() for name in ("epoch", "batch", "batches", "step", "pending", "examples")}
    history = [_record(record) for record in entry["history"].items()]
    found = Progress(
        **counts,
        sums={name: value.number() for name, value in entry["sums"].entries().items()},
        weights={name: value.number() for name, value in entry["weights"].entries().items()},
        history=history,
        per_epoch=[place.whole() for place in entry["per_epoch"].items()],
        best=_figures(entry, "best"),
        lost=_figures(entry, "lost"),
        reason=None if entry["reason"].value is None else entry["reason"].text(),
    )
    if any(place >= len(history) for place in found.per_epoch):
        entry["per_epoch"].refuse("places in the history")
    if found.sums.keys() != found.weights.keys():
        entry["weights"].refuse("the weights of the sums")
    if found.sums and not found.examples:
        entry["examples"].refuse("the number of examples that the sums are of")
    return found


def _record(entry: Entry) -> dict[str, float]:
    for key in ("epoch", "step", "batch"):
        entry[key].number()
    return {name: figure.figure() for name, figure in entry.entries().items()}


def _figures(entry: Entry, key: str) -> dict[str, float] | None:
    if entry[key].value is None:
        return None
    entry[key]["figure"].number()
    return _record(entry[key])
