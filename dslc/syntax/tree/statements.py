"""The statements of blocks, cells and models, of ``data``, and of ``train``."""
# ruff: noqa: D101 - a form whose name says all has no docstring

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

from dslc.source import Span
from dslc.syntax.tree.expressions import Argument, Call, Expression, Member, Name, Named, Node, String, TypeOf

# --- Blocks, cells and models -------------------------------------------------------------------------


@dataclass(frozen=True)
class Input(Named):
    type: TypeOf
    default: Expression | None = None
    doc: str | None = None


@dataclass(frozen=True)
class State(Named):
    """``state name: type = value``: what a cell carries from step to step, and what it is at first."""

    type: TypeOf
    value: Expression


@dataclass(frozen=True)
class Output(Node):
    """``output name = value``; for ``output value``, ``name`` is None and ``name_span`` all of it."""

    name: str | None
    name_span: Span = field(compare=False, repr=False)
    value: Expression
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
class LayerDeclaration(Named):
    """``layer name = Layer(args)``"""

    value: Expression


@dataclass(frozen=True)
class ParameterDeclaration(Named):
    """``parameter name: type = initializer``"""

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


BodyStatement = Input | State | Output | Bind | LayerDeclaration | ParameterDeclaration | For | If

# --- Data --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SourceStatement(Node):
    """``source csv("a.csv")``, or ``source train = csv("a.csv")`` for a ready-made split."""

    name: str | None
    name_span: Span = field(compare=False, repr=False)
    value: Call


@dataclass(frozen=True)
class Field(Named):
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

# --- Train -------------------------------------------------------------------------------------

Paths = tuple[Name | Member | String, ...]
"""Networks, dotted parameter-path prefixes, or globs in quotes."""


@dataclass(frozen=True)
class UseData(Named):
    """``data name``"""


@dataclass(frozen=True)
class Net(Named):
    """``net name = Model(args)``"""

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
    name_span: Span = field(compare=False, repr=False)
    value: Expression
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Metric(Named):
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


def flat(statements: Iterable[Node]) -> Iterator[Node]:
    """Yield statements with those inside of branches and loops."""
    for statement in statements:
        yield statement
        if isinstance(statement, If):
            yield from flat((*statement.body, *statement.otherwise))
        elif isinstance(statement, For):
            yield from flat(statement.body)
