"""How each operator is applied to all rounds of a loop at once: to stacks of what it is applied to in one round.

A stack has one axis more, the first one. Operands that are the same in all rounds stay as they are. What the table
doesn't hold, or not for these operands, stays in the loop.
"""
# ruff: noqa: ARG001 - all rules have the same parameters

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from dslc.graph.values import add_constant, attribute_of, constant_value, stamp, type_of
from dslc.rewrite.algebra import BROADCASTING
from dslc.types import Dimension, TensorType

__all__ = ["OPERATORS", "Place", "can_stack", "stack"]


@dataclass
class _Form:
    """What is different when an operator is applied to stacks."""

    rank: int | None = None
    """Stacks get axes of size one behind the first, until they have an axis more than this."""
    constants: Mapping[int, np.ndarray] = field(default_factory=dict)
    """What takes the place of operands that are constants."""
    attributes: Mapping[str, int | Sequence[int]] = field(default_factory=dict)


Stacked = Sequence[bool]
"""For each operand, whether it is a stack."""
Rule = Callable[[ir.Node, Stacked], "_Form | None"]


def _rank(node: ir.Node, index: int) -> int:
    value = node.inputs[index]
    assert value is not None
    return type_of(value).rank


def _constant(node: ir.Node, index: int) -> np.ndarray | None:
    value = node.inputs[index] if index < len(node.inputs) else None
    return None if value is None else constant_value(value)


def _first_only(stacked: Stacked) -> bool:
    return stacked[0] and not any(stacked[1:])


def _element_by_element(node: ir.Node, stacked: Stacked) -> _Form:
    return _Form(rank=type_of(node.outputs[0]).rank)


def _limits(node: ir.Node, stacked: Stacked) -> _Form | None:
    return _Form() if _first_only(stacked) else None


def _product(node: ir.Node, stacked: Stacked) -> _Form | None:
    ranks = [_rank(node, index) for index in (0, 1)]
    if min(ranks) >= 2:
        return _Form(rank=type_of(node.outputs[0]).rank)
    return _Form() if _first_only(stacked) and ranks[1] <= 2 else None  # the stack of vectors is a matrix


def _permuted(node: ir.Node, stacked: Stacked) -> _Form:
    permutation = node.attributes["perm"].as_ints()
    return _Form(attributes={"perm": [0, *(axis + 1 for axis in permutation)]})


def _along_axes(node: ir.Node, stacked: Stacked) -> _Form | None:
    """An operator whose axes are a constant, of the first operand, or of the result for Unsqueeze."""
    index = 3 if node.op_type == "Slice" else 1
    axes = _constant(node, index)
    if axes is None or not _first_only(stacked):
        return None
    rank = type_of(node.outputs[0]).rank if node.op_type == "Unsqueeze" else _rank(node, 0)
    return _Form(constants={index: np.asarray(axes % rank + 1)})


def _along_axis(node: ir.Node, stacked: Stacked) -> _Form | None:
    """An operator along one axis of what is stacked."""
    known = node.attributes.get("axis")
    axis = -1 if known is None else known.as_int()
    is_stacked = (
        all(stacked) if node.op_type in {"Concat", "GatherElements", "ScatterElements"} else _first_only(stacked)
    )
    return _Form(attributes={"axis": axis % _rank(node, 0) + 1}) if is_stacked else None


def _picked(node: ir.Node, stacked: Stacked) -> _Form | None:
    axis = node.attributes["axis"].as_int()
    if _first_only(stacked):
        return _Form(attributes={"axis": axis % _rank(node, 0) + 1})
    return _Form() if axis == 0 and not stacked[0] else None


def _reshaped(node: ir.Node, stacked: Stacked) -> _Form | None:
    """A 0 in a shape stands for the size that is there."""
    shape = _constant(node, 1)
    allows_zero = node.attributes.get("allowzero")
    if shape is None or not _first_only(stacked) or (allows_zero is not None and allows_zero.as_int()):
        return None
    return _Form(constants={1: np.array([0, *shape], np.int64)})


def _expanded(node: ir.Node, stacked: Stacked) -> _Form | None:
    shape = _constant(node, 1)
    if shape is None or not _first_only(stacked):
        return None
    return _Form(rank=type_of(node.outputs[0]).rank, constants={1: np.array([1, *shape], np.int64)})


