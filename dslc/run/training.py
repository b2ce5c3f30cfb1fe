"""Training a compiled spec into a folder, from whatever state that is in, to the end."""

from __future__ import annotations

from pathlib import Path

from dslc.engine.engines import choose_engine
from dslc.engine.finite import NotFinite
from dslc.engine.protocol import Engine
from dslc.errors.environment import RUN_EXISTS
from dslc.run import beginning
from dslc.run.explaining.failures import explained
from dslc.run.loop import Trainer
from dslc.run.observing import Observer, RunResult
from dslc.run.resuming import Job
from dslc.storage.folder import holds_something, occupied, run_in

__all__ = ["train"]


def train(
    job: Job,
    folder: Path,
    *,
    provider: str | None = None,
    threads: int | None = None,
    engine: Engine | None = None,
    resume: bool = False,
    overwrite: bool = False,
    observer: Observer | None = None,
) -> RunResult:
    """Train a compiled spec into a folder; returns the figures of the model that was shipped.

    What runs its graphs is chosen by provider and threads unless an engine is given.

    Raises:
        Problem, Failure: E0612 where the folder holds a run, E0621 where one is going on; E04xx, E05xx, E06xx for what
            goes wrong.
    """
    observer = observer or Observer()
    goes_on = resume or overwrite
    if not goes_on:
        _check_new(folder)
    engine = engine or choose_engine(provider, threads)
    with occupied(folder) as place:
        if not goes_on:
            _check_new(folder)
        before = run_in(folder, without_manifest=resume)
        run = Trainer(job, place, engine, observer)
        try:
            return beginning.resume(run, before) if resume else beginning.start(run, before)
        except NotFinite:
            raise explained(job, run.course, run.files.checkpoints, engine) from None


def _check_new(folder: Path) -> None:
    if holds_something(folder):
        raise RUN_EXISTS(
            f"{folder} exists already",
            hint="go on with it: --resume; replace it: --overwrite; or choose another folder: -o RUN",
        )
