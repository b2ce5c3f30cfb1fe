"""Names in force: values in one namespace, what can be applied in another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dslc.check.core.forms import bound_in, problem_of_form
from dslc.check.core.naming import component_names
from dslc.check.core.shadowing import Doubt, doubts_in_body
from dslc.diagnostics import Label, Problem
from dslc.errors import names as errors
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["MISSING", "BlockDeclaration", "FileScope", "Scope"]


MISSING: Any = object()


@dataclass(eq=False)
class BlockDeclaration:
    """A block or model, with the file in whose scope its body stands."""

    node: tree.Block
    file: FileScope
    damaged: bool = False
    """Part of it could not be read: what it is applied to has no type, and no more is said of it."""

    @cached_property
    def components(self) -> dict[Span, str]:
        """Return the last part of the path of all that its body applies, by place."""
        return component_names(self.node.body)

    @cached_property
    def bound(self) -> Mapping[str, Span]:
        """Where each name of its body is bound first."""
        return bound_in(self.node.body)

    @cached_property
    def doubts(self) -> tuple[Doubt, ...]:
        """Return what it declares under names that the file uses for values, where a reader may doubt what is meant."""
        return tuple(doubts_in_body(self.node, {*self.file.params, *self.file.aliases}))

    @cached_property
    def problem(self) -> Problem | None:
        """What is wrong with it wherever it is applied: it lacks inputs or outputs."""
        return problem_of_form(self.node)

    @property
    def described(self) -> str:
        """How messages call it."""
        return f"the {self.node.kind} {self.node.name}"


@dataclass(eq=False)
class FileScope:
    """The declarations of one file and of what it imports."""

    params: dict[str, Any] = field(default_factory=dict)
    blocks: dict[str, BlockDeclaration] = field(default_factory=dict)
    data: dict[str, tuple[tree.Data, FileScope]] = field(default_factory=dict)
    trains: dict[str, tuple[tree.Train, FileScope]] = field(default_factory=dict)
    aliases: dict[str, FileScope] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    """Where each name was declared."""
    damaged: set[str] = field(default_factory=set)
    """Names of data sets and train blocks that could not be read."""
    incomplete: bool = False
    """A declaration could not be read, so that a name which is not found may have been meant to be there."""

    described = "an imported file"

    def shadowed(self, name: str, span: Span, used: Span | None = None) -> Problem:
        """Say that a name is one of the file's values already, and where it is used as that beside another meaning."""
        what = "a param" if name in self.params else "an imported file"
        labels = [Label(self.spans[name], "declared here")] if name in self.spans else []
        message, hint = f"'{name}' is {what} already", "choose another name for one of them"
        if used is not None:
            labels.append(Label(used, f"this would still be the {what.partition(' ')[2]}"))
            hint = f"rename one of them: '{name}_', say, where it is declared anew"
        return errors.SHADOWED(message, hint=hint, labels=labels).at(span)


@dataclass(eq=False)
class Scope:
    """The names of one block (or ``train``, or ``data``), inside those of its file.

    ``functions`` are words that only this kind of place knows, such as ``column`` in ``data``.
    """

    file: FileScope
    parent: Scope | None = None
    values: dict[str, Any] = field(default_factory=dict)
    callables: dict[str, Any] = field(default_factory=dict)
    functions: Mapping[str, Any] = field(default_factory=dict)
    default_network: Callable[[BlockDeclaration, Span], Any] | None = None
    """What a bare model's name stands for, where networks are called."""
    incomplete: bool = False
    """Names are missing for a reason that is reported already, so that an unknown one is silent."""
    elsewhere: Mapping[str, Span] = field(default_factory=dict)
    """Where names are bound in the whole block, for those that are used where they are not in force."""
    unknown_hint: Callable[[str], str] | None = None
    """What to say about an unknown name of this kind of place."""

    def lookup(self, name: str) -> Any:
        """Return the value of a name, MISSING where it has none."""
        for scope in self.chain():
            if name in scope.values:
                return scope.values[name]
        if name in self.file.params:
            return self.file.params[name]
        return self.file.aliases.get(name, MISSING)

    def __contains__(self, name: str) -> bool:
        return self.lookup(name) is not MISSING

    def find(self, name: str) -> Any:
        """Return what a name can be applied as, of what the file itself declares; else MISSING."""
        for scope in self.chain():
            if name in scope.callables:
                return scope.callables[name]
            if name in scope.functions:
                return scope.functions[name]
        return self.file.blocks.get(name, MISSING)

    def bind(self, name: str, value: Any) -> None:
        """Bind a name: where it was bound first in this block, else here."""
        next((scope for scope in self.chain() if name in scope.values), self).values[name] = value

    def check_shadowing(self, name: str, span: Span) -> None:
        """Refuse to bind a name that the file uses for a value.

        Raises:
            Problem: the name is a param or an import's alias.
        """
        if name in self.file.params or name in self.file.aliases:
            raise self.file.shadowed(name, span)

    def chain(self) -> Iterator[Scope]:
        """Yield this scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    @property
    def is_incomplete(self) -> bool:
        """Whether an unknown name may be the consequence of what is reported already."""
        return self.file.incomplete or any(scope.incomplete for scope in self.chain())

    def names(self) -> Iterator[str]:
        """Yield every value's name, for suggestions."""
        for scope in self.chain():
            yield from scope.values
        yield from self.file.params
        yield from self.file.aliases

    def callable_names(self) -> Iterator[str]:
        """Yield the names of everything that the file can apply, for suggestions."""
        for scope in self.chain():
            yield from scope.callables
            yield from scope.functions
        yield from self.file.blocks
