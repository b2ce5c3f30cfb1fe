"""What a run was started with, and whether what is to go on is the same."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from dslc.diagnostics import Diagnostics
from dslc.errors.environment import NO_RUN
from dslc.errors.objectives import RESUME_DIFFERS
from dslc.export.inference import InferenceModel
from dslc.graph.model import Model
from dslc.graph.passes import text_of
from dslc.model.checked import CheckedTrain
from dslc.source import Source
from dslc.syntax import parse, tree
from dslc.training.artifacts import Artifacts
from dslc.training.data import Dataset

__all__ = ["Job", "check_unchanged", "described", "read_manifest"]


class Job(Protocol):
    """What the loop needs of a compiled spec; each part is computed when it is asked for."""

    name: str

    @property
    def train(self) -> CheckedTrain:
        """The checked train block."""

    @property
    def dataset(self) -> Dataset:
        """The examples of every split."""

    @property
    def artifacts(self) -> Artifacts:
        """The graphs, and the first state."""

    @property
    def seed(self) -> int:
        """What everything random follows from."""

    @property
    def total_steps(self) -> int:
        """Updates in the whole training."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every spec file, the first one first."""

    @property
    def source_paths(self) -> tuple[str, ...]:
        """Their paths from the first one's folder."""

    @property
    def params(self) -> Mapping[str, Any]:
        """The values of all params."""

    @property
    def folders(self) -> Sequence[Path]:
        """Where data may come from."""

    @property
    def fingerprints(self) -> Mapping[str, Mapping[str, int | str]]:
        """Size and hash of every data file, by its path in the spec."""

    @property
    def passes(self) -> Sequence[str] | None:
        """The passes over its graphs that were asked for, None for all."""

    def write_model(self, path: Path, model: Model) -> None:
        """Write a graph with its weights."""

    def inference(self, weights: Mapping[str, Any]) -> list[InferenceModel]:
        """Compile what is shipped, with these weights inside."""


def described(job: Job) -> dict[str, Any]:
    """Return what a run is made of, for the manifest."""
    run = {
        "train": job.name,
        "spec": list(job.source_paths),
        "params": dict(job.params),
        "seed": job.seed,
        "epochs": job.train.epochs,
        "steps": job.train.steps,
        "passes": None if job.passes is None else list(job.passes),
        "folders": [str(folder.resolve()) for folder in job.folders],
    }
    return {"run": run, "sources": dict(job.fingerprints)}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a run's manifest.

    Raises:
        Problem: E0613.
    """
    try:
        found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NO_RUN(
            f"{folder} is not the folder of a run: {error}", hint="name the folder that dslc train wrote"
        ) from None
    if "run" not in found:
        raise NO_RUN(f"{folder} holds compiled artifacts, but no run", hint="train first: dslc train FILE")
    return found


def check_unchanged(job: Job, folder: Path) -> dict[str, Any]:
    """Return the manifest of a run that can be resumed.

    Raises:
        Problem: E0521, something has changed since it began.
    """
    manifest = read_manifest(folder)
    description = described(job)
    before, now = manifest["run"], description["run"]
    for name in ("train", "seed"):
        if before[name] != now[name]:
            raise RESUME_DIFFERS(
                f"the {'train block' if name == 'train' else name} was {before[name]}, and is {now[name]} now"
            )
    old, new = text_of(before.get("passes")), text_of(now["passes"])
    if old != new:  # the last bits may differ
        raise RESUME_DIFFERS(
            f"the passes were {old}, and are {new} now", hint=f"--passes {old}, or begin anew with --overwrite"
        )
    for name in {**before["params"], **now["params"]}:
        old, new = before["params"].get(name), now["params"].get(name)
        if old != new:
            raise RESUME_DIFFERS(
                f"the param '{name}' was {old}, and is {new} now",
                hint=f"--set {name}={old}, or begin anew with --overwrite",
            )
    for unit in ("epochs", "steps"):
        old, new = before[unit], now[unit]
        if (old is None) != (new is None):
            raise RESUME_DIFFERS(f"the run's length was {_length(before)}, and is {_length(now)} now")
        if old is not None and new < old:
            raise RESUME_DIFFERS(
                f"the run's length was {_length(before)}, and is {_length(now)} now",
                hint="a resumed run may be longer, not shorter",
            )
    known = {path: folder / "spec" / path for path in before["spec"]}
    for source, path in zip(job.sources, job.source_paths, strict=True):
        if path not in known:
            raise RESUME_DIFFERS(f"the run did not read '{path}'")
        try:
            text = known[path].read_text(encoding="utf-8")
        except OSError as error:
            raise NO_RUN(f"the run's copy of '{path}' cannot be read: {error}") from None
        if _meaning(Source(path, text)) != _meaning(source):
            raise RESUME_DIFFERS(
                f"the spec '{path}' has changed since the run began",
                hint="only epochs and steps may grow; begin anew with --overwrite",
            )
    for path in changed_files(manifest, job):
        raise RESUME_DIFFERS(
            f"the data file '{path}' has changed since the run began", hint="begin anew with --overwrite"
        )
    return manifest


def changed_files(manifest: Mapping[str, Any], job: Job) -> list[str]:
    """Return the data files that are not what they were when the run began."""
    return [path for path, fingerprint in job.fingerprints.items() if manifest["sources"].get(path) != fingerprint]


def _length(run: Mapping[str, Any]) -> str:
    return f"{run['epochs']:,} epochs" if run["epochs"] is not None else f"{run['steps']:,} steps"


def _meaning(source: Source) -> object:
    """Return a spec without its layout, comments and lengths of training."""
    parsed = parse(source, Diagnostics())
    return [
        dataclasses.replace(d, body=tuple(s for s in d.body if not isinstance(s, (tree.Epochs, tree.Steps))))
        if isinstance(d, tree.Train)
        else d
        for d in parsed.declarations
    ]
