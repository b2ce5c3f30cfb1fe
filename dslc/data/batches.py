"""Splits of field arrays, cut into batches, with the next ones prepared in the background."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dslc.data.convert import Array
from dslc.diagnostics import Diagnostic

__all__ = ["Dataset", "Split", "batch_bounds", "permutation", "prefetch"]

Batch = dict[str, Array]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Split:
    """Examples: field arrays with the example first, and the rows of them that belong here (None: all)."""

    fields: Mapping[str, Array]
    rows: Array | None = None

    def __len__(self) -> int:
        return len(next(iter(self.fields.values()))) if self.rows is None else len(self.rows)

    def rows_at(self, places: Array) -> Array:
        """Return the rows of the field arrays that hold the examples at these places of the split."""
        return places if self.rows is None else self.rows[places]

    def take(self, places: Array, names: Iterable[str] | None = None) -> Batch:
        """Return the examples at these places of the split, C-contiguous, of all fields or the named ones."""
        rows = self.rows_at(places)
        return {name: np.ascontiguousarray(self.fields[name][rows]) for name in names or self.fields}

    def fill(self, places: Array, arrays: Mapping[str, Array]) -> None:
        """Put the examples at these places of the split into arrays, by field."""
        rows = self.rows_at(places)
        for name, array in arrays.items():  # clip: the rows are known to be there, and a check would cost a copy
            np.take(self.fields[name], rows, axis=0, out=array, mode="clip")


@dataclass(frozen=True)
class Dataset:
    """What training reads: named splits."""

    splits: Mapping[str, Split]
    warnings: tuple[Diagnostic, ...] = ()
    """What reading it rounded."""

    def examples(self, split: str) -> int:
        """Return how many examples a split has."""
        return len(self.splits[split])

    def batches(self, split: str, batch: int) -> Iterator[Batch]:
        """Yield all examples of a split in their own order."""
        for first, last in batch_bounds(len(self.splits[split]), batch):
            yield self.splits[split].take(np.arange(first, last))

    def places(
        self, split: str, batch: int, *, shuffle: bool, seed: int, epoch: int, drop_last: bool = False,
        merge_last_single: bool = False, start: int = 0,
    ) -> Iterator[Array]:  # fmt: skip
        """Yield the places in the split of each of an epoch's batches, from number ``start`` on.

        The order depends on ``seed`` and ``epoch`` alone, so a run that resumes within an epoch sees exactly the
        batches that it would have seen. For the rest, see :func:`batch_bounds`.
        """
        examples = len(self.splits[split])
        order = permutation(examples, seed, epoch) if shuffle else np.arange(examples)
        bounds = batch_bounds(examples, batch, drop_last=drop_last, merge_last_single=merge_last_single)
        for first, last in bounds[start:]:
            yield order[first:last]


def permutation(examples: int, seed: int, epoch: int) -> Array:
    """Return the order of the examples in an epoch, a function of its arguments only."""
    sequence = np.random.SeedSequence((seed % 2**64, epoch))
    return np.random.Generator(np.random.PCG64(sequence)).permutation(examples)


def batch_bounds(
    examples: int, batch: int, *, drop_last: bool = False, merge_last_single: bool = False
) -> list[tuple[int, int]]:
    """Return where each batch of an epoch begins and ends.

    The last one may be smaller; ``drop_last`` leaves it out, and ``merge_last_single`` joins a last batch of one
    example to the one before it (BatchNorm has no variance to take over one example).
    """
    bounds = [(first, min(first + batch, examples)) for first in range(0, examples, batch)]
    if drop_last and bounds and examples % batch:
        bounds.pop()
    if merge_last_single and len(bounds) > 1 and bounds[-1][1] - bounds[-1][0] == 1:
        bounds[-2:] = [(bounds[-2][0], bounds[-1][1])]
    return bounds


def prefetch(items: Iterable[Item], depth: int = 2) -> Generator[Item, None, None]:
    """Yield the items, with up to ``depth`` of them being prepared in a background thread.

    An exception in the preparation is raised where its item would have come. Closing the generator, which happens
    as well when it is dropped, ends the thread.
    """
    end = object()
    iterator = iter(items)
    with ThreadPoolExecutor(1, "dslc-data") as pool:
        pending: deque[Future[Item | object]] = deque(pool.submit(next, iterator, end) for _ in range(depth))
        try:
            while (item := pending.popleft().result()) is not end:
                pending.append(pool.submit(next, iterator, end))
                yield item  # type: ignore[misc]
        finally:
            pool.shutdown(cancel_futures=True)
