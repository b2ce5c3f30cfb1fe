"""The files that training and compiling write into a folder, and the manifest that lists them.

The manifest is written first: whatever happens then, it says which files are dslc's.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dslc.diagnostics import Diagnostic, Problem
from dslc.errors.environment import NO_RUN, RUN_EXISTS
from dslc.errors.runs import DAMAGED_FILE, REWRITTEN
from dslc.export.external import SUFFIX
from dslc.export.inference import InferenceModel, shipped_files
from dslc.graph.model import Model
from dslc.training.artifacts import Artifacts, laid_out
from dslc.training.checkpoints import Checkpoint, Checkpoints
from dslc.training.entries import Entry
from dslc.training.files import ESCAPED, Buffer
from dslc.training.folder import RunFolder, fingerprint_in, occupied, read_file, read_manifest
from dslc.training.log import Log
from dslc.training.manifest import (
    CHECKPOINTS,
    CONFUSION,
    CURVES,
    LOG,
    MANIFEST,
    SPEC,
    STATE,
    WEIGHTS,
    Fingerprint,
    Manifest,
    Result,
    Seal,
    Shipped,
    as_json,
    fingerprint_of,
)
from dslc.training.outputs import check_output
from dslc.training.progress import Progress, progress_of
from dslc.training.resuming import Job, essence, run_record
from dslc.training.tensor_files import tensor_file

__all__ = ["FolderFiles", "RunFiles", "write_compiled"]

Contents = Mapping[str, list[Buffer]]


class FolderFiles:
    """A folder that is written, and what has been written into it so far."""

    def __init__(self, place: RunFolder, manifest: dict[str, Any]) -> None:
        self.place = place
        self.manifest = manifest
        self.files: dict[str, Fingerprint | None] = {MANIFEST: None}

    def write_manifest(self) -> None:
        """Write ``manifest.json``, with the files as they are known."""
        self.manifest["files"] = {name: as_json(known) for name, known in self.files.items()}
        self.place.write(MANIFEST, (laid_out(self.manifest) + "\n").encode("utf-8", ESCAPED))

    def begin(self, contents: Contents, planned: Iterable[str]) -> None:
        """Write the manifest, and then the files that are known; ``planned`` are those to be written later."""
        self.files |= dict.fromkeys(planned)
        self.files |= {name: fingerprint_of(pieces) for name, pieces in contents.items()}
        self.write_manifest()
        for name, pieces in contents.items():
            self.place.write(name, *pieces)

    def write_models(self, models: Iterable[InferenceModel], write: Callable[[Path, Any], None]) -> None:
        """Write what is shipped; weights that are too large for a model's file get one beside it."""
        for model in models:
            path = self.place.place(model.file)
            path.with_name(path.name + SUFFIX).unlink(missing_ok=True)  # of an earlier, larger one
            write(path, model.model)
            for name in (model.file, model.file + SUFFIX):
                is_there = (self.place.path / name).exists()
                self.files[name] = fingerprint_in(self.place.path, name) if is_there else None


def planned_models(job: Job) -> list[str]:
    """Return the names of the files that a train block's shipped models may need."""
    return [name for file in shipped_files(job.train) for name in (file, file + SUFFIX)]


