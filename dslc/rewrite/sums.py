"""Sums over the first axes, or over the first and the last, as products with ones."""

from __future__ import annotations

from itertools import takewhile

import numpy as np
import onnx_ir as ir

from dslc.graph.values import become, constant_value, makers_of, onnx_type, operand, type_of
from dslc.rewrite.algebra import Rules, constant, insert, reshaped, shape_constant
from dslc.types import FLOAT32, FLOAT64, INT64, Dimension, TensorType, element_count

__all__ = ["SUMS"]


def _multiply_by_ones(node: ir.Node) -> bool:
    """The sum of a matrix's rows is a row of ones times the matrix; their mean is that over their number.

    Where the last axes are summed as well, those come first, each row as a product with ones. ONNX Runtime's reductions
    over the first axes, or over the first and the last, take 1.3 to 10 times as long as its products do; over all axes,
    or the last ones alone, they are fast.
    """
    x, result = operand(node, 0), type_of(node.outputs[0])
    type, axes = type_of(x), _axes(node)
    first = len(list(takewhile(lambda pair: pair[0] == pair[1], enumerate(axes))))
    last = type.rank - (len(axes) - first)
    count, width, points = map(element_count, (type.shape[:first], type.shape[first:last], type.shape[last:]))
    if not first or axes[first:] != list(range(last, type.rank)) or not isinstance(width, int) or width <= 1:
        return False
    if count == 0 or type.element not in {FLOAT32, FLOAT64}:
        return False
    matrix = type.with_shape((count, width))
    if last == type.rank:
        rows = x if type == matrix else reshaped(node, "rows", x, matrix.shape)
    elif type.element is FLOAT32 and isinstance(points, int) and points > 0:
        rows = _sums_of_rows(node, x, matrix, points)
    else:
        return False
    operator, operands = _summed(node, rows, matrix, points)
    row = matrix.with_shape((width,))
    if result == row:
        return become(node, operator, operands)
    total = insert(node, "row", row, operator, *operands)
    return become(node, "Reshape", [total, shape_constant(node, "shape", result.shape)])


def _axes(node: ir.Node) -> list[int]:
    """Return the axes that are reduced, counted from the front; none where they aren't known or all are."""
    known = constant_value(axes) if len(node.inputs) > 1 and (axes := node.inputs[1]) is not None else None
    return [] if known is None else sorted(int(axis) % type_of(operand(node, 0)).rank for axis in known)


def _sums_of_rows(node: ir.Node, x: ir.Value, matrix: TensorType, points: int) -> ir.Value:
    """Return the matrix of the sums over so many points, which are the last axes of x."""
    count = element_count(matrix.shape)
    number = constant(node, "points", np.array([1, points], np.int64))
    ones = _filled(node, "points/ones", number, matrix.with_shape((1, points)))
    rows = reshaped(node, "rows", x, (count, points))
    sums = insert(node, "points/sum", matrix.with_shape((1, count)), "Gemm", ones, rows, transB=1)
    return reshaped(node, "matrix", sums, matrix.shape)


def _summed(node: ir.Node, rows: ir.Value, type: TensorType, points: Dimension) -> tuple[str, list[ir.Value]]:
    """Return the operator that ends the sum or mean of all rows, and its operands.

    Each number of a row is a sum of so many points already.
    """
    ones = _ones(node, rows, type)
    if node.op_type == "ReduceSum":
        return "MatMul", [ones, rows]
    total = insert(node, "sum", type.with_shape(type.shape[1:]), "MatMul", ones, rows)
    (maker,), single = makers_of([ones]), type.with_shape((1,))
    count = insert(node, "count", single, "Cast", operand(maker, 0), to=onnx_type(type.element))
    if points != 1:
        factor = constant(node, "factor", np.array([points], type.element.numpy))
        count = insert(node, "total", single, "Mul", count, factor)
    return "Div", [total, count]


def _ones(node: ir.Node, rows: ir.Value, type: TensorType) -> ir.Value:
    """Return as many ones as there are rows: the same for all sums, where an input of the graph has as many."""
    graph = node.graph
    assert graph is not None
    count = type.shape[0]
    key = f"ones/{count}/{type.element.value}"
    maker: ir.Node | None = graph.meta.get(key)
    if maker is not None and maker.graph is graph:  # else it has gone with all that needed it
        return maker.outputs[0]
    if "inputs by size" not in graph.meta:  # once, since there may be as many sums as inputs
        graph.meta["inputs by size"] = {type_of(value).shape[:1]: value for value in graph.inputs}
    source = graph.meta["inputs by size"].get((count,))
    if source is None:
        return _filled(node, "ones", _number(node, "number", rows, type), type.with_shape((count,)))
    first = graph[0]
    number = _number(first, f"{key}/number", source, type_of(source))
    ones = _filled(first, key, number, type.with_shape((count,)))
    graph.meta[key] = ones.producer()
    return ones


def _filled(before: ir.Node, name: str, number: ir.Value, type: TensorType) -> ir.Value:
    return insert(before, name, type, "ConstantOfShape", number, value=np.ones(1, type.element.numpy))


def _number(before: ir.Node, name: str, value: ir.Value, type: TensorType) -> ir.Value:
    """Return the first size of a value as int64[1]."""
    count = type.shape[0]
    if isinstance(count, int):
        return constant(before, name, np.array([count], np.int64))
    return insert(before, name, TensorType(INT64, (1,)), "Shape", value, start=0, end=1)


SUMS: Rules = {operator: [_multiply_by_ones] for operator in ("ReduceSum", "ReduceMean")}
