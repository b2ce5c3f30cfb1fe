"""How deep a text nests, measured without recursion, so that everything after it may recurse.

A chain (``a + b + c``, ``x -> f -> g``) is no nesting, though the tree leans left under it.
"""

from __future__ import annotations

from dslc.diagnostics import Diagnostics, Problem
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


def _too_deep(what: str, limits: Limits) -> Problem:
    return TOO_DEEP(f"{what} stands more than {limits.nesting} levels deep", hint=_HINT)


def _first_deep(declaration: tree.Declaration, limit: int) -> tree.Node | None:
    waiting: list[tuple[tree.Node, int]] = [(declaration, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > limit:
            return node
        spine = _SPINE.get(type(node))
        waiting += [(child, depth if name == spine else depth + 1) for name, child in node.parts()]
    return None
