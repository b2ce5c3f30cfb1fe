"""Layers and blocks made by ``layer name = ...``, whose applications share their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dslc.check.core.applicable import Applicable, CallSite, Configured, Evaluator
from dslc.check.core.arguments import Given
from dslc.diagnostics import did_you_mean
from dslc.errors import names
from dslc.plan.values import Value
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["LayerInstance"]


@dataclass(eq=False)
class LayerInstance(Applicable):
    """A layer or block made by ``layer name = ...``; each application shares its parameters."""

    name: str
    run: Configured
    path: tuple[str, ...]
    span: Span

    @property
    def described(self) -> str:
        return f"the layer '{self.name}'"

    def apply(self, site: CallSite, flows: Sequence[Given]) -> Any:
        self.refuse_arguments(site)
        return self.run(site, site.tensors(flows), self.path)

    def member(self, evaluator: Evaluator, e: tree.Member) -> Value:
        """Read one of its parameters."""
        parameters = evaluator.elaboration.parameters
        prefix = ".".join(self.path) + "."
        record = parameters.get(prefix + e.name)
        if record is None:
            own = [path[len(prefix) :] for path in parameters if path.startswith(prefix)]
            hint = did_you_mean(e.name, own) or (
                f"it has {', '.join(own)}" if own else "its parameters exist from its first application on"
            )
            raise names.UNKNOWN_MEMBER(f"the layer '{self.name}' has no parameter '{e.name}' here", hint=hint).at(
                e.name_span
            )
        return evaluator.elaboration.parameter(record, e.span)
