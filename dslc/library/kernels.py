"""Which operators ONNX Runtime's CPU has no kernels of for which floating-point types."""

from __future__ import annotations

from collections.abc import Mapping

from dslc.errors.objectives import NO_KERNEL
from dslc.library.operation import Operation
from dslc.types import FLOAT64, ElementType, TensorType

__all__ = ["MISSING", "need_kernels"]

MISSING: Mapping[str, frozenset[ElementType]] = {
    "AveragePool": frozenset({FLOAT64}),
    "Conv": frozenset({FLOAT64}),
    "Erf": frozenset({FLOAT64}),
}


def need_kernels(operation: Operation, *operands: TensorType) -> None:
    """Refuse operands of an element type that an operator of the operation has no kernel for.

    Raises:
        Problem: E0556.
    """
    for operator in operation.operators():
        for operand in operands:
            if operand.element in MISSING[operator]:
                raise NO_KERNEL(
                    f"{operation.name} of {operand}: ONNX Runtime's CPU has no {operand.element} kernel of {operator}",
                    hint="compute it in float32: `cast(..., float32)` before it, and back after it",
                )
