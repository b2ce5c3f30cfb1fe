"""Blocks and models: what they are configured with, and their bodies elaborated for the tensors that flow in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dslc.check.core.applicable import Applicable, CallSite, Configured, Evaluator
from dslc.check.core.arguments import Given, bind
from dslc.check.core.bodies import Body
from dslc.check.core.scope import BlockDeclaration, Scope
from dslc.check.core.values import POISON, kind_of
from dslc.diagnostics import Label
from dslc.errors import names
from dslc.plan.values import Value
from dslc.source import Span

__all__ = ["Block", "bind_formals", "elaborate", "elaborate_alone"]


@dataclass(frozen=True)
class Block(Applicable):
    """A block, or a model as one: each application has parameters of its own."""

    declaration: BlockDeclaration

    @property
    def described(self) -> str:
        return self.declaration.described

    def configured(self, site: CallSite) -> Configured | Any:
        arguments = bind_formals(site.evaluator, self.declaration, site.arguments, site.span)
        return POISON if arguments is POISON else partial(self._run, arguments)

    def apply(self, site: CallSite, flows: Sequence[Given]) -> Any:
        operands = site.tensors(flows)
        configured = self.configured(site)
        return POISON if configured is POISON else configured(site, operands, site.path)

    def _run(
        self, arguments: Mapping[str, Any], site: CallSite, operands: Sequence[Value], path: tuple[str, ...]
    ) -> Any:
        network = site.evaluator.network
        return elaborate(site.evaluator, self.declaration, arguments, list(operands), site.span, path, network)


def bind_formals(outer: Evaluator, block: BlockDeclaration, given: Sequence[Given], span: Span) -> Any:
    """Return the values of a block's arguments by name, POISON where they do not fit."""
    diagnostics = outer.elaboration.diagnostics
    if block.damaged:
        return POISON
    formals = [f.name for f in block.node.formals]
    bound = bind(given, formals, (), of=block.node.name, diagnostics=diagnostics)
    failed = bound.failed
    scope = Scope(block.file)
    inner = replace(outer, scope=scope, bound=(), components={})
    for formal in block.node.formals:
        if formal.name in bound.by_name:
            value = bound.by_name[formal.name].value
        elif formal.default is not None:
            value = inner.evaluate(formal.default)
        else:
            diagnostics.add(
                names.MISSING_ARGUMENT(f"{block.node.name} needs '{formal.name}'").at(
                    span, Label(formal.span, "declared here, without a default")
                )
            )
            value = POISON
        if isinstance(value, Value):
            diagnostics.add(
                names.NOT_KNOWN_YET(
                    f"'{formal.name}' of {block.node.name} is configuration, and this is {kind_of(value)}",
                    hint=f"tensors flow in: (a, b) -> {block.node.name}",
                ).at(bound.by_name[formal.name].span)
            )
            value = POISON
        failed |= value is POISON
        scope.values[formal.name] = value
    return POISON if failed else dict(scope.values)


def elaborate(
    outer: Evaluator,
    block: BlockDeclaration,
    arguments: Mapping[str, Any],
    operands: list[Value] | dict[str, Value] | None,
    span: Span,
    path: tuple[str, ...],
    network: str,
) -> Any:
    """Elaborate a body for operands (by position or by input name; None: for its declared types).

    Returns its output, an :class:`Outputs` if it has several, or POISON.
    """
    outer.elaboration.elaborated.add(id(block))
    if block.damaged:
        return POISON
    scope = Scope(block.file, values=dict(arguments), elsewhere=block.bound)
    body = Body(
        evaluator=replace(outer, scope=scope, network=network, prefix=path, bound=(), components=block.components),
        block=block,
        operands=operands,
        span=span,
    )
    for doubt in block.doubts:
        outer.elaboration.report(block.file.shadowed(doubt.name, doubt.declared, doubt.used), doubt.declared)
    with outer.elaboration.nested(span, applied=operands is not None):
        outer.elaboration.budget.count_execution(span, cost=10)
        return body.run()


def elaborate_alone(outer: Evaluator, block: BlockDeclaration, arguments: Mapping[str, Any], name: str) -> Any:
    """Elaborate a model for its declared input types, symbols left free: the network as it ships."""
    return elaborate(outer, block, arguments, None, block.node.name_span, (name,), name)
