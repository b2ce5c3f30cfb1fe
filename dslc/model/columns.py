"""Raw columns of a data source, as field expressions see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dslc.source import Span
from dslc.types import ElementType, Shape

if TYPE_CHECKING:
    from dslc.model.elaboration import Elaboration
    from dslc.model.values import Value

__all__ = ["ColumnUse", "RawColumn"]


@dataclass(frozen=True)
class ColumnUse:
    """One input of the fields graph: which columns it is made of, and in what form the host hands it over."""

    key: str
    """The input's name."""
    patterns: tuple[str, ...]
    """Column names, or with ``many`` patterns such as ``p*``."""
    many: bool
    """Several columns, side by side on a last axis."""
    element: ElementType
    coded: str | None
    """The fitted step whose vocabulary codes the column, None for a numeric one."""
    shape: Shape
    """Per row, as the field expression sees it."""
    field: str
    """The first field that reads it, for messages."""
    span: Span


@dataclass(frozen=True, eq=False)
class RawColumn:
    """``column("name")`` or ``columns("p*")`` before it is known as what it is read.

    In arithmetic it becomes a tensor of the field's element type; ``category`` takes it as it is.
    """

    patterns: tuple[str, ...]
    many: bool
    span: Span
    read: Callable[[Elaboration, RawColumn, ElementType | None, str | None, Span], Value]

    @property
    def described(self) -> str:
        """How messages call it."""
        return f"the column{'s' * self.many} {', '.join(self.patterns)}"

    def tensor(self, elaboration: Elaboration, span: Span) -> Value:
        """Return it as a tensor of the field's element type."""
        return self.read(elaboration, self, None, None, span)
