"""Expressions, the types that are declared, and the domains of params."""
# ruff: noqa: D101 - a form whose name says all has no docstring

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

from dslc.source import Span


@dataclass(frozen=True)
class Node:
    span: Span = field(compare=False, repr=False)

    def parts(self) -> Iterator[tuple[str, Node]]:
        """Yield the nodes that it is made of, each with the name of its field."""
        for name, value in vars(self).items():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Node):
                    yield name, part

    def walk(self) -> Iterator[Node]:
        """Yield it and all that stands in it, in no order, and without recursion."""
        open_ = [self]
        while open_:
            node = open_.pop()
            yield node
            open_ += [part for _, part in node.parts()]


@dataclass(frozen=True)
class Named(Node):
    """What is declared under a name."""

    name: str
    name_span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Number(Node):
    """``1_000`` is an int, ``2.5``, ``1e-3`` and ``70%`` (0.7) are floats."""

    value: int | float


@dataclass(frozen=True)
class String(Node):
    value: str


@dataclass(frozen=True)
class Constant(Node):
    """``true``, ``false`` or ``none``."""

    value: bool | None


@dataclass(frozen=True)
class Name(Node):
    id: str


@dataclass(frozen=True)
class ListOf(Node):
    """``[1, 2]``"""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class TupleOf(Node):
    """``(a, b)``; ``(a)`` is just a."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Unary(Node):
    operator: OneOf["-", "not"]
    operand: Expression


@dataclass(frozen=True)
class Binary(Node):
    """Arithmetic, comparison, ``and``, ``or``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Conditional(Node):
    """``if condition then value else otherwise``"""

    condition: Expression
    value: Expression
    otherwise: Expression


@dataclass(frozen=True)
class Pipe(Node):
    """``flow -> layer``: apply what is on the right to what is on the left.

    ``layer`` is a Name, a Member or a Call of one of these.
    """

    flow: Expression
    layer: Expression


@dataclass(frozen=True)
class Then(Node):
    """``warmup(500) then cosine(1e-3, 1e-5)``: one schedule after another."""

    first: Expression
    second: Expression


@dataclass(frozen=True)
class Argument(Node):
    """An argument of a call; ``name`` is None for a positional one."""

    name: str | None
    value: Expression


@dataclass(frozen=True)
class Call(Node):
    function: Expression
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Member(Node):
    target: Expression
    name: str
    name_span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Slice(Node):
    start: Expression | None
    stop: Expression | None
    step: Expression | None


@dataclass(frozen=True)
class Ellipsis_(Node):
    """``...`` in an index or in a type's dimensions."""


@dataclass(frozen=True)
class Wildcard(Node):
    """``_`` in a type's dimensions: any one dimension."""


@dataclass(frozen=True)
class Index(Node):
    """``x[:, 0]``, ``x[:, none]``, ``y["features"]``"""

    target: Expression
    items: tuple[Expression | Slice | Ellipsis_, ...]


Expression = (
    Number | String | Constant | Name | ListOf | TupleOf | Unary | Binary | Conditional | Pipe | Then | Call
    | Member | Index
)  # fmt: skip

# --- Types and domains -----------------------------------------------------------------------


@dataclass(frozen=True)
class TypeOf(Node):
    """``float32[N, 64]``, ``[N, C, H, W]``, ``float32``.

    ``element`` is None where only a shape is given; ``dims`` is None where there are no brackets.
    """

    element: str | None
    dims: tuple[Expression | Wildcard | Ellipsis_, ...] | None = None


@dataclass(frozen=True)
class Choice(Node):
    """``{64, 128}``"""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Interval(Node):
    """``1e-5 .. 1e-1`` or ``log 1e-5 .. 1e-1``; both ends belong to it."""

    low: Expression
    high: Expression
    log: bool = False
