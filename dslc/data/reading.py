"""Reading a table as the contract says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from dslc.data.categories import encode
from dslc.data.checks import Where, where_in
from dslc.data.convert import Array, fits_double, raise_where
from dslc.data.table import Table, gaps
from dslc.data.times import read_times
from dslc.diagnostics import Problem
from dslc.errors import data as errors
from dslc.plan.columns import Form
from dslc.plan.contract import Categories, Contract, Input
from dslc.types import FLOAT64, INT64, STRING, ElementType, regroups

__all__ = ["read_columns"]


def read_columns(contract: Contract, table: Table, keys: Sequence[str] | None = None) -> dict[str, Array]:
    """Read a table's columns in the form that the fields graph takes, all of them or those of the named inputs.

    Raises:
        Problem, Failure: E04xx, a column is missing, or its values do not fit; E0416, columns differ in their rows.
    """
    wanted = [one for one in contract.inputs if keys is None or one.key in keys]
    if wanted:
        _ = table.select([name for one in wanted for name in one.columns]).rows  # others may have any number
    return {one.key: _read(table, one, contract.categories) for one in wanted}


def _read(table: Table, one: Input, categories: Mapping[str, Categories]) -> Array:
    """Read what an input of the fields graph is made of, (rows, ...).

    Raises:
        Problem, Failure: E04xx, a column is missing, or its values do not fit.
    """
    for name in one.columns:
        table.require(name)
    name, where = one.columns[0], where_in(table, one.columns)
    match one.form:
        case Form.CATEGORY:
            assert one.categories is not None
            found = encode(table, name, categories[one.categories], where, one.kind)
        case Form.MISSING:
            each = [gaps(table.text(n) if table.element(n) is STRING else table.read(n)) for n in one.columns]
            found = np.concatenate([gone.reshape(len(gone), -1) for gone in each], axis=1) if one.many else each[0]
        case Form.TIME:
            found = read_times(table.text(name), one.format, where)
        case Form.NUMBER:
            found = table.read_block(one.columns, one.element) if one.many else table.read(name, one.element)
            if one.element is FLOAT64:
                _refuse_rounding(table, one, where)
    own = found.shape[1:]
    if prod(own) != prod(one.shape) if one.many else not regroups(own, one.shape):
        what = f"columns from '{name}' on have" if one.many else f"column '{name}' has"
        raise errors.SHAPES_DIFFER(
            f"an example's {what} shape {list(own)} in {table.title}, and {list(one.shape)} in training"
        )
    return found.reshape(len(found), *one.shape)


def _refuse_rounding(table: Table, one: Input, where: Where) -> None:
    """Refuse whole numbers that float64 does not hold."""
    for number, name in enumerate(one.columns):
        if table.element(name) not in (INT64, ElementType.UINT64):
            continue
        own = table.read(name)
        own = own.reshape(len(own), -1)

        def problem(row: int, element: int, own: Array = own, number: int = number) -> Problem:
            return errors.OUT_OF_TYPE(f"{own[row, element]} is not known exactly in float64 ({where(row, number)})")

        raise_where(~fits_double(own), problem)