class RunFiles(FolderFiles):
    """The files of a run: besides the compiled ones, its spec, log, checkpoints and results."""

    def __init__(self, place: RunFolder, job: Job) -> None:
        super().__init__(place, job.artifacts.manifest)
        self.job = job
        self.identity: str | None = None
        """Of the run; None while it is not known, and any checkpoint is taken."""
        self.essence = essence(job)
        self.log = Log(place.path)
        self.checkpoints = Checkpoints(place.path / CHECKPOINTS, check=self._check)

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.place.path

    # --- beginning and going on ------------------------------------------------------------------

    def start(self, state: Mapping[str, np.ndarray], environment: Mapping[str, Any], before: Manifest | None) -> None:
        """Begin a run: write what is known before the first batch.

        Args:
            state: before the first step.
            environment: what it runs on.
            before: the manifest of what the folder holds, all of which is replaced; None for an empty folder.

        Raises:
            Problem: E0609, E0610; E0624, somebody else's file is in the way.
        """
        contents = {**self._spec(), **self.job.artifacts.pieces(state)}
        planned = self._planned()
        self.place.check_free([MANIFEST, *planned, *contents], before)
        if before is not None:
            self.place.clear(before)
        self.place.remove_partials()
        self.identity = secrets.token_hex(16)
        self._describe(environment)
        self.begin(contents, planned)
        self.log.start()

    def go_on(self, environment: Mapping[str, Any], before: Manifest | None) -> None:
        """Go on with a run: write anew what is not as it should be, as after a change of the run's length."""
        contents: Contents = {**self._spec(), **{name: [data] for name, data in self.job.artifacts.models.items()}}
        self.place.remove_partials()
        self._describe(environment)
        self.files |= {**dict.fromkeys(self._planned()), STATE: before.files.get(STATE) if before else None}
        self.files |= {name: fingerprint_of(pieces) for name, pieces in contents.items()}
        for name, pieces in contents.items():
            if not self._is_whole(name, self.files[name]):
                self.place.write(name, *pieces)
        is_known = before is not None and before.models is None and before.files == self.files
        if not is_known or self.manifest["run"] != as_json(before.run if before is not None else None):
            self.write_manifest()

    def _spec(self) -> Contents:
        """Return the spec, with all that it imports."""
        sources = zip(self.job.source_paths, self.job.sources, strict=True)
        return {f"{SPEC}/{path}": [source.text.encode()] for path, source in sources}

    def _planned(self) -> list[str]:
        return [LOG, CURVES, CONFUSION, WEIGHTS, *planned_models(self.job)]

    def _describe(self, environment: Mapping[str, Any]) -> None:
        """Put into the manifest what the run is made of, and where it began."""
        assert self.identity is not None
        self.manifest["run"] = as_json(run_record(self.job, self.identity))
        self.manifest["sources"] = dict(self.job.fingerprints)
        self.manifest["environment"] = dict(environment)

    def _is_whole(self, name: str, due: Fingerprint | None) -> bool:
        try:
            read_file(self.path, name, due)
        except Problem:
            return False
        return True

    def damaged(self, manifest: Manifest) -> list[Diagnostic]:
        """Return a warning for each file of a finished run that is not what the run wrote."""
        return [
            REWRITTEN(f"{self.path / name} is damaged or gone, and is written again").diagnostic
            for name, due in manifest.files.items()
            if due is not None and name != STATE and not self._is_whole(name, due)
        ]

    # --- checkpoints -----------------------------------------------------------------------------

    def save(self, progress: Progress, tensors: Mapping[str, np.ndarray]) -> None:
        """Write a checkpoint.

        Raises:
            Problem: E0609, E0610, E0624, E0629.
        """
        self.place.place(f"{CHECKPOINTS}/")
        meta = {"run": self.identity, "essence": self.essence, "progress": vars(progress), "log": self.log.mark()}
        self.checkpoints.save(progress.batches, tensors, meta)

    def save_best(self, step: int, weights: Mapping[str, np.ndarray]) -> None:
        """Write the best weights so far.

        Raises:
            Problem: E0609, E0610, E0624, E0629.
        """
        self.place.place(f"{CHECKPOINTS}/")
        self.checkpoints.save_best(Checkpoint(step, dict(weights), {"run": self.identity, "essence": self.essence}))

    def _check(self, checkpoint: Checkpoint, is_best: bool) -> None:
        """Raise ValueError where a whole checkpoint is not one of this run."""
        meta = Entry(checkpoint.meta, "it", DAMAGED_FILE)
        try:
            identity = meta["run"].text()
            meta["essence"].text()
            if not is_best:
                progress_of(meta["progress"])
                meta["log"]["lines"].whole()
                due = {t.name: t.type for t in self.job.artifacts.state.values()}
            else:
                due = {path: record.type for path, record in self.job.train.parameters.items()}
        except Problem as problem:
            raise ValueError(problem.diagnostic.message) from None
        if self.identity not in (None, identity):
            raise ValueError("it belongs to another run")
        for name, type in due.items():
            array = checkpoint.tensors.get(name)
            shape = tuple(int(d) for d in type.shape)
            if array is None or (array.shape, array.dtype) != (shape, np.dtype(type.element.numpy)):
                raise ValueError(f"its tensor '{name}' is missing, or is not what this spec needs")
        if checkpoint.tensors.keys() - due.keys():
            raise ValueError("it has tensors that this spec does not need")

    # --- the end ---------------------------------------------------------------------------------

    def finish(self, models: list[InferenceModel], result: Result) -> None:
        """Write the manifest of a run that has ended; the weights and models are there."""
        shipped = {model.file: Shipped(dict(model.fields), dict(model.classes)) for model in models}
        self.manifest["models"] = {file: as_json(model) for file, model in shipped.items()}
        self.manifest["result"] = as_json(result)
        self.manifest["seal"] = as_json(Seal.of(self.path / WEIGHTS))
        self.write_manifest()

    def write_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Write the weights that are shipped."""
        pieces = list(tensor_file(weights))
        self.place.write(WEIGHTS, *pieces)
        self.files[WEIGHTS] = fingerprint_of(pieces)


# --- compiled artifacts ------------------------------------------------------------------------------


class Compiled(Protocol):
    """What is compiled from a spec."""

    @property
    def artifacts(self) -> Artifacts:
        """The graphs, and the first state."""

    def inference(self, weights: Mapping[str, Any]) -> list[InferenceModel]:
        """Compile what is shipped, with these weights inside."""

    def write_model(self, path: Path, model: Model) -> None:
        """Write a graph with its weights."""


def write_compiled(compiled: Compiled, folder: Path, inputs: Sequence[Path]) -> list[Path]:
    """Write compiled artifacts into a folder, in place of earlier ones; return the files.

    Raises:
        Problem: E0609, E0610; E0612, E0621, the folder holds a run; E0622, E0624, a file in it would be lost.
    """
    artifacts = compiled.artifacts
    models = compiled.inference(artifacts.initial)
    contents = artifacts.pieces(artifacts.initial)
    planned = [name for model in models for name in (model.file, model.file + SUFFIX)]
    with occupied(folder) as place:
        before = _compiled_before(folder)
        place.check_free([MANIFEST, *planned, *contents], before)
        for name in (MANIFEST, *planned, *contents):
            check_output(folder / name, inputs, is_own=True)
        if before is not None:
            place.clear(before)
        files = FolderFiles(place, artifacts.manifest)
        files.begin(contents, planned)
        files.write_models(models, compiled.write_model)
        files.write_manifest()
    order = [name for name in (*planned, *contents, MANIFEST) if (folder / name).exists()]
    return [folder / name for name in order]


def _compiled_before(folder: Path) -> Manifest | None:
    """Return the manifest of compiled artifacts, None where there are none.

    Raises:
        Problem: E0612, it is that of a run; E0625, it is damaged.
    """
    try:
        found = read_manifest(folder)
    except Problem as problem:
        if problem.diagnostic.code == NO_RUN:
            return None
        raise
    if found.run is not None:
        raise RUN_EXISTS(f"{folder} holds a run", hint="choose another folder for the compiled graphs: -o DIR")
    return found
