"""How long training is: batches of an epoch, updates, and when to evaluate."""

from __future__ import annotations

from math import ceil

from dslc.errors.data import EMPTY_SPLIT
from dslc.model.checked import CheckedTrain
from dslc.model.measures import applications_of
from dslc.syntax import tree
from dslc.training.data import batch_bounds

__all__ = ["merges_single", "steps_per_epoch", "total_updates"]


def merges_single(train: CheckedTrain) -> bool:
    """Does a last batch of one example join the one before it? Batch statistics of one example say nothing."""
    return any(
        application.operation.across_examples and application.training
        for objective in train.objectives
        for application in applications_of(objective.loss)
    )


def steps_per_epoch(train: CheckedTrain, examples: int) -> int:
    """Return how many batches an epoch has.

    Raises:
        Problem: E0418, it has none.
    """
    count = len(batch_bounds(examples, train.batch, drop_last=train.drop_last, merge_last_single=merges_single(train)))
    if not count:
        raise EMPTY_SPLIT(
            f"'drop_last' leaves no batch: the training split has {examples:,} examples, and a batch {train.batch:,}",
            hint="choose a smaller batch, or leave drop_last out",
        ).at(next(s.span for s in train.node.body if isinstance(s, tree.Batch)))
    return count


def total_updates(train: CheckedTrain, examples: int) -> int:
    """Return the number of updates in the whole training."""
    if train.steps is not None:
        return train.steps
    assert train.epochs is not None
    return ceil(train.epochs * steps_per_epoch(train, examples) / train.accumulate)
