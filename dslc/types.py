"""Element types, dimensions, shapes and broadcasting: the types of tensors.

A dimension is a Python ``int`` or a :class:`Symbolic` integer expression in canonical form (a
polynomial with integer coefficients over symbols and floor divisions), so two dimensions that are
equal for every value of their symbols by the rules of rings compare equal. What can't be decided
raises :class:`Undecided`; callers turn it into a diagnostic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod
from typing import Union

import numpy as np

__all__ = [
    "BOOL", "FLOAT32", "FLOAT64", "INT32", "INT64", "STRING", "BroadcastError", "Dimension", "ElementType", "Shape",
    "Symbolic", "TensorType", "Undecided", "broadcast", "broadcast_types", "element_count", "evaluate", "same_value",
    "reduced_type", "shape_text", "substitute", "symbol", "symbols_of", "window_size",
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
        return self.value.startswith("float")

    @property
    def is_integer(self) -> bool:
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


# --- Dimensions ------------------------------------------------------------------------------


class Undecided(Exception):
    """The answer depends on the run-time value of a symbol."""


@dataclass(frozen=True, order=True)
class _Atom:
    """A symbol, or ``(numerator) // divisor`` or ``numerator % divisor`` that no rule could simplify."""

    name: str
    operator: str = ""
    operands: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


_Monomial = tuple[_Atom, ...]
"""Sorted atoms, with repetition for powers; () is the constant term."""


class Symbolic:
    """An integer expression over symbols that is not a constant. Build one with :func:`symbol`."""

    __slots__ = ("_hash", "_parts", "terms")

    def __init__(self, terms: Mapping[_Monomial, int], parts: Mapping[_Atom, tuple[Dimension, Dimension]]) -> None:
        self.terms: dict[_Monomial, int] = dict(terms)
        self._parts = dict(parts)
        self._hash = hash(frozenset(self.terms.items()))

    # arithmetic
    def __add__(self, other: Dimension) -> Dimension:
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _make(terms, self._parts, _parts_of(other))

    __radd__ = __add__

    def __neg__(self) -> Dimension:
        return self * -1

    def __sub__(self, other: Dimension) -> Dimension:
        return self + (-1 * other)

    def __rsub__(self, other: Dimension) -> Dimension:
        return -self + other

    def __mul__(self, other: Dimension) -> Dimension:
        terms: dict[_Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in _terms(other).items():
                monomial = tuple(sorted(left + right))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _make(terms, self._parts, _parts_of(other))

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Dimension:
        return prod([self] * exponent, start=1)  # type: ignore[return-value]

    def __floordiv__(self, other: Dimension) -> Dimension:
        return _divide("//", self, other)

    def __rfloordiv__(self, other: int) -> Dimension:
        return _divide("//", other, self)

    def __mod__(self, other: Dimension) -> Dimension:
        return _divide("%", self, other)

    def __rmod__(self, other: int) -> Dimension:
        return _divide("%", other, self)

    # comparison: equality is of the canonical form; order can't be decided
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbolic) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def _no_order(self, other: Dimension) -> bool:
        raise Undecided(f"'{self}' is not known before run time, so it can't be compared with '{other}'")

    __lt__ = __le__ = __gt__ = __ge__ = _no_order

    def __bool__(self) -> bool:
        raise Undecided(f"'{self}' is not known before run time")

    def __index__(self) -> int:
        raise Undecided(f"'{self}' is not known before run time")

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in sorted(self.terms.items(), key=lambda t: (-len(t[0]), t[0])):
            size = abs(coefficient)
            factors = ([str(size)] if size != 1 or not monomial else []) + [str(atom) for atom in monomial]
            sign = "-" if coefficient < 0 else "+"
            text += f" {sign} {' * '.join(factors)}" if text else f"{'-' if sign == '-' else ''}{' * '.join(factors)}"
        return text

    __repr__ = __str__

    @property
    def atoms(self) -> Iterator[_Atom]:
        return (atom for monomial in self.terms for atom in monomial)

    def operands(self, atom: _Atom) -> tuple[Dimension, Dimension]:
        """Return what a division atom divides, and by what."""
        return self._parts[atom]


Dimension = Union[int, Symbolic]
Shape = tuple[Dimension, ...]


def symbol(name: str) -> Symbolic:
    """Return the symbol of that name as a dimension."""
    return Symbolic({(_Atom(name),): 1}, {})


def _terms(dimension: Dimension) -> Mapping[_Monomial, int]:
    return dimension.terms if isinstance(dimension, Symbolic) else {(): int(dimension)}


def _parts_of(dimension: Dimension) -> Mapping[_Atom, tuple[Dimension, Dimension]]:
    return dimension._parts if isinstance(dimension, Symbolic) else {}  # noqa: SLF001 - same module


def _make(terms: Mapping[_Monomial, int], *parts: Mapping[_Atom, tuple[Dimension, Dimension]]) -> Dimension:
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not set(kept) - {()}:
        return kept.get((), 0)
    used = {atom for monomial in kept for atom in monomial if atom.operator}
    return Symbolic(kept, {atom: known[atom] for known in parts for atom in known if atom in used})


