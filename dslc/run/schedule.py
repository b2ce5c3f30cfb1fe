"""How long training is: batches of an epoch, and updates."""

from __future__ import annotations

from math import ceil

from dslc.data.batches import batch_bounds
from dslc.diagnostics import Diagnostic
from dslc.errors.data import EMPTY_SPLIT
from dslc.errors.objectives import FEWER_UPDATES
from dslc.plan.samples import normalizing, single_samples
from dslc.plan.training import TrainPlan

__all__ = ["merges_single", "rare_updates", "steps_per_epoch", "total_updates"]


def merges_single(train: TrainPlan) -> bool:
    """Return whether a last batch of one example joins the one before it, since its batch statistics say nothing."""
    return bool(normalizing(objective.loss for objective in train.objectives))


def steps_per_epoch(train: TrainPlan, examples: int) -> int:
    """Return how many batches an epoch has.

    Raises:
        Problem: E0418, it has none; E0390, a variance would be taken of one value in one of them.
    """
    bounds = batch_bounds(examples, train.batch, drop_last=train.drop_last, merge_last_single=merges_single(train))
    place = train.places.get("batch")
    if not bounds:
        raise EMPTY_SPLIT(
            f"'drop_last' leaves no batch: the training split has {examples:,} examples, and a batch {train.batch:,}",
            hint="choose a smaller batch, or leave drop_last out",
        ).at(place)
    for size in {last - first for first, last in bounds}:
        whole = f"the training split of {examples:,} example{'s' * (examples != 1)}"
        why = f"{whole} has a batch of {size:,}"
        for problem in single_samples((objective.loss for objective in train.objectives), size, why, place):
            raise problem
    return len(bounds)


def rare_updates(train: TrainPlan, examples: int) -> list[Diagnostic]:
    """Return a warning where several epochs, or the whole training, make a single update."""
    batches = steps_per_epoch(train, examples)
    if train.accumulate <= batches:
        return []
    place = train.places.get("accumulate")
    whole = train.epochs * batches if train.epochs is not None else None
    if whole is not None and train.accumulate > whole:
        what = f"the whole training has {whole:,} batch{'es' * (whole != 1)}, which make a single update"
    else:
        what = f"an epoch has {batches:,} batch{'es' * (batches != 1)}, so that some epochs make no update"
    return [
        FEWER_UPDATES(
            f"'accumulate {train.accumulate}' makes an update of {train.accumulate:,} batches, and {what}",
            hint="choose a smaller batch, or join fewer",
        ).at(place).diagnostic
    ]  # fmt: skip


def total_updates(train: TrainPlan, examples: int) -> int:
    """Return the number of updates in the whole training."""
    if train.steps is not None:
        return train.steps
    assert train.epochs is not None
    return ceil(train.epochs * steps_per_epoch(train, examples) / train.accumulate)
