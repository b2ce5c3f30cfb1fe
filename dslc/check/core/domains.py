"""Domains: what a param, or an argument of a block, may be."""

from __future__ import annotations

from typing import Any

from dslc.check.core.applicable import Evaluator
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.values import POISON, is_number
from dslc.diagnostics import Code, Label, did_you_mean
from dslc.errors import names as errors
from dslc.library.word import shown
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["check_domain", "domain_of"]


def domain_of(declaration: tree.Param | tree.Formal, evaluator: Evaluator) -> Any:
    """Return a list of choices, the two ends of a range, None for anything, or POISON (reported)."""
    domain = declaration.domain
    if domain is None:
        return None
    if isinstance(domain, tree.Choice):
        choices = [evaluator.evaluate(item) for item in domain.items]
        return POISON if POISON in choices else choices
    low, high = evaluator.evaluate(domain.low), evaluator.evaluate(domain.high)
    if POISON in (low, high):
        return POISON
    if not is_number(low) or not is_number(high) or low > high or (domain.log and low <= 0):
        least = "above zero and " if domain.log else ""
        message = f"the ends of a range are numbers, {least}the lower one first"
        return evaluator.elaboration.report(errors.BAD_PARAM(message), domain.span)
    return (low, high)


def check_domain(
    declaration: tree.Param | tree.Formal, domain: Any, value: Any, elaboration: Elaboration, span: Span,
    code: Code = errors.OUT_OF_RANGE,
) -> Any:  # fmt: skip
    """Return the value; POISON (reported) if it lies outside of the domain, which :func:`domain_of` gave."""
    if domain is None or POISON in (domain, value):
        return value
    if value in domain if isinstance(domain, list) else is_number(value) and domain[0] <= value <= domain[1]:
        return value
    assert declaration.domain is not None
    choices = domain if isinstance(domain, list) else []
    known = f"{{{', '.join(map(shown, choices))}}}" if choices else declaration.domain.span.text
    of = f"{shown(value)} is outside of the domain of '{declaration.name}'"
    hint = did_you_mean(value, [c for c in choices if isinstance(c, str)]) if isinstance(value, str) else None
    problem = code(f"{of}, {known}", hint=hint)
    return elaboration.report(problem, span, Label(declaration.domain.span, "the domain"))
