"""``load``: first weights from safetensors files, by parameter path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dslc.data.convert import placed
from dslc.data.paths import locate
from dslc.data.streams import reading
from dslc.diagnostics import Diagnostics, Problem, did_you_mean
from dslc.errors.data import BROKEN
from dslc.errors.objectives import LOAD_MISFIT, NO_SUCH_PATH
from dslc.plan.paths import LoadedFile, LoadFile, prefixes_of
from dslc.plan.training import TrainPlan
from dslc.plan.values import ParameterRecord
from dslc.storage.tensor_files import DTYPES

__all__ = ["load_weights", "loaded_from", "some_of"]


def load_weights(train: TrainPlan, folders: Sequence[Path]) -> tuple[dict[str, np.ndarray], list[LoadedFile]]:
    """Return the parameters and statistics that the files of ``load`` give, and what each file gave.

    Files are found as data files are.

    Raises:
        Failure: E0402 to E0406, a file can't be read; E0505, a pattern matches nothing; E0522, a tensor that is to be
            taken fits no parameter.
    """
    arrays: dict[str, np.ndarray] = {}
    files: list[LoadedFile] = []
    diagnostics = Diagnostics()
    for file in train.load:
        try:
            with placed(file.span):
                tensors = _read(file.path, folders)
        except Problem as problem:
            diagnostics.add(problem)
            continue
        idle = [problem.diagnostic for problem in _idle_patterns(file, tensors, train)]
        diagnostics.extend(idle)
        wanted = [name for name in tensors if file.takes(name)]
        if not wanted and not idle:
            message = f"of {len(tensors)} tensors in {file.path} none is taken"
            diagnostics.add(LOAD_MISFIT(message, hint="without `load`, training starts anew").at(file.span))
        misfits = {
            name: f"'{name}' has been loaded already" if name in arrays else _misfit(name, *tensors[name], train)
            for name in wanted
        }
        wrong = [name for name in wanted if misfits[name]]
        for name in wrong[:MOST_MISFITS]:
            hint = did_you_mean(name, train.parameters) if name not in train.parameters else None
            hint = hint or _remedy(file, wrong)
            diagnostics.add(LOAD_MISFIT(f"{misfits[name]} ({file.path})", hint=hint).at(file.span))
        if len(wrong) > MOST_MISFITS:
            rest = f"of {len(wanted)} tensors in {file.path} {len(wrong) - MOST_MISFITS} more do not fit"
            diagnostics.add(LOAD_MISFIT(rest, hint="dslc show lists the parameters with their shapes").at(file.span))
        left = tuple(name for name in tensors if name not in wanted)
        files.append(LoadedFile(file.path, tuple(wanted), left))
        arrays |= {name: tensors[name][1] for name in wanted if not misfits[name]}
    diagnostics.raise_errors()
    return arrays, files


MOST_AXES = 32
MOST_MISFITS = 5
"""So many tensors of a file are told one by one."""


def loaded_from(train: TrainPlan, folders: Sequence[Path]) -> dict[str, str]:
    """Return which file of ``load`` each parameter or statistic starts from; those that start elsewhere are not in it.

    Raises:
        Failure: as :func:`load_weights`.
    """
    return {name: file.path for file in load_weights(train, folders)[1] for name in file.taken}


def _idle_patterns(file: LoadFile, tensors: Iterable[str], train: TrainPlan) -> Iterator[Problem]:
    """Yield patterns that mean nothing: to be taken, nothing in the file; to be left, nothing in the network either."""
    tensor, path = f"no tensor in '{file.path}'", f"'{file.path}'"
    only = [(pattern, tensors, tensor, "it") for pattern in file.only or ()]
    known = {*tensors, *train.parameters}
    excluded = [(pattern, known, f"{tensor}, and no parameter,", path) for pattern in file.excluded]
    for pattern, names, nothing, it in [*only, *excluded]:
        if not pattern.among(names):
            hint = did_you_mean(pattern.text, prefixes_of(names)) or f"{it} holds {some_of(tensors)}"
            message = f"{nothing} has a name that matches '{pattern.text}'"
            yield NO_SUCH_PATH(message, hint=hint, span=pattern.span)


def _remedy(file: LoadFile, wrong: Sequence[str]) -> str:
    """Say how to leave out what does not fit: by its one beginning, or by its layers."""
    layers = sorted({name.rpartition(".")[0] if name.count(".") > 1 else name for name in wrong})
    parts = [layer.split(".") for layer in layers]
    same = [len(set(column)) == 1 for column in zip(*parts, strict=False)]
    common = parts[0][: same.index(False) if False in same else len(same)]
    if len(common) > 1:
        layers = [".".join(common)]
    if len(layers) > MOST_MISFITS:
        return "dslc show lists the parameters with their shapes"
    excluded = [pattern.span.text for pattern in file.excluded]
    excluded += [f'"{layer}"' if layer in wrong else f'"{layer}.*"' for layer in layers]
    only = f" only {', '.join(pattern.span.text for pattern in file.only)}" if file.only else ""
    return f'to leave it out: load "{file.path}"{only} except {", ".join(excluded)}'


def some_of(names: Iterable[str], most: int = 3) -> str:
    """Return the first few of names, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def _read(path: str, folders: Sequence[Path]) -> dict[str, tuple[str, np.ndarray]]:
    """Return the tensors of a file with the element types that it gives them (bytes, where NumPy has no such type)."""
    from safetensors import SafetensorError, deserialize

    with reading(path):
        data = locate(path, folders).read_bytes()
    try:
        entries: list[tuple[str, dict[str, Any]]] = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise BROKEN(f"'{path}' is no whole safetensors file: {error}") from None
    found = {}
    for name, entry in entries:
        element = DTYPES.get(entry["dtype"], entry["dtype"].lower())
        known = entry["dtype"] in DTYPES
        if len(entry["shape"]) > MOST_AXES:
            raise BROKEN(f"'{path}' holds a tensor of {len(entry['shape'])} axes, and {MOST_AXES} is the most")
        array = np.frombuffer(entry["data"], element if known else np.uint8)
        found[name] = (element, array.reshape(entry["shape"]) if known else array)
    return dict(sorted(found.items()))


def _misfit(name: str, element: str, array: np.ndarray, train: TrainPlan) -> str | None:
    if name not in train.parameters:
        return f"no parameter has the path '{name}'"
    record: ParameterRecord = train.parameters[name]
    due, shape = record.variable.element.value, [int(d) for d in record.type.shape]
    if element != due:
        return f"'{name}' is {element} in the file, and {due} in the network"
    if list(array.shape) != shape:
        return f"'{name}' is {due}{list(array.shape)} in the file, and {due}{shape} in the network"
    wrong = array[~np.isfinite(array)] if array.dtype.kind == "f" else array[:0]
    return f"'{name}' holds {wrong[0]} in the file, which nothing can be trained from" if wrong.size else None
