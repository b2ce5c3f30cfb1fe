"""Networks: models with their configuration, called with their inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dslc.check.core import bodies
from dslc.check.core.arguments import Given, bind
from dslc.check.core.scope import BlockDeclaration
from dslc.errors import names
from dslc.plan.values import POISON, Placeholder, Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import ElementType

if TYPE_CHECKING:
    from dslc.check.core.elaboration import Elaboration
    from dslc.check.core.expressions import Evaluator

__all__ = ["Network"]


@dataclass(eq=False)
class Network:
    """A model with its configuration: what ``net`` makes, or a bare model's name in ``train``."""

    name: str
    declaration: BlockDeclaration
    arguments: Mapping[str, Any]
    span: Span
    fed_by: dict[str, str] = field(default_factory=dict)
    """The data field that each input was first called with, where it was a field as it stands."""

    @property
    def described(self) -> str:
        """How messages call it."""
        return f"the network {self.name}"

    def apply(self, evaluator: Evaluator, operands: Sequence[Value], span: Span) -> Any:
        """Run it on tensors by position."""
        inputs = [s.name for s in self.declaration.node.body if isinstance(s, tree.Input)]
        self._note(dict(zip(inputs, operands, strict=False)))  # elaborating it reports a wrong number of them
        return bodies.elaborate(
            evaluator, self.declaration, self.arguments, list(operands), span, (self.name,), self.name
        )

    def call(self, evaluator: Evaluator, given: Sequence[Given], span: Span) -> Any:
        """Run it on tensors by position or by the names of its inputs."""
        inputs = [s.name for s in self.declaration.node.body if isinstance(s, tree.Input)]
        bound = bind(given, inputs, (), of=self.name, diagnostics=evaluator.elaboration.diagnostics)
        if bound.failed:
            return POISON
        missing = [name for name in inputs if name not in bound.by_name]
        if missing:
            raise names.MISSING_ARGUMENT(
                f"{self.name} needs {' and '.join(repr(m) for m in missing)}",
                hint=f"call it with its inputs: {self.name}({', '.join(inputs)})",
            ).at(span)
        chosen = [bound.by_name[name] for name in inputs]
        operands = evaluator.elaboration.tensors([g.value for g in chosen], [g.span for g in chosen])
        by_name = dict(zip(inputs, operands, strict=True))
        self._note(by_name)
        return bodies.elaborate(evaluator, self.declaration, self.arguments, by_name, span, (self.name,), self.name)

    def _note(self, operands: Mapping[str, Value]) -> None:
        for name, operand in operands.items():
            if isinstance(operand.application.operation, Placeholder):
                self.fed_by.setdefault(name, operand.application.operation.key)

    def regularized(self, elaboration: Elaboration) -> list[Value]:
        """Return its parameters that ``l1`` and ``l2`` count: kernels and embeddings."""
        elaboration.asked_for_parameters = True
        return [
            elaboration.parameter(record, self.span)
            for record in elaboration.parameters.values()
            if record.network == self.name and record.variable.role.regularized
        ] or [elaboration.literal(0.0, ElementType.FLOAT32, self.span)]
