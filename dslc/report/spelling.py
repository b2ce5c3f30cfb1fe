"""Words with every option spelled out, as a spec would write them."""

from __future__ import annotations

from typing import Any

from dslc.library.schedules.chains import Chain
from dslc.library.schedules.expressions import SIGNS, Calculation, StepCount
from dslc.library.word import Word
from dslc.plan.recurrence import Recurrence

__all__ = ["spelled"]


def spelled(value: Any) -> str:
    """Return a compile-time value in the language: ``Conv(channels = 8, kernel = 3, padding = "same", ...)``."""
    if isinstance(value, Chain):
        return f"{spelled(value.before)} then {spelled(value.after)}"
    if isinstance(value, StepCount):
        return "step"
    if isinstance(value, Calculation):
        return _calculated(value)
    if isinstance(value, Recurrence):
        return value.said
    if isinstance(value, Word):
        options = ", ".join(f"{name} = {spelled(option)}" for name, option in vars(value).items())
        return f"{value.name}({options})" if options else value.name
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(spelled, value))}]"
    return str(value)


def _calculated(value: Calculation) -> str:
    """Return arithmetic of schedules, in as many brackets as it may need."""
    if value.sign not in SIGNS:
        return f"{value.sign}({', '.join(map(spelled, value.operands))})"
    return f" {value.sign} ".join(f"({spelled(o)})" if _is_open(o) else spelled(o) for o in value.operands)


def _is_open(value: Any) -> bool:
    """Whether it is joined by operators, and neither a word nor a number."""
    return isinstance(value, Chain) or (isinstance(value, Calculation) and value.sign in SIGNS)
