"""Checkpoints: all that is needed to go on, in files that are whole or known not to be.

A checkpoint is a safetensors file. Its header carries one entry of metadata, a JSON object that begins with
the SHA-256 of the entire file (taken with zeros in its own place), so any change of any byte shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dslc.diagnostics import Diagnostic, Problem
from dslc.errors.environment import DAMAGED_CHECKPOINT, SKIPPED_CHECKPOINT
from dslc.training.files import PARTIAL, Buffer, write_atomically, writing
from dslc.training.tensor_files import tensor_file

__all__ = ["FORMAT", "Checkpoint", "Checkpoints", "decode", "encode", "read_checkpoint"]

FORMAT = 1
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
    """Return the pieces of a checkpoint's file; the tensors are not copied."""
    text = json.dumps({"sha256": NO_HASH.decode(), "format": FORMAT, "step": checkpoint.step, "meta": checkpoint.meta})
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
    """
    from safetensors.numpy import load

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
    text = json.loads(json.loads(data[8 : 8 + header])["__metadata__"][KEY])
    if text["format"] != FORMAT:
        raise ValueError(f"it has format {text['format']}, and this version of dslc reads format {FORMAT}")
    return Checkpoint(text["step"], load(data), text["meta"])


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in a file.

    Raises:
        Problem: E0608, it is damaged, of another version, or can't be read.
    """
    try:
        return decode(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DAMAGED_CHECKPOINT(f"{path} can't be used: {error}") from error


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run, in a folder of their own: the last few, and the best."""

    folder: Path
    keep: int = 3

    def save(
        self, step: int, tensors: Mapping[str, np.ndarray], meta: Mapping[str, Any], *, best: bool = False
    ) -> Path:
        """Write a checkpoint, and once more as the best so far; drop what is no longer needed.

        Killed at any instant, this leaves every earlier checkpoint as it was.

        Raises:
            Problem: E0609, E0610.
        """
        pieces = encode(Checkpoint(step, dict(tensors), dict(meta)))
        path = self.folder / f"step-{step:010d}.safetensors"
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for leftover in self.folder.glob(f"*{PARTIAL}"):
                leftover.unlink()
        if best:
            write_atomically(self.folder / BEST, *pieces)
        write_atomically(path, *pieces)
        with writing(self.folder):
            for old in self._saved()[self.keep :]:
                old.unlink()
        return path

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Write the best weights so far, in place of the best before.

        Raises:
            Problem: E0609, E0610.
        """
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / BEST, *encode(checkpoint))

    def _saved(self) -> list[Path]:
        """Return the files of the last few checkpoints, newest first."""
        return sorted(self.folder.glob("step-*.safetensors"), reverse=True)

    def latest(self) -> tuple[Checkpoint | None, list[Diagnostic]]:
        """Return the newest whole checkpoint, None if there is none, and a warning for each passed over."""
        skipped: list[Diagnostic] = []
        for path in self._saved():
            found = _whole(path)
            if isinstance(found, Checkpoint):
                return found, skipped
            skipped.append(SKIPPED_CHECKPOINT(found.message).diagnostic)
        return None, skipped

    def best(self) -> Checkpoint | None:
        """Return the best checkpoint, None if none was saved as such.

        Raises:
            Problem: E0608, it is damaged.
        """
        path = self.folder / BEST
        return read_checkpoint(path) if path.exists() else None


def _whole(path: Path) -> Checkpoint | Diagnostic:
    try:
        return read_checkpoint(path)
    except Problem as problem:
        return problem.diagnostic
