"""What can be told of a block's body without applying it: its inputs and outputs, and where names are bound."""

from __future__ import annotations

from collections.abc import Sequence

from dslc.diagnostics import Label, Problem
from dslc.errors import names
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["CELL_OPTIONS", "bound_in", "problem_of_form"]

CELL_OPTIONS = ("reverse", "lengths", "last", "return_state")
"""What every application of a cell can be told, beside the arguments of its own and the first values of its states."""


def problem_of_form(block: tree.Block) -> Problem | None:
    """Return what is wrong with a block without an input or without an output."""
    kinds = {type(statement) for statement in tree.flat(block.body)}
    missing = [f"no {kind.__name__.lower()}" for kind in (tree.Input, tree.Output) if kind not in kinds]
    if block.kind == "cell":
        missing += ["no state"] * (tree.State not in kinds)
    if not missing:
        return _optional_input(block) or (_taken_name(block) if block.kind == "cell" else None)
    hint = "add: input x: float32[N, 4], in its true shape"
    if tree.Input in kinds:
        hint = "add: output y = ..." if block.kind == "model" else "add: output ..."
        if tree.Output in kinds:
            hint = "add: state h: [N, units] = zeros; what carries nothing from step to step is a block"
    message = f"{block.kind} {block.name} has {' and '.join(missing)}"
    return names.MISSING_STATEMENT(message, hint=hint).at(block.name_span)


def _optional_input(block: tree.Block) -> Problem | None:
    """Return what is wrong with the inputs of a block that may be left away."""
    before: tree.Input | None = None
    for statement in block.body:
        if not isinstance(statement, tree.Input):
            continue
        if statement.default is None:
            if before is not None:
                message = f"the input '{statement.name}' can't be left away, and stands behind one that can"
                label = Label(before.name_span, "this one")
                return names.BAD_INPUT(message, hint="inputs that may be left away stand last").at(
                    statement.name_span, label
                )
            continue
        before = statement
        if block.kind == "cell":
            message = f"the input '{statement.name}' of a cell can't be left away"
            return names.BAD_INPUT(message, hint="leave the default away").at(statement.default.span)
        if not isinstance(statement.default, tree.Constant) or statement.default.value is not None:
            message = f"the input '{statement.name}' that is left away is none, and nothing else"
            hint = f"its default is none; the body asks for that: if {statement.name} == none {{ ... }}"
            return names.BAD_INPUT(message, hint=hint).at(statement.default.span)
    return None


def _taken_name(cell: tree.Block) -> Problem | None:
    """Return what is wrong with a cell of which an argument or a state is named like what all cells can be told."""
    states = [s for s in tree.flat(cell.body) if isinstance(s, tree.State)]
    named = [(formal.name, formal.span, "an argument") for formal in cell.formals]
    named += [(state.name, state.name_span, "a state") for state in states]
    for name, span, what in named:
        if name in CELL_OPTIONS:
            message = f"'{name}' is an option that every cell has, and no name of {what} of {cell.name}"
            return names.BAD_CELL(message, hint="choose another name").at(span)
    return None


def bound_in(body: Sequence[tree.BodyStatement]) -> dict[str, Span]:
    """Return where each name of a body is bound first."""
    found: dict[str, Span] = {}
    for statement in tree.flat(body):
        match statement:
            case tree.Bind(targets=targets):
                for target in targets:
                    found.setdefault(target.name, target.span)
            case tree.Input() | tree.State() | tree.ParameterDeclaration():
                found.setdefault(statement.name, statement.name_span)
            case tree.Output(name=str() as name, name_span=span):
                found.setdefault(name, span)
    return found
