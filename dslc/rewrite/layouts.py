"""Transposes that bring channels to the end, as products."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from dslc.graph.values import target_of, type_of
from dslc.rewrite.algebra import Rules, become, constant, insert, reshaped, shape_constant
from dslc.types import FLOAT32, element_count

__all__ = ["LAYOUTS"]


def _multiply_by_identity(node: ir.Node) -> bool:
    """Bring few channels behind many points, (N, C, *spatial) to (N, *spatial, C), by a product with the identity.

    The runtime takes a transposed operand into the product, which all threads share. Its Transpose works in one thread,
    and writes one element after the other where there are fewer than 32 channels.
    """
    x = node.inputs[0]
    assert x is not None
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
    swap = ir.Node("", "Transpose", [rows], [ir.AttrInt64s("perm", [0, 2, 1])])
    columns = insert(node, "columns", swap, type.with_shape((type.shape[0], points, channels)))
    identity = constant(node, "identity", np.eye(channels, dtype=np.float32))
    product = insert(node, "product", ir.Node("", "MatMul", [columns, identity]), type_of(columns))
    return become(node, "Reshape", [product, shape_constant(node, "shape", result.shape)])


LAYOUTS: Rules = {"Transpose": [_multiply_by_identity]}
