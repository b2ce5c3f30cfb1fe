"""Divisions by a number that is written, and is 0."""

from __future__ import annotations

from collections.abc import Sequence

from dslc.errors.types import NOT_COMPUTABLE
from dslc.library.operation import Operation
from dslc.plan.values import Literal, Value
from dslc.source import Span

__all__ = ["refuse_zero"]


def refuse_zero(operation: Operation, operands: Sequence[Value], span: Span) -> None:
    """Refuse a division by a number that is written, and is 0.

    Raises:
        Problem: E0313.
    """
    if not operation.divides or len(operands) != 2:
        return
    divisor = operands[1].application.operation
    if isinstance(divisor, Literal) and not divisor.array.all():
        problem = NOT_COMPUTABLE(f"{operation.name} of {operands[0].type} and 0 is a division by zero")
        raise problem.at(operands[1].span or span)
