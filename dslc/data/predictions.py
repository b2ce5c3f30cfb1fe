"""Writing a model's outputs as csv, JSON lines or npz."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import IO, TextIO
from zipfile import BadZipFile, ZipFile

import numpy as np

from dslc.data.convert import Array
from dslc.diagnostics import Diagnostic, Problem
from dslc.errors import data as errors
from dslc.errors.environment import UNWRITABLE
from dslc.errors.runs import NOT_FINITE_PREDICTION
from dslc.storage.outputs import Kind, is_stream, output

__all__ = ["Labels", "find_not_finite", "write_predictions"]

ROWS = 4096
"""Rows turned into text at a time."""
Labels = Mapping[str, Sequence[str]]
"""What the elements of an output, (examples, elements), are called."""


def write_predictions(
    outputs: Mapping[str, Array], destination: Path | TextIO, labels: Labels | None = None,
    inputs: Iterable[Path] = (), *, examples: int | None = None, overwrite: bool = False,
) -> None:  # fmt: skip
    """Write arrays (examples, ...) row by row: to a file in the format of its suffix, to a stream as csv.

    A csv has a column per element, ``logits.0``, ``logits.1``, ... (``boxes.0.3`` for higher ranks), and the bare name
    for one value per example. Where ``labels`` name the elements, it is ``logits.setosa``, and in JSON lines an object.
    Floats are written with as many digits as their type needs to be read back. Devices and pipes whose names have no
    suffix get a csv. ``examples`` is how many there are, where that is known; ``inputs`` are the files that were read,
    none of which is written over. A file of predictions of the same columns is replaced, any other with ``overwrite``.

    Raises:
        Problem: E0421 for an unknown suffix; E0422 if the file cannot be written; E0619, E0622, E0623 if it must not;
            E0641 for a table of what has no row per example.
    """
    labels = labels or {}
    if not isinstance(destination, Path):
        _check_rows(outputs, examples)
        _write_csv(outputs, destination, labels)
        return
    kind = ".csv" if not destination.suffix and is_stream(destination) else destination.suffix
    if kind not in {".csv", ".jsonl", ".npz"}:
        message = f"the suffix of '{destination.name}' tells no known format"
        raise errors.UNKNOWN_FORMAT(message, hint="known are .csv, .jsonl, .npz")
    if kind != ".npz":
        _check_rows(outputs, examples)
    try:
        earlier = None if overwrite else Kind(EARLIER, lambda file: _is_earlier(file, kind, outputs, labels))
        with output(destination, inputs, earlier) as binary:
            if kind == ".npz":
                np.savez(binary, **outputs)  # type: ignore[arg-type]
                return
            write = _write_csv if kind == ".csv" else _write_json_lines
            file = TextIOWrapper(binary, encoding="utf-8", newline="")
            write(outputs, file, labels)
            file.detach()  # what is left goes into the file, which stays open
    except Problem as problem:
        if problem.diagnostic.code == UNWRITABLE:
            raise Problem(replace(problem.diagnostic, code=errors.UNWRITABLE)) from None
        raise


def find_not_finite(outputs: Mapping[str, Array]) -> list[Diagnostic]:
    """Warn of each output, (examples, ...), that is not finite for some examples: W0642."""
    found = []
    for name, array in outputs.items():
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        where = ""
        if array.ndim:
            (examples,) = np.nonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
            where = f" for {len(examples):,} of {len(array):,} examples, first for example {examples[0] + 1:,}"
        found.append(NOT_FINITE_PREDICTION(f"'{name}' is not finite{where}").diagnostic)
    return found


def _check_rows(outputs: Mapping[str, Array], examples: int | None) -> None:
    """Refuse outputs that are no rows of a table.

    Raises:
        Problem: E0641.
    """
    lengths = [len(array) for array in outputs.values() if array.ndim]
    rows = max(lengths, key=lengths.count, default=None) if examples is None else examples
    for name, array in outputs.items():
        if not array.ndim or len(array) != rows:
            of = "number" if not array.ndim else f"array of shape [{', '.join(map(str, array.shape))}]"
            raise errors.NO_ROWS(
                f"the output '{name}' is one {of} for all examples, and has no row for each", hint="-o OUT.npz"
            )


EARLIER = "a file of predictions with these columns"
LONGEST_LINE = 1 << 24
"""Bytes of a file's first line that are looked at."""


def _is_earlier(file: IO[bytes], kind: str, outputs: Mapping[str, Array], labels: Labels) -> bool:
    """Return whether a file holds predictions of the same columns."""
    if kind == ".csv":
        header = StringIO()
        _write_header(outputs, header, labels)
        due = header.getvalue().encode()
        return file.read(len(due)) == due
    try:
        if kind == ".npz":
            with ZipFile(file) as archive:
                return archive.namelist() == [f"{name}.npy" for name in outputs]
        row = json.loads(file.readline(LONGEST_LINE))
    except (BadZipFile, NotImplementedError, RecursionError, ValueError):
        return False
    return isinstance(row, dict) and list(row) == list(outputs)


def _write_header(outputs: Mapping[str, Array], file: IO[str], labels: Labels) -> None:
    header: list[str] = []
    for name, array in outputs.items():
        indices = np.ndindex(array.shape[1:])
        called = labels.get(name) or [".".join(map(str, index)) for index in indices]
        header += [f"{name}.{element}" if element else name for element in called]
    csv.writer(file, lineterminator="\n").writerow(header)


def _write_csv(outputs: Mapping[str, Array], file: IO[str], labels: Labels) -> None:
    _write_header(outputs, file, labels)
    writer = csv.writer(file, lineterminator="\n")
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
