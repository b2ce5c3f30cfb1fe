"""What a run was started with, and whether what is to go on is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Protocol

from dslc.compile.artifacts import Artifacts
from dslc.compile.update import schedules_of
from dslc.data.binding import Bound
from dslc.diagnostics import Diagnostic
from dslc.errors.environment import NO_RUN
from dslc.errors.objectives import RESUME_DIFFERS
from dslc.errors.runs import DAMAGED_FILE, ENDS_EARLIER, GROUP_CUT_SHORT, RATE_CHANGES
from dslc.library.schedules.schedule import FigureSchedule, Schedule
from dslc.plan.terms import scheduled_in
from dslc.plan.training import Objective, TrainPlan
from dslc.plan.values import Scheduled
from dslc.rewrite.passes import text_of
from dslc.run.folder_files import Compiled
from dslc.run.progress import Progress
from dslc.source import Source
from dslc.storage.folder import read_file
from dslc.storage.manifest import SPEC, Manifest, RunRecord, as_json

__all__ = [
    "Job", "changed_files", "changed_length", "changed_rates", "check_not_passed", "check_unchanged", "cut_short",
    "essence", "run_of", "run_record",
]  # fmt: skip


class Job(Compiled, Protocol):
    """What the loop needs of a compiled spec."""

    @property
    def bound(self) -> Bound:
        """The train block with its data."""

    @property
    def passes(self) -> Sequence[str] | None:
        """The passes over its graphs that were asked for, None for all."""

    @property
    def artifacts(self) -> Artifacts:
        """The graphs, and the first state."""

    def means_the_same(self, before: Source, now: Source) -> bool:
        """Whether two spec files differ in layout, comments and lengths of training at most."""


def run_record(job: Job, identity: str) -> RunRecord:
    """Return what a run is made of, for the manifest."""
    bound, passes = job.bound, job.passes
    train = bound.train
    return RunRecord(
        id=identity, train=bound.name, spec=tuple(bound.files), params=dict(bound.params), seed=train.seed,
        epochs=train.epochs, steps=train.steps, passes=None if passes is None else tuple(passes), batch=train.batch,
        folders=tuple(str(folder.resolve()) for folder in bound.folders),
    )  # fmt: skip


def essence(job: Job) -> str:
    """Return a hash of all that decides over a run's steps: specs, params, seed, passes, data."""
    bound = job.bound
    parts = {
        "train": bound.name, "params": dict(bound.params), "seed": bound.train.seed,
        "passes": None if job.passes is None else list(job.passes),
        "spec": [[path, source.text] for path, source in bound.files.items()],
        "sources": {path: dict(bound.fingerprints[path]) for path in sorted(bound.fingerprints)},
    }  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def check_unchanged(job: Job, folder: Path, manifest: Manifest) -> RunRecord:
    """Return the record of a run that can be resumed.

    Raises:
        Problem: E0521, something has changed since it began; E0613, it is no run; E0626, its files are damaged.
    """
    before = run_of(manifest, folder)
    now = run_record(job, before.id)
    for name in ("train", "seed"):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            raise RESUME_DIFFERS(f"the {'train block' if name == 'train' else name} was {old}, and is {new} now")
    old, new = text_of(before.passes), text_of(now.passes)
    if old != new:  # the last bits may differ
        raise RESUME_DIFFERS(
            f"the passes were {old}, and are {new} now", hint=f"--passes {old}, or begin anew with --overwrite"
        )
    for name in {**before.params, **now.params}:
        old, new = before.params.get(name), now.params.get(name)
        if old != new:
            raise RESUME_DIFFERS(
                f"the param '{name}' was {old}, and is {new} now",
                hint=f"--set {name}={old}, or begin anew with --overwrite",
            )
    if (before.epochs is None) != (now.epochs is None):
        unit, number = ("steps", before.steps) if before.epochs is None else ("epochs", before.epochs)
        raise RESUME_DIFFERS(
            f"the run's length was {_length_of(before)}, and is {_length_of(now)} now", hint=f"--{unit} {number}"
        )
    for path, source in job.bound.files.items():
        if path not in before.spec:
            raise RESUME_DIFFERS(f"the run did not read '{path}'")
        if not job.means_the_same(_copied(folder, path), source):
            raise RESUME_DIFFERS(
                f"the spec '{path}' has changed since the run began",
                hint="only epochs and steps may differ; begin anew with --overwrite",
            )
    for path in changed_files(manifest, job.bound):
        raise RESUME_DIFFERS(
            f"the data file '{path}' has changed since the run began", hint="begin anew with --overwrite"
        )
    return before


def run_of(manifest: Manifest, folder: Path) -> RunRecord:
    """Return what a run was started with.

    Raises:
        Problem: E0613, the folder holds compiled artifacts only.
    """
    if manifest.run is None:
        raise NO_RUN(f"{folder} holds compiled artifacts, but no run", hint="train first: dslc train FILE")
    return manifest.run


