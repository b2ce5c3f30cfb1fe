"""The gradient of a loop: a Scan the other way, over what the loop leaves of its rounds.

What the gradient of a round needs of the round is stacked by the loop (saved, and not computed again): the states
before it and those of its values that the rules ask for. What is scanned already is scanned again, what comes from
outside is taken from there, and what would be the same in every round is none of its values (the builder computes it
before the loop). Carried from the last round to the first are the gradients by the states; those by what comes from
outside add up on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import onnx_ir as ir

from dslc import graph as g
from dslc.autodiff.handing_over import hand_over
from dslc.autodiff.operands import taken_by
from dslc.autodiff.table import Following, vjp_inside
from dslc.errors.objectives import NO_GRADIENT
from dslc.graph import Builder, Tensor, type_of
from dslc.graph.rounds import (
    Rounds,
    State,
    add_stacked,
    counts_only,
    depending,
    length_of,
    lift,
    mark_length,
    set_directions,
)  # fmt: skip
from dslc.types import INT64, TensorType

Gradients = Sequence["Tensor | None"]
Arrived = Mapping[ir.Value, "Tensor | None"]


def _scan(
    builder: Builder, node: ir.Node, dy: Gradients, wanted: Sequence[ir.Value], following: Following
) -> Gradients:
    """Also the rule of a Loop that only counts."""
    if not counts_only(node):
        place = node.metadata_props.get("origin", node.name)
        raise NO_GRADIENT(f"the operator {node.op_type} has no gradient where a condition ends it ({place})")
    return _Backward(builder, node, following).gradients(dy, wanted)


@dataclass
class _Backward:
    """The gradient of one loop, while it is built."""

    builder: Builder
    node: ir.Node
    following: Following
    body: ir.Graph = field(init=False)
    taken: dict[ir.Value, ir.Value] = field(default_factory=dict)
    """The slices that a round of the gradient is given, each with what it is a slice of,"""
    ways: list[bool] = field(default_factory=list)
    """and whether the first round takes the last one."""

    def __post_init__(self) -> None:
        self.body = self.builder.body("gradient")

    @property
    def rounds(self) -> Rounds:
        """The loop that is differentiated, as it is by now."""
        return Rounds.of(self.node)

    def gradients(self, dy: Gradients, wanted: Sequence[ir.Value]) -> Gradients:
        """Return the gradients by the wanted ones of the loop's inputs, and of what its body takes from outside."""
        builder, rounds = self.builder, self.rounds
        sought, arrived = set(wanted), dict(zip(self.node.outputs, dy, strict=True))
        scanned = [one for one in rounds.scanned if one.whole in sought]
        outside = [value for value in taken_by(self.node) if value in sought]
        sources = [*(one.part for one in scanned), *outside]
        states = _flowing(rounds, sources, sought, arrived, self.following)
        with builder.into(self.body):
            carried = [builder.input("given", type_of(s.after)) for s in states]
            ends = [(Tensor(builder, s.after), d) for s, d in zip(states, carried, strict=True)]
            ends += [
                (Tensor(builder, one.part), self._slice(d.value, not one.backward))
                for one in rounds.stacked
                if (d := arrived[one.whole]) is not None
            ]
            asked = [Tensor(builder, value) for value in (*(s.before for s in states), *sources)]
            found = iter(self.following.pull_back(ends, asked, rounds.body))
            before = [d or self._zeros(s.type) for s, d in zip(carried, islice(found, len(states)), strict=True)]
            by_part = list(islice(found, len(scanned)))
            by_outside = list(found)
            totals = {value: builder.input("given", d.type) for value, d in zip(outside, by_outside, strict=True) if d}
            added = [totals[value] + d for value, d in zip(outside, by_outside, strict=True) if d]
            for result in (*before, *added, *filter(None, by_part)):
                builder.output("result", result)
        hand_over(builder, self.body, rounds.body, self._of_a_round)
        first = [arrived[s.last] or self._zeros(type_of(s.last)) for s in states]
        first += [self._zeros(total.type) for total in totals.values()]
        if not carried and not totals and not any(by_part):
            return [None] * len(wanted)
        left = [not one.backward for one, d in zip(scanned, by_part, strict=True) if d]
        results = iter(self._scan([*carried, *totals.values()], first, left))
        by_state = {s.before: next(results) for s in states}
        by_value = {value: next(results) for value in totals}
        by_slice = {one.part: next(results) for one, d in zip(scanned, by_part, strict=True) if d}
        entered = [by_state.get(s.before) for s in rounds.states if s.first in sought]
        return [*entered, *(by_slice.get(one.part) for one in scanned), *(by_value.get(value) for value in outside)]

    def _zeros(self, type: TensorType) -> Tensor:
        return g.expand(self.builder.constant(0, type.element), type.shape)

    def _slice(self, whole: ir.Value, backward: bool) -> Tensor:
        """Let the rounds of the gradient take slices of a tensor; return that of a round."""
        type = type_of(whole)
        part = self.builder.input("given", type.with_shape(type.shape[1:]))
        self.taken[part.value] = whole
        self.ways.append(backward)
        return part

    def _of_a_round(self, value: ir.Value) -> ir.Value:
        """Return what the gradient of a round has in place of a value of the round."""
        builder, rounds = self.builder, self.rounds
        for one in rounds.scanned:
            if one.part is value:
                return self._inside(one.whole, not one.backward)
        if rounds.counts and value is rounds.body.inputs[0]:
            return self._inside(self._numbers().value, True)
        if rounds.counts and value is rounds.body.inputs[1]:
            return builder.constant(True).value
        for known in rounds.stacked:
            maker = known.part.producer()
            if known.part is value or (maker and maker.op_type == "Identity" and maker.inputs[0] is value):
                return self._inside(known.whole, not known.backward)
        backward = rounds.scanned[0].backward if rounds.scanned else False
        return self._inside(add_stacked(self.node, value, backward=backward), not backward)

    def _inside(self, whole: ir.Value, backward: bool) -> ir.Value:
        with self.builder.into(self.body):
            return self._slice(whole, backward).value

    def _numbers(self) -> Tensor:
        """Return the numbers of the rounds of a Loop."""
        count = self.node.inputs[0]
        assert count is not None
        zero, one = (self.builder.constant(n, INT64) for n in (0, 1))
        limits = [zero, Tensor(self.builder, count), one]
        return self.builder.node("Range", limits, [TensorType(INT64, (length_of(self.node),))])

    def _scan(self, carried: Sequence[Tensor], first: Sequence[Tensor], left: Sequence[bool]) -> tuple[Tensor, ...]:
        """Finish the loop of the gradient."""
        builder = self.builder
        if not self.taken:  # something has to say how many rounds there are
            one = next(iter(self.rounds.scanned), None)
            self._inside(self._numbers().value if one is None else one.whole, True)
        self.body.inputs[:] = [*(x.value for x in carried), *self.taken]
        builder.add(lift(self.body))
        length = length_of(self.node)
        outputs = [type_of(value) for value in self.body.outputs]
        types = outputs[: len(carried)] + [type.with_shape((length, *type.shape)) for type in outputs[len(carried) :]]
        inputs = [*first, *(Tensor(builder, whole) for whole in self.taken.values())]
        results = builder.nodes("Scan", inputs, types, {"body": self.body, "num_scan_inputs": len(self.taken)})
        made = results[0].value.producer() if results else None
        assert made is not None
        set_directions(made, "input", self.ways)
        set_directions(made, "output", left)
        mark_length(made, length)
        return results


def _flowing(
    rounds: Rounds, sources: Sequence[ir.Value], sought: set[ir.Value], arrived: Arrived, following: Following
) -> list[State]:
    """Return the states that gradients are carried by: they hang on what is sought, and what arrived hangs on them."""
    real = [s for s in rounds.states if type_of(s.before).element.is_float]
    needed = {one.part for one in rounds.stacked if arrived[one.whole]} | {s.after for s in real if arrived[s.last]}
    follows = {s.before: depending(rounds.body, [s.before]) for s in real}
    for _ in real:  # one more round, each time
        needed |= {s.after for s in real if not follows[s.before].isdisjoint(needed)}
    hanging = {s.before for s in real if s.first in sought}
    for _ in real:
        reached = following.reached(list(needed), [*sources, *hanging], rounds.body)
        hanging |= {s.before for s in real if s.after in reached}
    return [s for s in real if s.before in hanging and s.after in needed]


vjp_inside("Scan", _scan)
vjp_inside("Loop", _scan)
