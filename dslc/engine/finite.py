"""Whether all numbers are finite, which the loop asks of every loss, and of the state before that is used."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["NotFinite", "all_finite", "is_finite"]


class NotFinite(Exception):
    """A loss or the state is not finite."""


def is_finite(array: np.ndarray) -> bool:
    """Return whether all numbers of an array are finite; of other than floating point all are."""
    if array.dtype.kind != "f" or not array.size:
        return True
    # both pass NaN on, and need no memory
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def all_finite(arrays: Mapping[str, np.ndarray]) -> bool:
    """Return whether all numbers of some arrays are finite."""
    return all(is_finite(array) for array in arrays.values())
