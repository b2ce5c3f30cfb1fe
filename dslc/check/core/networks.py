"""Networks: models with their configuration, called with their inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dslc.check.core.applicable import Applicable, CallSite
from dslc.check.core.arguments import Given, bind
from dslc.check.core.blocks import elaborate
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.scope import BlockDeclaration
from dslc.check.core.values import POISON
from dslc.errors import names
from dslc.plan.values import Placeholder, Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import ElementType

__all__ = ["Network"]


@dataclass(eq=False)
class Network(Applicable):
    """A model with its configuration: what ``net`` makes, or a bare model's name in ``train``."""

    name: str
    declaration: BlockDeclaration
    arguments: Mapping[str, Any]
    span: Span
    fed_by: dict[str, str] = field(default_factory=dict)
    """The data field that each input was first called with, where it was a field as it stands."""

    @property
    def described(self) -> str:
        return f"the network {self.name}"

    def value(self, site: CallSite) -> Network:
        return self

    def apply(self, site: CallSite, flows: Sequence[Given]) -> Any:
        self.refuse_arguments(site)
        operands = site.tensors(flows)
        # elaborating it reports a wrong number of them
        return self._run(site, operands, dict(zip(self._inputs(), operands, strict=False)))

    def call(self, site: CallSite) -> Any:
        """Run it on tensors by position or by the names of its inputs."""
        if site.failed:
            return POISON
        inputs = self._inputs()
        bound = bind(site.arguments, inputs, (), of=self.name, diagnostics=site.elaboration.diagnostics)
        if bound.failed:
            return POISON
        missing = [name for name in inputs if name not in bound.by_name]
        if missing:
            raise names.MISSING_ARGUMENT(
                f"{self.name} needs {' and '.join(repr(m) for m in missing)}",
                hint=f"call it with its inputs: {self.name}({', '.join(inputs)})",
            ).at(site.span)
        operands = dict(zip(inputs, site.tensors([bound.by_name[name] for name in inputs]), strict=True))
        return self._run(site, operands, operands)

    def _inputs(self) -> list[str]:
        return [s.name for s in self.declaration.node.body if isinstance(s, tree.Input)]

    def _run(self, site: CallSite, operands: list[Value] | dict[str, Value], by_name: Mapping[str, Value]) -> Any:
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