def _divide(operator: str, numerator: Dimension, divisor: Dimension) -> Dimension:
    """Floor division or remainder; what divides evenly leaves the fraction."""
    if isinstance(divisor, int):
        if divisor == 0:
            raise ZeroDivisionError("division by zero")
        whole = {m: c // divisor for m, c in _terms(numerator).items() if c % divisor == 0}
        rest = {m: c for m, c in _terms(numerator).items() if c % divisor}
        constant, positive = rest.pop((), 0), divisor > 0
        if positive and constant:  # (2T + 5) // 2 = T + 2 + 1 // 2: keep only the remainder of the constant
            whole[()] = whole.get((), 0) + constant // divisor
            constant %= divisor
        if not rest:
            result = _make(whole, _parts_of(numerator)) if operator == "//" else 0
            return result + (constant // divisor if operator == "//" else constant % divisor)
        if constant:
            rest[()] = constant
        left = _make(rest, _parts_of(numerator))
        quotient = _atom(operator, left, divisor)
        return quotient if operator == "%" else quotient + _make(whole, _parts_of(numerator))
    if numerator == divisor:
        return 1 if operator == "//" else 0
    if isinstance(numerator, Symbolic) and len(divisor.terms) == 1:
        (monomial, coefficient), = divisor.terms.items()
        quotients = {_without(m, monomial): c // coefficient for m, c in numerator.terms.items()
                     if c % coefficient == 0 and _without(m, monomial) is not None}
        if len(quotients) == len(numerator.terms):
            return 0 if operator == "%" else _make({k: v for k, v in quotients.items() if k is not None},
                                                   _parts_of(numerator))
    if numerator == 0:
        return 0
    return _atom(operator, numerator, divisor)


def _without(monomial: _Monomial, factor: _Monomial) -> _Monomial | None:
    rest = list(monomial)
    for atom in factor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _atom(operator: str, numerator: Dimension, divisor: Dimension) -> Symbolic:
    def wrap(d: Dimension) -> str:
        return str(d) if isinstance(d, int) or (len(d.terms) == 1 and " " not in str(d)) else f"({d})"

    atom = _Atom(f"({wrap(numerator)} {operator} {wrap(divisor)})", operator, (str(numerator), str(divisor)))
    return Symbolic({(atom,): 1}, {**_parts_of(numerator), **_parts_of(divisor), atom: (numerator, divisor)})


def symbols_of(dimension: Dimension) -> frozenset[str]:
    """Return the names of all symbols in a dimension, inner ones of divisions included."""
    if isinstance(dimension, int):
        return frozenset()
    found: set[str] = set()
    for atom in dimension.atoms:
        if atom.operator:
            for operand in dimension.operands(atom):
                found |= symbols_of(operand)
        else:
            found.add(atom.name)
    return frozenset(found)


def substitute(dimension: Dimension, values: Mapping[str, Dimension]) -> Dimension:
    """Replace symbols by dimensions; unnamed ones stay."""
    if isinstance(dimension, int):
        return dimension
    total: Dimension = 0
    for monomial, coefficient in dimension.terms.items():
        product: Dimension = coefficient
        for atom in monomial:
            if atom.operator:
                numerator, divisor = (substitute(d, values) for d in dimension.operands(atom))
                product = product * (numerator // divisor if atom.operator == "//" else numerator % divisor)
            else:
                product = product * values.get(atom.name, symbol(atom.name))
        total = total + product
    return total


def evaluate(dimension: Dimension, values: Mapping[str, int]) -> int:
    """Return the number that a dimension is for given symbols; :class:`Undecided` if one is missing."""
    result = substitute(dimension, values)
    if isinstance(result, Symbolic):
        raise Undecided(f"'{result}' is not known")
    return result


def same_value(a: Dimension, b: Dimension) -> bool | None:
    """Are two dimensions equal? None if that depends on their symbols."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    coefficients = {c for m, c in difference.terms.items() if m}
    constant = difference.terms.get((), 0)
    if all(c > 0 for c in coefficients) and constant > 0 or all(c < 0 for c in coefficients) and constant < 0:
        return False  # dimensions are never negative
    return None


# --- Shapes and tensor types ---------------------------------------------------------------------


def shape_text(shape: Sequence[Dimension]) -> str:
    """Return a shape as the language writes it: ``[N, 3, 32]``."""
    return "[" + ", ".join(map(str, shape)) + "]"


def element_count(shape: Iterable[Dimension]) -> Dimension:
    """Return the product of the dimensions, 1 for a scalar."""
    count: Dimension = 1
    for dimension in shape:
        count = count * dimension
    return count


@dataclass(frozen=True)
class TensorType:
    """Element type and shape of a tensor."""

    element: ElementType
    shape: Shape = ()

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def count(self) -> Dimension:
        """How many elements it has."""
        return element_count(self.shape)

    def with_shape(self, shape: Iterable[Dimension]) -> TensorType:
        return TensorType(self.element, tuple(shape))

    def with_last(self, dimension: Dimension) -> TensorType:
        return TensorType(self.element, (*self.shape[:-1], dimension))

    def with_element(self, element: ElementType) -> TensorType:
        return TensorType(element, self.shape)

    def substitute(self, values: Mapping[str, Dimension]) -> TensorType:
        return self.with_shape(substitute(d, values) for d in self.shape)

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset().union(*(symbols_of(d) for d in self.shape)) if self.shape else frozenset()

    def __str__(self) -> str:
        return f"{self.element}{shape_text(self.shape)}" if self.shape else str(self.element)


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


def window_size(size: Dimension, kernel: int, stride: int, dilation: int, before: int, after: int) -> Dimension:
    """Return how many windows of a convolution or a pool fit along an axis."""
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1
