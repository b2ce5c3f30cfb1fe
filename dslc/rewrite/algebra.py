"""Identities that replace a node by a cheaper one, or by a value that is there already.

Each rule looks at one node and what makes its operands, and says whether it changed something; what is then made in
vain is removed by :mod:`dslc.rewrite.passes`, which applies them. Scalars are combined in the element type, as the
runtime would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import dropwhile, takewhile

import numpy as np
import onnx_ir as ir

from dslc.graph.values import Attribute, add_constant, attribute_of, become, constant_value, operand, stamp, type_of
from dslc.types import BroadcastError, Dimension, Shape, TensorType, broadcast, element_count

__all__ = [
    "BROADCASTING", "BROADCASTS", "NEUTRAL", "RESHAPES", "SCALARS", "SIGNS", "TRANSPOSES", "Rule", "Rules", "constant",
    "insert", "is_repeated_slowly", "is_used_once", "reshaped", "shape_constant", "trailing_ones",
]  # fmt: skip

Rule = Callable[[ir.Node], bool]
Rules = Mapping[str, Sequence[Rule]]
"""Rules by the operator of the node that they look at, in the order in which they are tried."""


# --- looking and changing --------------------------------------------------------------------------


def _made_by(value: ir.Value | None, operator: str) -> ir.Node | None:
    """Return the node that makes a value, if it is this operator."""
    node = value.producer() if value is not None else None
    return node if node is not None and node.op_type == operator and not node.domain else None


def _scalar(value: ir.Value) -> np.ndarray | None:
    """Return the number that a constant of one element holds, as an array without axes."""
    array = constant_value(value)
    return array.reshape(()) if array is not None and array.size == 1 else None


def is_used_once(value: ir.Value) -> bool:
    """Whether one node alone needs a value, beside that which makes it: one inside of another may run many times."""
    uses = value.uses()
    return len(uses) == 1 and not value.is_graph_output() and next(iter(uses)).node.graph is value.graph


def _become_value(node: ir.Node, value: ir.Value) -> bool:
    """Use a value instead of the node's, where they have one type and no output's name would be lost."""
    result = node.outputs[0]
    if result.is_graph_output() or type_of(result) != type_of(value) or not result.uses():
        return False
    result.replace_all_uses_with(value)
    return True


def constant(node: ir.Node, name: str, number: np.ndarray) -> ir.Value:
    """Add a constant on behalf of a node."""
    assert node.graph is not None
    return add_constant(node.graph, f"{node.name}/{name}", np.asarray(number))


def insert(
    before: ir.Node, name: str, type: TensorType, operator: str, *operands: ir.Value, **attributes: Attribute
) -> ir.Value:
    """Put a new node, with one result of that type, in front of another, on whose behalf it is made."""
    made = [attribute_of(*attribute) for attribute in attributes.items()]
    node = ir.Node("", operator, operands, made, name=f"{before.name}/{name}")
    node.metadata_props.update(before.metadata_props)
    stamp(node.outputs[0], f"{before.name}/{name}", type)
    before.prepend(node)
    return node.outputs[0]


def reshaped(before: ir.Node, name: str, value: ir.Value, shape: Shape) -> ir.Value:
    """Put a Reshape in front of a node; only one of the sizes may be unknown."""
    sizes = shape_constant(before, f"{name}/shape", shape)
    return insert(before, name, type_of(value).with_shape(shape), "Reshape", value, sizes)


def shape_constant(node: ir.Node, name: str, shape: Shape) -> ir.Value:
    """Return what a Reshape on behalf of a node takes; only one of the sizes may be unknown."""
    return constant(node, name, np.array([n if isinstance(n, int) else -1 for n in shape], np.int64))


# --- neutral elements and scalars --------------------------------------------------------------------


def _drop_neutral(node: ir.Node) -> bool:
    """x + 0, x - 0, x * 1, x / 1, x ** 1, Identity, and a Cast to the type that is there already."""
    left = operand(node, 0)
    if node.op_type in {"Identity", "Cast"}:
        return _become_value(node, left)
    right = operand(node, 1)
    neutral = 0 if node.op_type in {"Add", "Sub"} else 1
    if _scalar(right) == neutral:
        return _become_value(node, left)
    return node.op_type in {"Add", "Mul"} and _scalar(left) == neutral and _become_value(node, right)


_WithNumber = tuple[ir.Value, np.ndarray, bool]
"""An operand, the number that it is joined with, and whether by the inverse operator: Div, or Sub."""


def _with_number(node: ir.Node, operator: str, inverse: str) -> _WithNumber | None:
    """Read x * c, c * x, x / c or -x, or what is like it of sums."""
    if node.op_type == "Neg" and operator == "Mul":
        return operand(node, 0), np.asarray(-1, type_of(operand(node, 0)).element.numpy), False
    if node.op_type not in {operator, inverse}:
        return None
    left, right = (operand(node, index) for index in (0, 1))
    if (number := _scalar(right)) is not None:
        return left, number, node.op_type == inverse
    if node.op_type == operator and (number := _scalar(left)) is not None:
        return right, number, False
    return None


def _chain(node: ir.Node, operator: str, inverse: str) -> tuple[_WithNumber, _WithNumber] | None:
    """Read a node and what makes its operand, for it alone; None where they are not two such operators."""
    outer = _with_number(node, operator, inverse)
    maker = outer[0].producer() if outer and is_used_once(outer[0]) else None
    inner = _with_number(maker, operator, inverse) if maker is not None and not maker.domain else None
    if outer is None or inner is None or type_of(inner[0]) != type_of(node.outputs[0]):
        return None
    return inner, outer


def _join_factors(node: ir.Node) -> bool:
    """(x * a) * b = x * (a b), and so with divisions and signs."""
    if (chain := _chain(node, "Mul", "Div")) is None:
        return False
    (x, a, divides_a), (_, b, divides_b) = chain
    if (divides_a or divides_b) and not type_of(x).element.is_float:
        return False
    with np.errstate(all="ignore"):
        factor = a * b if divides_a == divides_b else (b / a if divides_a else a / b)
    if type_of(x).element.is_float and not _is_ordinary(factor):
        return False
    operator = "Div" if divides_a and divides_b else "Mul"
    return become(node, operator, [x, constant(node, "factor", factor)])


def _is_ordinary(number: np.ndarray) -> bool:
    """Not infinite, not lost to underflow."""
    return bool(np.isfinite(number) and abs(number) >= np.finfo(str(number.dtype)).tiny)


def _join_terms(node: ir.Node) -> bool:
    """(x + a) + b = x + (a + b), and so with differences."""
    if (chain := _chain(node, "Add", "Sub")) is None:
        return False
    with np.errstate(all="ignore"):
        a, b = (-number if is_subtracted else number for _, number, is_subtracted in chain)
        return become(node, "Add", [chain[0][0], constant(node, "term", a + b)])


def _drop_signs(node: ir.Node) -> bool:
    """x + (-y) = x - y, (-x) + y = y - x, x - (-y) = x + y."""
    left, right = (operand(node, index) for index in (0, 1))
    if negated := _made_by(right, "Neg"):
        return become(node, "Sub" if node.op_type == "Add" else "Add", [left, operand(negated, 0)])
    if node.op_type == "Add" and (negated := _made_by(left, "Neg")):
        return become(node, "Sub", [right, operand(negated, 0)])
    return False


# --- shapes ----------------------------------------------------------------------------------------------

SAME_ELEMENTS = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Identity"})
"""What keeps all elements in their order."""


def _join_reshapes(node: ir.Node) -> bool:
    """A chain of reshapes that ends in the type it began with is nothing; a Reshape of one needs only itself."""
    source = node.inputs[0]
    while source is not None and (maker := source.producer()) and maker.op_type in SAME_ELEMENTS and not maker.domain:
        source = maker.inputs[0]
    if source is None:
        return False
    if type_of(source) == type_of(node.outputs[0]) and _become_value(node, source):
        return True
    if node.op_type == "Reshape" and source is not node.inputs[0]:
        node.replace_input_with(0, source)
        return True
    return False


def _join_transposes(node: ir.Node) -> bool:
    """A Transpose of a Transpose is one, or none, but for one of matrices in front of products, which costs nothing."""
    inner = _made_by(node.inputs[0], "Transpose")
    if inner is None:
        return False
    permutation = [inner.attributes["perm"].as_ints()[axis] for axis in node.attributes["perm"].as_ints()]
    if permutation == list(range(len(permutation))):
        return _become_value(node, operand(inner, 0))
    if _swaps_last_axes(node) and all(use.node.op_type in {"MatMul", "Transpose"} for use in node.outputs[0].uses()):
        return False
    return become(node, "Transpose", [operand(inner, 0)], perm=permutation)


def _transpose_product(node: ir.Node) -> bool:
    """(A' B)' = B' A, where A' is a Transpose: the runtime fuses a transposed operand into the product."""
    product = _made_by(node.inputs[0], "MatMul") if _swaps_last_axes(node) else None
    left = _made_by(product.inputs[0], "Transpose") if product else None
    if product is None or left is None or not is_used_once(product.outputs[0]) or not _swaps_last_axes(left):
        return False
    a, b = operand(left, 0), operand(product, 1)
    if type_of(a).rank != type_of(b).rank:
        return False
    # reuse the node of A' for B': its own result has no other use, or stays for those who have one
    other = _made_by(b, "Transpose")
    if other is not None and _swaps_last_axes(other):
        return become(node, "MatMul", [operand(other, 0), a])
    if not is_used_once(left.outputs[0]):
        return False
    become(node, "MatMul", [_transposed(node, b), a])
    return True


def _swaps_last_axes(node: ir.Node) -> bool:
    """Whether a Transpose transposes matrices."""
    permutation = list(node.attributes["perm"].as_ints())
    rank = len(permutation)
    return permutation == [*range(rank - 2), rank - 1, rank - 2]


def _transposed(before: ir.Node, matrices: ir.Value) -> ir.Value:
    """Insert a Transpose of matrices in front of a node."""
    type = type_of(matrices)
    *others, rows, columns = range(type.rank)
    turned = type.with_shape((*type.shape[:-2], type.shape[-1], type.shape[-2]))
    return insert(before, "transposed", turned, "Transpose", matrices, perm=[*others, columns, rows])


BROADCASTING = (
    "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Equal", "Less", "LessOrEqual", "Greater",
    "GreaterOrEqual",
)  # fmt: skip
"""Operators that repeat their operands along axes of size one."""


def _skip_broadcast(node: ir.Node) -> bool:
    """Leave to the operator what Expand, or leading axes of size one, do for it."""
    shapes = [type_of(value).shape for value in node.inputs if value is not None]
    result = type_of(node.outputs[0]).shape
    for index, value in enumerate(node.inputs):
        maker = value.producer() if value is not None else None
        if maker is None or maker.domain or maker.op_type not in {"Expand", "Unsqueeze", "Reshape"}:
            continue
        source = operand(maker, 0)
        shape = type_of(source).shape
        if maker.op_type != "Expand" and (
            _significant(shape) != _significant(shapes[index]) or is_repeated_slowly(shape, result)
        ):
            continue
        try:
            if broadcast(*shapes[:index], shape, *shapes[index + 1 :]) != result:
                continue
        except BroadcastError:
            continue
        node.replace_input_with(index, source)
        return True
    return False


def is_repeated_slowly(number: Shape, result: Shape) -> bool:
    """Whether ONNX Runtime repeats a number, a shape of one element, for one element of the result after the other.

    It does where the result ends in axes of size one and the number has no more axes than these, and then takes 10 to
    120 times as long.
    """
    ones = trailing_ones(result)
    return 0 < ones < len(result) and len(number) <= ones and element_count(number) == 1


def trailing_ones(shape: Shape) -> int:
    """Return how many axes of size one a shape ends in."""
    return len(list(takewhile(lambda size: size == 1, reversed(shape))))


def _significant(shape: Sequence[Dimension]) -> list[Dimension]:
    """A shape without its leading ones."""
    return list(dropwhile(lambda size: size == 1, shape))


NEUTRAL: Rules = {operator: [_drop_neutral] for operator in ("Identity", "Cast", "Add", "Sub", "Mul", "Div", "Pow")}
SCALARS: Rules = {
    **{operator: [_join_factors] for operator in ("Mul", "Div", "Neg")},
    **{operator: [_join_terms] for operator in ("Add", "Sub")},
}
SIGNS: Rules = {operator: [_drop_signs] for operator in ("Add", "Sub")}
RESHAPES: Rules = {operator: [_join_reshapes] for operator in ("Reshape", "Squeeze", "Unsqueeze")}
TRANSPOSES: Rules = {"Transpose": [_join_transposes, _transpose_product]}
BROADCASTS: Rules = {operator: [_skip_broadcast] for operator in BROADCASTING}
