"""The table of gradient rules: how it is written and read.

A rule gives the product of a cotangent with an operator's Jacobian for *one* operand, so that what needs
no gradient is never built. It is called as ``rule(dy, y, *operands, **attributes)``: ``dy`` is the
loss's gradient by the output ``y``, operands that are absent are None, and attributes are taken as keyword
arguments whose defaults are ONNX's. Of an operator with several outputs, ``dy`` and ``y`` are tuples, and
``dy`` has None where no gradient arrives.

A rule returns a tensor of the operand's type, or one that broadcasting leads to or from it: the engine
sums over axes that were broadcast and repeats along axes that were reduced. None means a gradient of zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import onnx_ir as ir

from dslc.graph import Builder, Tensor

__all__ = ["INSIDE", "RULES", "Following", "no_gradient", "vjp", "vjp_each", "vjp_inside"]

Rule = Callable[..., "Tensor | None"]


@dataclass(frozen=True)
class Following:
    """How the engine follows values through a graph inside of a node, for the rule of that."""

    pull_back: Callable[[Sequence[tuple[Tensor, Tensor]], Sequence[Tensor], ir.Graph], list[Tensor | None]]
    """Given results of the graph, each with the gradient by it, returns the gradients by what it takes."""
    reached: Callable[[Sequence[ir.Value], Sequence[ir.Value], ir.Graph], set[ir.Value]]
    """Given results of the graph and what it takes, returns what a gradient flows through between them."""


InsideRule = Callable[
    [Builder, ir.Node, Sequence[Tensor | None], Sequence[ir.Value], Following], Sequence[Tensor | None]
]
"""Given a node, the gradients by its results and those of its operands that need one, returns the operands'."""

RULES: dict[str, Callable[[int], Rule | None]] = {}
"""Of each operator, what returns the rule of one of its operands; None if no gradient passes to it."""
INSIDE: dict[str, InsideRule] = {}
"""The rules of operators with graphs inside."""


def vjp(operator: str, *rules: Rule | None) -> None:
    """Declare an ONNX operator's rules, one per operand; None, or nothing, for an operand without a gradient."""
    RULES[operator] = lambda operand: rules[operand] if operand < len(rules) else None


def vjp_each(operator: str, rule: Rule) -> None:
    """Declare one rule for all operands of a variadic operator; it is given the operand's index first."""
    RULES[operator] = lambda operand: partial(rule, operand)


def vjp_inside(operator: str, rule: InsideRule) -> None:
    """Declare the rule of an operator with graphs inside: one for all operands, those that the graphs take as well."""
    INSIDE[operator] = rule


def no_gradient(*operators: str) -> None:
    """Declare operators whose derivative is zero wherever it exists, or that are not about real numbers."""
    for operator in operators:
        vjp(operator)
