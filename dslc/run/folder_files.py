"""A folder that dslc writes, and the compiled artifacts in it.

The manifest is written first: whatever happens then, it says which files are dslc's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from dslc.compile.artifacts import Artifacts, laid_out
from dslc.compile.inference import InferenceModel
from dslc.diagnostics import Problem
from dslc.errors.environment import NO_RUN, RUN_EXISTS
from dslc.export.external import SUFFIX
from dslc.graph.model import Model
from dslc.storage.files import ESCAPED, Buffer
from dslc.storage.folder import RunFolder, fingerprint_in, occupied, read_manifest
from dslc.storage.manifest import MANIFEST, Fingerprint, Manifest, as_json, fingerprint_of
from dslc.storage.outputs import check_output

__all__ = ["Compiled", "Contents", "FolderFiles", "write_compiled"]

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


class Compiled(Protocol):
    """What is compiled from a spec."""

    def inference(self, weights: Mapping[str, Any]) -> list[InferenceModel]:
        """Compile what is shipped, with these weights inside."""

    def write_model(self, path: Path, model: Model) -> None:
        """Write a graph with its weights."""


def write_compiled(compiled: Compiled, artifacts: Artifacts, folder: Path, inputs: Sequence[Path]) -> list[Path]:
    """Write compiled artifacts into a folder, in place of earlier ones; return the files.

    Raises:
        Problem: E0609, E0610; E0612, E0621, the folder holds a run; E0622, E0624, a file in it would be lost.
    """
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
