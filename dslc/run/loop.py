"""The training loop: batches in, figures and checkpoints out, and the trained model at the end.

Everything that follows from a seed does so through counters, so a run that was killed goes on from its last
checkpoint and ends bit for bit like one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from dslc.compile.accumulation import term_name
from dslc.compile.artifacts import shipped_weights
from dslc.engine.evaluation import MetricRunner
from dslc.engine.finite import NotFinite, all_finite
from dslc.engine.protocol import SEED, Engine, Feed
from dslc.errors.runs import BEST_LOST
from dslc.run.course import COMPLETE, Course
from dslc.run.figures import FigureWarnings, check_kept
from dslc.run.observing import Observer, Plan, RunResult
from dslc.run.progress import Progress
from dslc.run.resuming import Job
from dslc.run.run_files import RunFiles
from dslc.run.schedule import steps_per_epoch, total_updates
from dslc.run.weighting import nothing_to_learn, weighting_of
from dslc.storage.folder import RunFolder
from dslc.storage.manifest import Result

__all__ = ["Trainer"]

LOG_EVERY = 100
"""Batches between lines of ``metrics.jsonl`` within an epoch."""
CHECKPOINT_SECONDS = 5.0
"""Least time between checkpoints; the last state is always saved."""
CHECKPOINT_SHARE = 0.05
"""Most of a run's time that goes into writing them, where the state is large."""


