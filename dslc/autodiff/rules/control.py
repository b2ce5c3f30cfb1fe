"""The gradient of a choice. Those of loops are not written yet: a gradient that meets one is an error."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from dslc import graph as g
from dslc.autodiff.table import PullBack, vjp_inside
from dslc.graph import Builder, Tensor, type_of
from dslc.graph.values import bodies_of, nodes_of, stamp


def _if(
    builder: Builder, node: ir.Node, dy: Sequence[Tensor | None], wanted: Sequence[ir.Value], pull_back: PullBack
) -> list[Tensor]:
    """A choice of the branches' gradients; what these need of their branch leaves the first choice as further results.

    Where the branch that made them wasn't taken, zeros stand for them, which nothing reads.
    """
    assert node.inputs[0] is not None
    condition, branches = Tensor(builder, node.inputs[0]), bodies_of(node)

    def gradient(branch: ir.Graph) -> list[Tensor]:
        ends = [(Tensor(builder, y), d) for y, d in zip(branch.outputs, dy, strict=True) if d is not None]
        found = pull_back(ends, [Tensor(builder, value) for value in wanted], branch)
        return [g.full(condition, 0.0, type_of(v)) if d is None else d for v, d in zip(wanted, found, strict=True)]

    results = g.branch(condition, *(lambda b=branch: gradient(b) for branch in branches))
    made = results[0].value.producer()
    assert made is not None
    for branch, body, other in zip(branches, bodies_of(made), reversed(branches), strict=True):
        _hand_over(builder, node, branch, other, body)
    return list(results)


def _hand_over(builder: Builder, node: ir.Node, branch: ir.Graph, other: ir.Graph, to: ir.Graph) -> None:
    """Let a branch's values that a later graph takes leave their node."""
    outside: dict[ir.Value, ir.Value] = dict(zip(branch.outputs, node.outputs, strict=False))
    for reader in nodes_of(to):
        for index, value in enumerate(reader.inputs):
            if value is None or value.graph is not branch:
                continue
            if value not in outside:
                outside[value] = _further_result(builder, node, branch, other, value)
            reader.replace_input_with(index, outside[value])


def _further_result(builder: Builder, node: ir.Node, branch: ir.Graph, other: ir.Graph, value: ir.Value) -> ir.Value:
    """Return a value of a branch as a result of its node more; the other branch gives zeros in its place."""
    count, type = len(node.outputs), type_of(value)
    with builder.into(branch):
        builder.output("result", Tensor(builder, value))
    with builder.into(other):
        builder.output("result", g.full(Tensor(builder, value), 0, type))
    node.resize_outputs(count + 1)
    stamp(node.outputs[count], f"{node.name}:{count}", type)
    return node.outputs[count]


vjp_inside("If", _if)
