"""Operations for whose element types the target that specs are checked for has no kernels."""

from __future__ import annotations

from dslc.errors.objectives import NO_KERNEL
from dslc.library.operation import Operation
from dslc.targets.cpu import CPU
from dslc.types import TensorType

__all__ = ["need_kernels"]


def need_kernels(operation: Operation, *operands: TensorType) -> None:
    """Refuse operands of an element type that an operator of the operation has no kernel for.

    Raises:
        Problem: E0556.
    """
    for operator in operation.operators:
        for operand in operands:
            if CPU.lacks(operator, operand.element):
                raise NO_KERNEL(
                    f"{operation.name} of {operand}: {CPU.name} has no {operand.element} kernel of {operator}",
                    hint="compute it in float32: `cast(..., float32)` before it, and back after it",
                )
