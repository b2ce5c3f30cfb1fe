"""Where a field's expression can lose what it says without a trace: whole numbers that wrap, missing ones that compare.

NaN shows in the result that it reaches, and so does infinity. A whole number that leaves its type, and what is made of
NaN as a truth or a whole number, look like any other value; so each such step gets a condition, computed beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dslc.check.core.elaboration import Elaboration
from dslc.check.data.widening import Divisor
from dslc.diagnostics import Problem
from dslc.plan.data import Unsound
from dslc.plan.examples import BATCH
from dslc.plan.values import Application, Literal, Value
from dslc.source import Span
from dslc.types import BOOL, FLOAT32, FLOAT64, INT64, ElementType, symbol

__all__ = ["unsound"]


def unsound(elaboration: Elaboration, value: Value, span: Span) -> Unsound:
    """Return where a field's expression goes wrong without a trace; None where it can't."""
    widening, elaboration.widening = elaboration.widening, None
    try:
        return Unsound(
            *(_Follower(elaboration, span, arises).of(value) for arises in (_wraps, _hides_missing, _divides_by_zero))
        )
    finally:
        elaboration.widening = widening


@dataclass
class _Follower:
    """Follows a condition from the steps that it arises at to the result; ``where`` keeps that of the side it takes."""

    elaboration: Elaboration
    span: Span
    arises: Callable[[_Follower, Application], Value | None]
    known: dict[int, Value | None] = field(default_factory=dict)
    ranges: dict[int, tuple[int, int] | None] = field(default_factory=dict)

    def call(self, name: str, *operands: Value, **options: object) -> Value:
        return self.elaboration.call(name, list(operands), self.span, **options)

    def either(self, a: Value | None, b: Value | None) -> Value | None:
        return b if a is None else a if b is None else self.call("logical_or", a, b)

    def of(self, value: Value) -> Value | None:
        """Return the condition of a value: of its rank, with axes of size 1 where it is not known by element."""
        key = id(value)
        if key not in self.known:
            self.known[key] = self._of(value)
        return self.known[key]

    def _of(self, value: Value) -> Value | None:
        application = value.application
        if application.operation.of_shapes:
            return None
        found = self.arises(self, application)
        if application.operation.selects:
            condition, a, b = application.operands
            sides = [(condition, self.of(a)), (self.call("logical_not", condition), self.of(b))]
            for taken, side in sides:
                found = self.either(found, None if side is None else self.call("logical_and", taken, side))
            return self.either(found, self.of(condition))
        for operand in application.operands:
            before = self.of(operand)
            if before is not None and not application.operation.elementwise:
                before = self.by_example(before, value.type.rank)
            found = self.either(found, before)
        return found

    def by_example(self, condition: Value, rank: int) -> Value:
        """Return whether a condition holds anywhere in an example, with axes of size 1 behind that of the examples."""
        shape = condition.type.shape
        batched = bool(shape) and shape[0] == symbol(BATCH)
        if len(shape) > batched:
            axes = list(range(int(batched), len(shape)))
            numbers = self.call("cast", condition, element=FLOAT32)
            condition = self.call("cast", self.call("max", numbers, axis=axes), element=BOOL)
        return self.call("reshape", condition, shape=(*([-1] if batched else []), *[1] * (rank - batched)))

    def range(self, value: Value) -> tuple[int, int] | None:
        """Return bounds of a value of whole numbers; None if it is of other numbers."""
        key = id(value)
        if key not in self.ranges:
            self.ranges[key] = self._range(value)
        return self.ranges[key]

    def _range(self, value: Value) -> tuple[int, int] | None:
        application, element = value.application, value.type.element
        if element is BOOL:
            return 0, 1
        if not element.is_integer:
            return None
        operation, limits = application.operation, _limits(element)
        if isinstance(operation, Literal):
            return int(operation.array.min()), int(operation.array.max())
        exact = self.exact(application)
        return exact if exact is not None and _within(exact, limits) else limits

    def exact(self, application: Application) -> tuple[int, int] | None:
        """Return bounds of what a step would give if there were room for any number; None if they are not known."""
        ranges = [self.range(operand) for operand in application.operands]
        known = [found for found in ranges if found is not None]
        return application.operation.bounds(*known) if known and len(known) == len(ranges) else None


def _wraps(follower: _Follower, application: Application) -> Value | None:
    """Return where the whole numbers that a step computes leave their type: computed again, as float64."""
    (output,) = application.outputs[:1]
    element = output.type.element
    operation = application.operation
    if not (element.is_integer and application.operands and operation.wraps):
        return None
    if operation.carries and not operation.converts:
        return None
    if operation.converts:
        bounds = follower.range(application.operands[0])
        if bounds is not None and _within(bounds, _limits(element)):
            return None
        wide = application.operands[0]
        if wide.type.element is not FLOAT64:
            wide = follower.call("cast", wide, element=FLOAT64)
    else:
        bounds = follower.exact(application)
        if bounds is not None and _within(bounds, _limits(element)):
            return None
        operands = [follower.call("cast", operand, element=FLOAT64) for operand in application.operands]
        try:
            again = follower.elaboration.apply(application.operation, operands, follower.span)
        except Problem:
            return None
        assert isinstance(again, Value)
        wide = again
    if element is INT64 and _keeps_sign(application):
        return _by_sign(follower, wide, output)
    low, high = _limits(element)
    literal = follower.elaboration.literal
    above = follower.call("greater_equal", wide, literal(float(high + 1), FLOAT64, follower.span))
    below = follower.call("less_equal" if element is not INT64 else "less", wide, literal(
        float(low - 1) if element is not INT64 else float(low), FLOAT64, follower.span
    ))  # fmt: skip
    found = follower.call("logical_or", above, below)
    if operation.symbol == "**":  # of a negative exponent, a fraction
        exponent = application.operands[1]
        bounds = follower.range(exponent)
        if bounds is None or bounds[0] < 0:
            zero = literal(0, exponent.type.element, follower.span)
            found = follower.call("logical_or", found, follower.call("less", exponent, zero))
    return found


def _keeps_sign(application: Application) -> bool:
    """Return whether the result is exact but for what has wrapped.

    ONNX Runtime computes powers and sums over axes as float64.
    """
    whole = not any(operand.type.element.is_float for operand in application.operands)
    return whole and (application.operation.wraps_exactly or application.operation.converts)


def _by_sign(follower: _Follower, wide: Value, result: Value) -> Value:
    """Return where an int64 result has wrapped: far beyond its type by what float64 has, and else of another sign.

    float64 does not tell neighbours of the limits apart, but what has wrapped there lies at the other end.
    """
    literal, call = follower.elaboration.literal, follower.call
    half, beyond = 2.0**62, 1.5 * 2.0**63
    negative = call("less", result, literal(0, INT64, follower.span))

    def compared(word: str, limit: float) -> Value:
        return call(word, wide, literal(limit, FLOAT64, follower.span))

    up = call("logical_and", compared("greater_equal", half), negative)
    down = call("logical_and", compared("less_equal", -half), call("logical_not", negative))
    far = call("logical_or", compared("greater_equal", beyond), compared("less_equal", -beyond))
    return call("logical_or", far, call("logical_or", up, down))


def _hides_missing(follower: _Follower, application: Application) -> Value | None:
    """Return where a step makes of NaN what is no NaN."""
    operation = application.operation
    if operation.tells_missing or operation.selects or not application.operands:
        return None
    (output,) = application.outputs[:1]
    operands = application.operands
    if output.type.element.is_float:
        operands = tuple(operands[place] for place in operation.hides_missing)
    found = None
    for operand in operands:
        if operand.type.element.is_float and not isinstance(operand.application.operation, Literal):
            missing = follower.call("is_missing", operand)
            if not operation.elementwise:
                missing = follower.by_example(missing, output.type.rank)
            found = follower.either(found, missing)
    return found


def _divides_by_zero(follower: _Follower, application: Application) -> Value | None:
    """Return where a whole number is divided by zero."""
    if not isinstance(application.operation, Divisor):
        return None
    (divisor,) = application.operands
    bounds = follower.range(divisor)
    if bounds is not None and not bounds[0] <= 0 <= bounds[1]:
        return None
    return follower.call("equal", divisor, follower.elaboration.literal(0, divisor.type.element, follower.span))


def _limits(element: ElementType) -> tuple[int, int]:
    information = np.iinfo(element.value)
    return int(information.min), int(information.max)


def _within(bounds: tuple[int, int], limits: tuple[int, int]) -> bool:
    return limits[0] <= bounds[0] and bounds[1] <= limits[1]
