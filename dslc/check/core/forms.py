"""What can be told of a block's body without applying it: its inputs and outputs, and where names are bound."""

from __future__ import annotations

from collections.abc import Sequence

from dslc.diagnostics import Problem
from dslc.errors import names
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["bound_in", "problem_of_form"]


def problem_of_form(block: tree.Block) -> Problem | None:
    """Return what is wrong with a block without an input or without an output."""
    kinds = {type(statement) for statement in tree.flat(block.body)}
    missing = [f"no {kind.__name__.lower()}" for kind in (tree.Input, tree.Output) if kind not in kinds]
    if not missing:
        return None
    hint = "add: input x: float32[N, 4], in its true shape"
    if tree.Input in kinds:
        hint = "add: output y = ..." if block.kind == "model" else "add: output ..."
    message = f"{block.kind} {block.name} has {' and '.join(missing)}"
    return names.MISSING_STATEMENT(message, hint=hint).at(block.name_span)


def bound_in(body: Sequence[tree.BodyStatement]) -> dict[str, Span]:
    """Return where each name of a body is bound first."""
    found: dict[str, Span] = {}
    for statement in tree.flat(body):
        match statement:
            case tree.Bind(targets=targets):
                for target in targets:
                    found.setdefault(target.name, target.span)
            case tree.Input(name=name, name_span=span) | tree.ParameterDeclaration(name=name, name_span=span):
                found.setdefault(name, span)
            case tree.Output(name=str() as name, name_span=span):
                found.setdefault(name, span)
    return found
