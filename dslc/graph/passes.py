"""Passes that make a finished graph smaller without changing what it computes.

They run after differentiation. Inputs and outputs keep their names and every value its stamped type;
parameters are never folded, since training or a later load may change them. Each pass takes time linear in
the graph and says whether it changed anything; :func:`simplify` repeats them until none does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import onnx_ir as ir
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes.common import CommonSubexpressionEliminationPass, RemoveUnusedNodesPass

from dslc.graph.algebra import rewrite
from dslc.graph.builder import add_constant, constant_value, type_of

__all__ = ["PASSES", "Pass", "simplify"]

Pass = Callable[[ir.Model], bool]

LARGEST_FOLDED = 4096
"""Constants of more elements are left to the runtime, so that files stay small."""


def fold_constants(model: ir.Model) -> bool:
    """Compute nodes whose operands are all constants."""
    changed = False
    for node in model.graph:
        if not node.inputs or any(value is not None and constant_value(value) is None for value in node.inputs):
            continue
        if any(v.is_graph_output() or _count(v) is None for v in node.outputs):
            continue
        names = {str(v.name): constant_value(v) for v in node.inputs if v is not None}
        proto = ir.to_proto(node)
        results = ReferenceEvaluator(proto, opsets=dict(model.graph.opset_imports)).run(None, names)
        for value, result in zip(node.outputs, results, strict=True):
            folded = add_constant(model.graph, value.name or "", result.astype(type_of(value).element.numpy))
            value.replace_all_uses_with(folded)
        model.graph.remove(node, safe=True)
        changed = True
    return changed


def _count(value: ir.Value) -> int | None:
    count = type_of(value).count
    return count if isinstance(count, int) and count <= LARGEST_FOLDED else None


def simplify_algebra(model: ir.Model) -> bool:
    """Apply the identities of :mod:`dslc.graph.algebra` at every node."""
    return sum(rewrite(node) for node in model.graph) > 0


def merge_common_subexpressions(model: ir.Model) -> bool:
    """Compute once what is computed twice from the same operands with the same attributes."""
    changed = CommonSubexpressionEliminationPass()(model).modified
    for node in model.graph:  # two outputs with one value: the pass copies it
        if node.op_type == "Identity":
            (source,) = node.inputs
            assert source is not None
            node.outputs[0].meta.setdefault("type", type_of(source))
    return changed


def remove_unused(model: ir.Model) -> bool:
    """Drop nodes and weights that no output needs."""
    return RemoveUnusedNodesPass()(model).modified


PASSES: tuple[Pass, ...] = (remove_unused, fold_constants, simplify_algebra, merge_common_subexpressions)


def simplify(model: ir.Model, passes: Iterable[Pass] = PASSES) -> ir.Model:
    """Apply passes to the model, in place, until none changes it; return it."""
    passes = tuple(passes)
    while sum(apply(model) for apply in passes):  # all of them, whichever changed something
        pass
    return model
