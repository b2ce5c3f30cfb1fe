"""The checked model: a graph of applied words with exact types.

Nothing here knows of ONNX: :mod:`dslc.compile.lowering` turns it into graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

import numpy as np

from dslc.library.operation import Operation, Variable
from dslc.library.schedules.schedule import Schedule
from dslc.source import Span
from dslc.types import Dimension, TensorType

__all__ = [
    "FITTED", "Application", "DimensionOf", "FittedConstants", "Literal", "ParameterOf", "ParameterRecord",
    "Placeholder", "Value",
]  # fmt: skip

FITTED = "fitted:"
"""How the key of a placeholder begins that stands for a constant fitted on the training split."""
FittedConstants: TypeAlias = Mapping[str, np.ndarray]
"""Those constants, by the keys of their placeholders."""


@dataclass(frozen=True, eq=False)
class Application:
    """One operation applied to operands."""

    operation: Operation
    operands: tuple[Value, ...]
    types: tuple[TensorType, ...]
    """Of its results."""
    span: Span | None
    number: int
    """Grows in the order of elaboration, so sorting by it is a topological order."""
    site: str = ""
    """The path of a layer, or of the place where something random is drawn."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The operation's variables: own name to path."""
    training: bool = False
    outputs: tuple[Value, ...] = field(init=False)
    """Its results, made with it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", tuple([Value(type, self, self.span) for type in self.types]))

    def __repr__(self) -> str:
        return f"<{self.operation.name} {self.site}: {', '.join(map(str, self.types))}>"


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the checked model; ``span`` is where the spec says it."""

    type: TensorType
    application: Application
    span: Span | None

    def __repr__(self) -> str:
        return f"<{self.type} of {self.application.operation.name}>"


class _Leaf(Operation):
    """What is applied to nothing; its type is a field of each kind, behind what tells it from others."""

    family: ClassVar[str] = "leaf"
    given: TensorType

    def type(self, *operands: TensorType) -> TensorType:  # noqa: ARG002 - it has none
        """Return the type that it was given."""
        return self.given


@dataclass(frozen=True)
class Placeholder(_Leaf):
    """A tensor that is given from outside: a model's input, a data field, a raw column."""

    name: ClassVar[str] = "placeholder"
    key: str
    given: TensorType


@dataclass(frozen=True)
class ParameterOf(_Leaf):
    """A parameter or statistic of a network, by its path."""

    name: ClassVar[str] = "parameter"
    path: str
    given: TensorType


@dataclass(frozen=True)
class Scheduled(_Leaf):
    """The value of a schedule in an update, as a scalar tensor; only where there are updates."""

    name: ClassVar[str] = "schedule"
    schedule: Schedule
    given: TensorType


@dataclass(frozen=True, eq=False)
class Literal(_Leaf):
    """A constant tensor."""

    name: ClassVar[str] = "literal"
    array: np.ndarray
    given: TensorType


@dataclass(frozen=True)
class DimensionOf(_Leaf):
    """A symbolic dimension as a scalar tensor."""

    name: ClassVar[str] = "dimension"
    dimension: Dimension
    given: TensorType


@dataclass(frozen=True, eq=False)
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
