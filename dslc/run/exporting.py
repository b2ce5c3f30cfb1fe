"""The model of a finished run, to ship: in another operator set, behind the fields' graph, in a file of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from dslc.data.spellings import Spelling
from dslc.export.columns import Marks
from dslc.export.external import SUFFIX, located
from dslc.export.shipping import with_fields
from dslc.graph.model import is_ours, save_model
from dslc.run.run_reader import RunReader
from dslc.storage.outputs import Kind, check_output, output, write_output

__all__ = ["exported", "write_exported"]

MODEL = Kind("a model that dslc has written", lambda file: is_ours(file.read(64)))

COPIED = 1 << 22
"""Bytes that are copied at a time."""


def exported(
    reader: RunReader, file: str, opset: int | None = None, marks: Mapping[str, tuple[str, ...]] | None = None
) -> bytes:
    """Return a shipped model, made over.

    Args:
        reader: the run.
        file: of the model.
        opset: the operator set, where it is to be another one.
        marks: by column, what marks a missing value; where given, the fields' graph comes in front of the model.

    Raises:
        Problem: E0616, the operator set can't express it; E0626, E0627.
    """
    data = reader.model(file)
    if marks is not None:
        shipped, front = reader.models[file], reader.fields_graph()
        missing = {name: Marks(texts, tuple(Spelling(texts).numbers)) for name, texts in marks.items()}
        data = save_model(with_fields(data, front, shipped.fields, shipped.classes, reader.manifest.contract, missing))
    if opset is None:
        return data
    from dslc.export.operator_sets import converted

    return converted(data, opset)


def write_exported(path: Path, make: Callable[[], bytes], weights: Path | None, *, overwrite: bool) -> list[Path]:
    """Write a model, and beside it the weights that lie in a file of their own; return the files.

    Args:
        path: where to; a model that dslc has written is replaced.
        make: returns the model.
        weights: the file of its weights, if they have one.
        overwrite: replace whatever is there.

    Raises:
        Problem: E0609, E0610; E0619, E0622, E0623, something would be lost; what ``make`` raises.
    """
    kind = None if overwrite else MODEL
    target = check_output(path, kind=kind)
    beside = path.with_name(path.name + SUFFIX)
    of_weights = None if overwrite else Kind(f"the weights of {MODEL.what}", lambda _: target.exists())
    data = located(make(), beside.name)
    if weights is not None:
        with weights.open("rb") as source, output(beside, [weights], of_weights) as written:
            shutil.copyfileobj(source, written, COPIED)
    write_output(path, data, kind=kind)
    return [path] if weights is None else [path, beside]
