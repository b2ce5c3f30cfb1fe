"""Numbers with as many axes as ONNX Runtime needs to repeat them fast."""

from __future__ import annotations

import onnx_ir as ir

from dslc.graph.values import constant_value, target_of, type_of
from dslc.rewrite.algebra import BROADCASTING, Rules, constant, is_repeated_slowly, reshaped, trailing_ones
from dslc.types import element_count

__all__ = ["WIDENING"]


def _widen_scalars(node: ir.Node) -> bool:
    """Give a number one axis more than a tensor has axes of size one at its end.

    Such tensors are what is computed from the means of rows, and the weights of convolutions of single points.
    """
    result = type_of(node.outputs[0]).shape
    count = element_count(result)
    if isinstance(count, int) and count < target_of(node).widened_elements:
        return False
    shape = (1,) * (trailing_ones(result) + 1)
    changed = False
    for index, value in enumerate(node.inputs):
        if value is None or not is_repeated_slowly(type_of(value).shape, result):
            continue
        number, name = constant_value(value), f"number{index}"
        wide = reshaped(node, name, value, shape) if number is None else constant(node, name, number.reshape(shape))
        node.replace_input_with(index, wide)
        changed = True
    return changed


WIDENING: Rules = {operator: [_widen_scalars] for operator in BROADCASTING}
