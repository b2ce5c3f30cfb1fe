"""Loops from outside and inside: what the rounds of a Scan or a Loop are given, and what they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from dslc.graph.values import bodies_of, constant_value, detach, operands_of, stamp, succeed, type_of
from dslc.types import Dimension

__all__ = [
    "Rounds", "Scanned", "Stacked", "State", "add_scanned", "add_stacked", "counts_only", "depending", "discard",
    "keep", "length_of", "lift", "mark_length", "remake", "set_directions",
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
    def ways(self) -> set[bool]:
        """The ways in which it goes through what it takes and leaves: whether it begins with the last slices."""
        return {one.backward for one in self.scanned} | {one.backward for one in self.stacked}

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
    varying, same = {*body.inputs, *body.outputs}, []
    for node in body:
        if varying.isdisjoint(operands_of(node)) and varying.isdisjoint(node.outputs):
            same.append(node)
        else:
            varying.update(node.outputs)
    body.remove(same)
    return same


def discard(body: ir.Graph) -> None:
    """Let go of what a graph that belongs to no node takes."""
    for node in body:
        detach(node)


# --- changing loops --------------------------------------------------------------------------------


def add_scanned(node: ir.Node, whole: ir.Value, *, backward: bool) -> ir.Value:
    """Let the rounds of a Scan take slices of one thing more; return that of a round."""
    rounds, type = Rounds.of(node), type_of(whole)
    part = ir.Value()
    stamp(part, f"{whole.name}/{node.name}", type.with_shape(type.shape[1:]))
    rounds.body.inputs.append(part)
    count = len(node.inputs)
    node.resize_inputs(count + 1)
    node.replace_input_with(count, whole)
    node.attributes["num_scan_inputs"] = ir.AttrInt64("num_scan_inputs", len(rounds.scanned) + 1)
    set_directions(node, "input", [*(one.backward for one in rounds.scanned), backward])
    return part


def add_stacked(node: ir.Node, part: ir.Value, *, backward: bool) -> ir.Value:
    """Let the rounds of a loop leave one thing more; return all of them together.

    What leaves already, or is given to a round, is passed on by an Identity, since ONNX gives a value one name only.
    """
    rounds, type, count = Rounds.of(node), type_of(part), len(node.outputs)
    name = f"{part.name}/{node.name}"
    if part.producer() is None or part.is_graph_output():
        passed = ir.Node("", "Identity", [part], name=name)
        stamp(passed.outputs[0], name, type)
        rounds.body.append(passed)
        part = passed.outputs[0]
    rounds.body.outputs.append(part)
    node.resize_outputs(count + 1)
    stamp(node.outputs[count], f"{name}/all", type.with_shape((length_of(node), *type.shape)))
    set_directions(node, "output", [*(one.backward for one in rounds.stacked), backward])
    return node.outputs[count]


def keep(rounds: Rounds, states: Sequence[State], scanned: Sequence[Scanned], stacked: Sequence[Stacked]) -> None:
    """Put a Scan in place of another that has these only; what it leaves keeps its name."""
    new = remake(rounds.node, states, scanned, stacked)
    results = [*(s.last for s in states), *(one.whole for one in stacked)]
    for known, value in zip(results, new.outputs, strict=True):
        succeed(known, value)
    assert new.graph is not None
    new.graph.remove(rounds.node, safe=True)


def remake(old: ir.Node, states: Sequence[State], scanned: Sequence[Scanned], stacked: Sequence[Stacked]) -> ir.Node:
    """Put a new Scan in front of another, whose body it takes over, with these; return it."""
    body = old.attributes.pop("body")
    graph, length = body.as_graph(), length_of(old)
    graph.inputs[:] = [*(s.before for s in states), *(one.part for one in scanned)]
    graph.outputs[:] = [*(s.after for s in states), *(one.part for one in stacked)]
    inputs = [*(s.first for s in states), *(one.whole for one in scanned)]
    attributes = [ir.AttrInt64("num_scan_inputs", len(scanned)), body]
    new = ir.Node("", "Scan", inputs, attributes, num_outputs=len(graph.outputs), name=old.name)
    new.metadata_props.update(old.metadata_props)
    mark_length(new, length)
    set_directions(new, "input", [one.backward for one in scanned])
    set_directions(new, "output", [one.backward for one in stacked])
    for index, (part, value) in enumerate(zip(graph.outputs, new.outputs, strict=True)):
        type = type_of(part)
        stacks = index >= len(states)
        stamp(value, f"{old.name}/{index}", type.with_shape((length, *type.shape)) if stacks else type)
    assert old.graph is not None
    old.graph.insert_before(old, new)
    return new
