"""Constants that were fitted on the training split, as graphs use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dslc.graph import Builder, Tensor
from dslc.model.fields import FITTED

__all__ = ["FittedConstants"]


@dataclass(frozen=True)
class FittedConstants:
    """Arrays by the key of the placeholder that stands for them in the checked model."""

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def tensor(self, builder: Builder, key: str) -> Tensor:
        """Return a constant of a graph."""
        return builder.constant(self.arrays[key.removeprefix(FITTED)])
