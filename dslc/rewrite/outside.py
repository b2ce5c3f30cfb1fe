"""The outside of a loop: where what was computed in its rounds is had for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from dslc.graph.rounds import Rounds, add_stacked, length_of
from dslc.rewrite.stacking import Place, can_stack, stack

__all__ = ["Outside"]

VIEWS = frozenset({"Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""What computes nothing, and is done to a stack rather than to its slices."""


class Outside:
    """Stacks of what rounds compute, behind a Scan that goes one way in all that it takes and leaves."""

    def __init__(self, node: ir.Node) -> None:
        self.node = node
        self.place = Place(node, behind=True)

    @property
    def rounds(self) -> Rounds:
        """The loop, as it is by now."""
        return Rounds.of(self.node)

    @property
    def backward(self) -> bool:
        """Whether it begins with the last slices."""
        return any(self.rounds.ways)

    def is_inside(self, value: ir.Value | None) -> bool:
        """Whether a value belongs to the rounds."""
        return value is not None and value.graph is self.rounds.body

    def known(self, value: ir.Value) -> ir.Value | None:
        """Return the stack of a value, if there is one."""
        rounds = self.rounds
        for one in rounds.scanned:
            if one.part is value:
                return one.whole
        for left in rounds.stacked:
            maker = left.part.producer()
            if left.part is value or (maker and maker.op_type == "Identity" and maker.inputs[0] is value):
                return left.whole
        return None

    def stacked(self, value: ir.Value) -> ir.Value:
        """Return the stack of a value; the loop leaves it from now on, if it must."""
        known = self.known(value)
        if known is not None:
            return known
        maker = value.producer()
        if maker is not None and maker.op_type in VIEWS and self.can_apply(maker):
            return self.apply(maker)[0]
        return add_stacked(self.node, value, backward=self.backward)

    def can_apply(self, node: ir.Node) -> bool:
        """Whether a node of the rounds can be applied to stacks."""
        return can_stack(node, [self.is_inside(value) for value in node.inputs])

    def apply(self, node: ir.Node, stacks: dict[ir.Value, ir.Value] | None = None) -> Sequence[ir.Value]:
        """Apply a node of the rounds to stacks, some of which may be given."""
        stacks = stacks or {}
        inside = [self.is_inside(value) for value in node.inputs]
        operands = [
            (stacks[value] if value in stacks else self.stacked(value)) if value is not None and is_stack else value
            for value, is_stack in zip(node.inputs, inside, strict=True)
        ]
        return stack(node, operands, inside, length_of(self.node), self.place)
