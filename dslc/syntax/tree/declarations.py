"""The declarations of a file."""
# ruff: noqa: D101 - a form whose name says all has no docstring

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from dslc.source import Source, Span
from dslc.syntax.tree.expressions import Choice, Expression, Interval, Named, Node, String, TypeOf
from dslc.syntax.tree.statements import BodyStatement, DataStatement, TrainStatement


@dataclass(frozen=True)
class Import(Node):
    path: String
    alias: str | None = None
    alias_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Param(Named):
    """``param name: type = default in domain``"""

    type: TypeOf
    default: Expression
    domain: Choice | Interval | None = None
    doc: str | None = None


@dataclass(frozen=True)
class Formal(Node):
    """An argument that a block or model declares: ``name = default in domain``, where both may be left away."""

    name: str
    default: Expression | None = None
    domain: Choice | Interval | None = None


@dataclass(frozen=True)
class Data(Named):
    body: tuple[DataStatement, ...]
    doc: str | None = None


@dataclass(frozen=True)
class Block(Node):
    """A ``block``, a ``cell`` or a ``model``."""

    kind: OneOf["block", "cell", "model"]
    name: str
    name_span: Span = field(compare=False, repr=False)
    formals: tuple[Formal, ...]
    body: tuple[BodyStatement, ...]
    doc: str | None = None


@dataclass(frozen=True)
class Train(Named):
    body: tuple[TrainStatement, ...]
    doc: str | None = None


Declaration = Import | Param | Data | Block | Train


@dataclass(frozen=True)
class File:
    """One parsed file."""

    source: Source = field(compare=False, repr=False)
    declarations: tuple[Declaration, ...]
