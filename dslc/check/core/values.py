"""What an expression may be worth beside a tensor: compile-time values, and what stands for a mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dslc.library.schedules.schedule import Schedule
from dslc.plan.values import Value
from dslc.source import Span
from dslc.types import Dimension, Symbolic

__all__ = ["POISON", "Outputs", "RawColumn", "Silent", "is_number", "is_scheduled", "kind_of", "whole_number"]


class Poison:
    """What an expression that failed is worth; whatever touches it is silent, so one mistake makes one message."""

    def __repr__(self) -> str:
        return "POISON"


POISON = Poison()


class Silent(Exception):
    """The fault has been reported already."""


@dataclass(eq=False)
class Outputs:
    """What a network with several outputs returns; members are read by name."""

    values: dict[str, Any]
    of: str


@dataclass(frozen=True, eq=False)
class RawColumn:
    """``column("name")`` or ``columns("p*")`` before it is known as what it is read.

    In arithmetic it becomes a tensor of numbers; ``category``, ``is_missing`` and ``datetime`` take it as it is.
    """

    patterns: tuple[str, ...]
    many: bool
    span: Span
    number: Callable[[RawColumn, Span], Value]

    @property
    def described(self) -> str:
        """How messages call it."""
        return f"the column{'s' * self.many} {', '.join(self.patterns)}"

    def tensor(self, span: Span) -> Value:
        """Return it as a tensor of numbers."""
        return self.number(self, span)


def is_number(value: object) -> bool:
    """Return whether it is a compile-time number (a dimension included, a boolean not)."""
    return isinstance(value, (int, float, Symbolic)) and not isinstance(value, bool)


def is_scheduled(values: Sequence[object]) -> bool:
    """Return whether these are schedules and numbers that have a value, and one is a schedule at least."""
    numbers = all(isinstance(v, Schedule) or (is_number(v) and not isinstance(v, Symbolic)) for v in values)
    return numbers and any(isinstance(v, Schedule) for v in values)


def whole_number(value: object) -> Dimension | None:
    """Return a compile-time number as a whole one (a dimension included), None where it is none: 8 / 2 is 4."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (int, Symbolic)) and not isinstance(value, bool) else None


def kind_of(value: object) -> str:
    """Say what a compile-time value is, in the user's words."""
    if isinstance(value, Value):
        return f"a tensor {value.type}"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) < 40 else "a text"
    if is_number(value):
        return f"the number {value}"
    if isinstance(value, Outputs):
        return f"the {len(value.values)} outputs of {value.of}"
    if isinstance(value, range):
        return "a range"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    described = getattr(value, "described", None)
    if described is not None:
        return str(described)
    family = getattr(type(value), "family", None)
    return f"the {family} {type(value).name}" if family else type(value).__name__  # type: ignore[attr-defined]
