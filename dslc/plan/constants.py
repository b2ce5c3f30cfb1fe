"""Constants that were fitted on the training split, as graphs use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

__all__ = ["FITTED", "FittedConstants"]

FITTED = "fitted:"
"""How the key of a placeholder begins that stands for a constant fitted on the training split."""
FittedConstants: TypeAlias = Mapping[str, np.ndarray]
"""The constants by the keys of their placeholders."""
