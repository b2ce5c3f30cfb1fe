"""What can be told of a block's body without applying it: its inputs and outputs, and where names are bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dslc.diagnostics import Diagnostics
from dslc.errors import names
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["bound_in", "check_form", "flat", "missing_statements"]


def missing_statements(block: tree.Block) -> tuple[bool, bool]:
    """Return whether there is no input, and whether there is no output."""
    kinds = {type(statement) for statement in flat(block.body)}
    return tree.Input not in kinds, tree.Output not in kinds


def check_form(block: tree.Block, diagnostics: Diagnostics) -> bool:
    """Report a block without an input or without an output; return whether one is missing."""
    without_input, without_output = missing_statements(block)
    if not (without_input or without_output):
        return False
    missing = ["no input"] * without_input + ["no output"] * without_output
    hint = "add: input x: float32[N, 4], in its true shape"
    if not without_input:
        hint = "add: output y = ..." if block.kind == "model" else "add: output ..."
    message = f"{block.kind} {block.name} has {' and '.join(missing)}"
    diagnostics.add(names.MISSING_STATEMENT(message, hint=hint).at(block.name_span))
    return True


def flat(statements: Iterable[tree.Node]) -> Iterator[tree.Node]:
    """Yield statements with those inside of branches and loops."""
    for statement in statements:
        yield statement
        if isinstance(statement, tree.If):
            yield from flat((*statement.body, *statement.otherwise))
        elif isinstance(statement, tree.For):
            yield from flat(statement.body)


def bound_in(body: Sequence[tree.BodyStatement]) -> dict[str, Span]:
    """Return where each name of a body is bound first."""
    found: dict[str, Span] = {}
    for statement in flat(body):
        match statement:
            case tree.Bind(targets=targets):
                for target in targets:
                    found.setdefault(target.name, target.span)
            case tree.Input(name=name, name_span=span) | tree.ParameterDeclaration(name=name, name_span=span):
                found.setdefault(name, span)
            case tree.Output(name=str() as name, name_span=Span() as span):
                found.setdefault(name, span)
    return found
