"""Words with every option spelled out, as a spec would write them."""

from __future__ import annotations

from typing import Any

from dslc.library.schedules.chains import Chain
from dslc.library.word import Word
from dslc.plan.recurrence import Recurrence

__all__ = ["spelled"]


def spelled(value: Any) -> str:
    """Return a compile-time value in the language: ``Conv(channels = 8, kernel = 3, padding = "same", ...)``."""
    if isinstance(value, Chain):
        return f"{spelled(value.before)} then {spelled(value.after)}"
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
