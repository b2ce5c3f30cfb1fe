"""The checked model: a graph of applied words with exact types, and the compile-time values around it.

Nothing here knows of ONNX: :mod:`dslc.compile.lowering` turns it into graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from dslc.library.operation import Operation, Variable
from dslc.source import Span
from dslc.types import Dimension, Symbolic, TensorType

__all__ = [
    "POISON", "Application", "DimensionOf", "Literal", "Outputs", "ParameterOf", "ParameterRecord", "Placeholder",
    "Poison", "Value", "is_number", "kind_of", "whole_number",
]  # fmt: skip


class Poison:
    """What an expression that failed is worth; whatever touches it is silent, so one mistake makes one message."""

    def __repr__(self) -> str:
        return "POISON"


POISON = Poison()


@dataclass(eq=False)
class Application:
    """One operation applied to operands."""

    operation: Operation
    operands: tuple[Value, ...]
    span: Span | None
    number: int
    """Grows in the order of elaboration, so sorting by it is a topological order."""
    site: str = ""
    """The path of a layer, or of the place where something random is drawn."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The operation's variables: own name to path."""
    training: bool = False
    outputs: tuple[Value, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.operation.name} {self.site}: {', '.join(str(o.type) for o in self.outputs)}>"


@dataclass(eq=False)
class Value:
    """A tensor of the checked model; ``span`` is where the spec says it."""

    type: TensorType
    application: Application
    span: Span | None

    def __repr__(self) -> str:
        return f"<{self.type} of {self.application.operation.name}>"


@dataclass(frozen=True)
class Placeholder(Operation):
    """A tensor that is given from outside: a model's input, a data field, a raw column."""

    name: ClassVar[str] = "placeholder"
    family: ClassVar[str] = "leaf"
    key: str
    given: TensorType

    def type(self, *operands: TensorType) -> TensorType:  # noqa: ARG002 - it has none
        """Return the type that it was given."""
        return self.given


@dataclass(frozen=True)
class ParameterOf(Operation):
    """A parameter or statistic of a network, by its path."""

    name: ClassVar[str] = "parameter"
    family: ClassVar[str] = "leaf"
    path: str
    given: TensorType

    def type(self, *operands: TensorType) -> TensorType:  # noqa: ARG002 - it has none
        """Return the type that it was given."""
        return self.given


@dataclass(frozen=True, eq=False)
class Literal(Operation):
    """A constant tensor."""

    name: ClassVar[str] = "literal"
    family: ClassVar[str] = "leaf"
    array: np.ndarray
    given: TensorType

    def type(self, *operands: TensorType) -> TensorType:  # noqa: ARG002 - it has none
        """Return the type that it was given."""
        return self.given


@dataclass(frozen=True)
class DimensionOf(Operation):
    """A symbolic dimension as a scalar tensor."""

    name = "dimension"
    family = "leaf"
    dimension: Dimension
    given: TensorType

    def type(self, *operands: TensorType) -> TensorType:  # noqa: ARG002 - it has none
        """Return the type that it was given."""
        return self.given


@dataclass(eq=False)
class ParameterRecord:
    """A variable of a network with its path and the place of its first use."""

    path: str
    variable: Variable
    network: str
    span: Span | None
    operands: tuple[TensorType, ...]
    """Types of what its layer was first applied to."""
    calls: tuple[Span, ...] = ()
    """Where the blocks around its first use are applied, outermost first."""

    @property
    def type(self) -> TensorType:
        """Its type."""
        return TensorType(self.variable.element, self.variable.shape)


@dataclass(eq=False)
class Outputs:
    """What a network with several outputs returns; members are read by name."""

    values: dict[str, Any]
    of: str


def is_number(value: object) -> bool:
    """Is it a compile-time number (a dimension included, a boolean not)?"""
    return isinstance(value, (int, float, Symbolic)) and not isinstance(value, bool)


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
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    described = getattr(value, "described", None)
    if described is not None:
        return str(described)
    family = getattr(type(value), "family", None)
    return f"the {family} {type(value).name}" if family else type(value).__name__  # type: ignore[attr-defined]
