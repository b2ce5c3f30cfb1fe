"""``load``: first weights from safetensors files, by parameter path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dslc.diagnostics import Diagnostics, Problem, did_you_mean
from dslc.errors.data import BROKEN
from dslc.errors.objectives import LOAD_MISFIT
from dslc.model.checked import CheckedTrain
from dslc.model.values import ParameterRecord
from dslc.training.data import locate, placed
from dslc.training.data.paths import reading

__all__ = ["load_weights", "loaded_from"]

ELEMENTS = {
    "BOOL": "bool", "F16": "float16", "F32": "float32", "F64": "float64", "I8": "int8", "I16": "int16", "I32": "int32",
    "I64": "int64", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
}  # fmt: skip
"""The format's words for element types that NumPy has too."""


def load_weights(train: CheckedTrain, folders: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return the parameters and statistics that the files of ``load`` hold; those that they lack are not in it.

    Files are found as data files are.

    Raises:
        Failure: E0402 to E0406, a file can't be read; E0522, a tensor in it fits no parameter.
    """
    return {name: array for name, (_, array) in _found(train, folders).items()}


def loaded_from(train: CheckedTrain, folders: Sequence[Path]) -> dict[str, str]:
    """Return which file of ``load`` each parameter or statistic starts from; those that start elsewhere are not in it.

    Raises:
        Failure: as :func:`load_weights`.
    """
    return {name: file for name, (file, _) in _found(train, folders).items()}


def _found(train: CheckedTrain, folders: Sequence[Path]) -> dict[str, tuple[str, np.ndarray]]:
    """Return the file and the value of what is loaded, by path."""
    found: dict[str, tuple[str, np.ndarray]] = {}
    diagnostics = Diagnostics()
    for path in train.load:
        try:
            with placed(path.span):
                tensors = _read(path.value, folders)
        except Problem as problem:
            diagnostics.add(problem)
            continue
        for name, (element, array) in tensors.items():
            misfit = _misfit(name, element, array, train) if name not in found else f"'{name}' has been loaded already"
            if misfit is not None:
                hint = did_you_mean(name, train.parameters) or "dslc show lists the parameters with their shapes"
                diagnostics.add(
                    LOAD_MISFIT(f"{misfit} ({path.value})", hint=hint if name not in train.parameters else None).at(
                        path.span
                    )
                )
            else:
                found[name] = path.value, array
    diagnostics.raise_errors()
    return found


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
        element = ELEMENTS.get(entry["dtype"], entry["dtype"].lower())
        known = element in ELEMENTS.values()
        array = np.frombuffer(entry["data"], element if known else np.uint8)
        found[name] = (element, array.reshape(entry["shape"]) if known else array)
    return dict(sorted(found.items()))


def _misfit(name: str, element: str, array: np.ndarray, train: CheckedTrain) -> str | None:
    if name not in train.parameters:
        return f"no parameter has the path '{name}'"
    record: ParameterRecord = train.parameters[name]
    due, shape = record.variable.element.value, [int(d) for d in record.type.shape]
    if element != due:
        return f"'{name}' is {element} in the file, and {due} in the network"
    if list(array.shape) != shape:
        return f"'{name}' is {due}{list(array.shape)} in the file, and {due}{shape} in the network"
    return None