def _copied(folder: Path, path: str) -> Source:
    """Return a run's copy of one of its spec's files.

    Raises:
        Problem: E0626, it is missing or no text.
    """
    name = f"{SPEC}/{path}"
    try:
        return Source(path, read_file(folder, name).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DAMAGED_FILE(f"{folder / name} is damaged: byte {error.start + 1} is not UTF-8") from None


def changed_files(manifest: Manifest, bound: Bound) -> list[str]:
    """Return the data files that are not what they were when the run began."""
    known = {path: as_json(fingerprint) for path, fingerprint in manifest.sources.items()}
    return [path for path, fingerprint in bound.fingerprints.items() if known.get(path) != dict(fingerprint)]


def check_not_passed(train: TrainPlan, folder: Path, done: float, *, pending: int = 0) -> None:
    """Refuse a length that a run has passed already.

    Args:
        train: what goes on.
        folder: the run's.
        done: epochs, or steps where the length is in these.
        pending: batches since the last update, which the end of a run of that length would have made.

    Raises:
        Problem: E0521.
    """
    unit, due = ("steps", train.steps) if train.steps is not None else ("epochs", train.epochs)
    assert due is not None
    if done < due or (done == due and not pending):
        return
    begun = f", and {pending} batches of the next update" if done == due else ""
    more = ceil(done) + due
    raise RESUME_DIFFERS(
        f"the run in {folder} has done {_number(done)} {unit}{begun}, and is to end after {due:,}",
        hint=f"{unit} count from the run's beginning: --{unit} {more} trains for {due:,} more; a shorter run has to "
        "begin anew: --new, or --overwrite",
    )


def _number(done: float) -> str:
    return f"{int(done):,}" if done == int(done) else f"{done:,.2f}"


def changed_length(before: RunRecord, train: TrainPlan) -> list[Diagnostic]:
    """Return a warning where a run is to end earlier than it was to when it began."""
    unit, old, new = ("steps", before.steps, train.steps) if before.steps else ("epochs", before.epochs, train.epochs)
    if old is None or new is None or new >= old:
        return []
    return [ENDS_EARLIER(
        f"the run was to end after {_length_of(before)}, and ends after {new:,} now",
        hint=f"to have it go on to where it was to end: --{unit} {old}",
    ).diagnostic]  # fmt: skip


def changed_rates(
    train: TrainPlan, step: int, before: int, now: int, host: Mapping[FigureSchedule, float]
) -> list[Diagnostic]:
    """Return a warning for each schedule that depends on how long the training is, where that has changed.

    Args:
        train: what goes on.
        step: updates done.
        before: updates in the whole training, as it was.
        now: as it is.
        host: what the schedules that the host drives stand at.
    """
    if before == now or not step:
        return []
    found = []
    for objective in train.objectives:
        whose = f" of '{objective.name}'" if len(train.objectives) > 1 else ""
        for name, over, value in _lasting(objective):
            old, new = float(value.at(step - 1, before, host)), float(value.at(step, now, host))
            jump = f"it goes on with {new:.3g} at step {step:,}, and was {old:.3g} one step before"
            if new == float(value.at(step, before, host)):
                jump = f"it is {new:.3g} at step {step:,} all the same, and differs later"
            found.append(RATE_CHANGES(
                f"the schedule of {name}{whose}{over} lasts to the end of training, which has moved from step "
                f"{before:,} to {now:,}: {jump}",
                hint="a run of the new length would be there too; 'steps' in the schedule gives it a length of its own",
            ).diagnostic)  # fmt: skip
    return found


def _lasting(objective: Objective) -> Iterator[tuple[str, str, Schedule]]:
    """Yield the schedules that last to the end of training: what each is of, and over which parameters."""
    for group, name, value in schedules_of(objective):
        if value.needs_total:
            more = f" and {len(group.paths) - 1} more" * (len(group.paths) > 1)
            yield f"'{name}'", f" over '{group.paths[0]}'{more}" if len(objective.groups) > 1 else "", value
    for application in scheduled_in(objective.loss):
        operation = application.operation
        if isinstance(operation, Scheduled) and operation.schedule.needs_total:
            place = f"line {application.span.first[0]}" if application.span else "the objective"
            yield f"a number in {place}", "", operation.schedule


def cut_short(train: TrainPlan, progress: Progress) -> list[Diagnostic]:
    """Return a warning if the end of the training, as it was, has cut a group of accumulated batches short."""
    if progress.step * train.accumulate <= progress.batches:
        return []
    return [GROUP_CUT_SHORT(
        f"the run had come to its end, which made update {progress.step:,} of fewer batches than 'accumulate "
        f"{train.accumulate}' says",
        hint="a run of the new length from the start would not have; begin anew with --overwrite to get that one",
    ).diagnostic]  # fmt: skip


def _length_of(run: RunRecord) -> str:
    """Return how long a run is, in words."""
    return f"{run.epochs:,} epochs" if run.epochs is not None else f"{run.steps:,} steps"
