"""The gradient of a choice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import onnx_ir as ir

from dslc import graph as g
from dslc.autodiff.handing_over import hand_over
from dslc.autodiff.table import Following, vjp_inside
from dslc.graph import Builder, Tensor, type_of
from dslc.graph.values import bodies_of, stamp


def _if(
    builder: Builder, node: ir.Node, dy: Sequence[Tensor | None], wanted: Sequence[ir.Value], following: Following
) -> Sequence[Tensor | None]:
    """A choice of the branches' gradients; what these need of their branch leaves the first choice as further results.

    Where the branch that made them wasn't taken, zeros stand for them, which nothing reads.
    """
    assert node.inputs[0] is not None
    condition, branches = Tensor(builder, node.inputs[0]), bodies_of(node)

    def gradient(branch: ir.Graph) -> list[Tensor]:
        ends = [(Tensor(builder, y), d) for y, d in zip(branch.outputs, dy, strict=True) if d is not None]
        found = following.pull_back(ends, [Tensor(builder, value) for value in wanted], branch)
        return [g.full(condition, 0.0, type_of(v)) if d is None else d for v, d in zip(wanted, found, strict=True)]

    results = g.branch(condition, *(lambda b=branch: gradient(b) for branch in branches))
    made = results[0].value.producer()
    assert made is not None
    for branch, body, other in zip(branches, bodies_of(made), reversed(branches), strict=True):
        hand_over(builder, body, branch, partial(_result, builder, node, branch, other))
    return results


def _result(builder: Builder, node: ir.Node, branch: ir.Graph, other: ir.Graph, value: ir.Value) -> ir.Value:
    """Return a value of a branch as a result of its node, a further one if it is none; the other one gives zeros."""
    if value in branch.outputs:
        return node.outputs[branch.outputs.index(value)]
    count, type = len(node.outputs), type_of(value)
    with builder.into(branch):
        builder.output("result", Tensor(builder, value))
    with builder.into(other):
        builder.output("result", g.full(Tensor(builder, value), 0, type))
    node.resize_outputs(count + 1)
    stamp(node.outputs[count], f"{node.name}:{count}", type)
    return node.outputs[count]


vjp_inside("If", _if)
