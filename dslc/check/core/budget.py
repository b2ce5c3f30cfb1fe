"""What checking a spec may take: nesting, turns of loops, statements, operations and nodes are counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from dslc.diagnostics import Problem
from dslc.errors import names
from dslc.limits import Limits
from dslc.source import Span

__all__ = ["Budget", "Exhausted"]

DEPTHS = 5
"""How many levels of expressions, on average, each of the blocks in one another may have."""
EXECUTIONS = 10
"""How many statements, on average, the turns of loops may have."""
WORK = 20
"""How many operations of compile-time expressions, on average, the turns of loops may have."""


class Exhausted(Exception):
    """A limit of the whole spec is reached, so that nothing more can be told of it; ``problem`` says which."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class Budget:
    """What has been taken of the limits so far; what goes beyond one of them raises :class:`Exhausted`."""

    limits: Limits = field(default_factory=Limits)
    depth: int = 0
    """How deep expressions nest at the moment, those of all the blocks around taken together."""
    nodes: int = 0
    iterations: int = 0
    executions: int = 0
    work: int = 0

    def check_depth(self, span: Span) -> None:
        """Refuse expressions that nest too deep."""
        most = DEPTHS * self.limits.nesting
        if self.depth > most:
            hint = "name intermediate results, or raise the limit with '--limit nesting=N'"
            raise _exhausted(f"expressions and blocks nest more than {most} deep", hint, span)

    def count_execution(self, span: Span, cost: int = 1) -> None:
        """Count a statement carried out: blocks that apply others twice each grow without a single loop."""
        self.executions += cost
        most = EXECUTIONS * self.limits.loop_iterations
        if self.executions > most:
            message = f"the loops and blocks of this spec come to more than {most:,} statements"
            raise _exhausted(message, "'--limit loop_iterations=N' raises the limit in proportion", span)

    def count_work(self, span: Span, amount: int = 1) -> None:
        """Count what evaluating takes, in operations on single numbers: a turn of a loop can hold thousands."""
        self.work += amount
        most = WORK * self.limits.loop_iterations
        if self.work > most:
            message = f"the expressions of this spec come to more than {most:,} operations when it is compiled"
            raise _exhausted(message, "'--limit loop_iterations=N' raises the limit in proportion", span)

    def count_iterations(self, turns: int, span: Span) -> None:
        """Count the turns of a compile-time loop that begins."""
        self.iterations += turns
        if self.iterations > self.limits.loop_iterations:
            message = f"the loops of this spec run more than {self.limits.loop_iterations:,} times"
            raise _exhausted(message, "'--limit loop_iterations=N' raises the limit", span)

    def count_node(self, span: Span | None) -> int:
        """Count an operation of the network; return how many there are."""
        self.nodes += 1
        if self.nodes > self.limits.graph_nodes:
            message = f"the network has more than {self.limits.graph_nodes:,} operations"
            raise _exhausted(message, "'--limit graph_nodes=N' raises the limit", span)
        return self.nodes


def _exhausted(message: str, hint: str, span: Span | None) -> Exhausted:
    return Exhausted(names.LIMIT_REACHED(message, hint=hint).at(span))
