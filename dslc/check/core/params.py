"""Params: defaults, domains, and the values that the command line sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dslc.check.core.applicable import Evaluator
from dslc.check.core.budget import Exhausted
from dslc.check.core.domains import check_domain, domain_of
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.expressions import ExpressionEvaluator
from dslc.check.core.matching import names_in
from dslc.check.core.scope import FileScope, Scope
from dslc.check.core.values import POISON, is_number, kind_of
from dslc.diagnostics import Label, did_you_mean
from dslc.errors import names as errors
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["Params"]

_TYPES = {
    "int": "int", "float": "float", "bool": "bool", "string": "string", "str": "string",
    "int32": "int", "int64": "int", "float32": "float", "float64": "float",
}  # fmt: skip


@dataclass
class Params:
    """The params of a spec and of what it imports, with ``settings`` from the command line, as text."""

    elaboration: Elaboration
    settings: Mapping[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def resolve(self, scope: FileScope, params: Sequence[tree.Param]) -> None:
        """Evaluate the params of one file; a default may use params declared before or after it."""
        waiting = {p.name: p for p in params if scope.spans.get(p.name) == p.name_span}
        order = {name: place for place, name in enumerate(waiting)}
        uses = TopologicalSorter({p.name: [n for n in names_in(p.default) if n in order] for p in waiting.values()})
        evaluator = ExpressionEvaluator(self.elaboration, Scope(scope))
        for name in waiting:
            scope.params.pop(name, None)
        try:
            uses.prepare()
        except CycleError as cycle:  # those outside of it can be evaluated all the same
            self.report_cycle([waiting[name] for name in cycle.args[1][1:]])
        try:
            while ready := uses.get_ready():
                for name in sorted(ready, key=order.__getitem__):
                    scope.params[name] = self.param(waiting.pop(name), evaluator)
                    if scope.params[name] is not POISON:
                        self.values[name] = scope.params[name]
                uses.done(*ready)
        except Exhausted as exhausted:
            self.elaboration.diagnostics.add(exhausted.problem)
        scope.params.update(dict.fromkeys(waiting, POISON))

    def report_cycle(self, cycle: Sequence[tree.Param]) -> None:
        """Say once which params depend on each other."""
        first, *others = sorted(cycle, key=lambda param: param.span.start)
        message = f"the param '{first.name}' depends on itself"
        if others:
            named = ", ".join(f"'{param.name}'" for param in (first, *others[:-1]))
            message = f"the params {named} and '{others[-1].name}' depend on each other"
        labels = [Label(param.default.span, "and this") for param in others]
        self.elaboration.diagnostics.add(errors.BAD_PARAM(message, labels=labels).at(first.default.span))

    def report_unused(self) -> None:
        """Report the settings that no param takes."""
        for name in self.settings:
            if name not in self.used:
                known = sorted(self.values)
                hint = did_you_mean(name, known) or (
                    f"its params are {', '.join(known)}" if known else "it declares none"
                )
                message = f"--set {name}=...: the spec has no param '{name}'"
                self.elaboration.diagnostics.add(errors.UNKNOWN_PARAM(message, hint=hint).at(None))

    def param(self, param: tree.Param, evaluator: Evaluator) -> Any:
        """Return a param's value, POISON (reported) where it has none."""
        kind = param.type.element
        if kind not in _TYPES or param.type.dims is not None:
            self.used.add(param.name)
            message = f"a param is of type int, float, bool or string, not {param.type.span.text}"
            hint = f"write: param {param.name}: int = ..."
            return self.elaboration.report(errors.BAD_PARAM(message, hint=hint), param.type.span)
        value = evaluator.evaluate(param.default)
        domain = domain_of(param, evaluator)
        if value is not POISON:
            value = self.fit(param, kind, value, param.default.span)
        check_domain(param, domain, value, self.elaboration, param.default.span)
        if param.name in self.settings:
            self.used.add(param.name)
            text = self.settings[param.name]
            given = _parse_setting(kind, text)
            if given is POISON:  # the default stands, so that nothing that depends on it seems wrong as well
                message = f"--set {param.name}={text}: '{param.name}' is of type {kind}"
                hint = f"for example: --set {param.name}={param.default.span.text}"
                self.elaboration.diagnostics.add(errors.BAD_SETTING(message, hint=hint).at(param.name_span))
            else:
                value = given
                check_domain(param, domain, value, self.elaboration, param.name_span, errors.BAD_SETTING)
        return value

    def fit(self, param: tree.Param, kind: str, value: Any, span: Span) -> Any:
        """Return a default in its type, POISON (reported) where it is of another."""
        fits = {
            "int": isinstance(value, int) and not isinstance(value, bool),
            "float": is_number(value),
            "bool": isinstance(value, bool),
            "string": isinstance(value, str),
        }[_TYPES[kind]]
        if not fits:
            message = f"the default of '{param.name}' must be of type {kind}, not {kind_of(value)}"
            return self.elaboration.report(errors.BAD_PARAM(message), span)
        return float(value) if _TYPES[kind] == "float" else value


def _parse_setting(kind: str, text: str) -> Any:
    kind = _TYPES[kind]
    try:
        if kind == "int":
            value = int(text)
            return value if abs(value) < 2**63 else POISON
        if kind == "float":
            number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
            return number if abs(number) < float("inf") else POISON  # nan is not less than anything
    except ValueError:
        return POISON
    if kind == "bool":
        return {"true": True, "false": False}.get(text, POISON)
    return text
