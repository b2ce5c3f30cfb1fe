"""Sums over the rounds of a loop: of products, they are products over all rounds at once, behind the loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx_ir as ir

from dslc.graph.rounds import State
from dslc.graph.values import constant_value, operand, succeed, type_of
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
    succeed(state.last, _sum(outside.place, add, totals))
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
        product = ir.Node("", "MatMul", [_rows(outside, maker), _columns(outside, maker)])
    else:
        given = [_total(outside, one) if one and outside.is_inside(one) else one for one in maker.inputs]
        product = ir.Node("", maker.op_type, given, list(maker.attributes.values()))
    return outside.place.put(product, f"{maker.name}/total", [type_of(value)], maker)[0]


def _rows(outside: Outside, product: ir.Node) -> ir.Value:
    """Return the left operands [m, k] of a product in all rounds side by side: [m, rounds * k].

    A transpose is computed, and not left to the runtime's product, which takes longer with one on its left.
    """
    matrix = operand(product, 0)
    if _is_transposed(outside, matrix):
        return _laid(outside, product, 0, operand(_maker(matrix), 0), [2, 0, 1], 1)
    return _laid(outside, product, 0, matrix, [1, 0, 2], 1)


def _columns(outside: Outside, product: ir.Node) -> ir.Value:
    """Return the right operands [k, n] of a product in all rounds one below the other: [rounds * k, n]."""
    matrix = operand(product, 1)
    if _is_transposed(outside, matrix):
        return _laid(outside, product, 1, operand(_maker(matrix), 0), [0, 2, 1], 0)
    return _laid(outside, product, 1, matrix, [0, 1, 2], 0)


def _maker(value: ir.Value) -> ir.Node:
    maker = value.producer()
    assert maker is not None
    return maker


def _is_transposed(outside: Outside, matrix: ir.Value) -> bool:
    maker = matrix.producer()
    return maker is not None and maker.op_type == "Transpose" and outside.is_inside(matrix)


def _laid(
    outside: Outside, product: ir.Node, index: int, matrix: ir.Value, permutation: Sequence[int], merged: int
) -> ir.Value:
    """Return the stack of matrices with its axes in an order, two of which are then merged to that axis."""
    stack, name = outside.stacked(matrix), f"{product.name}/{index}"
    type = type_of(stack)
    if list(permutation) != [0, 1, 2]:
        turn = ir.Node("", "Transpose", [stack], [ir.AttrInt64s("perm", permutation)])
        type = type.with_shape(type.shape[axis] for axis in permutation)
        (stack,) = outside.place.put(turn, f"{name}/turned", [type], product)
    kept = type.shape[0 if merged else 2]
    sizes = [kept, -1] if merged else [-1, kept]
    shape = outside.place.constant(f"{name}/shape", np.array(sizes, np.int64))
    count = type.shape[merged] * type.shape[merged + 1]
    flat = type.with_shape((kept, count) if merged else (count, kept))
    return outside.place.put(ir.Node("", "Reshape", [stack, shape]), f"{name}/flat", [flat], product)[0]


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
