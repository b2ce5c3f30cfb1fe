"""What the names of the library are, and what to say of a name that is none."""

from __future__ import annotations

from typing import Any

from dslc.diagnostics import Problem, did_you_mean
from dslc.elsewhere import word_hint
from dslc.errors import names
from dslc.library.word import FUNCTIONS, INITIALIZERS, LAYERS, OPTIMIZERS, SCHEDULES, SOURCES
from dslc.types import ElementType

__all__ = ["ELEMENT_TYPES", "REGISTRIES", "unknown_word"]

ELEMENT_TYPES = frozenset(e.value for e in ElementType)


REGISTRIES: tuple[dict[str, type[Any]], ...] = (LAYERS, FUNCTIONS, SCHEDULES, INITIALIZERS, OPTIMIZERS, SOURCES)


_STATEMENTS = frozenset({"if", "input", "layer", "output", "parameter"})


def unknown_word(name: str, own: set[str], role: str) -> Problem:
    """What to say about a name that nothing to apply or call has; ``own`` are the spec's own."""
    registries = {"layer": (LAYERS, FUNCTIONS), "optimizer": (OPTIMIZERS,)}.get(role, REGISTRIES)
    known = {*own, *(word for registry in registries for word in registry)}
    hint = word_hint(name, known) or did_you_mean(name, known)
    if name in _STATEMENTS:
        hint = f"is a layer missing behind the '->' before '{name}'?"
    what = "optimizer" if role == "optimizer" else "layer, block or function"
    return names.UNKNOWN_LAYER(f"there is no {what} '{name}'", hint=hint)
