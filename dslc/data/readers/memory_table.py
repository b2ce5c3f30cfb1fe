"""Columns that are in memory as a table: arrays, lists, data frames of any kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dslc.data.readers.array_table import ArrayTable
from dslc.data.readers.given_arrays import array_of
from dslc.data.table import MEMORY, Table
from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.plan.contract import Contract

__all__ = ["table_of"]

GIVEN = "what was given"
"""What messages call a table that has no file."""


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
    return ArrayTable(arrays, dict.fromkeys(arrays, GIVEN), MEMORY)


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
