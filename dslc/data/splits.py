"""Cutting the rows of a source into training, validation and test parts."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor

import numpy as np

from dslc.data.convert import Array
from dslc.errors import data as errors

__all__ = ["split_rows"]

TOLERANCE = 1e-9


def split_rows(
    rows: int,
    fractions: Mapping[str, float],
    seed: int,
    *,
    by: Array | None = None,
    order: Array | None = None,
    group: Array | None = None,
    rest: str | None = None,
) -> dict[str, Array]:
    """Assign every row to exactly one split; sizes are exact by largest remainders (groups as near as they allow).

    Rows are shuffled with ``seed``, unless one of these (rows,) arrays says otherwise, in which no value is missing:
    ``by`` gives every split the same mix of its values, ``order`` cuts in its order, ``group`` keeps rows of equal
    value in one split. ``rest`` names the split that takes what ``fractions`` leave, as train does beside ready-made
    splits; without it they sum to 1. That and the exclusion of one array by another is checked with the spec.

    Returns:
        Row numbers (int64) of each split, ascending; with ``order``, in that order.

    Raises:
        Problem: E0418 for an empty split.
    """
    shares = dict(fractions) if rest is None else {rest: 1 - sum(fractions.values()), **fractions}
    sizes = _sizes(rows, shares)
    shuffled = np.random.Generator(np.random.PCG64(seed % 2**64)).permutation(rows)
    if group is not None:
        part = _grouped(group, shuffled, sizes)
    else:
        part = np.empty(rows, np.int64)
        if by is not None:
            part[shuffled[np.argsort(_numbered(by)[shuffled], kind="stable")]] = _spread(sizes)
        else:
            sequence = shuffled if order is None else np.argsort(order, kind="stable")
            part[sequence] = np.repeat(np.arange(len(sizes)), sizes)
    result = {name: np.flatnonzero(part == number) for number, name in enumerate(shares)}
    if order is not None:
        result = {name: mine[np.argsort(order[mine], kind="stable")] for name, mine in result.items()}
    for name, mine in result.items():
        if not len(mine):
            groups = len(np.unique(_numbered(group))) if group is not None else 0
            kept = f" in {groups} group{'s' if groups > 1 else ''}" if groups else ""
            raise errors.EMPTY_SPLIT(f"the split '{name}', {shares[name]:.6g} of {rows:,} rows{kept}, is empty")
    return result


def _sizes(rows: int, shares: Mapping[str, float]) -> Array:
    """Round the exact sizes so that they add up: what is left goes to the largest remainders."""
    exact = [rows * share for share in shares.values()]
    sizes = np.array([floor(size + TOLERANCE) for size in exact])
    remainders = np.array(exact) - sizes
    sizes[np.argsort(-remainders, kind="stable")[: rows - int(sizes.sum())]] += 1
    return sizes


def _spread(sizes: Array) -> Array:
    """Return split numbers in such an order that every stretch has about the proportions of the whole."""
    times = np.concatenate([(np.arange(size) + 0.5) / max(size, 1) for size in sizes])
    spread: Array = np.repeat(np.arange(len(sizes)), sizes)[np.argsort(times, kind="stable")]
    return spread


def _grouped(group: Array, shuffled: Array, sizes: Array) -> Array:
    """Give each group, large ones first, to the split that lacks most; equal ones come in random order."""
    numbers = _numbered(group)
    counts = np.bincount(numbers)
    seen = list(dict.fromkeys(numbers[shuffled].tolist()))
    lacking, of_group = sizes.astype(np.int64).copy(), np.empty(len(counts), np.int64)
    for number in sorted(seen, key=lambda g: -int(counts[g])):
        of_group[number] = np.argmax(lacking)
        lacking[of_group[number]] -= counts[number]
    result: Array = of_group[numbers]
    return result


def _numbered(values: Array) -> Array:
    """Return for each row the number of its value among the sorted distinct values."""
    numbers: Array = np.unique(values.astype(str) if values.dtype == object else values, return_inverse=True)[1]
    return numbers.reshape(-1)
