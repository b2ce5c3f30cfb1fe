"""The course of a training: which batch comes next, what the host sets before it, and what is counted after it.

All of it follows from the seed and from counters, so that it can be gone over again from any state that was saved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace

import numpy as np

from dslc.compile.state import COUNTER_STEP, FLUSH, TOTAL
from dslc.engine.protocol import Engine, Feed
from dslc.run.feeding import Feeder
from dslc.run.progress import Progress
from dslc.run.resuming import Job
from dslc.run.schedule import merges_single
from dslc.run.weighting import Weighting

__all__ = ["COMPLETE", "Course"]

COMPLETE = ("all epochs done", "all steps done")
"""Why a run ends that has come to its end."""


class Course:
    """A training that stands somewhere.

    Args:
        job: what is trained.
        engine: what runs it.
        weighting: how much the examples count.
        batches_per_epoch: those left out among them.
        state: to begin from.
        progress: where that stands; it is moved on.
    """

    def __init__(
        self, job: Job, engine: Engine, weighting: Weighting, batches_per_epoch: int,
        state: Mapping[str, np.ndarray], progress: Progress,
    ) -> None:  # fmt: skip
        self.train, self.dataset, self.artifacts = job.bound.train, job.bound.dataset, job.artifacts
        self.seed = self.train.seed
        self.batches_per_epoch = batches_per_epoch
        self.weighting = weighting
        self.progress = progress
        models = [self.artifacts.models[name] for name in self.artifacts.step_files]
        self.feeder = Feeder(models, state, engine, self.dataset.splits["train"])
        self.step = self.feeder.step
        self.coming: deque[list[list[float]] | None] = deque()
        """The weights of the batches that were asked for and did not run yet, None of those that are left out."""
        self.counts = self.artifacts.steps[-1].counts or self.train.accumulate > 1
        self.moved = progress.batches
        """How many batches there were at the last update."""

    @property
    def stands_still(self) -> bool:
        """Whether an epoch's batches, and as many as make an update, have gone by without one."""
        return self.progress.batches - self.moved >= max(self.batches_per_epoch, self.train.accumulate)

    # --- batches -----------------------------------------------------------------------------------

    def feeds(self) -> Generator[Feed, None, None]:
        """Return the batches of what is left of the epoch; each holds until the next one is asked for."""
        return self.feeder.feeds(self.places())

    def places(self) -> Iterator[np.ndarray]:
        """Yield the places of batches in the split, without those from which no objective has anything to learn."""
        self.coming.clear()
        for places in self.dataset.places(
            "train", self.train.batch, shuffle=self.train.shuffle, seed=self.seed, epoch=self.progress.epoch,
            drop_last=self.train.drop_last, merge_last_single=merges_single(self.train), start=self.progress.batch,
        ):  # fmt: skip
            weights = self.weighting.of(places)
            runs = self.train.accumulate > 1 or any(map(any, weights))
            self.coming.append(weights if runs else None)
            if runs:
                yield places

    def next_weights(self) -> list[list[float]]:
        """Return the weights of the batch about to run, by objective and term; pass over those that are left out."""
        while self.coming and self.coming[0] is None:
            self.coming.popleft()
            self.progress.batch += 1
            self.progress.batches += 1
        return self.coming.popleft() or [] if self.coming else []

    def run(self, feed: Feed) -> list[list[float]]:
        """Run one batch and count it; return its weights, by objective and term."""
        progress, accumulate = self.progress, self.train.accumulate
        weights = self.next_weights()
        ends = self.train.epochs is not None and progress.epoch == self.train.epochs - 1
        is_last = ends and progress.batch == self.batches_per_epoch - 1
        if accumulate > 1 and is_last:
            self.step.set_state(FLUSH, np.asarray(1, np.int64))
        self.feeder.run(feed, self.seed)
        progress.batch += 1
        progress.batches += 1
        progress.pending += 1
        if progress.pending == accumulate or is_last:
            progress.pending = 0
            # what has nothing to learn from makes no update
            before = progress.step
            progress.step = int(self.step.value(COUNTER_STEP)) if self.counts else progress.step + 1
            self.moved = progress.batches if progress.step > before else self.moved
        return weights

    def end_epoch(self) -> None:
        """Begin the next epoch; ``progress.per_epoch`` has the figures of the one that ends."""
        progress = self.progress
        progress.epoch, progress.batch, progress.examples = progress.epoch + 1, 0, 0
        progress.sums, progress.weights = {}, {}
        self._drive_schedules()

    def _drive_schedules(self) -> None:
        """Set what the host decides: epochs that schedules count, and factors of those that look at figures."""
        progress = self.progress
        for graph in self.artifacts.steps:
            for host in graph.host_schedules:
                watched = host.schedule
                figures = [
                    progress.history[i].get(f"validation.{watched.figure}", float("nan")) for i in progress.per_epoch
                ]
                factor = np.asarray(watched.observe(figures), self.step.value(host.state).dtype)
                self.step.set_state(host.state, factor)

    # --- again ---------------------------------------------------------------------------------------

    def again(
        self, state: Mapping[str, np.ndarray], progress: Progress
    ) -> Iterator[tuple[Feed, dict[str, np.ndarray]]]:
        """Go again from an earlier state to where the training stands.

        Args:
            state: of the earlier time.
            progress: where it stood.

        Yields:
            Each batch and the state before it, once the batch has run.
        """
        now, self.progress = self.progress, replace(progress, history=self.progress.history)
        for name, array in state.items():
            if name != TOTAL:  # the run's length, which may be another one since
                self.step.set_state(name, np.zeros_like(array) if name == FLUSH else array)
        while self.progress.batches < now.batches:
            with closing(self.feeds()) as feeds:
                for feed in feeds:
                    before = self.step.state()
                    self.run(feed)
                    yield feed, before
                    if self.progress.batches >= now.batches:
                        return
            self.next_weights()
            if self.progress.batch < self.batches_per_epoch:  # what is known of the course ends here
                return
            self.progress.per_epoch = now.per_epoch[: self.progress.epoch + 1]
            self.end_epoch()
