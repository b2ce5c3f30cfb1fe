"""Loops from outside and inside: what the rounds of a Scan or a Loop are given, and what they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from dslc.graph.values import bodies_of, constant_value, nodes_of, operands_of
from dslc.types import Dimension

__all__ = [
    "Rounds", "Scanned", "Stacked", "State", "counts_only", "depending", "discard", "length_of", "lift", "mark_length",
    "set_directions",
]  # fmt: skip


@dataclass(frozen=True)
class State:
    """What is carried from round to round."""

    first: ir.Value
    """What the first round is given."""
    before: ir.Value
    """Inside: before a round."""
    after: ir.Value
    """Inside: after it."""
    last: ir.Value
    """What the last round leaves."""


@dataclass(frozen=True)
class Scanned:
    """What rounds take their slices of, along the first axis."""

    whole: ir.Value
    part: ir.Value
    """Inside: the slice of a round."""
    backward: bool
    """Whether the first round takes the last slice."""


@dataclass(frozen=True)
class Stacked:
    """What rounds leave along a new first axis."""

    part: ir.Value
    """Inside: what a round leaves."""
    whole: ir.Value
    backward: bool
    """Whether the first round leaves the last slice."""


@dataclass(frozen=True)
class Rounds:
    """A Scan along first axes, or a Loop."""

    node: ir.Node
    body: ir.Graph
    states: Sequence[State]
    scanned: Sequence[Scanned]
    stacked: Sequence[Stacked]

    @property
    def counts(self) -> bool:
        """Whether it is a Loop: its body is given the number of the round, and whether to go on, before the states."""
        return self.node.op_type == "Loop"

    @classmethod
    def of(cls, node: ir.Node) -> Rounds:
        """Read a node."""
        (body,) = bodies_of(node)
        is_loop = node.op_type == "Loop"
        slices = 0 if is_loop else node.attributes["num_scan_inputs"].as_int()
        around = (2, 1) if is_loop else (0, 0)  # a Loop's count and condition, before what is carried
        first, before, after = node.inputs[around[0] :], body.inputs[around[0] :], body.outputs[around[1] :]
        count = len(first) - slices
        states = [State(_known(x), b, a, y) for x, b, a, y in zip(first, before, after, node.outputs, strict=False)]
        taken, left = (_directions(node, kind) for kind in ("input", "output"))
        scanned = [
            Scanned(_known(x), part, taken.get(i, False))
            for i, (x, part) in enumerate(zip(first[count:], before[count:], strict=True))
        ]
        stacked = [
            Stacked(part, y, left.get(i, False))
            for i, (part, y) in enumerate(zip(after[count:], node.outputs[count:], strict=True))
        ]
        return cls(node, body, states[:count], scanned, stacked)


def _known(value: ir.Value | None) -> ir.Value:
    assert value is not None
    return value


def _directions(node: ir.Node, kind: str) -> dict[int, bool]:
    known = node.attributes.get(f"scan_{kind}_directions")
    return {} if known is None else {index: bool(way) for index, way in enumerate(known.as_ints())}


def set_directions(node: ir.Node, kind: str, backward: Sequence[bool]) -> None:
    """Say which of a Scan's inputs or outputs, ``kind``, it goes through from the last slice to the first."""
    name = f"scan_{kind}_directions"
    node.attributes.pop(name, None)
    if any(backward):
        node.attributes[name] = ir.AttrInt64s(name, [int(way) for way in backward])


def counts_only(node: ir.Node) -> bool:
    """Whether how often a loop runs is known before: by the length of what a Scan goes along, or a Loop's count."""
    if node.op_type == "Scan":
        return True
    (body,) = bodies_of(node)
    count, condition, *_ = node.inputs
    goes_on, known = body.outputs[0].producer(), None if condition is None else constant_value(condition)
    is_passed_on = goes_on is not None and goes_on.op_type == "Identity" and goes_on.inputs[0] is body.inputs[1]
    return count is not None and is_passed_on and (condition is None or (known is not None and bool(known)))


def mark_length(node: ir.Node, length: Dimension) -> None:
    """Remember how many rounds a loop has."""
    node.meta["length"] = length


def length_of(node: ir.Node) -> Dimension:
    """Return how many rounds a loop has."""
    length: Dimension = node.meta["length"]
    return length


def depending(nodes: Iterable[ir.Node], sources: Iterable[ir.Value]) -> set[ir.Value]:
    """Return what is computed from values by nodes that stand in order, and these values."""
    found = set(sources)
    for node in nodes:
        if any(value in found for value in operands_of(node)):
            found.update(node.outputs)
    return found


def lift(body: ir.Graph) -> list[ir.Node]:
    """Take the nodes out of a loop's body that compute the same in every round; return them, in order.

    What leaves the loop as it is stays.
    """
    varying = depending(body, [*body.inputs, *body.outputs])
    same = [node for node in body if varying.isdisjoint(node.outputs)]
    body.remove(same)
    return same


def discard(body: ir.Graph) -> None:
    """Let go of what a graph that belongs to no node takes."""
    for node in nodes_of(body):
        for index in range(len(node.inputs)):
            node.replace_input_with(index, None)
