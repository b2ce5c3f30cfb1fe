"""Element types, shapes and broadcasting: the types of tensors. :mod:`dslc.dimensions` says what sizes amount to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod

import numpy as np

from dslc.dimensions import Dimension, Symbolic, substitute, symbol, symbols_of

__all__ = [
    "BOOL", "FLOAT32", "FLOAT64", "INT32", "INT64", "STRING", "BroadcastError", "Dimension", "ElementType", "Shape",
    "Symbolic", "TensorType", "broadcast", "broadcast_types", "element_count", "reduced_type", "regroups", "shape_text",
    "symbol", "symbols_in",
]  # fmt: skip


class ElementType(Enum):
    """An element type by its NumPy name; ``value`` is that name."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    BOOL = "bool"
    STRING = "string"

    @property
    def is_float(self) -> bool:
        """Whether it is a floating-point type."""
        return self.value.startswith("float")

    @property
    def is_integer(self) -> bool:
        """Whether it is a type of whole numbers, signed or not."""
        return self.value.startswith(("int", "uint"))

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy type; strings are objects."""
        return np.dtype(object if self is ElementType.STRING else self.value)

    def __str__(self) -> str:
        return self.value

    @classmethod
    def of(cls, dtype: np.dtype[np.generic]) -> ElementType:
        """Return the element type of a NumPy array."""
        return cls.STRING if dtype.kind in "OUS" else cls(dtype.name)


FLOAT32, FLOAT64 = ElementType.FLOAT32, ElementType.FLOAT64
INT32, INT64 = ElementType.INT32, ElementType.INT64
BOOL, STRING = ElementType.BOOL, ElementType.STRING


Shape = tuple[Dimension, ...]


# --- Shapes and tensor types ---------------------------------------------------------------------


def shape_text(shape: Sequence[Dimension]) -> str:
    """Return a shape as the language writes it: ``[N, 3, 32]``."""
    return "[" + ", ".join(map(str, shape)) + "]"


def element_count(shape: Iterable[Dimension]) -> Dimension:
    """Return the product of the dimensions, 1 for a scalar."""
    return prod(shape)


@dataclass(frozen=True)
class TensorType:
    """Element type and shape of a tensor."""

    element: ElementType
    shape: Shape = ()

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def count(self) -> Dimension:
        """How many elements it has."""
        return element_count(self.shape)

    def with_shape(self, shape: Iterable[Dimension]) -> TensorType:
        """Return the type with another shape."""
        return TensorType(self.element, tuple(shape))

    def with_last(self, dimension: Dimension) -> TensorType:
        """Return the type with another last dimension."""
        return TensorType(self.element, (*self.shape[:-1], dimension))

    def with_element(self, element: ElementType) -> TensorType:
        """Return the type with other elements."""
        return TensorType(element, self.shape)

    def substitute(self, values: Mapping[str, Dimension]) -> TensorType:
        """Replace symbols by dimensions."""
        return self.with_shape(substitute(d, values) for d in self.shape)

    @property
    def symbols(self) -> frozenset[str]:
        """The names of all symbols in the shape."""
        return frozenset().union(*map(symbols_of, self.shape))

    def __str__(self) -> str:
        return f"{self.element}{shape_text(self.shape)}" if self.shape else str(self.element)


def symbols_in(*values: object) -> frozenset[str]:
    """Return the names of all symbols in compile-time values: sizes, types, lists."""
    found: set[str] = set()
    open_ = list(values)
    while open_:
        value = open_.pop()
        if isinstance(value, Symbolic):
            found |= symbols_of(value)
        elif isinstance(value, (list, tuple)):
            open_.extend(value)
        elif isinstance(value, TensorType):
            open_.extend(value.shape)
    return frozenset(found)


class BroadcastError(ValueError):
    """Two shapes do not broadcast."""


def broadcast(*shapes: Sequence[Dimension]) -> Shape:
    """Return the shape that NumPy broadcasting gives.

    A symbolic dimension broadcasts only with itself and with 1: whether ``T`` against ``5`` fits would be
    known at run time alone, so it raises :class:`BroadcastError` as well.
    """
    rank = max(map(len, shapes), default=0)
    result: list[Dimension] = [1] * rank
    for shape in shapes:
        for axis, dimension in enumerate(shape, start=rank - len(shape)):
            if dimension == 1 or result[axis] == dimension:
                continue
            if result[axis] != 1:
                raise BroadcastError(f"{result[axis]} against {dimension} on axis {axis - rank}")
            result[axis] = dimension
    return tuple(result)


def broadcast_types(*types: TensorType) -> TensorType:
    """Return the type of an element-wise operation on tensors of one element type."""
    return TensorType(types[0].element, broadcast(*(t.shape for t in types)))


def reduced_type(type: TensorType, axes: Sequence[int], keepdims: bool) -> TensorType:
    """Return the type after a reduction over (non-negative) axes."""
    if keepdims:
        return type.with_shape(1 if i in axes else d for i, d in enumerate(type.shape))
    return type.with_shape(d for i, d in enumerate(type.shape) if i not in axes)


def regroups(found: Sequence[int], target: Sequence[int]) -> bool:
    """Whether one shape is the other with neighbouring axes joined or cut, so that no axes change places."""
    ends = [{prod(shape[: axis + 1]) for axis in range(len(shape))} | {1} for shape in (found, target)]
    return prod(found) == prod(target) and (ends[0] <= ends[1] or ends[1] <= ends[0])
