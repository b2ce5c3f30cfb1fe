"""A file and what it imports: which declarations there are, under which names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from dslc.check.core.elaboration import Elaboration
from dslc.check.core.params import Params
from dslc.check.core.scope import BlockDeclaration, FileScope
from dslc.check.core.values import POISON
from dslc.diagnostics import Diagnostics, Label, Problem
from dslc.errors import names as errors
from dslc.interpreter import deep_recursion
from dslc.library.std import FOLDER
from dslc.limits import Limits
from dslc.source import Source, Span
from dslc.syntax import parse, tree

__all__ = ["Loader", "Program", "path_in_folder", "resolve_program"]

Loader = Callable[[str, Span], Source]
"""Reads an imported file by its path from the first file's folder; raises a Problem where it can't."""


@dataclass(eq=False)
class Program:
    """The declarations of a spec, with its params resolved."""

    source: Source
    scope: FileScope
    params: Mapping[str, Any]
    sources: tuple[Source, ...]
    """Every file that was read, the first one first."""
    paths: tuple[str, ...]
    """Their paths from the first file's folder."""


@dataclass
class _Resolver:
    diagnostics: Diagnostics
    limits: Limits
    load: Loader
    params: Params
    sources: list[Source] = field(default_factory=list)
    files: dict[str, FileScope] = field(default_factory=dict)
    open_: list[str] = field(default_factory=list)

    def file(self, source: Source, path: str) -> FileScope:
        """Read a file's declarations.

        A declaration in which there is a syntax error is known by its name and not looked into: what was dropped
        of it would show as further errors. Where an error lies outside of all declarations, one is missing.
        """
        self.sources.append(source)
        found = Diagnostics()
        declarations = parse(source, found, self.limits).declarations
        self.diagnostics.extend(found)
        faults = [d.span.start for d in found if d.span is not None]
        homes = [[d for d in declarations if d.span.start <= fault <= d.span.end] for fault in faults]
        damaged = {id(d) for home in homes for d in home}
        scope = FileScope(incomplete=not all(homes) or len(faults) < len(found))
        self.files[path] = scope
        self.open_.append(path)
        for declaration in declarations:
            if isinstance(declaration, tree.Import) and id(declaration) in damaged:
                scope.incomplete = True
            elif isinstance(declaration, tree.Import):
                try:
                    self.imported(declaration, scope, path)
                except Problem as problem:
                    self.diagnostics.add(problem.at(declaration.path.span))
                    scope.incomplete = True
        for declaration in declarations:
            broken = id(declaration) in damaged
            match declaration:
                case tree.Block():
                    broken = self.repeated_formals(declaration) or broken
                    self.declare(scope, scope.blocks, declaration, BlockDeclaration(declaration, scope, broken))
                case tree.Data():
                    self.declare(scope, scope.data, declaration, (declaration, scope), broken)
                case tree.Train():
                    self.declare(scope, scope.trains, declaration, (declaration, scope), broken)
                case tree.Param():
                    self.declare(scope, scope.params, declaration, POISON)
        params = [d for d in declarations if isinstance(d, tree.Param) and id(d) not in damaged]
        self.params.resolve(scope, params)
        self.open_.pop()
        return scope

    def repeated_formals(self, block: tree.Block) -> bool:
        """Report arguments of a block that bear one name."""
        seen: dict[str, Span] = {}
        for formal in block.formals:
            if formal.name in seen:
                problem = errors.DUPLICATE(f"the argument '{formal.name}' of {block.name} is declared twice")
                self.diagnostics.add(problem.at(formal.span, Label(seen[formal.name], "first declared here")))
            seen.setdefault(formal.name, formal.span)
        return len(seen) < len(block.formals)

    def declare(
        self, scope: FileScope, kind: dict[str, Any], declaration: Any, value: Any, broken: bool = False
    ) -> None:
        """File a declaration; names are unique over all kinds of one file."""
        name = declaration.name
        if name in scope.spans:
            problem = errors.DUPLICATE(f"'{name}' is declared twice", hint="choose another name for one of them")
            self.diagnostics.add(problem.at(declaration.name_span, Label(scope.spans[name], "first declared here")))
            return
        scope.spans[name] = declaration.name_span
        if broken:
            scope.damaged.add(name)
        else:
            kind[name] = value

    def imported(self, declaration: tree.Import, scope: FileScope, importer: str) -> None:
        """Make the declarations of an imported file known.

        Raises:
            Problem: it can't be imported.
        """
        written = declaration.path.value
        if declaration.alias is not None:
            if declaration.alias in scope.spans:
                raise errors.DUPLICATE(f"'{declaration.alias}' is declared twice").at(
                    declaration.alias_span, Label(scope.spans[declaration.alias], "first declared here")
                )
            scope.aliases[declaration.alias] = FileScope(incomplete=True)  # if reading it fails, no more is said
            scope.spans[declaration.alias] = declaration.alias_span or declaration.span
        path = _join("" if written.startswith(FOLDER) else importer, written)
        if path in self.open_:
            round_trip = " -> ".join([*self.open_[self.open_.index(path) :], path])
            message = f"the files import each other: {round_trip}" if path != importer else "the file imports itself"
            raise errors.IMPORT_FAILED(message)
        if len(self.open_) > self.limits.nesting:
            message = f"files import each other more than {self.limits.nesting} deep"
            raise errors.LIMIT_REACHED(message, hint="'--limit nesting=N' raises the limit")
        if path not in self.files:
            self.file(self.load(path, declaration.path.span), path)
        found = self.files[path]
        if declaration.alias is not None:
            scope.aliases[declaration.alias] = found
        else:
            self.merge(scope, found, declaration)

    def merge(self, scope: FileScope, found: FileScope, declaration: tree.Import) -> None:
        """Take over the names of a file that is imported without an alias."""
        written = declaration.path.value
        clashing: set[str] = set()
        for name, span in found.spans.items():
            known = scope.spans.get(name)
            if known is not None and known != span:
                clashing.add(name)
                self.diagnostics.add(
                    errors.DUPLICATE(
                        f"'{name}' is declared here and in '{written}'", hint=f'write: import "{written}" as name'
                    ).at(declaration.span, Label(known, "declared here"), Label(span, "and here"))
                )
            else:
                scope.spans[name] = span
        scope.incomplete |= found.incomplete
        scope.damaged |= found.damaged
        for kind in ("params", "blocks", "data", "trains", "aliases"):
            for name, value in getattr(found, kind).items():
                if name not in clashing:
                    getattr(scope, kind).setdefault(name, value)


