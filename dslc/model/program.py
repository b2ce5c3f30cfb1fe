"""A file and what it imports: declarations, params, and the checks of everything in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from dslc.diagnostics import Code, Diagnostics, Label, Problem, did_you_mean
from dslc.errors import names as errors
from dslc.limits import Limits
from dslc.model.elaboration import Elaboration
from dslc.model.expressions import Evaluator
from dslc.model.scope import BlockDeclaration, FileScope, Scope
from dslc.model.values import POISON, is_number, kind_of
from dslc.source import Source, Span
from dslc.syntax import parse, tree

__all__ = ["Loader", "Program", "resolve_program"]

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
    settings: Mapping[str, str]
    sources: list[Source] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    files: dict[str, FileScope] = field(default_factory=dict)
    open_: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    params: dict[str, Any] = field(default_factory=dict)

    def file(self, source: Source, path: str) -> FileScope:
        self.sources.append(source)
        self.paths.append(path)
        parsed = parse(source, self.diagnostics, self.limits)
        scope = FileScope()
        self.files[path] = scope
        self.open_.append(path)
        for declaration in parsed.declarations:
            if isinstance(declaration, tree.Import):
                try:
                    self.imported(declaration, scope, path)
                except Problem as problem:
                    self.diagnostics.add(problem.at(declaration.span))
        for declaration in parsed.declarations:
            match declaration:
                case tree.Block():
                    self.declare(scope, scope.blocks, declaration, BlockDeclaration(declaration, scope))
                case tree.Data():
                    self.declare(scope, scope.data, declaration, (declaration, scope))
                case tree.Train():
                    self.declare(scope, scope.trains, declaration, (declaration, scope))
                case tree.Param():
                    self.declare(scope, scope.params, declaration, POISON)
        self.resolve_params(scope, [d for d in parsed.declarations if isinstance(d, tree.Param)])
        self.open_.pop()
        return scope

    def declare(self, scope: FileScope, kind: dict[str, Any], declaration: Any, value: Any) -> None:
        """File a declaration; names are unique over all kinds of one file."""
        name = declaration.name
        if name in scope.spans:
            known = scope.spans[name]
            self.diagnostics.add(
                errors.DUPLICATE(f"'{name}' is declared twice", hint="choose another name for one of them").at(
                    declaration.name_span, Label(known, "first declared here")
                )
            )
            return
        scope.spans[name] = declaration.name_span
        kind[name] = value

    def imported(self, declaration: tree.Import, scope: FileScope, importer: str) -> None:
        written = declaration.path.value
        if written.startswith("std/"):
            raise errors.NOT_AVAILABLE(
                f"the library of blocks, '{written}', does not come with this version", hint="write the block in the spec"
            ).at(declaration.path.span)
        path = _join(importer, written, declaration.path.span)
        if path in self.open_:
            round_trip = " -> ".join([*self.open_[self.open_.index(path) :], path])
            raise errors.IMPORT_FAILED(f"the files import each other: {round_trip}").at(declaration.path.span)
        if path not in self.files:
            self.file(self.load(path, declaration.path.span), path)
        found = self.files[path]
        if declaration.alias is not None:
            if declaration.alias in scope.spans:
                raise errors.DUPLICATE(f"'{declaration.alias}' is declared twice").at(
                    declaration.alias_span, Label(scope.spans[declaration.alias], "first declared here")
                )
            scope.aliases[declaration.alias] = found
            scope.spans[declaration.alias] = declaration.alias_span or declaration.span
            return
        for name, span in found.spans.items():
            known = scope.spans.get(name)
            if known is not None and known != span:
                self.diagnostics.add(
                    errors.DUPLICATE(
                        f"'{name}' is declared here and in '{written}'", hint=f'write: import "{written}" as name'
                    ).at(declaration.span, Label(known, "declared here"), Label(span, "and here"))
                )
                continue
            scope.spans[name] = span
        for mine, theirs in (
            (scope.params, found.params), (scope.blocks, found.blocks), (scope.data, found.data),
            (scope.trains, found.trains), (scope.aliases, found.aliases),
        ):  # fmt: skip
            for name, value in theirs.items():
                mine.setdefault(name, value)  # type: ignore[attr-defined]

    # --- params --------------------------------------------------------------------------------

    def resolve_params(self, scope: FileScope, params: list[tree.Param]) -> None:
        """Evaluate defaults; one may use others, declared before or after it."""
        waiting = {p.name: p for p in params if scope.spans.get(p.name) == p.name_span}
        elaboration = Elaboration(self.diagnostics, self.limits)
        evaluator = Evaluator(elaboration, Scope(scope))
        for name in waiting:
            scope.params.pop(name, None)
        while waiting:
            ready = [p for p in waiting.values() if not set(_names_in(p)) & set(waiting) - {p.name}]
            if not ready:
                for param in waiting.values():
                    self.diagnostics.add(
                        errors.BAD_PARAM(f"the params {', '.join(sorted(waiting))} depend on each other").at(param.default.span)
                    )
                    scope.params[param.name] = POISON
                return
            for param in ready:
                scope.params[param.name] = self.param(param, evaluator)
                if scope.params[param.name] is not POISON:
                    self.params[param.name] = scope.params[param.name]
                del waiting[param.name]

    def param(self, param: tree.Param, evaluator: Evaluator) -> Any:
        kind = param.type.element
        if kind not in _PARAM_TYPES or param.type.dims is not None:
            self.diagnostics.add(
                errors.BAD_PARAM(
                    f"a param is of type int, float, bool or string, not {param.type.span.text}",
                    hint=f"write: param {param.name}: int = ...",
                ).at(param.type.span)
            )
            return POISON
        value = evaluator.evaluate(param.default)
        domain = self.domain(param, evaluator)
        if value is not POISON:
            value = self.fit(param, kind, value, param.default.span)
        if value is not POISON:
            self.check_domain(param, domain, value, param.default.span)
        if param.name in self.settings:
            self.used.add(param.name)
            text = self.settings[param.name]
            given = _parse_setting(kind, text)
            if given is POISON:  # the default stands, so that nothing that depends on it seems wrong as well
                self.diagnostics.add(errors.BAD_SETTING(
                    f"--set {param.name}={text}: '{param.name}' is of type {kind}", hint=f"for example: --set {param.name}={param.default.span.text}"
                ).at(param.name_span))  # fmt: skip
            else:
                value = given
                self.check_domain(param, domain, value, param.name_span, errors.BAD_SETTING)
        return value

    def fit(self, param: tree.Param, kind: str, value: Any, span: Span) -> Any:
        fits = {
            "int": isinstance(value, int) and not isinstance(value, bool),
            "float": is_number(value),
            "bool": isinstance(value, bool),
            "string": isinstance(value, str),
        }[_PARAM_TYPES[kind]]
        if not fits:
            self.diagnostics.add(errors.BAD_PARAM(
                f"the default of '{param.name}' must be of type {kind}, not {kind_of(value)}").at(span))  # fmt: skip
            return POISON
        return float(value) if _PARAM_TYPES[kind] == "float" else value

    def domain(self, param: tree.Param, evaluator: Evaluator) -> Any:
        if isinstance(param.domain, tree.Choice):
            return [evaluator.evaluate(item) for item in param.domain.items]
        if isinstance(param.domain, tree.Interval):
            low, high = evaluator.evaluate(param.domain.low), evaluator.evaluate(param.domain.high)
            if POISON in (low, high):
                return POISON
            if not is_number(low) or not is_number(high) or low > high or (param.domain.log and low <= 0):
                least = "above zero and " if param.domain.log else ""
                self.diagnostics.add(errors.BAD_PARAM(
                    f"the ends of a range are numbers, {least}the lower one first").at(param.domain.span))  # fmt: skip
                return POISON
            return (low, high)
        return None

    def check_domain(
        self, param: tree.Param, domain: Any, value: Any, span: Span, code: Code = errors.OUT_OF_RANGE
    ) -> None:
        if domain is None or domain is POISON or (isinstance(domain, list) and POISON in domain):
            return
        inside = value in domain if isinstance(domain, list) else domain[0] <= value <= domain[1] if is_number(value) else False
        if not inside:
            assert param.domain is not None
            self.diagnostics.add(
                code(f"{value} is outside of the domain of '{param.name}', {param.domain.span.text}").at(
                    span, Label(param.domain.span, "the domain")
                )
            )


_PARAM_TYPES = {
    "int": "int", "float": "float", "bool": "bool", "string": "string", "str": "string",
    "int32": "int", "int64": "int", "float32": "float", "float64": "float",
}  # fmt: skip


def _parse_setting(kind: str, text: str) -> Any:
    kind = _PARAM_TYPES[kind]
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
            return value if value == value and abs(value) != float("inf") else POISON
    except ValueError:
        return POISON
    if kind == "bool":
        return {"true": True, "false": False}.get(text, POISON)
    return text


def _names_in(param: tree.Param) -> list[str]:
    found: list[str] = []
    open_: list[object] = [param.default]
    while open_:
        node = open_.pop()
        if isinstance(node, tree.Name):
            found.append(node.id)
        elif isinstance(node, tree.Node):
            for value in vars(node).values():
                open_.extend(value if isinstance(value, tuple) else [value])
    return found


def _join(importer: str, written: str, span: Span) -> str:
    """Return an import's path from the first file's folder.

    Raises:
        Problem: it leaves that folder.
    """
    if PurePosixPath(written).is_absolute() or "\\" in written or (len(written) > 1 and written[1] == ":"):
        raise errors.IMPORT_FAILED("an import is a relative path, with '/' between folders").at(span)
    parts: list[str] = []
    for part in (*PurePosixPath(importer).parent.parts, *PurePosixPath(written).parts):
        if part == "..":
            if not parts:
                raise errors.IMPORT_FAILED("an import stays under the first file's folder").at(span)
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def resolve_program(
    source: Source,
    diagnostics: Diagnostics,
    *,
    load: Loader,
    settings: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Program:
    """Parse a spec with its imports and resolve its params; findings go to ``diagnostics``."""
    resolver = _Resolver(diagnostics, limits or Limits(), load, settings or {})
    scope = resolver.file(source, PurePosixPath(source.name).name)
    for name in resolver.settings:
        if name not in resolver.used:
            known = sorted(resolver.params)
            hint = did_you_mean(name, known) or (f"its params are {', '.join(known)}" if known else "it declares none")
            diagnostics.add(errors.UNKNOWN_PARAM(f"--set {name}=...: the spec has no param '{name}'", hint=hint).at(None))
    return Program(source, scope, resolver.params, tuple(resolver.sources), tuple(resolver.paths))
