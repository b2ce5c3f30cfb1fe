"""Sums over the rounds of a loop: of products, they are products over all rounds at once, behind the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx_ir as ir

from dslc.graph.rounds import State
from dslc.graph.values import constant_value, operand, type_of
from dslc.rewrite.outside import Outside
from dslc.rewrite.stacking import Place
from dslc.types import TensorType

__all__ = ["take_totals"]

KEEPING = frozenset({"Concat", "Neg", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""What may as well be done to the sums of what it is applied to."""


def take_totals(outside: Outside) -> bool:
    """Take sums of products out of a loop; say whether there are any."""
    taken = [state for state in outside.rounds.states if _take_total(outside, state)]
    return bool(taken)


def _take_total(outside: Outside, state: State) -> bool:
    add = state.after.producer()
    if add is None or add.op_type != "Add" or len(state.before.uses()) != 1 or state.before not in add.inputs:
        return False
    place = 1 - add.inputs.index(state.before)
    terms = list(_terms(outside, operand(add, place), type_of(state.before)))
    taken = [term for term in terms if _is_product(outside, term)]
    if not taken:
        return False
    totals = [_total(outside, term) for term in taken]
    kept = [term for term in terms if term not in taken]
    if kept:
        add.replace_input_with(place, _sum(Place(add, behind=False), add, kept))
    if kept or not _is_zero(state.first):
        totals.append(state.last if kept else state.first)
    outside.replace(state.last, _sum(outside.place, add, totals))
    return True


def _terms(outside: Outside, value: ir.Value, type: TensorType) -> Iterator[ir.Value]:
    """Yield what is added up to a value, and to nothing else."""
    maker = value.producer()
    own = maker is not None and maker.op_type == "Add" and outside.is_inside(value) and _is_used_once(value)
    if maker is not None and own and all(type_of(operand(maker, index)) == type for index in (0, 1)):
        for index in (0, 1):
            yield from _terms(outside, operand(maker, index), type)
    else:
        yield value


def _is_used_once(value: ir.Value) -> bool:
    return len(value.uses()) == 1 and not value.is_graph_output()


def _is_product(outside: Outside, value: ir.Value) -> bool:
    """Whether a value is a product of matrices that both vary from round to round, or a form of such products."""
    maker = value.producer()
    if maker is None or type_of(value).rank == 0 or not outside.is_inside(value) or not _is_used_once(value):
        return False
    if maker.op_type in KEEPING:
        inside = [one for one in maker.inputs if outside.is_inside(one)]
        parts = maker.inputs if maker.op_type == "Concat" else maker.inputs[:1]
        return list(parts) == inside and all(one is not None and _is_product(outside, one) for one in inside)
    if maker.op_type != "MatMul" or not all(map(outside.is_inside, maker.inputs)):
        return False
    is_known = all(isinstance(size, int) and size > 0 for size in type_of(value).shape)
    return is_known and all(one is not None and type_of(one).rank == 2 for one in maker.inputs)


def _total(outside: Outside, value: ir.Value) -> ir.Value:
    """Return the sum over all rounds of a product, behind the loop."""
    maker = value.producer()
    assert maker is not None
    if maker.op_type == "MatMul":
        left, right = _rows(outside, maker, 0), _columns(outside, maker, 1)
        product = ir.Node("", "MatMul", [left, right])
    else:
        given = [_total(outside, one) if one and outside.is_inside(one) else one for one in maker.inputs]
        product = ir.Node("", maker.op_type, given, list(maker.attributes.values()))
    return outside.place.put(product, f"{maker.name}/total", [type_of(value)], maker)[0]


def _rows(outside: Outside, product: ir.Node, index: int) -> ir.Value:
    """Return the matrices [m, k] of all rounds side by side: [m, rounds * k]."""
    matrix = operand(product, index)
    maker = matrix.producer()
    if maker is not None and maker.op_type == "Transpose" and outside.is_inside(matrix):
        return _transposed(outside, product, index, _below(outside, product, index, operand(maker, 0)))
    return _beside(outside, product, index, matrix)


def _columns(outside: Outside, product: ir.Node, index: int) -> ir.Value:
    """Return the matrices [k, n] of all rounds one below the other: [rounds * k, n]."""
    matrix = operand(product, index)
    maker = matrix.producer()
    if maker is not None and maker.op_type == "Transpose" and outside.is_inside(matrix):
        return _transposed(outside, product, index, _beside(outside, product, index, operand(maker, 0)))
    return _below(outside, product, index, matrix)


def _below(outside: Outside, product: ir.Node, index: int, matrix: ir.Value) -> ir.Value:
    """Return the stack of matrices as one with all their rows."""
    stack = outside.stacked(matrix)
    length, rows, columns = type_of(stack).shape
    return _reshaped(outside, product, f"{index}/rows", stack, type_of(stack).with_shape((length * rows, columns)), 0)


def _beside(outside: Outside, product: ir.Node, index: int, matrix: ir.Value) -> ir.Value:
    """Return the stack of matrices as one with all their columns."""
    stack = outside.stacked(matrix)
    type = type_of(stack)
    length, rows, columns = type.shape
    swap = ir.Node("", "Transpose", [stack], [ir.AttrInt64s("perm", [1, 0, 2])])
    swapped_type, name = type.with_shape((rows, length, columns)), f"{product.name}/{index}/swapped"
    (swapped,) = outside.place.put(swap, name, [swapped_type], product)
    return _reshaped(outside, product, f"{index}/columns", swapped, type.with_shape((rows, length * columns)), 1)


def _reshaped(outside: Outside, product: ir.Node, name: str, value: ir.Value, type: TensorType, free: int) -> ir.Value:
    sizes = [-1 if axis == free else size for axis, size in enumerate(type.shape)]
    name = f"{product.name}/{name}"
    shape = outside.place.constant(f"{name}/shape", np.array(sizes, np.int64))
    return outside.place.put(ir.Node("", "Reshape", [value, shape]), name, [type], product)[0]


def _transposed(outside: Outside, product: ir.Node, index: int, matrix: ir.Value) -> ir.Value:
    rows, columns = type_of(matrix).shape
    node = ir.Node("", "Transpose", [matrix], [ir.AttrInt64s("perm", [1, 0])])
    name, type = f"{product.name}/{index}/transposed", type_of(matrix).with_shape((columns, rows))
    return outside.place.put(node, name, [type], product)[0]


def _sum(place: Place, origin: ir.Node, terms: Sequence[ir.Value]) -> ir.Value:
    total, *others = terms
    for number, term in enumerate(others):
        name = f"{origin.name}/total/{number}"
        (total,) = place.put(ir.Node("", "Add", [total, term]), name, [type_of(total)], origin)
    return total


def _is_zero(value: ir.Value) -> bool:
    """Whether a value is known to be zeros."""
    maker = value.producer()
    if maker is not None and maker.op_type == "Expand":
        return _is_zero(operand(maker, 0))
    known = constant_value(value)
    return known is not None and not known.any()
