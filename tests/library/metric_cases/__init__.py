"""Tables of metrics, a module for each family: what a word is applied to, and what scikit-learn makes of it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tests.library.metric_cases.rows import Case

CASES: list[Case] = [
    row
    for _, name, _ in sorted(iter_modules(__path__), key=lambda module: module.name)
    if name != "rows"
    for row in import_module(f"{__name__}.{name}").ROWS
]
