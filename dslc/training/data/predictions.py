"""Writing a model's outputs as csv, JSON lines or npz."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

import numpy as np

from dslc.errors import data as errors
from dslc.training.data.convert import Array

__all__ = ["Labels", "write_predictions"]

ROWS = 4096
"""Rows turned into text at a time."""


Labels = Mapping[str, Sequence[str]]
"""What the elements of an output, (examples, elements), are called."""


def write_predictions(outputs: Mapping[str, Array], destination: Path | TextIO, labels: Labels | None = None) -> None:
    """Write arrays (examples, ...) row by row: to a file in the format of its suffix, to a stream as csv.

    A csv has a column per element, ``logits.0``, ``logits.1``, ... (``boxes.0.3`` for higher ranks), and the bare name
    for one value per example. Where ``labels`` name the elements, it is ``logits.setosa``, and in JSON lines an object.
    Floats are written with as many digits as their type needs to be read back.

    Raises:
        Problem: E0421 for an unknown suffix, E0422 if the file cannot be written.
    """
    labels = labels or {}
    if not isinstance(destination, Path):
        _write_csv(outputs, destination, labels)
    elif destination.suffix == ".npz":
        with _replacing(destination) as path, path.open("wb") as binary:
            np.savez(binary, **outputs)  # type: ignore[arg-type]
    elif destination.suffix in {".csv", ".jsonl"}:
        write = _write_csv if destination.suffix == ".csv" else _write_json_lines
        with _replacing(destination) as path, path.open("w", encoding="utf-8", newline="") as file:
            write(outputs, file, labels)
    else:
        message = f"the suffix of '{destination.name}' tells no known format"
        raise errors.UNKNOWN_FORMAT(message, hint="known are .csv, .jsonl, .npz")


def _write_csv(outputs: Mapping[str, Array], file: IO[str], labels: Labels) -> None:
    writer = csv.writer(file, lineterminator="\n")
    header: list[str] = []
    for name, array in outputs.items():
        indices = np.ndindex(array.shape[1:])
        called = labels.get(name) or [".".join(map(str, index)) for index in indices]
        header += [f"{name}.{element}" if element else name for element in called]
    writer.writerow(header)
    for piece in _pieces(outputs):
        columns = [part.reshape(len(part), -1).T for part in piece.values()]
        writer.writerows(zip(*(map(str, column) for part in columns for column in part), strict=True))


def _write_json_lines(outputs: Mapping[str, Array], file: IO[str], labels: Labels) -> None:
    for piece in _pieces(outputs):
        lists = {name: _plain(part) for name, part in piece.items()}
        for name, called in labels.items():
            if name in lists:
                lists[name] = [dict(zip(called, row, strict=True)) for row in lists[name]]  # type: ignore[call-overload]
        for row in zip(*lists.values(), strict=True):
            json.dump(dict(zip(lists, row, strict=True)), file, ensure_ascii=False)
            file.write("\n")


def _plain(part: Array) -> list[object]:
    """Return nested lists; float32 keeps its own short digits, and what JSON cannot write becomes null."""
    if part.dtype.kind != "f":
        plain: list[object] = part.tolist()
        return plain
    short = np.array([float(str(value)) for value in part.reshape(-1)], object)
    short[~np.isfinite(part.reshape(-1))] = None
    nested: list[object] = short.reshape(part.shape).tolist()
    return nested


def _pieces(outputs: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    rows = len(next(iter(outputs.values())))
    for start in range(0, rows, ROWS):
        yield {name: array[start : start + ROWS] for name, array in outputs.items()}


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place once it is whole."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise errors.UNWRITABLE(f"'{path}' cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
