"""How batches reach the training step: the step takes their rows itself, or buffers are filled for it ahead of time.

Where the fields lie in the memory that the graphs compute in, a Gather is put in front of each of them and only the
numbers of the rows are fed: the rows are then taken by the runtime's own threads, which otherwise would compete for
the cores with whatever prepares batches. Fields in mapped files may have to be read from disk, and another device
has no access to them: for these, a thread fills the next batches' buffers while the step runs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

import numpy as np

from dslc.data.batches import Split, prefetch
from dslc.engine.outside import IndexFailure
from dslc.engine.protocol import Engine, Feed
from dslc.graph.model import gathered, load_model, save_model

__all__ = ["Feeder"]

COLUMN = "column/"
"""What the inputs of whole fields begin with."""
ROWS = "batch/rows"
"""The input that takes the numbers of a batch's rows. Neither a field's nor a parameter's name has a slash."""
ROUND_BATCHES = 8
"""Batches that are prepared at a time, so that the hand-over between threads costs little per batch."""
ROUND_BYTES = 4 << 20
"""Limit of that in bytes, where batches are large."""


class Feeder:
    """The training step on a split's examples.

    Args:
        models: the step's graphs.
        state: the initial state.
        engine: what runs them.
        split: the examples.

    Raises:
        Problem: E0605, E0606, see :meth:`Engine.load` and :meth:`Engine.open`.
    """

    def __init__(self, models: Sequence[bytes], state: Mapping[str, np.ndarray], engine: Engine, split: Split) -> None:
        self._split = split
        self._gathers = engine.reads_arrays and all(map(_is_at_hand, split.fields.values()))
        columns = {COLUMN + name: array for name, array in split.fields.items()} if self._gathers else {}
        if columns:
            places = {name: (COLUMN + name, array.shape) for name, array in split.fields.items()}
            models = [save_model(gathered(load_model(model), places, ROWS)) for model in models]
        self.step = engine.open([engine.load(model) for model in models], state, columns)
        self._gathers &= bool(self.step.fields)  # a step that reads no field has nothing to take

    def feeds(self, batches: Iterable[np.ndarray]) -> Generator[Feed, None, None]:
        """Yield the filled buffers of each batch, given by the places of its examples in the split.

        A feed holds until the next one is asked for.
        """
        if self._gathers:
            for places in batches:
                feed = self.step.feed({ROWS: places.shape})
                feed.arrays[ROWS][...] = self._split.rows_at(places)
                yield feed
            return
        with closing(prefetch(self._rounds(batches), depth=1)) as rounds:
            yield from chain.from_iterable(rounds)

    def run(self, feed: Feed, seed: int) -> None:
        """Run the step on what a feed holds.

        Raises:
            Problem: E0604; E0540, an index is outside of its range.
        """
        try:
            self.step.run(feed, seed)
        except IndexFailure as failure:
            if not self._gathers:
                raise
            names = [name.removeprefix(COLUMN) for name in failure.outside.inputs if name.startswith(COLUMN)]
            found = replace(failure.outside, sources=tuple(names)).failure
            raise found.of_rows(feed.arrays[ROWS].tolist()) from None

    def batch(self, feed: Feed) -> Mapping[str, np.ndarray]:
        """Return the fields of the examples that a feed holds."""
        if not self._gathers:
            return feed.arrays
        return {name: array[feed.arrays[ROWS]] for name, array in self._split.fields.items()}

    def _rounds(self, batches: Iterable[np.ndarray]) -> Iterator[list[Feed]]:
        """Fill buffers, a few batches at a time; while one round runs, a thread fills the next."""
        names = tuple(self.step.fields)
        feeds: list[Feed] = []
        count = 0
        for number, places in enumerate(batches):
            if not count:
                size = sum(self._split.fields[name][:1].nbytes for name in names) * len(places)
                count = min(max(ROUND_BYTES // max(size, 1), 1), ROUND_BATCHES)
            shapes = {name: (len(places), *self._split.fields[name].shape[1:]) for name in names}
            feeds.append(self.step.feed(shapes, number % (2 * count)))
            self._split.fill(places, feeds[-1].arrays)
            if len(feeds) == count:
                yield feeds
                feeds = []
        if feeds:
            yield feeds


def _is_at_hand(array: np.ndarray) -> bool:
    """Return whether an array lies in memory, ready to be read by a graph."""
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return False
        base = base.base
    return array.flags.c_contiguous and array.dtype.kind in "biuf"