def _padded(node: ir.Node, stacked: Stacked) -> _Form | None:
    pads = _constant(node, 1)
    if pads is None or not _first_only(stacked) or len(node.inputs) > 3:
        return None
    before, after = np.split(pads, 2)
    return _Form(constants={1: np.array([0, *before, 0, *after], np.int64)})


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            *BROADCASTING, "Abs", "And", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Cast", "Ceil", "Cos", "Elu", "Erf",
            "Exp", "Floor", "HardSigmoid", "Identity", "IsNaN", "LeakyRelu", "Log", "Mod", "Neg", "Not", "Or",
            "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt", "Tanh", "Xor",
        ),
        _element_by_element,
    ),
    "Clip": _limits,
    "MatMul": _product,
    "Transpose": _permuted,
    **dict.fromkeys(
        ("CumSum", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Slice", "Squeeze", "Unsqueeze"), _along_axes
    ),
    **dict.fromkeys(
        ("ArgMax", "Concat", "GatherElements", "LogSoftmax", "ScatterElements", "Softmax", "Split", "TopK"), _along_axis
    ),
    "Gather": _picked,
    "Reshape": _reshaped,
    "Expand": _expanded,
    "Pad": _padded,
}  # fmt: skip
OPERATORS = frozenset(_RULES)
"""The operators that the table holds."""


def can_stack(node: ir.Node, stacked: Stacked) -> bool:
    """Whether an operator can be applied to stacks; ``stacked`` says which of its operands are."""
    rule = _RULES.get(node.op_type) if not node.domain else None
    return rule is not None and rule(node, stacked) is not None


class Place:
    """Where nodes are put: in front of a node, or one after the other behind it."""

    def __init__(self, at: ir.Node, *, behind: bool) -> None:
        self.at = at
        self.behind = behind

    def put(self, node: ir.Node, name: str, types: Sequence[TensorType], origin: ir.Node) -> Sequence[ir.Value]:
        """Put a node there, on behalf of another; return its results, which have these types."""
        node.name = name
        node.metadata_props.update(origin.metadata_props)
        for index, (value, type) in enumerate(zip(node.outputs, types, strict=True)):
            stamp(value, name if index == 0 else f"{name}:{index}", type)
        if self.behind:
            self.at.append(node)
            self.at = node
        else:
            self.at.prepend(node)
        return node.outputs

    def constant(self, name: str, array: np.ndarray) -> ir.Value:
        """Add a constant."""
        assert self.at.graph is not None
        return add_constant(self.at.graph, name, array)


def stack(
    node: ir.Node, operands: Sequence[ir.Value | None], stacked: Stacked, length: Dimension, place: Place
) -> Sequence[ir.Value]:
    """Put what a node of a loop computes in so many rounds, of operands some of which are stacks."""
    form = _RULES[node.op_type](node, stacked)
    assert form is not None
    given: list[ir.Value | None] = []
    for index, (value, is_stack) in enumerate(zip(operands, stacked, strict=True)):
        name = f"{node.name}/rounds/{index}"
        if index in form.constants:
            given.append(place.constant(name, form.constants[index]))
        elif is_stack and value is not None and form.rank is not None and type_of(value).rank <= form.rank:
            given.append(_with_ones(node, name, value, form.rank + 1, place))
        else:
            given.append(value)
    attributes = [a for a in node.attributes.values() if a.name not in form.attributes]
    attributes += [attribute_of(name, value) for name, value in form.attributes.items()]
    made = ir.Node("", node.op_type, given, attributes, num_outputs=len(node.outputs))
    types = [type_of(value).with_shape((length, *type_of(value).shape)) for value in node.outputs]
    results = place.put(made, f"{node.name}/rounds", types, node)
    for value, result in zip(node.outputs, results, strict=True):
        result.meta.update((key, known) for key, known in value.meta.items() if key == "detached")
    return results


def _with_ones(node: ir.Node, name: str, value: ir.Value, rank: int, place: Place) -> ir.Value:
    """Give a stack axes of size one behind its first, until it has so many."""
    type = type_of(value)
    axes = np.arange(1, 1 + rank - type.rank)
    shape = (type.shape[0], *[1] * len(axes), *type.shape[1:])
    made = ir.Node("", "Unsqueeze", [value, place.constant(f"{name}/axes", axes)])
    return place.put(made, name, [type.with_shape(shape)], node)[0]
