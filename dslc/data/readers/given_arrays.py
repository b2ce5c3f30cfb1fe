"""Columns that a program gives, as arrays and as a table: lists, arrays of objects, data frames of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dslc.data.convert import EXACT as WHOLE
from dslc.data.readers.array_table import ArrayTable
from dslc.data.table import Table
from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.plan.contract import Contract

__all__ = ["array_of", "table_of"]

GIVEN = "what was given"
"""What messages call a table that has no file."""


def array_of(name: str, values: Any) -> np.ndarray:
    """Return a column as an array of numbers or texts; a missing text is ''.

    Raises:
        Problem: E0407, E0417, it is neither.
    """
    values = list(values) if isinstance(values, Iterator) else values
    if np.ma.isMaskedArray(values) and values.mask.any():  # what is masked is missing
        gone, values = np.ma.getmaskarray(values), np.array(np.ma.getdata(values), object)
        values[gone] = None
    try:
        array = np.asarray(values)
        if not isinstance(values, np.ndarray) and (array.dtype.kind in "US" or _has_large(array)):
            array = np.array(values, object)  # as NumPy makes the text 'nan' of a gap, and rounds whole numbers
    except (ValueError, TypeError, OverflowError) as error:
        raise errors.UNSUPPORTED_ARRAY(f"column '{name}' can't be made an array: {error}") from None
    if array.dtype.kind == "M":
        return np.where(np.isnat(array), "", np.datetime_as_string(array.astype("datetime64[us]")))
    if array.dtype.kind in "OT":
        flat = array.reshape(-1).tolist()
        missing = [value is None or value != value or str(value) in ("<NA>", "NaT") for value in flat]  # noqa: PLR0124
        present = [value for value, gone in zip(flat, missing, strict=True) if not gone]

        def filled(gap: Any, read: Callable[[Any], Any], kind: type) -> np.ndarray:
            found = [gap if gone else read(value) for value, gone in zip(flat, missing, strict=True)]
            return np.array(found, kind).reshape(array.shape)

        if present and all(isinstance(value, (bool, int, float, np.number)) for value in present):
            if not all(map(_is_exact, present)) and not _all_in_int64(flat):
                array = filled("", str, np.str_)  # as in a csv
            else:
                array = filled(np.nan, float, float) if any(missing) else np.array(flat).reshape(array.shape)
        elif all(isinstance(value, (str, bytes)) or hasattr(value, "isoformat") for value in present):
            array = filled("", lambda value: _text(value, name), np.str_)
    if not array.ndim or not len(array):
        what = "one value, and no list of them" if not array.ndim else "no values"
        raise errors.UNSUPPORTED_ARRAY(f"column '{name}' holds {what}", hint='for example {"x": [1.5, 2.0]}')
    if array.dtype.kind not in "biufUS":
        raise errors.UNSUPPORTED_ARRAY(f"column '{name}' holds {array.dtype}, which is neither numbers nor text")
    return array


def _has_large(array: np.ndarray) -> bool:
    """Return whether numbers are so large that they may have been whole ones which float64 does not hold."""
    return array.dtype.kind == "f" and bool((np.abs(array) >= WHOLE).any())


def _is_exact(value: Any) -> bool:
    """Return whether float64 holds a number."""
    if not isinstance(value, (int, np.integer)):
        return True
    try:
        return int(float(value)) == int(value)
    except OverflowError:
        return False


def _all_in_int64(values: Sequence[Any]) -> bool:
    return all(isinstance(v, (int, np.integer)) and -(2**63) <= int(v) < 2**63 for v in values)


def _text(value: Any, name: str) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    try:
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        raise errors.NOT_UTF8(f"{value!r} in column '{name}' is not UTF-8") from None


def table_of(data: object, contract: Contract, needed: Sequence[str]) -> Table:
    """Return columns that are in memory as a table.

    Args:
        data: arrays or lists by column, a data frame, or one array where the model reads but one column.
        contract: what they are for.
        needed: the columns that the model reads.

    Raises:
        Problem: E0417, E0424, they are no columns.
    """
    columns = _columns(data)
    if columns is None:
        columns = _unnamed(np.asarray(data), contract, needed)
    read = {name for one in contract.inputs for name in one.columns}
    arrays: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        try:
            arrays[str(name)] = array_of(str(name), values)
        except Problem:
            if name in read:  # others may be anything
                raise
    if not arrays:
        raise errors.UNSUPPORTED_ARRAY("what was given has no columns", hint='for example {"x": [1.5, 2.0]}')
    return ArrayTable(arrays, dict.fromkeys(arrays, GIVEN))


def _unnamed(array: np.ndarray, contract: Contract, needed: Sequence[str]) -> dict[str, np.ndarray]:
    """Return one array as the only column that is needed, or as the columns that lie side by side in it.

    Raises:
        Problem: E0417, E0424, it is neither.
    """
    wanted = {(one.columns, one.many) for one in contract.inputs if set(one.columns) <= set(needed)}
    if len(wanted) != 1 or array.dtype.hasobject or not array.ndim:
        listed = "{" + ", ".join(f'"{name}": ...' for name in needed[:3]) + "}"
        raise errors.UNSUPPORTED_ARRAY("what was given has no names of columns", hint=f"give them by name: {listed}")
    ((names, many),) = wanted
    if not many:
        return {names[0]: array}
    if array.ndim != 2 or array.shape[1] != len(names):
        raise errors.SHAPES_DIFFER(f"an array of shape {list(array.shape)} is not {len(names)} columns side by side")
    return {name: array[:, number] for number, name in enumerate(names)}


def _columns(data: Any) -> Mapping[Any, Any] | None:
    """Return what has columns with names as a mapping: a dictionary, a data frame of any kind, a structured array."""
    if isinstance(data, Mapping):
        return data
    if isinstance(data, np.ndarray):
        return {name: data[name] for name in data.dtype.names} if data.dtype.names else None
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):
        return {name: data[name] for name in data.columns}
    if hasattr(data, "column_names") and hasattr(data, "column"):  # a table of Arrow
        return {name: data.column(name) for name in data.column_names}
    return None
