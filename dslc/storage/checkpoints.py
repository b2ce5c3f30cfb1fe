"""Checkpoints: all that is needed to go on, in files that are whole or known not to be.

A checkpoint is a safetensors file. Its header carries one entry of metadata, a JSON object that begins with
the SHA-256 of the entire file (taken with zeros in its own place), so any change of any byte shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dslc.diagnostics import Diagnostic, Problem
from dslc.errors.environment import DAMAGED_CHECKPOINT, SKIPPED_CHECKPOINT
from dslc.storage.entries import parsed, without_nan
from dslc.storage.files import Buffer, remove_partials, write_atomically, writing
from dslc.storage.folder import CHECKPOINT, read_file
from dslc.storage.tensor_files import read_tensors, tensor_file

__all__ = ["FORMAT", "Checkpoint", "Checkpoints", "decode", "encode", "read_checkpoint"]

FORMAT = 2
"""Version of the format; a file of another version is not read."""
KEY = "checkpoint"
NO_HASH = b"0" * 64
HASH = re.compile(rb'\{\\"sha256\\": \\"([0-9a-f]{64})\\"')
BEST = "best.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved after a step: the state, and whatever else the run needs to go on (JSON values)."""

    step: int
    tensors: dict[str, np.ndarray]
    meta: dict[str, Any]


def encode(checkpoint: Checkpoint) -> list[Buffer]:
    """Return the pieces of a checkpoint's file; the tensors are not copied.

    Numbers among the JSON values that are not finite become the texts that ``Entry.number`` reads.
    """
    meta = without_nan(checkpoint.meta, words=True)
    text = json.dumps(
        {"sha256": NO_HASH.decode(), "format": FORMAT, "step": checkpoint.step, "meta": meta}, allow_nan=False
    )
    header, *contents = tensor_file(checkpoint.tensors, {KEY: text})
    digest = hashlib.sha256(header)
    for piece in contents:
        digest.update(piece)
    at = HASH.search(header)
    assert at is not None
    return [header[: at.start(1)] + digest.hexdigest().encode() + header[at.end(1) :], *contents]


def decode(data: bytes) -> Checkpoint:
    """Return the checkpoint that a file holds.

    Raises:
        ValueError: the file is damaged or of another version; the message says which.
        Problem: E0608, what its hash agrees with is no checkpoint.
    """
    if not data:
        raise ValueError("it is empty")
    header = int.from_bytes(data[:8], "little")
    at = HASH.search(data, 8, min(8 + header, len(data)))
    if at is None:
        raise ValueError("it is no checkpoint, or its beginning is lost")
    digest = hashlib.sha256(data[: at.start(1)])
    digest.update(NO_HASH)
    digest.update(memoryview(data)[at.end(1) :])
    if digest.hexdigest().encode() != at[1]:
        raise ValueError("its contents do not agree with their hash")
    tensors, metadata = read_tensors(data)
    top = parsed(metadata.get(KEY, ""), "its header", DAMAGED_CHECKPOINT)
    version = top["format"].whole()
    if version != FORMAT:
        raise ValueError(f"it has format {version}, and this version of dslc reads format {FORMAT}")
    return Checkpoint(top["step"].whole(), tensors, top["meta"].object())


def read_checkpoint(path: Path, check: Callable[[Checkpoint], None] | None = None) -> Checkpoint:
    """Return the checkpoint in a file, if it passes a check, which may raise ValueError.

    Raises:
        Problem: E0608, it is damaged, of another version, can't be read, or does not pass.
    """
    try:
        found = decode(read_file(path.parent, path.name))
        if check is not None:
            check(found)
        return found
    except (Problem, ValueError) as error:
        why = error.diagnostic.message if isinstance(error, Problem) else error
        raise DAMAGED_CHECKPOINT(f"{path} can't be used: {why}") from error


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run, in a folder of their own: the last few, and the best."""

    folder: Path
    keep: int = 3
    check: Callable[[Checkpoint, bool], None] | None = None
    """Raises ValueError for a checkpoint (a step's, or the best) that is whole but not of this run; it is passed over
    like a damaged one."""

    def save(self, step: int, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
        """Write a checkpoint, and drop what is no longer needed.

        Killed at any instant, this leaves every earlier checkpoint as it was. Those of later steps were passed over
        when the run went on, and go too: kept, they would take the places of whole ones.

        Raises:
            Problem: E0609, E0610.
        """
        pieces = encode(Checkpoint(step, dict(tensors), dict(meta)))
        path = self.folder / f"step-{step:010d}.safetensors"
        self._prepare()
        write_atomically(path, *pieces)
        with writing(self.folder):
            saved = self._saved()
            kept = saved[saved.index(path) :][: self.keep]
            for old in saved:
                if old not in kept:
                    old.unlink()
        return path

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Write the best weights so far, in place of the best before.

        Raises:
            Problem: E0609, E0610.
        """
        self._prepare()
        write_atomically(self.folder / BEST, *encode(checkpoint))

    def _prepare(self) -> None:
        """Make the folder, and remove what was half written when a writer was killed."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_partials(self.folder)

    def _saved(self) -> list[Path]:
        """Return the files of the last few checkpoints, newest first."""
        found = (path for path in self.folder.glob("step-*") if CHECKPOINT.fullmatch(path.name))
        return sorted(found, key=lambda path: int(path.stem.removeprefix("step-")), reverse=True)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to go on from, whole or not."""
        return not self._saved()

    def latest(self) -> tuple[Checkpoint | None, list[Diagnostic]]:
        """Return the newest whole checkpoint, None if there is none, and a warning for each passed over."""
        skipped: list[Diagnostic] = []
        for path in self._saved():
            try:
                return self._checked(path), skipped
            except Problem as problem:
                skipped.append(SKIPPED_CHECKPOINT(problem.diagnostic.message).diagnostic)
        return None, skipped

    def best(self) -> Checkpoint | None:
        """Return the best checkpoint, None if none was saved as such.

        Raises:
            Problem: E0608, it is damaged, or of another run.
        """
        path = self.folder / BEST
        return self._checked(path) if path.exists() or path.is_symlink() else None

    def _checked(self, path: Path) -> Checkpoint:
        check = self.check
        return read_checkpoint(path, None if check is None else lambda found: check(found, path.name == BEST))
