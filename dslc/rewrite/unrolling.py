"""Loops of few rounds, written as these rounds one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from dslc.graph.rounds import Rounds, Scanned, Stacked, length_of
from dslc.graph.values import bodies_of, detach, makers_of, nodes_of, operand, succeed, target_of, type_of
from dslc.rewrite.stacking import Place
from dslc.types import TensorType

__all__ = ["unroll"]


def unroll(model: ir.Model) -> bool:
    """Unroll the loops whose rounds are known to be few enough for the target, and hold no graphs themselves."""
    changed = False
    for node in list(nodes_of(model.graph)):
        if node.op_type == "Scan" and _is_short(node) and not any(map(bodies_of, Rounds.of(node).body)):
            _unroll(node)
            changed = True
    return changed


def _is_short(node: ir.Node) -> bool:
    length = length_of(node)
    return isinstance(length, int) and length <= target_of(node).unrolled_rounds


def _unroll(node: ir.Node) -> None:
    rounds, length, place = Rounds.of(node), length_of(node), Place(node, behind=False)
    assert isinstance(length, int)
    slices = [_slices(one, length, place) for one in rounds.scanned]
    carried = [s.first for s in rounds.states]
    left: list[list[ir.Value]] = [[] for _ in rounds.stacked]
    for number in range(length):
        known = {s.before: value for s, value in zip(rounds.states, carried, strict=True)}
        known |= {one.part: parts[number] for one, parts in zip(rounds.scanned, slices, strict=True)}
        for inner in rounds.body:
            given = [value if value is None else known.get(value, value) for value in inner.inputs]
            made = ir.Node("", inner.op_type, given, list(inner.attributes.values()), num_outputs=len(inner.outputs))
            results = place.put(made, f"{inner.name}/round{number}", [type_of(value) for value in inner.outputs], inner)
            known.update(zip(inner.outputs, results, strict=True))
        carried = [known[s.after] for s in rounds.states]
        for one, values in zip(rounds.stacked, left, strict=True):
            values.append(known[one.part])
    for s, value in zip(rounds.states, carried, strict=True):
        copied = ir.Node("", "Identity", [value])  # which is a value of its own, as an output must be
        succeed(s.last, place.put(copied, f"{s.last.name}/unrolled", [type_of(value)], node)[0])
    for stack, values in zip(rounds.stacked, left, strict=True):
        succeed(stack.whole, _together(stack, values, node, place))
    assert node.graph is not None
    detach(node)
    node.graph.remove(node)


def _slices(one: Scanned, length: int, place: Place) -> list[ir.Value]:
    """Return what the rounds take of a tensor, in their order."""
    known = _joined(one.whole, type_of(one.part))
    if known is None:
        type, origin, name = type_of(one.part), place.at, f"{one.part.name}/slices"
        thin: Sequence[ir.Value] = [one.whole]
        if length > 1:
            sizes = place.constant(f"{name}/sizes", np.ones(length, np.int64))
            split = ir.Node("", "Split", [one.whole, sizes], [ir.AttrInt64("axis", 0)], num_outputs=length)
            thin = place.put(split, name, [type.with_shape((1, *type.shape))] * length, origin)
        axis = place.constant(f"{name}/axis", np.zeros(1, np.int64))
        known = [
            place.put(ir.Node("", "Squeeze", [value, axis]), f"{name}/slice{number}", [type], origin)[0]
            for number, value in enumerate(thin)
        ]
    return list(reversed(known)) if one.backward else known


def _joined(whole: ir.Value, type: TensorType) -> list[ir.Value] | None:
    """Return what a stack was put together from, if it was."""
    maker = whole.producer()
    if maker is None or maker.op_type != "Concat" or maker.attributes["axis"].as_int() != 0:
        return None
    makers = makers_of(maker.inputs)
    if len(makers) != len(maker.inputs) or any(one.op_type != "Unsqueeze" for one in makers):
        return None
    parts = [operand(one, 0) for one in makers]
    return parts if all(type_of(part) == type for part in parts) else None


def _together(stack: Stacked, values: Sequence[ir.Value], node: ir.Node, place: Place) -> ir.Value:
    """Return the stack of what the rounds leave."""
    values = list(reversed(values)) if stack.backward else values
    type, name = type_of(stack.part), f"{stack.whole.name}/stack"  # what a round leaves may leave it twice
    axis = place.constant(f"{name}/axis", np.zeros(1, np.int64))
    thin = type.with_shape((1, *type.shape))
    parts = [
        place.put(ir.Node("", "Unsqueeze", [value, axis]), f"{name}/part{number}", [thin], node)[0]
        for number, value in enumerate(values)
    ]
    joined = ir.Node("", "Concat", parts, [ir.AttrInt64("axis", 0)])
    (whole,) = place.put(joined, name, [type_of(stack.whole)], node)
    return whole
