"""How numbers of several types meet in a field's expression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dslc import graph as g
from dslc.check.core.elaboration import Elaboration
from dslc.diagnostics import Problem
from dslc.dimensions import Undecided
from dslc.errors.names import NOT_APPLICABLE
from dslc.library.operation import Context, Operation
from dslc.plan.values import Literal, Placeholder, Value
from dslc.source import Span
from dslc.types import BOOL, FLOAT32, FLOAT64, INT64, STRING, BroadcastError, TensorType

__all__ = ["Divisor", "Widening", "in_single_precision"]


@dataclass(frozen=True)
class Divisor(Operation):
    """What a field divides whole numbers by, 1 in place of 0: that would end the run before its place can be told."""

    name: ClassVar[str] = "divisor"
    family: ClassVar[str] = "function"
    elementwise = True
    wraps = False

    def type(self, *operands: TensorType) -> TensorType:
        """Return that of what it is made of."""
        return operands[0]

    def emit(self, context: Context, *operands: g.Tensor) -> g.Tensor:
        """Put 1 where there is 0."""
        (x,) = operands
        zero, one = (context.builder.constant(n, x.element) for n in (0, 1))
        return g.where(g.equal(x, zero), one, x)

    def bounds(self, *ranges: tuple[int, int]) -> tuple[int, int]:
        """Return those of what it is made of, by which a division by 0 is told."""
        return ranges[0]


@dataclass(frozen=True)
class Widening:
    """Lets columns be computed with as their file has them: which of them are whole numbers is not the spec's affair.

    What takes no whole numbers, no two types, or would give float32 for whole numbers, gets float64; what takes
    nothing but whole numbers gets those.
    """

    as_whole: Callable[[Value], Value | None]
    """Returns a column that is read as float64 as int64 instead, where it holds whole numbers."""

    def __call__(
        self, elaboration: Elaboration, operation: Operation, operands: Sequence[Value], span: Span
    ) -> Sequence[Value]:
        """Return the operands in types that the operation takes, or as they are; a whole divisor is guarded.

        Raises:
            Problem: the operation draws random numbers.
        """
        if operation.draws(training=True):
            raise NOT_APPLICABLE(
                f"{operation.name} draws anew at each step, and a field is computed once",
                hint="draw in a model or in 'train', where the field is used",
            ).at(span)
        found = self.widened(elaboration, operation, operands, span)
        if operation.divides and len(found) == 2 and found[1].type.element.is_integer:
            divisor = found[1]
            if not isinstance(divisor.application.operation, Literal):  # which is known not to be 0
                safe = elaboration.apply(Divisor(), [divisor], span)
                assert isinstance(safe, Value)
                return [found[0], safe]
        return found

    def widened(
        self, elaboration: Elaboration, operation: Operation, operands: Sequence[Value], span: Span
    ) -> Sequence[Value]:
        """Return the operands in types that the operation takes, or as they are."""
        types = [operand.type for operand in operands]
        results = _results(operation, types)
        whole = all(t.element.is_integer or t.element is BOOL for t in types)
        chooses = hasattr(operation, "element")  # its result's type is an option of its own
        if results and not (whole and not chooses and any(t.element is FLOAT32 for t in results)):
            return operands
        wide = [t if t.element in (BOOL, STRING) else t.with_element(FLOAT64) for t in types]
        if wide != types and _results(operation, wide):
            return [
                operand if operand.type == type else elaboration.call("cast", [operand], span, element=FLOAT64)
                for operand, type in zip(operands, wide, strict=True)
            ]
        if not results:
            for number, operand in enumerate(operands):
                candidate = self.as_whole(operand)
                if candidate is not None:
                    changed = [*operands[:number], candidate, *operands[number + 1 :]]
                    if _results(operation, [operand.type for operand in changed]):
                        return changed
        return operands


def _results(operation: Operation, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    """Return what an operation gives for operands of these types; nothing where it refuses them."""
    try:
        found = operation.type(*types)
    except (Problem, BroadcastError, Undecided):
        return ()
    return (found,) if isinstance(found, TensorType) else found


_EXACT_IN_FLOAT32 = frozenset({"int8", "int16", "uint8", "uint16", "float16", "float32"})
_ROUNDED_ONCE = frozenset({"+", "-", "*", "/"})
"""Operators whose result is the exact one, rounded (IEEE 754)."""


def in_single_precision(elaboration: Elaboration, value: Value, span: Span) -> Value:
    """Return a value in float32 where that gives the same bits as float64 that is rounded in the end, and faster.

    That is so for a column that float32 holds, and for one operation of it with a number that float32 holds: float64
    has more than twice as many digits, so rounding by it first changes nothing (S. Figueroa, "When is double rounding
    innocuous?", 1995).
    """
    column = _column(value)
    if column is not None:
        return elaboration.call("cast", [column], span, element=FLOAT32)
    application = value.application
    if application.operation.symbol not in _ROUNDED_ONCE or len(application.operands) != 2:
        return value
    narrow = [_narrow(elaboration, operand, span) for operand in application.operands]
    found = [operand for operand in narrow if operand is not None]
    if len(found) < 2 or all(isinstance(operand.application.operation, Literal) for operand in found):
        return value
    result = elaboration.apply(application.operation, found, span)
    assert isinstance(result, Value)
    return result


def _narrow(elaboration: Elaboration, operand: Value, span: Span) -> Value | None:
    column = _column(operand)
    if column is not None:
        return elaboration.call("cast", [column], span, element=FLOAT32)
    literal = _uncast(operand)
    if isinstance(literal.application.operation, Literal):
        number = literal.application.operation.array
        with np.errstate(over="ignore"):
            if number.ndim == 0 and float(number.astype(np.float32)) == float(number):
                return elaboration.literal(float(number), FLOAT32, operand.span)
    return None


def _column(value: Value) -> Value | None:
    """Return the column that a value is, where float32 holds what is in it."""
    source = _uncast(value)
    held = source.type.element.value in _EXACT_IN_FLOAT32
    return source if held and isinstance(source.application.operation, Placeholder) else None


def _uncast(value: Value) -> Value:
    """Return what a value was before it was widened."""
    while value.application.operation.converts and value.type.element in (INT64, FLOAT64):
        value = value.application.operands[0]
    return value
