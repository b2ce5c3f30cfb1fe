"""How deep a text nests, measured without recursion, so that everything after it may recurse.

A chain (``a + b + c``, ``x -> f -> g``) is no nesting, though the tree leans left under it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from dslc.diagnostics import Diagnostics
from dslc.errors.syntax import TOO_DEEP
from dslc.limits import Limits
from dslc.syntax import tree
from dslc.syntax.tokens import Token

__all__ = ["brackets_nest_too_deep", "without_deep"]

_SPINE = {
    tree.Binary: "left",
    tree.Pipe: "flow",
    tree.Then: "first",
    tree.Call: "function",
    tree.Member: "target",
    tree.Index: "target",
}
_HINT = "name intermediate results, or raise the limit with --limit nesting=N"


def brackets_nest_too_deep(words: list[Token], limits: Limits, diagnostics: Diagnostics) -> bool:
    """Report the first bracket that stands deeper than the limit."""
    depth = 0
    for word in words:
        if word.type in {"LPAR", "LSQB", "LBRACE"}:
            depth += 1
            if depth > limits.nesting:
                diagnostics.add(_too_deep("this bracket", limits).at(word.span))
                return True
        elif word.type in {"RPAR", "RSQB", "RBRACE"}:
            depth = max(0, depth - 1)
    return False


def without_deep(
    declarations: tuple[tree.Declaration, ...], limits: Limits, diagnostics: Diagnostics
) -> tuple[tree.Declaration, ...]:
    """Report and leave out the declarations that nest deeper than the limit."""
    kept = []
    for declaration in declarations:
        deep = _first_deep(declaration, limits.nesting)
        if deep is None:
            kept.append(declaration)
        else:
            start = deep.span.start
            diagnostics.add(_too_deep("this", limits).at(deep.span.source.span(start, start + 1)))
    return tuple(kept)


def _too_deep(what: str, limits: Limits) -> Any:
    return TOO_DEEP(f"{what} stands more than {limits.nesting} levels deep", hint=_HINT)


def _first_deep(declaration: tree.Declaration, limit: int) -> tree.Node | None:
    waiting: list[tuple[tree.Node, int]] = [(declaration, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > limit:
            return node
        spine = _SPINE.get(type(node))
        for name, child in _children(node):
            waiting.append((child, depth if name == spine else depth + 1))
    return None


def _children(node: tree.Node) -> Iterator[tuple[str, tree.Node]]:
    for name in _field_names(type(node)):
        value = getattr(node, name)
        if isinstance(value, tree.Node):
            yield name, value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, tree.Node):
                    yield name, item


_FIELDS: dict[type, tuple[str, ...]] = {}


def _field_names(kind: type[tree.Node]) -> tuple[str, ...]:
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(f.name for f in fields(kind) if f.compare)
    return _FIELDS[kind]
