"""Names of what a block applies: the last part of every parameter's path.

A layer is named by its class in snake case. Repeats under one bound name (and at one depth of loops)
count in the order of the text: ``dense``, ``dense_2``. So names depend on the statement alone, not on what
stands elsewhere, nor on which branch of an ``if`` is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dslc.source import Span
from dslc.syntax import tree

__all__ = ["component_names", "snake_case"]


def snake_case(name: str) -> str:
    """``BatchNorm`` -> ``batch_norm``, ``LSTM`` -> ``lstm``, ``MLPBlock`` -> ``mlp_block``."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()


def component_names(statements: Sequence[object]) -> dict[Span, str]:
    """Name everything that a body applies, by the span where it stands."""
    names: dict[Span, str] = {}
    counts: dict[tuple[str, int, str], int] = {}
    for bound, depth, expression in _expressions(statements, 0):
        for span, name in sorted(_applied(expression), key=lambda found: found[0].start):
            key = (bound, depth, name)
            counts[key] = counts.get(key, 0) + 1
            names[span] = name if counts[key] == 1 else f"{name}_{counts[key]}"
    return names


def _expressions(statements: Sequence[object], depth: int) -> Iterator[tuple[str, int, tree.Expression]]:
    for statement in statements:
        match statement:
            case tree.Bind(targets=targets, value=value) | tree.Let(targets=targets, value=value):
                yield targets[0].name, depth, value
            case tree.Output(name=name, value=value):
                yield name or "output", depth, value
            case tree.Metric(name=name, value=value):
                yield name, depth, value
            case tree.Minimize(name=name, value=value):
                yield name or "loss", depth, value
            case tree.For(body=body):
                yield from _expressions(body, depth + 1)
            case tree.If(body=body, otherwise=otherwise):
                yield from _expressions(body, depth)
                yield from _expressions(otherwise, depth)


def _applied(expression: tree.Expression) -> Iterator[tuple[Span, str]]:
    """Yield the place and name of all that is applied or called in an expression, in no order."""
    for node in expression.walk():
        if isinstance(node, tree.Pipe) and not isinstance(node.layer, tree.Call):
            yield node.layer.span, snake_case(_last(node.layer))
        elif isinstance(node, tree.Call):
            yield node.span, snake_case(_last(node.function))


def _last(target: tree.Expression) -> str:
    if isinstance(target, tree.Member):
        return target.name
    return target.id if isinstance(target, tree.Name) else "applied"
