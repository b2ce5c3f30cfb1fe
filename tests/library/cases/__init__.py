"""Tables of what each layer and function gives, and PyTorch's results for each row; a module for each family.

A row says what a word is applied to and with which options, and what PyTorch computes there. The operands are drawn
from the row's own name, so only results are stored: ``tests/library/data/words/FAMILY.npz`` holds those in float32,
``words64/FAMILY.npz`` those in float64, both made by ``tools/oracles/layers.py``. Nothing here needs PyTorch or dslc
to be importable.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np

from tests.library.cases.rows import Row

FAMILIES: dict[str, list[Row]] = {
    name: import_module(f"{__name__}.{name}").ROWS
    for _, name, _ in sorted(iter_modules(__path__), key=lambda module: module.name)
    if name != "rows"
}
ROWS = [row for rows in FAMILIES.values() for row in rows]
RANDOM: dict[str, dict[str, float]] = {
    "AlphaDropout": {}, "DropPath": {"rate": 0.5}, "Dropout": {}, "GaussianDropout": {"rate": 0.5},
    "GaussianNoise": {"std": 1.0}, "SpatialDropout": {}, "normal_like": {}, "uniform_like": {},
}  # fmt: skip
"""Words that have no one value, with options that they need.

``test_random_words.py`` and ``test_noise.py`` look at their distributions.
"""


def stored_results(folder: str) -> dict[str, np.ndarray]:
    """What PyTorch gave, by ``ROW|RESULT``."""
    data = Path(__file__).parents[1] / "data" / folder
    return {key: value for family in FAMILIES for key, value in np.load(data / f"{family}.npz").items()}
