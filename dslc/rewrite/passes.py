"""Passes that make a finished graph smaller or faster without changing what it computes, each with a name of its own.

They run after differentiation. Inputs and outputs keep their names and every value its stamped type;
parameters are never folded, since training or a later load may change them. :func:`simplify` applies those
that are asked for until none finds more to do, in time linear in the graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import onnx_ir as ir

from dslc.diagnostics import did_you_mean
from dslc.errors.environment import UNKNOWN_PASS
from dslc.graph.values import (
    NESTING,
    add_constant,
    become,
    bodies_of,
    constant_value,
    detach,
    drop_unused_weights,
    makers_of,
    nodes_of,
    operands_of,
    type_of,
)
from dslc.rewrite import algebra, forms, sums
from dslc.rewrite.algebra import Rule, Rules
from dslc.rewrite.loops import take_out
from dslc.rewrite.scaling import scale_and_shift
from dslc.rewrite.unrolling import unroll
from dslc.targets import Target

__all__ = ["PASSES", "Pass", "chosen_passes", "shipped", "simplify", "text_of"]


@dataclass(frozen=True)
class Pass:
    """A transformation of graphs: identities at single nodes, which run together, or a function of the whole."""

    name: str
    doc: str
    rules: Rules | None = None
    function: Callable[[ir.Model], bool] | None = None
    for_training: bool = False
    """Whether it makes more nodes, which are faster on some targets, and not for models that go elsewhere."""


def simplify(model: ir.Model, names: Iterable[str] | None = None) -> ir.Model:
    """Apply the passes of these names (None: all) to the model, in place, until none changes it; return it.

    Those that make more nodes are applied where these are faster on the model's target.
    """
    target: Target = model.graph.meta["target"]
    asked = set(PASSES if names is None else names)
    chosen = [one for name, one in PASSES.items() if name in asked and (not one.for_training or name in target.passes)]
    rules: dict[str, list[Rule]] = {}
    for one in chosen:
        for operator, more in (one.rules or {}).items():
            rules.setdefault(operator, []).extend(more)
    steps = [one.function for one in chosen if one.function is not None]
    if rules:
        steps.append(lambda model: _rewrite(model, rules))
    idle = 0  # steps in a row that found nothing
    for step in cycle(steps):
        idle = 0 if step(model) else idle + 1
        if idle == len(steps):
            break
    return model


def chosen_passes(text: str) -> tuple[str, ...]:
    """Read a list of passes: ``all``, ``none``, NAME adds one and -NAME takes one away, in the order of the text.

    Raises:
        Problem: E0620, there is no such pass.
    """
    chosen: set[str] = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        name = word.removeprefix("-")
        if word == "all":
            chosen |= set(PASSES)
        elif word == "none":
            chosen = set()
        elif name not in PASSES:
            raise UNKNOWN_PASS(
                f"there is no pass '{name}'",
                hint=did_you_mean(name, [*PASSES, "all", "none"]) or f"the passes are {', '.join(PASSES)}",
            )
        elif word == name:
            chosen.add(name)
        else:
            chosen.discard(name)
    return tuple(name for name in PASSES if name in chosen)


def text_of(names: Sequence[str] | None) -> str:
    """Return passes (None: all) as :func:`chosen_passes` reads them, in few words."""
    if names is None:
        return "all"
    missing = [f"-{name}" for name in PASSES if name not in names]
    return ",".join(["all", *missing] if len(missing) < len(names) else names) or "none"


def shipped(names: Collection[str] | None) -> tuple[str, ...]:
    """Leave out, of the passes of these names (None: all), what is for graphs that train.

    A shipped model keeps the forms that other runtimes know to fuse.
    """
    return tuple(name for name, one in PASSES.items() if not one.for_training and (names is None or name in names))


# --- identities at single nodes ------------------------------------------------------------------------


def _rewrite(model: ir.Model, rules: Rules) -> bool:
    """Apply rules until none fits any node; nodes are looked at again only where something near them has changed."""
    changed = False
    gone: set[ir.Node] = set()
    waiting = deque(nodes_of(model.graph))
    queued = set(waiting)

    def look_at(node: ir.Node | None) -> None:
        if node is not None and node not in queued:
            queued.add(node)
            waiting.append(node)

    while waiting:
        node = waiting.popleft()
        queued.discard(node)
        fitting = rules.get(node.op_type)
        if not fitting or node in gone or node.domain:
            continue
        operands = node.inputs
        users = [use.node for value in node.outputs for use in value.uses()]
        for rule in fitting:
            if rule(node):
                break
        else:
            continue
        changed = True
        for other in (node, *users, *makers_of(node.inputs)):
            look_at(other)
        for maker in _detach_unneeded([node, *makers_of(operands)], gone):
            look_at(maker)
    _remove(gone)
    return changed


def _detach_unneeded(nodes: Iterable[ir.Node], gone: set[ir.Node]) -> list[ir.Node]:
    """Detach those nodes whose results nothing needs, with all that was made for them; return what has lost a use.

    They join ``gone``, to be removed together: onnx-ir goes through all outputs of a graph at each removal.
    """
    open_, left = list(nodes), []
    while open_:
        node = open_.pop()
        if node in gone:
            continue
        if any(value.uses() or value.is_graph_output() for value in node.outputs):
            left.append(node)
            continue
        open_.extend(makers_of(operands_of(node)))
        gone.update(detach(node))
    return left


def _remove(gone: Iterable[ir.Node]) -> None:
    """Remove nodes from their graphs."""
    by_graph: dict[ir.Graph, list[ir.Node]] = {}
    for node in gone:
        assert isinstance(node.graph, ir.Graph)
        by_graph.setdefault(node.graph, []).append(node)
    for graph, nodes in by_graph.items():
        graph.remove(nodes)


# --- functions of the whole graph ------------------------------------------------------------------------


def remove_unused(model: ir.Model) -> bool:
    """Drop nodes and weights that no output needs."""
    graph = model.graph
    before = len(graph.initializers)
    gone: set[ir.Node] = set()
    _detach_unneeded(reversed([*nodes_of(graph)]), gone)
    _remove(gone)
    drop_unused_weights(graph)
    return bool(gone) or before != len(graph.initializers)


LARGEST_FOLDED = 4096
"""Constants of more elements are left to the runtime, so that files stay small."""


def fold_constants(model: ir.Model) -> bool:
    """Compute nodes whose operands are all constants."""
    gone: set[ir.Node] = set()
    for node in nodes_of(model.graph):
        if not node.inputs or any(value is not None and constant_value(value) is None for value in node.inputs):
            continue
        if bodies_of(node) or any(v.is_graph_output() or _is_large(v) for v in node.outputs):
            continue
        names = {str(v.name): array for v in node.inputs if v is not None and (array := constant_value(v)) is not None}
        if not all(_is_usual(node.op_type, array) for array in names.values()):
            continue
        from onnx.reference import ReferenceEvaluator

        proto = ir.to_proto(node)
        results = ReferenceEvaluator(proto, opsets=dict(model.graph.opset_imports)).run(None, names)
        for value, result in zip(node.outputs, results, strict=True):
            folded = add_constant(model.graph, value.name or "", result.astype(type_of(value).element.numpy))
            value.replace_all_uses_with(folded)
        gone.update(detach(node))
    _remove(gone)
    return bool(gone)


def _is_usual(operator: str, array: np.ndarray) -> bool:
    """Whether NumPy and the runtime compute the same of an array.

    They don't agree on the mean of nothing and on the largest of numbers among which one is NaN; and NumPy's padding
    doesn't crop.
    """
    if array.dtype.kind == "f":
        return bool(array.size and np.isfinite(array).all())
    return bool(array.size) and not (operator == "Pad" and (array < 0).any())


def _is_large(value: ir.Value) -> bool:
    count = type_of(value).count
    return not isinstance(count, int) or count > LARGEST_FOLDED


COMMUTATIVE = frozenset({"Add", "Mul", "Equal", "And", "Or", "Xor", "BitwiseAnd", "BitwiseXor"})


def merge_common(model: ir.Model) -> bool:
    """Compute once what is computed twice from the same operands with the same attributes."""
    changed = _merge_constants(model.graph)
    gone: set[ir.Node] = set()
    changed |= _merge_nodes(model.graph, {}, gone)
    _remove(gone)
    return changed or bool(gone)


def _merge_nodes(graph: ir.Graph, known: dict[object, ir.Node], gone: set[ir.Node]) -> bool:
    """Merge the nodes of a graph with those ``known`` by their expressions, here and around; say whether any copies."""
    changed = False
    for node in graph:
        if node.op_type in NESTING:
            for body in bodies_of(node):
                changed |= _merge_nodes(body, {**known}, gone)
            continue
        first = known.setdefault(_expression(node), node)
        if first is node:
            continue
        if any(value.is_graph_output() for value in node.outputs):
            changed |= _copy(node, first)
            continue
        for value, same in zip(node.outputs, first.outputs, strict=True):
            value.replace_all_uses_with(same)
        gone.update(detach(node))
    return changed


def _expression(node: ir.Node) -> object:
    """Return what nodes have in common that compute the same."""
    operands = [id(value) for value in node.inputs]
    if node.op_type in COMMUTATIVE:
        operands.sort()
    attributes: tuple[tuple[str, str], ...] = ()
    if node.attributes:
        attributes = tuple(sorted((name, repr(attribute.value)) for name, attribute in node.attributes.items()))
    return node.domain, node.op_type, len(node.outputs), tuple(operands), attributes


def _copy(node: ir.Node, first: ir.Node) -> bool:
    """Let a node whose output's name is wanted copy what another one computes."""
    if node.op_type == "Identity" or len(node.outputs) > 1:
        return False
    source = first.outputs[0]
    for use in list(node.outputs[0].uses()):
        use.node.replace_input_with(use.idx, source)
    return become(node, "Identity", [source])


