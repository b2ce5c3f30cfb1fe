"""Training a compiled spec into a folder, to the end: a new run, or one that was interrupted or is to be longer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dslc.compile.state import FLUSH, TOTAL
from dslc.diagnostics import Problem
from dslc.engine.environment import environment, environment_changes
from dslc.engine.finite import NotFinite
from dslc.engine.protocol import Engine
from dslc.errors.environment import DAMAGED_CHECKPOINT, RUN_EXISTS, STARTS_ANEW
from dslc.errors.runs import BEST_LOST, CHECKPOINTS_LOST, DAMAGED_MANIFEST, MANIFEST_LOST, OTHER_RUN
from dslc.run.course import COMPLETE
from dslc.run.explaining.failures import explained
from dslc.run.loop import Trainer
from dslc.run.observing import Observer, RunResult
from dslc.run.progress import progress_of
from dslc.run.resuming import Job, changed_length, changed_rates, check_not_passed, check_unchanged, cut_short
from dslc.run.schedule import rare_updates
from dslc.storage.checkpoints import Checkpoint
from dslc.storage.entries import Entry
from dslc.storage.folder import holds_something, occupied, run_in
from dslc.storage.manifest import Manifest, Result

__all__ = ["train"]


def train(
    job: Job,
    folder: Path,
    engine: Engine,
    *,
    resume: bool = False,
    overwrite: bool = False,
    observer: Observer | None = None,
) -> RunResult:
    """Train a compiled spec into a folder on an engine; returns the figures of the model that was shipped.

    Raises:
        Problem, Failure: E0612 where the folder holds a run, E0621 where one is going on; E04xx, E05xx, E06xx for what
            goes wrong.
    """
    observer = observer or Observer()
    goes_on = resume or overwrite
    if not goes_on:
        _check_new(folder)
    with occupied(folder) as place:
        if not goes_on:
            _check_new(folder)
        before = run_in(folder, without_manifest=resume)
        run = Trainer(job, place, engine, observer)
        try:
            return _resume(run, before) if resume else _start(run, before)
        except NotFinite:
            raise explained(job, run.course, run.files.checkpoints, engine) from None


def _check_new(folder: Path) -> None:
    if holds_something(folder):
        raise RUN_EXISTS(
            f"{folder} exists already",
            hint="go on with it: --resume; replace it: --overwrite; or choose another folder: -o RUN",
        )


def _start(run: Trainer, before: Manifest | None) -> RunResult:
    """Begin a run in a new folder, or in place of what the folder's manifest lists."""
    for diagnostic in (*run.dataset.warnings, *rare_updates(run.train, run.dataset.examples("train"))):
        run.observer.warned(diagnostic)
    state = run.artifacts.first_state()  # what can fail in it does before anything is removed
    run.files.start(state, environment(run.engine), before)
    run.prepare(state)
    del state  # from here on it lies in the step's buffers
    return run.run()


def _resume(run: Trainer, before: Manifest | None) -> RunResult:
    """Go on from the last whole checkpoint; a finished run is left as it is, unless there is more to do."""
    if before is None and run.files.checkpoints.is_empty:
        return _start(run, None)
    if before is not None and run.files.is_half_begun(before):
        return _start(run, before)
    now = environment(run.engine)
    damaged = []
    if before is not None:
        run.files.identity = check_unchanged(run.job, run.folder, before).id
        for diagnostic in environment_changes(before.environment, now):
            run.observer.warned(diagnostic)
        if before.result is not None:
            result = before.result
            check_not_passed(run.train, run.folder, result.steps if run.train.steps is not None else result.epochs)
            damaged = run.files.damaged(before)
            if not damaged and _has_ended(run, result):
                if result.split not in run.dataset.splits:
                    raise DAMAGED_MANIFEST(f"the manifest in {run.folder}: 'result.split' is no split of the data")
                return run.tell(result, before.models or ())
    found, skipped = run.files.checkpoints.latest()
    for diagnostic in [*skipped, *damaged]:
        run.observer.warned(diagnostic)
    if found is None:
        return _begun_again(run, before)
    if before is None:
        _adopt(run, found)
    run.progress = progress_of(Entry(found.meta["progress"], "the checkpoint", DAMAGED_CHECKPOINT))
    _check_length(run, before)
    run.resumed_at = run.progress.batches
    state = dict(found.tensors)
    _lengthen(run, state)
    run.prepare(state)
    reason = run.progress.reason
    ended = reason is not None and (run.is_complete() or reason not in COMPLETE)
    mended = run.files.log.go_on(Entry(found.meta["log"], "the checkpoint", DAMAGED_CHECKPOINT), run.progress.history)
    if mended is not None:
        run.observer.warned(mended)
    if run.train.keep is not None and run.progress.best is not None:
        run.best_weights = _load_best(run, ended)
    run.files.go_on(before.environment if before is not None else now, before)
    if ended:
        return run.finish(str(reason))
    run.progress.reason = None
    return run.run()


