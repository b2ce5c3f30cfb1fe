"""What the results of a node hang on, to differentiation: also what gradients that values bring along belong to."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from dslc.graph.values import NESTING, bodies_of, captured_by, nodes_of

__all__ = ["operands_of", "taken_by"]


def operands_of(node: ir.Node) -> Sequence[ir.Value | None]:
    """Return the inputs of a node, then what the graphs inside of it take from outside."""
    return (*node.inputs, *taken_by(node)) if node.op_type in NESTING else node.inputs


def taken_by(node: ir.Node) -> list[ir.Value]:
    """Return what the graphs inside of a node take from outside, each value once.

    A gradient that a value inside brings along (:func:`with_gradients`) may belong to a value outside, of which what
    lies between them is computed outside as well.
    """
    found = dict.fromkeys(captured_by(node))
    for body in bodies_of(node):
        own = {body, *body.subgraphs()}
        for inner in nodes_of(body):
            rules = inner.outputs[0].meta.get("gradients", ())
            found.update((value, None) for value, _ in rules if value.graph not in own)
    return list(found)
