"""The runs in a folder: how each ended, or how far it is. A damaged one is listed as such."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dslc.diagnostics import Problem
from dslc.errors.data import FILE_MISSING
from dslc.errors.environment import NO_RUN
from dslc.storage.folder import inner_file, is_busy, read_manifest
from dslc.storage.log import records_of
from dslc.storage.manifest import CHECKPOINTS, LOG, MANIFEST, Manifest

__all__ = ["RunSummary", "runs_in"]

TAIL = 1 << 16
"""Bytes at the end of a log that are looked at."""


@dataclass(frozen=True)
class RunSummary:
    """A run as it is listed."""

    run: str
    """The path of its folder."""
    state: str
    """finished, running, interrupted, damaged; or compiled, for graphs without a run."""
    name: str | None = None
    """The train block."""
    spec: str | None = None
    """The spec's file."""
    unit: str | None = None
    """What the length is in: epochs, or steps."""
    done: float = 0
    """How many of them are done."""
    length: int | None = None
    """How many there were to be."""
    reason: str | None = None
    """Why it has ended."""
    split: str | None = None
    """The split that a finished run was measured on, by the weights that it ships."""
    losses: Mapping[str, float] | None = None
    metrics: Mapping[str, Any] | None = None
    kept: Mapping[str, float] | None = None
    """The evaluation of the weights that ``keep`` chose."""
    changed: str | None = None
    """When it last wrote, in local time: ``2026-11-26T22:50:03``."""
    problem: str | None = None
    """What is wrong with a damaged one."""


def runs_in(folder: Path) -> list[RunSummary]:
    """Return the runs that lie in a folder, by name; the folder itself may be one. What lies deeper is not looked at.

    Raises:
        Problem: E0403, it can't be read.
    """
    if _is_run(folder):
        return [_summary(folder)]
    try:
        inside = [entry for entry in folder.iterdir() if _is_run(entry)]
    except OSError as error:
        raise FILE_MISSING(
            f"{folder} can't be listed: {error.strerror or error}", hint="name the folder that holds the runs"
        ) from None
    return [_summary(entry) for entry in sorted(inside, key=_order)]


def _is_run(folder: Path) -> bool:
    """Whether a folder has what tells a run; the manifests of other programs do not."""
    try:
        if not (folder / MANIFEST).is_file():
            return folder.is_dir() and any(os.path.lexists(folder / name) for name in (MANIFEST, CHECKPOINTS))
        read_manifest(folder)
    except OSError:
        return False
    except Problem as problem:
        return problem.diagnostic.code != NO_RUN
    return True


def _order(folder: Path) -> list[tuple[int, str]]:
    """Sort ``a-2`` before ``a-10``."""
    return [(int(part[:18]), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", folder.name)]


def _summary(folder: Path) -> RunSummary:
    try:
        manifest = read_manifest(folder)
    except Problem as problem:
        return RunSummary(str(folder), "damaged", changed=_changed(folder, None), problem=problem.diagnostic.message)
    run, changed = manifest.run, _changed(folder, manifest)
    if run is None:
        return RunSummary(str(folder), "compiled", manifest.name, changed=changed)
    unit, length = ("epochs", run.epochs) if run.steps is None else ("steps", run.steps)
    spec, result, running = run.spec[0], manifest.result, is_busy(folder)
    if running or result is None:
        state = "running" if running else "interrupted"
        return RunSummary(str(folder), state, run.train, spec, unit, _done(folder, unit), length, changed=changed)
    done, lost = result.epochs if unit == "epochs" else result.steps, _lost(folder, manifest)
    kept = None if result.best is None else {name: v for name, v in result.best.items() if name != "figure"}
    return RunSummary(
        str(folder), "finished" if lost is None else "damaged", run.train, spec, unit, done, length, result.reason,
        result.split, result.losses, result.metrics, kept, changed, lost,
    )  # fmt: skip


def _lost(folder: Path, manifest: Manifest) -> str | None:
    """Say which file of a finished run is not there or has another size; their contents are not read."""
    for name, due in manifest.files.items():
        if due is not None:
            try:
                path = inner_file(folder, name)
                size = path.lstat().st_size
            except OSError as error:
                return f"{name}: {error.strerror or error}"
            except Problem as problem:
                return problem.diagnostic.message
            if size != due.size:
                return f"{path} is damaged: it has {size:,} bytes, and the run wrote {due.size:,}"
    return None


def _done(folder: Path, unit: str) -> float:
    """Return how far the log of a run says that it is; 0 where it says nothing."""
    try:
        with inner_file(folder, LOG).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            records = [record for record in records_of(file.read(TAIL).splitlines(keepends=True)) if record]
        return float(records[-1]["epoch" if unit == "epochs" else "step"]) if records else 0
    except (OSError, OverflowError, Problem):
        return 0


def _changed(folder: Path, manifest: Manifest | None) -> str | None:
    """Return when a run last wrote: its log while it goes on, its manifest once it has ended."""
    names = (MANIFEST,) if manifest is None or manifest.result is not None else (LOG, MANIFEST)
    for name in names:
        try:
            return datetime.fromtimestamp(int((folder / name).lstat().st_mtime)).astimezone().isoformat()[:19]
        except (OSError, ValueError, OverflowError):
            continue
    return None
