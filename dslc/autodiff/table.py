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
from functools import partial

import onnx_ir as ir

from dslc.graph import Builder, Tensor

__all__ = [
    "InsideRule", "PullBack", "Rule", "inside_rule_for", "is_known", "no_gradient", "operators_with_rules", "rule_for",
    "vjp", "vjp_each", "vjp_inside",
]  # fmt: skip

Rule = Callable[..., "Tensor | None"]
PullBack = Callable[[Sequence[tuple[Tensor, Tensor]], Sequence[Tensor], ir.Graph], list[Tensor | None]]
"""Given results inside of a graph, each with the gradient by it, returns the gradients by what it takes."""
InsideRule = Callable[
    [Builder, ir.Node, Sequence[Tensor | None], Sequence[ir.Value], PullBack], Sequence[Tensor | None]
]
"""Given a node, the gradients by its results and those of its operands that need one, returns the operands'."""

_RULES: dict[str, tuple[Rule | None, ...]] = {}
_VARIADIC: dict[str, Rule] = {}
_INSIDE: dict[str, InsideRule] = {}
_NO_GRADIENT: set[str] = set()


def vjp(operator: str, *rules: Rule | None) -> None:
    """Declare an ONNX operator's rules, one per operand; None, or nothing, for an operand without a gradient."""
    _RULES[operator] = rules


def vjp_each(operator: str, rule: Rule) -> None:
    """Declare one rule for all operands of a variadic operator; it is given the operand's index first."""
    _VARIADIC[operator] = rule


def vjp_inside(operator: str, rule: InsideRule) -> None:
    """Declare the rule of an operator with graphs inside: one for all operands, those that the graphs take as well."""
    _INSIDE[operator] = rule


def no_gradient(*operators: str) -> None:
    """Declare operators whose derivative is zero wherever it exists, or that are not about real numbers."""
    _NO_GRADIENT.update(operators)


def is_known(operator: str) -> bool:
    """Whether the operator is in the table, with rules or as one without a gradient."""
    return any(operator in known for known in (_RULES, _VARIADIC, _INSIDE, _NO_GRADIENT))


def inside_rule_for(operator: str) -> InsideRule | None:
    """Return the rule of a known operator with graphs inside."""
    return _INSIDE.get(operator)


def rule_for(operator: str, operand: int) -> Rule | None:
    """Return the rule for one operand of a known operator; None if no gradient passes to it."""
    if operator in _VARIADIC:
        return partial(_VARIADIC[operator], operand)
    rules = _RULES.get(operator, ())
    return rules[operand] if operand < len(rules) else None


def operators_with_rules() -> frozenset[str]:
    """Return the operators that some gradient passes through."""
    return frozenset(_RULES) | frozenset(_VARIADIC) | frozenset(_INSIDE)
