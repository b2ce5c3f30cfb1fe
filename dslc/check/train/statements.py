"""The statements of a ``train`` block, and what is found wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dslc.diagnostics import Diagnostics, Label, Problem
from dslc.errors import names
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["Statements"]


@dataclass(eq=False)
class Statements:
    """The statements of one train block; ``failed`` is whether it can't be compiled, reported or known otherwise."""

    node: tree.Train
    diagnostics: Diagnostics
    failed: bool = False
    _by_kind: dict[type[Any], list[Any]] = field(default_factory=dict)
    _first: dict[type[Any], dict[str | None, Any]] = field(default_factory=dict)

    def report(self, problem: Problem, span: Span | None, *labels: Label) -> None:
        """Report what the block can't be compiled for."""
        self.failed = True
        self.diagnostics.add(problem.at(span, *labels))

    def of(self, kind: type[Any]) -> list[Any]:
        """Return all of a kind, as they are written."""
        if kind not in self._by_kind:
            self._by_kind[kind] = [s for s in self.node.body if isinstance(s, kind)]
        return self._by_kind[kind]

    def first(self, kind: type[Any], name: str | None) -> Any:
        """Return the first of a kind and name, None where there is none."""
        if kind not in self._first:
            self._first[kind] = {s.name: s for s in reversed(self.of(kind))}
        return self._first[kind].get(name)

    def only(self, kind: type[Any]) -> Any:
        """Return the one of a kind, None where there is none; a second is reported."""
        found = self.of(kind)
        if len(found) > 1:
            word = found[1].span.text.split()[0]
            self.report(
                names.REPEATED_STATEMENT(f"'{word}' stands twice"), found[1].span, Label(found[0].span, "the first one")
            )
        return found[0] if found else None
