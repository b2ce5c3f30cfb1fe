"""Names of a block that are names of the file too: they hide those, where no reader can doubt which is meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dslc.source import Span
from dslc.syntax import tree

__all__ = ["Doubt", "doubts_in_body", "doubts_in_train"]


@dataclass(frozen=True)
class Doubt:
    """A name that means what the file declares in one place of a block, and something of the block's own in others."""

    name: str
    declared: Span
    """Where the block declares it."""
    used: Span
    """Where it means what the file declares."""


@dataclass(frozen=True)
class _Declaration:
    name: str
    span: Span
    start: int
    """From where on the name is the block's own, as an offset in the text."""
    end: int


def _values_used(nodes: Iterable[tree.Node]) -> list[tree.Name]:
    """Return every name that stands for a value (not for what is applied or called), in the order of the text."""
    found = []
    open_ = list(nodes)
    while open_:
        node = open_.pop()
        if isinstance(node, tree.Name):
            found.append(node)
        called = {"function", "layer"}
        open_ += [part for name, part in node.parts() if not (name in called and isinstance(part, tree.Name))]
    return sorted(found, key=lambda use: use.span.start)


def doubts_in_body(block: tree.Block, outer: Iterable[str]) -> Iterator[Doubt]:
    """Yield the names of a block or model that hide ``outer`` ones and leave room for doubt.

    An argument is the block's own everywhere in its body. An input, a binding and a parameter are from behind their
    statement to the end of the block (or branch, or turn of a loop) around it, a loop's variable inside of the loop:
    beyond that the name may not be used. The name of an output is a value behind it.
    """
    known = set(outer)
    for number, formal in enumerate(block.formals):
        if formal.name in known:
            known.discard(formal.name)
            yield from _uses(formal.name, formal.span, _values_used(block.formals[:number]))
    first: dict[str, _Declaration] = {}
    for declaration in _declarations(block.body, block.span.end):
        if declaration.name in known:
            first.setdefault(declaration.name, declaration)
    outputs = {s.name: s for s in block.body if isinstance(s, tree.Output) and s.name in known and s.name not in first}
    if not first and not outputs:
        return
    uses = _values_used(block.body)
    for name, own in first.items():
        yield from _uses(name, own.span, (u for u in uses if not own.start <= u.span.start < own.end))
    for name, output in outputs.items():
        behind = (use for use in uses if use.span.start >= output.span.end)
        yield from _uses(str(name), output.name_span, behind)


def doubts_in_train(
    body: Sequence[tree.TrainStatement], data: tree.Data | None, names: Iterable[tuple[str, Span]]
) -> Iterator[Doubt]:
    """Yield the fields and ``let``s that are names of the file too, where settings or fields use what that means."""
    settings: list[tree.Node] = []
    for statement in body:
        if isinstance(statement, tree.Minimize):
            settings += [group.optimizer for group in statement.groups]
        elif not isinstance(
            statement, (tree.Let, tree.Metric, tree.Output, tree.Load, tree.Freeze, tree.Keep, tree.StopWhen)
        ):
            settings.append(statement)
    fields = [s for s in data.body if isinstance(s, tree.Field)] if data else []
    uses = _values_used([*settings, *fields])
    for name, span in names:
        yield from _uses(name, span, uses)


def _uses(name: str, declared: Span, uses: Iterable[tree.Name]) -> Iterator[Doubt]:
    used = next((use.span for use in uses if use.id == name), None)
    if used is not None:
        yield Doubt(name, declared, used)


def _declarations(statements: Sequence[tree.BodyStatement], end: int) -> Iterator[_Declaration]:
    """Yield what statements declare, in the order of the text, with where it holds; ``end`` is theirs."""
    for statement in statements:
        match statement:
            case tree.Bind(targets=targets):
                for target in targets:
                    yield _Declaration(target.name, target.span, statement.span.end, end)
            case tree.Input() | tree.State() | tree.ParameterDeclaration():
                yield _Declaration(statement.name, statement.name_span, statement.span.end, end)
            case tree.For(variable=variable, body=body):
                start = body[0].span.start if body else statement.span.end
                yield _Declaration(variable.name, variable.span, start, statement.span.end)
                yield from _declarations(body, statement.span.end)
            case tree.If(body=body, otherwise=otherwise):
                for branch in (body, otherwise):
                    yield from _declarations(branch, branch[-1].span.end if branch else 0)
