"""Raw columns of a data source, as field expressions see them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from dslc.source import Span
from dslc.types import ElementType, Shape

__all__ = ["ColumnFact", "ColumnUse", "Form", "is_pattern", "pattern_of"]


class Form(Enum):
    """What of a column the fields graph is given."""

    NUMBER = "number"
    """Its values."""
    CATEGORY = "category"
    """The places of its values among the categories."""
    MISSING = "missing"
    """Whether they are missing."""
    TIME = "time"
    """The seconds from 1970-01-01 00:00:00 UTC to the moments that it spells."""


@dataclass(frozen=True)
class ColumnFact:
    """What the training table says of a column, or of several that are read side by side."""

    element: ElementType
    """The type of its values as the file has them: float64 where a csv has fractions or gaps."""
    shape: tuple[int, ...]
    """Of one row."""
    fits_double: bool = True
    """Whether float64 holds each of its whole numbers exactly."""
    is_truth: bool = False
    """Text that says true or false, yes or no, everywhere."""


@dataclass(frozen=True)
class ColumnUse:
    """One input of the fields graph: which columns it is made of, and in what form the host hands it over."""

    key: str
    """The input's name."""
    patterns: tuple[str, ...]
    """Column names, or with ``many`` patterns such as ``p*``."""
    many: bool
    """Several columns, side by side on a last axis."""
    form: Form
    element: ElementType
    shape: Shape
    """Per row, as the field expression sees it."""
    fit: str | None
    """The fitted step whose categories code the column, where that is its form."""
    format: str | None
    """How the text of a time is spelled (:meth:`datetime.datetime.strptime`); None: as ISO 8601."""
    field: str
    """The first field that reads it, for messages."""
    span: Span


_PART = re.compile(r"\\([*?\\])|([*?])|(.)", re.DOTALL)
"""A character of a name: one that a backslash makes stand for itself, a wildcard, any other."""


def is_pattern(name: str) -> bool:
    """Whether a name given to ``columns`` stands for several: it has a ``*`` or ``?`` that no backslash precedes."""
    return any(wildcard for _, wildcard, _ in _PART.findall(name))


def pattern_of(name: str) -> re.Pattern[str]:
    """Return what the whole name of a column has to match.

    ``*`` stands for any characters and ``?`` for one; everything else, brackets included, for itself. A backslash in
    front takes the meaning of ``*``, ``?`` and of itself away.
    """
    parts = (
        {"*": ".*", "?": "."}.get(wildcard) or re.escape(escaped or plain)
        for escaped, wildcard, plain in _PART.findall(name)
    )
    return re.compile("".join(parts), re.DOTALL)
