"""How numbers of several types meet in a field's expression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dslc.diagnostics import Problem
from dslc.library.operations import Operation
from dslc.model.values import Value
from dslc.source import Span
from dslc.types import BOOL, FLOAT32, FLOAT64, STRING, BroadcastError, TensorType, Undecided

if TYPE_CHECKING:
    from dslc.model.elaboration import Elaboration

__all__ = ["Widening"]


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
