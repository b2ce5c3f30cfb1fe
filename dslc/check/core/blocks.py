"""Blocks, models and networks: what they are configured with, and their bodies elaborated for what flows in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dslc.check.core.applicable import Applicable, CallSite, Configured, Evaluator
from dslc.check.core.arguments import Given, bind
from dslc.check.core.bodies import Body
from dslc.check.core.domains import check_domain, domain_of
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.scope import BlockDeclaration, Scope
from dslc.check.core.values import POISON, kind_of
from dslc.diagnostics import Label
from dslc.errors import names
from dslc.plan.values import Placeholder, Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import ElementType

__all__ = ["Block", "Network", "bind_formals", "elaborate", "elaborate_alone"]


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

    def _run(
        self, arguments: Mapping[str, Any], site: CallSite, operands: Sequence[Value], path: tuple[str, ...]
    ) -> Any:
        network = site.evaluator.network
        return elaborate(site.evaluator, self.declaration, arguments, list(operands), site.span, path, network)


def bind_formals(
    outer: Evaluator, block: BlockDeclaration, given: Sequence[Given], span: Span, *, more: Sequence[str] = ()
) -> Any:
    """Return the values of a block's arguments by name, POISON where they do not fit.

    ``more`` names others that may be given by name beside them.
    """
    if block.damaged:
        return POISON
    formals = [f.name for f in block.node.formals]
    bound = bind(given, formals, more, of=block.node.name, report=outer.elaboration.report)
    failed = bound.failed
    scope = Scope(block.file)
    inner = replace(outer, scope=scope, bound=(), components={})
    for formal in block.node.formals:
        if formal.name in bound.by_name:
            value = bound.by_name[formal.name].value
        elif formal.default is not None:
            value = inner.evaluate(formal.default)
        else:
            problem = names.MISSING_ARGUMENT(f"{block.node.name} needs '{formal.name}'")
            label = Label(formal.span, "declared here, without a default")
            value = outer.elaboration.report(problem, span, label)
        if isinstance(value, Value):
            message = f"'{formal.name}' of {block.node.name} is configuration, and this is {kind_of(value)}"
            hint = f"tensors flow in: (a, b) -> {block.node.name}"
            problem = names.NOT_KNOWN_YET(message, hint=hint)
            value = outer.elaboration.report(problem, bound.by_name[formal.name].span)
        given_at = bound.by_name[formal.name].span if formal.name in bound.by_name else span
        value = check_domain(formal, domain_of(formal, inner), value, outer.elaboration, given_at)
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
    kind: Callable[..., Body] = Body,
    optional: Collection[str] = (),
) -> Any:
    """Elaborate a body for operands: by position or by input name; None: for its declared types.

    ``optional`` are the inputs that may be left away and are there, if it is elaborated for declared types. Returns its
    output, an :class:`Outputs` if it has several, or POISON; another ``kind`` of body what it runs to.
    """
    outer.elaboration.elaborated.add(id(block))
    scope = Scope(block.file, values=dict(arguments), elsewhere=block.bound)
    body = kind(
        evaluator=replace(outer, scope=scope, network=network, prefix=path, bound=(), components=block.components),
        block=block,
        operands=operands,
        span=span,
        optional=optional,
    )
    for doubt in block.doubts:
        outer.elaboration.report(block.file.shadowed(doubt.name, doubt.declared, doubt.used), doubt.declared)
    with outer.elaboration.nested(span, applied=operands is not None):
        outer.elaboration.budget.count_execution(span, cost=10)
        return body.run()


def elaborate_alone(
    outer: Evaluator, block: BlockDeclaration, arguments: Mapping[str, Any], name: str, optional: Collection[str] = ()
) -> Any:
    """Elaborate a model for its declared input types, symbols left free: the network as it ships.

    Of the inputs that may be left away the ``optional`` ones are there.
    """
    return elaborate(outer, block, arguments, None, block.node.name_span, (name,), name, optional=optional)


@dataclass(eq=False)
class Network(Applicable):
    """A model with its configuration: what ``net`` makes, or a bare model's name in ``train``."""

    name: str
    declaration: BlockDeclaration
    arguments: Mapping[str, Any]
    span: Span
    fed_by: dict[str, str] = field(default_factory=dict)
    """The data field that each input was first called with, where it was a field as it stands."""
    called_with: set[str] = field(default_factory=set)
    """The inputs that some call has given."""

    @property
    def described(self) -> str:
        return f"the network {self.name}"

    def value(self, site: CallSite) -> Network:
        return self

    def apply(self, site: CallSite, flows: Sequence[Given]) -> Any:
        self.refuse_arguments(site)
        operands = site.tensors(flows)
        # elaborating it reports a wrong number of them
        return self._run(site, operands, {s.name: o for s, o in zip(self._inputs(), operands, strict=False)})

    def call(self, site: CallSite) -> Any:
        """Run it on tensors by position or by the names of its inputs."""
        if site.failed:
            return POISON
        inputs = [s.name for s in self._inputs()]
        bound = bind(site.arguments, inputs, (), of=self.name, report=site.elaboration.report)
        if bound.failed:
            return POISON
        optional = {s.name for s in self._inputs() if s.default is not None}
        found = {name: one for name, one in bound.by_name.items() if one.value is not None or name not in optional}
        missing = [name for name in inputs if name not in found and name not in optional]
        if missing:
            raise names.MISSING_ARGUMENT(
                f"{self.name} needs {' and '.join(repr(m) for m in missing)}",
                hint=f"call it with its inputs: {self.name}({', '.join(inputs)})",
            ).at(site.span)
        operands = dict(zip(found, site.tensors(list(found.values())), strict=True))
        return self._run(site, operands, operands)

    def _inputs(self) -> list[tree.Input]:
        return [s for s in self.declaration.node.body if isinstance(s, tree.Input)]

    def _run(self, site: CallSite, operands: list[Value] | dict[str, Value], by_name: Mapping[str, Value]) -> Any:
        self.called_with |= by_name.keys()
        for name, operand in by_name.items():
            if isinstance(operand.application.operation, Placeholder):
                self.fed_by.setdefault(name, operand.application.operation.key)
        return elaborate(site.evaluator, self.declaration, self.arguments, operands, site.span, (self.name,), self.name)

    def regularized(self, elaboration: Elaboration) -> list[Value]:
        """Return its parameters that ``l1`` and ``l2`` count: kernels and embeddings."""
        elaboration.asked_for_parameters = True
        return [
            elaboration.parameter(record, self.span)
            for record in elaboration.parameters.values()
            if record.network == self.name and record.variable.role.regularized
        ] or [elaboration.literal(0.0, ElementType.FLOAT32, self.span)]