class Trainer:
    """One run of the loop."""

    def __init__(self, job: Job, place: RunFolder, engine: Engine, observer: Observer) -> None:
        self.job = job
        self.folder = place.path
        self.engine = engine
        self.observer = observer
        self.train = job.bound.train
        self.dataset = job.bound.dataset
        self.artifacts = job.artifacts
        self.seed = self.train.seed
        self.progress = Progress()
        self.files = RunFiles(place, job)
        self.best_weights: dict[str, np.ndarray] | None = None
        self.best_saved = True
        self.save_at = time.monotonic() + CHECKPOINT_SECONDS
        self.batches_per_epoch = steps_per_epoch(self.train, self.dataset.examples("train"))
        self.total_steps = total_updates(self.train, self.dataset.examples("train"))
        self.resumed_at: int | None = None
        self.checked_at: int | None = None
        """The batch after which the state was last found to be finite."""
        self.weighting = weighting_of(self.train, self.dataset.splits["train"], engine)
        self.figure_warnings = FigureWarnings(self.train, self.artifacts.models, engine, observer)
        self.names = [objective.name for objective in self.train.objectives]

    # --- beginning -------------------------------------------------------------------------------

    def prepare(self, state: Mapping[str, np.ndarray]) -> None:
        """Open the step's graphs on a state."""
        self.course = Course(self.job, self.engine, self.weighting, self.batches_per_epoch, state, self.progress)
        self.step = self.course.step

    # --- the loop ----------------------------------------------------------------------------------

    def run(self) -> RunResult:
        """Train to the end, or until the run stops."""
        self.observer.started(self.plan())
        reason: str | None = None
        progress = self.progress
        while reason is None:
            if self.is_complete():
                reason = COMPLETE[0] if self.train.steps is None else COMPLETE[1]
                break
            with closing(self.course.feeds()) as feeds:
                for feed in feeds:
                    reason = self.run_batch(feed)
                    if reason is not None or self.is_complete():
                        break
                else:
                    self.course.next_weights()  # of batches with nothing to learn from at the end
                    if not self.progress.examples or self.course.stands_still:
                        raise nothing_to_learn(self.train.objectives[0])
                    reason = self.evaluate(ends_epoch=True)
        if not progress.step:
            raise nothing_to_learn(self.train.objectives[0])
        if not progress.history or progress.history[-1]["step"] != progress.step:
            self.evaluate(ends_epoch=False)
        return self.finish(reason)

    def plan(self) -> Plan:
        """Return what is about to happen."""
        records = self.train.parameters
        trained = {path for o in self.train.objectives for group in o.groups for path in group.paths}
        loaded = self.artifacts.loaded
        taken = {name for file in loaded for name in file.taken}
        return Plan(
            self.train.name, self.folder, self.engine.provider, self.engine.threads, self.train.epochs,
            self.total_steps, self.batches_per_epoch, {s: self.dataset.examples(s) for s in self.dataset.splits},
            sum(int(np.prod([int(d) for d in records[p].variable.shape])) for p in trained), self.resumed_at,
            loaded, [path for path in records if loaded and path not in taken],
        )  # fmt: skip

    def is_complete(self) -> bool:
        """Return whether the run has come to its end."""
        if self.train.steps is not None:
            return self.progress.step >= self.train.steps
        assert self.train.epochs is not None
        return self.progress.epoch >= self.train.epochs

    def run_batch(self, feed: Feed) -> str | None:
        """Run one batch; return why the run ends, if it does."""
        progress = self.progress
        weights = self.course.run(feed)
        size = len(next(iter(feed.arrays.values()))) if feed.arrays else 1
        progress.examples += size
        for number, (name, graph) in enumerate(zip(self.names, self.artifacts.steps, strict=True)):
            loss = self.step.loss(number)
            if not isfinite(loss):
                raise NotFinite
            terms = [self.step.scalar(term_name(term), number) for term in range(graph.terms)]
            for term, value in enumerate(terms):
                progress.add(f"{name}/{term + 1}", value, weights[number][term])
            progress.add(name, loss - sum(terms), size if terms else weights[number][0])
        self.observer.stepped(progress)
        every = self.train.evaluate_every
        is_update = self.course.moved == progress.batches  # one with nothing to learn from leaves the step as it was
        if is_update and every and progress.step % every == 0 and progress.batch < self.batches_per_epoch:
            return self.evaluate(ends_epoch=False)
        if progress.batches % LOG_EVERY == 0 and progress.batch < self.batches_per_epoch:
            self.write_line(self.place() | self.running())
        if time.monotonic() >= self.save_at:
            self.save()
        return None

    def place(self) -> dict[str, Any]:
        """Return where the run stands, as each line of figures begins."""
        progress = self.progress
        done = progress.epoch + progress.batch / self.batches_per_epoch
        epoch: float = int(done) if done == int(done) else round(done, 4)
        return {"epoch": epoch, "step": progress.step, "batch": progress.batches}

    def running(self) -> dict[str, float]:
        """Return the losses of the epoch so far, as each line of figures has them."""
        return {f"train.{name}": mean for name, mean in self.progress.losses().items()}

    # --- evaluation --------------------------------------------------------------------------------

    def figures(self, split: str, weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Measure weights on a split; tell of figures that are not finite."""

        def feeds() -> Iterator[Mapping[str, np.ndarray]]:
            arrays = {path: np.asarray(w if isinstance(w, np.ndarray) else w.numpy()) for path, w in weights.items()}
            for number, batch in enumerate(self.dataset.batches(split, self.train.batch)):
                yield {**arrays, **batch, SEED: np.asarray(self.seed + number, np.int64)}

        found = self.evaluator.run(self.dataset.batches(split, self.train.batch), weights, self.seed)
        self.figure_warnings.tell(split, found, self.evaluator.unmeasured, self.progress.step, feeds)
        return found

    @cached_property
    def evaluator(self) -> MetricRunner:
        """Measures weights on a split."""
        models = self.artifacts.models
        return MetricRunner(models["eval.onnx"], models["metrics.onnx"], self.engine)

    def evaluate(self, *, ends_epoch: bool) -> str | None:
        """Measure on the validation split, keep what is best, save; return why the run ends, if it does."""
        progress = self.progress
        self.check_finite()
        record: dict[str, float] = dict(self.place())
        if progress.examples:
            record |= self.running()
        if "validation" in self.dataset.splits:
            found = self.figures("validation", shipped_weights(self.train, self.step.lend()))
            record |= {f"validation.{name}": float(value) for name, value in found.items() if value.ndim == 0}
        progress.history.append(record)
        self.write_line(record)
        if ends_epoch:
            progress.per_epoch.append(len(progress.history) - 1)
            self.course.end_epoch()
        self.keep_best(record)
        self.observer.evaluated(record)
        stop = self.train.stop
        if stop is not None and stop(progress.history):
            progress.reason = f"stopped: {stop.text}"
        if time.monotonic() >= self.save_at:
            self.save()
        return progress.reason

    def write_line(self, record: Mapping[str, Any]) -> None:
        """Append a line to ``metrics.jsonl``."""
        self.files.place.check_there()
        self.files.log.append(record, sync=time.monotonic() >= self.save_at)

    def keep_best(self, record: Mapping[str, float]) -> None:
        """Keep the weights if they are the best so far."""
        keep, progress = self.train.keep, self.progress
        if keep is None:
            return
        value = float(keep.figure(progress.history))
        known = progress.best["figure"] if progress.best is not None else None
        if isfinite(value) and (known is None or (value > known if keep.highest else value < known)):
            progress.best = {"figure": value, **record}
            self.best_weights = self.copied_weights()
            self.best_saved = False

    def check_finite(self) -> None:
        """Refuse a state that is not finite, before it is measured, saved or shipped.

        Raises:
            NotFinite: it is not.
        """
        if self.progress.batches != self.checked_at:
            if not all_finite(self.step.view()):
                raise NotFinite
            self.checked_at = self.progress.batches

    def save(self) -> None:
        """Write a checkpoint, and the best weights if they changed since the last one."""
        self.check_finite()
        progress, began = self.progress, time.monotonic()
        if not self.best_saved and self.best_weights is not None:
            self.files.save_best(int(progress.best["step"]) if progress.best else 0, self.best_weights)
            self.best_saved = True
        self.files.save(progress, self.step.view())
        now = time.monotonic()
        self.save_at = now + max(CHECKPOINT_SECONDS, (now - began) / CHECKPOINT_SHARE)

    # --- the end -----------------------------------------------------------------------------------

    def finish(self, reason: str) -> RunResult:
        """Ship the chosen weights, measure them, and write the last of the folder."""
        progress = self.progress
        progress.reason = reason
        check_kept(self.train, progress)
        weights = self.copied_weights() if self.best_weights is None else self.best_weights
        shipped = self.job.inference(weights)
        split = next(s for s in ("test", "validation", "train") if s in self.dataset.splits)
        values = {name: value.tolist() for name, value in self.figures(split, weights).items()}
        self.files.write_weights(weights)
        self.files.write_models(shipped, self.job.write_model)
        self.save()
        lost = progress.lost if self.lost_better() else None
        if lost is not None:
            self.observer.warned(
                BEST_LOST(f"the weights of epoch {lost['epoch']} were better than those kept, and are lost").diagnostic
            )
        metrics = {metric.name: values[metric.name] for metric in self.train.metrics}
        losses = {name: values[name] for name in self.names}
        result = Result(split, losses, metrics, progress.epoch, progress.step, reason, progress.best, lost)
        self.files.finish(shipped, result)
        return self.tell(result, [model.file for model in shipped])

    def tell(self, result: Result, models: Iterable[str]) -> RunResult:
        """Tell of the end, and return what came out."""
        examples = self.dataset.examples(result.split)
        told = RunResult(
            **vars(result), folder=self.folder, name=self.train.name, examples=examples, models=list(models)
        )
        self.observer.finished(told)
        return told

    def copied_weights(self) -> dict[str, np.ndarray]:
        """Return a copy of the weights as they are now."""
        lent = shipped_weights(self.train, self.step.lend())
        return {path: np.array(value.numpy()) for path, value in lent.items()}

    def lost_better(self) -> bool:
        """Return whether the weights that are lost were better than the best of those that followed."""
        best, lost = self.progress.best, self.progress.lost
        if lost is None or best is None or self.train.keep is None:
            return lost is not None
        return lost["figure"] > best["figure"] if self.train.keep.highest else lost["figure"] < best["figure"]