def _join(importer: str, written: str) -> str:
    """Return an import's path from the first file's folder.

    Raises:
        Problem: it leaves that folder.
    """
    if not written:
        raise errors.IMPORT_FAILED("an import names a file", hint='for example: import "blocks.dl"')
    if PurePosixPath(written).is_absolute() or "\\" in written or (len(written) > 1 and written[1] == ":"):
        raise errors.IMPORT_FAILED("an import is a relative path, with '/' between folders")
    parts: list[str] = []
    for part in (*PurePosixPath(importer).parent.parts, *PurePosixPath(written).parts):
        if part == "..":
            if not parts:
                raise errors.IMPORT_FAILED("an import stays under the first file's folder")
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def path_in_folder(source: Source) -> str:
    """Return the path of a first file from its own folder."""
    return re.split(r"[/\\]", source.name)[-1].replace(":", "_")  # Unix has names with such signs, Windows has not


@deep_recursion()
def resolve_program(
    source: Source,
    diagnostics: Diagnostics,
    *,
    load: Loader,
    settings: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Program:
    """Parse a spec with its imports and resolve its params; findings go to ``diagnostics``."""
    limits = limits or Limits()
    params = Params(Elaboration(diagnostics, limits), settings or {})
    resolver = _Resolver(diagnostics, limits, load, params)
    scope = resolver.file(source, path_in_folder(source))
    params.report_unused()
    return Program(source, scope, params.values, tuple(resolver.sources), tuple(resolver.files))
