"""What a gradient needs of graphs inside of nodes: it is built in other graphs, which only know what left the node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import onnx_ir as ir

from dslc.graph import Builder, Tensor, type_of
from dslc.graph.rounds import discard
from dslc.graph.values import nodes_of

__all__ = ["hand_over"]

Rule = Callable[[Tensor], Tensor]


def hand_over(builder: Builder, to: ir.Graph, own: ir.Graph, take: Callable[[ir.Value], ir.Value]) -> None:
    """Let a graph, ``to``, have what belongs to another, ``own``: ``take`` returns what stands for a value there.

    Rules that values of the graph bring along (:func:`with_gradients`) read values only when they are applied; what
    they will read is found by a trial.
    """
    needed = _read(builder, list(nodes_of(to)), own)
    _replace(builder, nodes_of(to), {value: take(value) for value in needed})


def _read(builder: Builder, nodes: Iterable[ir.Node], own: ir.Graph) -> dict[ir.Value, None]:
    """Return the values of a graph that nodes of others take, or will take for their gradients."""
    found: dict[ir.Value, None] = {}
    for node in nodes:
        found.update((value, None) for value in node.inputs if value is not None and value.graph is own)
        for value, rule in _rules(node):
            found.update([(value, None)] if value.graph is own else [])
            trial = builder.body("trial")
            with builder.into(trial):
                rule(builder.input("given", type_of(node.outputs[0])))
            found.update(_read(builder, list(nodes_of(trial)), own))
            discard(trial)
    return found


def _replace(builder: Builder, nodes: Iterable[ir.Node], known: Mapping[ir.Value, ir.Value]) -> None:
    for node in nodes:
        for index, value in enumerate(node.inputs):
            if value is not None and value in known:
                node.replace_input_with(index, known[value])
        if rules := _rules(node):
            replaced = [(known.get(value, value), partial(_apply, builder, rule, known)) for value, rule in rules]
            node.outputs[0].meta["gradients"] = replaced


def _apply(builder: Builder, rule: Rule, known: Mapping[ir.Value, ir.Value], dy: Tensor) -> Tensor:
    """Apply a rule, and replace what it reads."""
    apart = builder.body("rule")
    with builder.into(apart):
        result = rule(dy)
    _replace(builder, nodes_of(apart), known)
    made = list(apart)
    apart.remove(made)
    builder.add(made)
    return result


def _rules(node: ir.Node) -> list[tuple[ir.Value, Rule]]:
    rules: list[tuple[ir.Value, Rule]] = node.outputs[0].meta.get("gradients", [])
    return rules
