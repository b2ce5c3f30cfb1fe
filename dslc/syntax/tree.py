"""The syntax tree of a ``.dl`` file: what was written, before any name means anything.

Purpose: plain frozen data, one class per form of the language, each with its span.
Non-goals: names, types and values; those are the business of ``dslc.check``.
"""
# ruff: noqa: D101 - a form whose name says all has no docstring

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as OneOf

from dslc.source import Source, Span

# --- Expressions -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    span: Span = field(compare=False, repr=False)


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
    dims: tuple[Expression | Wildcard | Ellipsis_, ...] | None


@dataclass(frozen=True)
class Choice(Node):
    """``{64, 128}``"""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Interval(Node):
    """``1e-5 .. 1e-1`` or ``log 1e-5 .. 1e-1``; both ends belong to it."""

    low: Expression
    high: Expression
    log: bool


# --- Statements of blocks and models -----------------------------------------------------------


@dataclass(frozen=True)
class Input(Node):
    name: str
    name_span: Span = field(compare=False, repr=False)
    type: TypeOf
    default: Expression | None
    doc: str | None = None


@dataclass(frozen=True)
class Output(Node):
    """``output name = value``; ``name`` is None for ``output value``."""

    name: str | None
    value: Expression
    name_span: Span | None = field(default=None, compare=False, repr=False)
    doc: str | None = None


@dataclass(frozen=True)
class Target(Node):
    name: str


@dataclass(frozen=True)
class Bind(Node):
    """``name = value`` or ``y, state = value``."""

    targets: tuple[Target, ...]
    value: Expression


@dataclass(frozen=True)
class LayerDeclaration(Node):
    """``layer name = Layer(args)``"""

    name: str
    name_span: Span = field(compare=False, repr=False)
    value: Expression


@dataclass(frozen=True)
class ParameterDeclaration(Node):
    """``parameter name: type = initializer``"""

    name: str
    name_span: Span = field(compare=False, repr=False)
    type: TypeOf
    value: Expression


@dataclass(frozen=True)
class For(Node):
    variable: Target
    iterable: Expression
    body: tuple[BodyStatement, ...]


@dataclass(frozen=True)
class If(Node):
    """``else if`` is an If that stands alone in ``otherwise``."""

    condition: Expression
    body: tuple[BodyStatement, ...]
    otherwise: tuple[BodyStatement, ...]


BodyStatement = Input | Output | Bind | LayerDeclaration | ParameterDeclaration | For | If

# --- Statements of data ------------------------------------------------------------------------


@dataclass(frozen=True)
class SourceStatement(Node):
    """``source csv("a.csv")``, or ``source train = csv("a.csv")`` for a ready-made split."""

    name: str | None
    value: Call
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Field(Node):
    name: str
    name_span: Span = field(compare=False, repr=False)
    type: TypeOf
    value: Expression
    doc: str | None = None


@dataclass(frozen=True)
class Split(Node):
    """``split train = 70%, test = 30%, seed = 1``; every entry has a name."""

    entries: tuple[Argument, ...]


@dataclass(frozen=True)
class Augment(Node):
    """``augment image = image -> flip(axis = -1)``"""

    targets: tuple[Target, ...]
    value: Expression


DataStatement = SourceStatement | Field | Split | Augment

# --- Statements of train -----------------------------------------------------------------------

Paths = tuple[Name | Member | String, ...]
"""Networks, dotted parameter-path prefixes, or globs in quotes."""


@dataclass(frozen=True)
class UseData(Node):
    name: str
    name_span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Net(Node):
    """``net name = Model(args)``"""

    name: str
    name_span: Span = field(compare=False, repr=False)
    value: Expression


@dataclass(frozen=True)
class Let(Node):
    """``let a, b = value``; several targets unpack."""

    targets: tuple[Target, ...]
    value: Expression


@dataclass(frozen=True)
class Load(Node):
    """``load "file" only paths except paths``; ``only`` is None where all is taken, ``excluded`` may be empty."""

    path: String
    only: Paths | None
    excluded: Paths


@dataclass(frozen=True)
class Group(Node):
    """``over paths using optimizer``; ``paths`` is None where there is no ``over``."""

    paths: Paths | None
    optimizer: Expression


@dataclass(frozen=True)
class Minimize(Node):
    name: str | None
    value: Expression
    groups: tuple[Group, ...]
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Metric(Node):
    name: str
    name_span: Span = field(compare=False, repr=False)
    value: Expression


@dataclass(frozen=True)
class Epochs(Node):
    value: Expression


@dataclass(frozen=True)
class Steps(Node):
    value: Expression


@dataclass(frozen=True)
class Batch(Node):
    """``batch 64, shuffle = false, drop_last = true``"""

    value: Expression
    options: tuple[Argument, ...]


@dataclass(frozen=True)
class Evaluate(Node):
    """``evaluate every 500 steps``"""

    every: Expression


@dataclass(frozen=True)
class StopWhen(Node):
    condition: Expression


@dataclass(frozen=True)
class Keep(Node):
    mode: OneOf["best", "lowest", "highest"]
    value: Expression


@dataclass(frozen=True)
class Clip(Node):
    mode: OneOf["norm", "value"]
    limit: Expression


@dataclass(frozen=True)
class Accumulate(Node):
    batches: Expression


@dataclass(frozen=True)
class Average(Node):
    """``average ema(0.999)``"""

    value: Expression


@dataclass(frozen=True)
class Freeze(Node):
    paths: Paths


@dataclass(frozen=True)
class Seed(Node):
    value: Expression


TrainStatement = (
    UseData | Net | Let | Load | Minimize | Metric | Output | Epochs | Steps | Batch | Evaluate | StopWhen | Keep
    | Clip | Accumulate | Average | Freeze | Seed
)  # fmt: skip

# --- Declarations ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import(Node):
    path: String
    alias: str | None
    alias_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Param(Node):
    """``param name: type = default in domain``"""

    name: str
    name_span: Span = field(compare=False, repr=False)
    type: TypeOf
    default: Expression
    domain: Choice | Interval | None
    doc: str | None = None


@dataclass(frozen=True)
class Formal(Node):
    """An argument that a block or model declares: ``name`` or ``name = default``."""

    name: str
    default: Expression | None


@dataclass(frozen=True)
class Data(Node):
    name: str
    name_span: Span = field(compare=False, repr=False)
    body: tuple[DataStatement, ...]
    doc: str | None = None


@dataclass(frozen=True)
class Block(Node):
    """A ``block`` or a ``model``."""

    kind: OneOf["block", "model"]
    name: str
    name_span: Span = field(compare=False, repr=False)
    formals: tuple[Formal, ...]
    body: tuple[BodyStatement, ...]
    doc: str | None = None


@dataclass(frozen=True)
class Train(Node):
    name: str
    name_span: Span = field(compare=False, repr=False)
    body: tuple[TrainStatement, ...]
    doc: str | None = None


Declaration = Import | Param | Data | Block | Train


@dataclass(frozen=True)
class File:
    """One parsed file."""

    source: Source = field(compare=False, repr=False)
    declarations: tuple[Declaration, ...]
