"""The files of a run: what was compiled, its spec, log, checkpoints and results."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np

from dslc.compile.inference import InferenceModel, shipped_files
from dslc.diagnostics import Diagnostic, Problem
from dslc.errors.runs import DAMAGED_FILE, REWRITTEN
from dslc.export.external import SUFFIX
from dslc.run.folder_files import Contents, FolderFiles
from dslc.run.progress import Progress, progress_of
from dslc.run.resuming import Job, essence, run_record
from dslc.storage.checkpoints import Checkpoint, Checkpoints
from dslc.storage.entries import Entry
from dslc.storage.folder import RunFolder, read_file
from dslc.storage.log import Log
from dslc.storage.manifest import (
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
from dslc.storage.tensor_files import tensor_file

__all__ = ["RunFiles"]


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

    def is_half_begun(self, manifest: Manifest) -> bool:
        """Return whether the run was killed while it wrote its first files, or before it was begun again."""
        spec = [name for name in manifest.files if name.startswith(f"{SPEC}/")]
        is_written = all((self.place.path / name).exists() for name in spec)
        return manifest.result is None and self.checkpoints.is_empty and not is_written

    def _spec(self) -> Contents:
        """Return the spec, with all that it imports."""
        return {f"{SPEC}/{path}": [source.text.encode()] for path, source in self.job.bound.files.items()}

    def _planned(self) -> list[str]:
        """Return the files that are written later, or may be."""
        models = [name for file in shipped_files(self.job.bound.train) for name in (file, file + SUFFIX)]
        return [LOG, CURVES, CONFUSION, WEIGHTS, *models]

    def _describe(self, environment: Mapping[str, Any]) -> None:
        """Put into the manifest what the run is made of, and where it began."""
        assert self.identity is not None
        self.manifest["run"] = as_json(run_record(self.job, self.identity))
        self.manifest["sources"] = dict(self.job.bound.fingerprints)
        self.manifest["environment"] = dict(environment)

    def _is_whole(self, name: str, due: Fingerprint | None) -> bool:
        try:
            read_file(self.place.path, name, due)
        except Problem:
            return False
        return True

    def damaged(self, manifest: Manifest) -> list[Diagnostic]:
        """Return a warning for each file of a finished run that is not what the run wrote."""
        return [
            REWRITTEN(f"{self.place.path / name} is damaged or gone, and is written again").diagnostic
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
                due = {path: record.type for path, record in self.job.bound.train.parameters.items()}
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
        self.manifest["models"] = {model.file: as_json(Shipped(model.fields, model.classes)) for model in models}
        self.manifest["result"] = as_json(result)
        self.manifest["seal"] = as_json(Seal.of(self.place.path / WEIGHTS))
        self.write_manifest()

    def write_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Write the weights that are shipped."""
        pieces = list(tensor_file(weights))
        self.place.write(WEIGHTS, *pieces)
        self.files[WEIGHTS] = fingerprint_of(pieces)