def _merge_constants(graph: ir.Graph) -> bool:
    changed = False
    known: dict[object, ir.Value] = {}
    for name, value in list(graph.initializers.items()):
        array = constant_value(value)
        if array is None or array.size > LARGEST_FOLDED or value.is_graph_output():
            continue
        first = known.setdefault((array.dtype.str, array.shape, array.tobytes()), value)
        if first is not value:
            value.replace_all_uses_with(first)
            del graph.initializers[name]
            changed = True
    return changed


# --- the list ----------------------------------------------------------------------------------------------

_ALL = (
    Pass("remove-unused", "Drop nodes and weights that no output needs.", function=remove_unused),
    Pass("fold-constants", "Compute nodes whose operands are all constants.", function=fold_constants),
    Pass("drop-neutral", "x + 0, x * 1, x ** 1, copies, and casts to the type that is there already.", algebra.NEUTRAL),
    Pass("join-scalars", "Chains of products, quotients and sums with numbers become one.", algebra.SCALARS),
    Pass("drop-signs", "x + (-y) becomes x - y, and so on.", algebra.SIGNS),
    Pass("join-reshapes", "Chains of reshapes become one, or none.", algebra.RESHAPES),
    Pass("join-transposes", "Chains of transposes become one, or none; (A' B)' becomes B' A.", algebra.TRANSPOSES),
    Pass("skip-broadcasts", "Operators repeat their operands themselves.", algebra.BROADCASTS),
    Pass("multiply-by-ones", "Sums over the first axes become products with ones.", sums.SUMS, for_training=True),
    Pass(
        "multiply-by-identity",
        "Few channels are brought behind many points by a product.",
        forms.LAYOUTS,
        for_training=True,
    ),
    Pass("take-out-of-loops", "What need not be in a loop is computed for all rounds at once.", function=take_out),
    Pass("unroll-loops", "Loops of few rounds become these.", function=unroll, for_training=True),
    Pass("merge-common", "Compute once what is computed twice from the same operands.", function=merge_common),
    Pass("scale-and-shift", "x * a + b, by channel, becomes a Conv.", function=scale_and_shift, for_training=True),
    Pass("widen-scalars", "Numbers get axes where that is faster.", forms.WIDENING, for_training=True),
    Pass("expand-softplus", "Softplus becomes faster steps.", forms.EXPANSIONS, for_training=True),
)
PASSES: Mapping[str, Pass] = {one.name: one for one in _ALL}
"""All passes by name, in the order in which they are applied."""
