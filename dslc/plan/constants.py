"""Constants that were fitted on the training split, as graphs use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["FITTED", "FittedConstants"]

FITTED = "fitted:"
"""How the key of a placeholder begins that stands for a constant fitted on the training split."""


@dataclass(frozen=True)
class FittedConstants:
    """Arrays by the key of the placeholder that stands for them in the checked model."""

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def of(self, key: str) -> np.ndarray:
        """Return what a placeholder stands for."""
        return self.arrays[key.removeprefix(FITTED)]
