"""Forms that ONNX Runtime computes faster than what stands in the graph, each found at a single node."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from dslc.graph.values import become, constant_value, operand, target_of, type_of
from dslc.rewrite.algebra import (
    BROADCASTING,
    Rules,
    constant,
    insert,
    is_repeated_slowly,
    reshaped,
    shape_constant,
    trailing_ones,
)
from dslc.types import FLOAT32, element_count

__all__ = ["EXPANSIONS", "LAYOUTS", "WIDENING"]


def _expand_softplus(node: ir.Node) -> bool:
    """log(1 + exp(x)) = max(x, 0) + log1p(e) with e = exp(-|x|), which never overflows.

    log1p(e) is log(u) - ((u - 1) - e) / u, where u is 1 + e rounded and what follows corrects that to first order.
    All steps together take less than half the time of a Softplus, and err less.
    """
    x, type = operand(node, 0), type_of(node.outputs[0])
    if type.element is not FLOAT32:
        return False

    def step(name: str, operator: str, *operands: ir.Value) -> ir.Value:
        return insert(node, name, type, operator, *operands)

    one = constant(node, "one", np.array(1, type.element.numpy))
    e = step("exp", "Exp", step("minus", "Neg", step("distance", "Abs", x)))
    u = step("sum", "Add", e, one)
    error = step("error", "Sub", step("kept", "Sub", u, one), e)
    log1p = step("log1p", "Sub", step("log", "Log", u), step("correction", "Div", error, u))
    return become(node, "Add", [log1p, step("relu", "Relu", x)])


def _multiply_by_identity(node: ir.Node) -> bool:
    """Bring few channels behind many points, (N, C, *spatial) to (N, *spatial, C), by a product with the identity.

    The runtime takes a transposed operand into the product, which all threads share. Its Transpose works in one thread,
    and writes one element after the other where there are fewer than 32 channels.
    """
    x = operand(node, 0)
    type, result = type_of(x), type_of(node.outputs[0])
    permutation = list(node.attributes["perm"].as_ints())
    if type.rank < 3 or permutation != [0, *range(2, type.rank), 1] or type.element is not FLOAT32:
        return False
    if type.rank == 3 and all(use.node.op_type == "MatMul" for use in node.outputs[0].uses()):
        return False  # in front of a product already
    channels, points, target = type.shape[1], element_count(type.shape[2:]), target_of(node)
    if not isinstance(channels, int) or not isinstance(points, int) or points < target.moved_points:
        return False
    if not 1 < channels <= target.moved_channels:
        return False  # one channel need not be moved at all
    rows = reshaped(node, "rows", x, (type.shape[0], channels, points))
    swapped = type.with_shape((type.shape[0], points, channels))
    columns = insert(node, "columns", swapped, "Transpose", rows, perm=[0, 2, 1])
    identity = constant(node, "identity", np.eye(channels, dtype=np.float32))
    product = insert(node, "product", swapped, "MatMul", columns, identity)
    return become(node, "Reshape", [product, shape_constant(node, "shape", result.shape)])


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


EXPANSIONS: Rules = {"Softplus": [_expand_softplus]}
LAYOUTS: Rules = {"Transpose": [_multiply_by_identity]}
WIDENING: Rules = {operator: [_widen_scalars] for operator in BROADCASTING}
