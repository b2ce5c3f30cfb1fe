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
        if self.depth > DEPTHS * self.limits.nesting:
            raise Exhausted(
                names.LIMIT_REACHED(
                    f"expressions and blocks nest more than {DEPTHS * self.limits.nesting} deep",
                    hint="name intermediate results, or raise the limit with '--limit nesting=N'",
                ).at(span)
            )

    def count_execution(self, span: Span, cost: int = 1) -> None:
        """Count a statement carried out: blocks that apply others twice each grow without a single loop."""
        self.executions += cost
        if self.executions > EXECUTIONS * self.limits.loop_iterations:
            raise Exhausted(
                names.LIMIT_REACHED(
                    "the loops and blocks of this spec come to more than "
                    f"{EXECUTIONS * self.limits.loop_iterations:,} statements",
                    hint="'--limit loop_iterations=N' raises the limit in proportion",
                ).at(span)
            )

    def count_work(self, span: Span, amount: int = 1) -> None:
        """Count what evaluating takes, in operations on single numbers: a turn of a loop can hold thousands."""
        self.work += amount
        if self.work > WORK * self.limits.loop_iterations:
            raise Exhausted(
                names.LIMIT_REACHED(
                    f"the expressions of this spec come to more than {WORK * self.limits.loop_iterations:,} operations "
                    "when it is compiled",
                    hint="'--limit loop_iterations=N' raises the limit in proportion",
                ).at(span)
            )

    def count_iterations(self, turns: int, span: Span) -> None:
        """Count the turns of a compile-time loop that begins."""
        self.iterations += turns
        if self.iterations > self.limits.loop_iterations:
            raise Exhausted(
                names.LIMIT_REACHED(
                    f"the loops of this spec run more than {self.limits.loop_iterations:,} times",
                    hint="'--limit loop_iterations=N' raises the limit",
                ).at(span)
            )

    def count_node(self, span: Span | None) -> int:
        """Count an operation of the network; return how many there are."""
        self.nodes += 1
        if self.nodes > self.limits.graph_nodes:
            raise Exhausted(
                names.LIMIT_REACHED(
                    f"the network has more than {self.limits.graph_nodes:,} operations",
                    hint="'--limit graph_nodes=N' raises the limit",
                ).at(span)
            )
        return self.nodes