def _begun_again(run: Trainer, before: Manifest | None) -> RunResult:
    """Begin a run from its beginning, of whose checkpoints none is whole."""
    if before is None:
        raise OTHER_RUN(
            f"{run.folder} has checkpoints but no manifest, and none of them can be gone on from",
            hint="begin anew in another folder: -o RUN",
        )
    if before.result is not None:
        raise CHECKPOINTS_LOST(
            f"the run in {run.folder} has ended, and no checkpoint is left to go on from",
            hint="begin anew: -o RUN for another folder, or --overwrite",
        )
    if not run.files.checkpoints.is_empty:
        run.observer.warned(STARTS_ANEW("no checkpoint is whole, so the run starts from its beginning").diagnostic)
    return _start(run, before)


def _adopt(run: Trainer, found: Checkpoint) -> None:
    """Take a checkpoint whose run has lost its manifest, if it was made of the same things."""
    if found.meta["essence"] != run.files.essence:
        raise OTHER_RUN(
            f"{run.folder} has no manifest, and its checkpoints were made of another spec, params or data",
            hint="begin anew in another folder: -o RUN",
        )
    run.files.identity = found.meta["run"]
    run.observer.warned(MANIFEST_LOST(f"{run.folder} has no manifest; the run goes on from its checkpoint").diagnostic)


def _has_ended(run: Trainer, result: Result) -> bool:
    """Return whether a run of this result has nothing left to do."""
    if result.reason not in COMPLETE:
        return True
    if run.train.steps is not None:
        return result.steps >= run.train.steps
    return run.train.epochs is not None and result.epochs >= run.train.epochs


def _check_length(run: Trainer, before: Manifest | None) -> None:
    """Refuse an end that the run has passed, and tell of one that is earlier than it was.

    Raises:
        Problem: E0521.
    """
    progress, by_steps = run.progress, run.train.steps is not None
    done = progress.step if by_steps else progress.epoch + progress.batch / run.batches_per_epoch
    check_not_passed(run.train, run.folder, done, pending=progress.pending)
    if before is not None and before.run is not None:
        for warning in changed_length(before.run, run.train):
            run.observer.warned(warning)


def _lengthen(run: Trainer, state: dict[str, np.ndarray]) -> None:
    """Bring what a state knows of the end of training to the run's length, and tell what that changes."""
    told = []
    if TOTAL in state:
        host = {driven.schedule: float(state[driven.state]) for s in run.artifacts.steps for driven in s.host_schedules}
        told += changed_rates(run.train, run.progress.step, int(state[TOTAL]), run.total_steps, host)
        state[TOTAL] = np.asarray(run.total_steps, np.int64)
    if FLUSH in state:
        if int(state[FLUSH]) and not run.is_complete():
            told += cut_short(run.train, run.progress)
        state[FLUSH] = np.asarray(0, np.int64)
    for warning in told:
        run.observer.warned(warning)


def _load_best(run: Trainer, ended: bool) -> dict[str, np.ndarray] | None:
    """Return the best weights as they were saved; None where they are lost, and forgotten.

    Raises:
        Problem: E0608, they are lost, and no epoch follows to choose from.
    """
    progress = run.progress
    assert progress.best is not None
    why = "they are missing"
    try:
        found = run.files.checkpoints.best()
        if found is not None and found.step >= progress.best["step"]:
            return found.tensors
        why = why if found is None else "they are older than the checkpoint"
    except Problem as problem:
        why = problem.diagnostic.message
    epoch = progress.best["epoch"]
    if ended:
        raise DAMAGED_CHECKPOINT(
            f"the best weights of the run in {run.folder}, of epoch {epoch}, are lost: {why}",
            hint="train for longer with --epochs or --steps, and the best of what follows is kept; or begin anew",
        )
    run.observer.warned(
        BEST_LOST(
            f"the best weights so far, of epoch {epoch}, are lost ({why}); the best from here on are kept"
        ).diagnostic
    )
    progress.lost = progress.lost if run.lost_better() else progress.best
    progress.best = None
    return None
