"""What looks across rows: statistics of the training split, from which steps are fitted.

Functions take an array (rows, ...) and the numbers of the rows to fit on (None: all of them), pass over it piece by
piece, and compute in float64, for each element of a row on its own: results have a row's shape. Axes of a row that are
taken together, ``over``, have size 1 in it. Missing values (NaN) are left out, and so is
infinity, so that only the elements that hold it come out infinite, and are reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dslc.errors import data as errors

__all__ = ["fit_mean", "fit_median", "fit_minmax", "fit_standardize"]

Array = np.ndarray
CHUNK = 8 << 20
"""Bytes that are looked at together."""


def fit_standardize(values: Array, rows: Array | None = None, over: Sequence[int] = ()) -> tuple[Array, Array]:
    """Return (mean, scale): the population's standard deviation, or 1 where a value never changes."""
    mean = fit_mean(values, rows, over)
    low, high = _extremes(values, rows, over)
    shape, axes = _pooled(values, over)
    squares, count = np.zeros(shape), np.zeros(shape, np.int64)
    for piece in _pieces(values, rows):
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # what becomes infinite is refused
            squares += np.nansum((piece - mean) ** 2, axis=axes, keepdims=True)[0]
        count += np.sum(~np.isnan(piece), axis=axes, keepdims=True)[0]
    return mean, _scale(low, high, np.sqrt(squares / count), "the standard deviation")


def fit_minmax(values: Array, rows: Array | None = None, over: Sequence[int] = ()) -> tuple[Array, Array]:
    """Return (low, scale) with scale = high - low, or 1 where a value never changes."""
    low, high = _extremes(values, rows, over)
    with np.errstate(over="ignore"):
        return low, _scale(low, high, high - low, "the range")


def _scale(low: Array, high: Array, found: Array, what: str) -> Array:
    """Return what values are divided by: 1 where they never change, else what was found.

    Raises:
        Problem: E0423, it is beyond what float64 holds, so that all of them would become 0, or so small that it is 0.
    """
    scale = np.where(low == high, 1.0, found)
    wrong = ~np.isfinite(scale) | (scale == 0)
    if np.any(wrong):
        at = np.argwhere(np.atleast_1d(wrong))[0]
        least, most, value = (np.atleast_1d(each)[tuple(at)] for each in (low, high, scale))
        which = f" of element {at.tolist()}" if np.ndim(scale) else ""
        raise errors.NOT_FINITE(
            f"{what}{which} is {'0' if value == 0 else 'infinite'} in float64: the values of the training split lie "
            f"between {least:.6g} and {most:.6g}",
            hint="bring them to a common size first: log(x), or x / 1e300",
        )
    return scale


def fit_mean(values: Array, rows: Array | None = None, over: Sequence[int] = ()) -> Array:
    """Return the mean of the values that are there; E0415 where there is none."""
    shape, axes = _pooled(values, over)
    total, count = np.zeros(shape), np.zeros(shape, np.int64)
    for piece in _pieces(values, rows):
        with np.errstate(over="ignore"):
            total += np.nansum(piece, axis=axes, keepdims=True)[0]
        count += np.sum(~np.isnan(piece), axis=axes, keepdims=True)[0]
    _require_values(count)
    return np.asarray(total / count)


def fit_median(values: Array, rows: Array | None = None, over: Sequence[int] = ()) -> Array:
    """Return the median of the values that are there; holds the values of one median at a time. E0415 where none is."""
    shape, axes = _pooled(values, over)
    together = np.moveaxis(values, axes, range(len(axes)))
    flat = together.reshape(*together.shape[: len(axes)], -1)
    medians, counts = np.empty(flat.shape[-1]), np.empty(flat.shape[-1], np.int64)
    for element in range(flat.shape[-1]):
        column = (flat[..., element] if rows is None else flat[rows, ..., element]).astype(np.float64)
        there = column[np.isfinite(column)]
        counts[element] = len(there)
        medians[element] = np.median(there) if len(there) else np.nan
    _require_values(counts)
    return medians.reshape(shape)


def _pooled(values: Array, over: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shape of what is fitted, and the axes of the values that it is taken over: rows, and ``over``."""
    shape = tuple(1 if axis in over else size for axis, size in enumerate(values.shape[1:]))
    return shape, (0, *(axis + 1 for axis in over))


def _extremes(values: Array, rows: Array | None, over: Sequence[int]) -> tuple[Array, Array]:
    shape, axes = _pooled(values, over)
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    for piece in _pieces(values, rows):
        low = np.fmin(low, np.fmin.reduce(piece, axis=axes, keepdims=True)[0])
        high = np.fmax(high, np.fmax.reduce(piece, axis=axes, keepdims=True)[0])
    _require_values(np.isfinite(low) | np.isfinite(high))
    return np.asarray(low), np.asarray(high)


def _require_values(counts: Array) -> None:
    if not np.all(counts):
        at = np.argwhere(np.atleast_1d(counts) == 0)[0].tolist()
        which = f" in element {at}" if np.ndim(counts) else ""
        raise errors.MISSING_VALUE(f"the training split has no value to fit on{which}: all are missing")


def _pieces(values: Array, rows: Array | None) -> Iterator[Array]:
    total = len(values) if rows is None else len(rows)
    step = max(1, CHUNK // max(8, 8 * values[:1].size))
    for start in range(0, total, step):
        piece = values[start : start + step] if rows is None else values[rows[start : start + step]]
        numbers = piece.astype(np.float64)
        yield np.where(np.isinf(numbers), np.nan, numbers)
