"""Conditions on the figures of a run: ``stop when`` and ``keep``, evaluated by the training loop on their history."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

from dslc.source import Span
from dslc.types import Dimension

__all__ = ["Calculation", "Condition", "Expression", "Figure", "Number", "Record", "Stalled", "evaluate"]

Record = Mapping[str, float]
"""The figures known at one evaluation: ``epoch``, ``step``, ``train.loss``, ``validation.accuracy``, ..."""


@dataclass(frozen=True)
class Figure:
    """What a figure is at the last record; NaN where it is not known."""

    name: str


@dataclass(frozen=True)
class Number:
    """A number, or true or false, known when the spec is compiled."""

    value: bool | float | Dimension


@dataclass(frozen=True)
class Calculation:
    """An operator as the language writes it: ``+``, ``<=``, ``and``; ``not`` and the sign ``-`` have one operand."""

    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class Stalled:
    """Whether the best value of a figure is at least so many epochs, or steps, old."""

    figure: str
    highest: bool
    """Whether it is better high."""
    unit: str
    """The figure by which age counts: ``epoch`` or ``step``."""
    patience: int


Expression: TypeAlias = Figure | Number | Calculation | Stalled


@dataclass(frozen=True)
class Condition:
    """A checked expression of figures."""

    expression: Expression
    figures: frozenset[str]
    """All that it looks at."""
    text: str
    span: Span
    boolean: bool
    """Whether it is true or false, rather than a number."""

    def __call__(self, history: Sequence[Record]) -> Any:
        """Return the value after the last record of a history that is not empty."""
        return evaluate(self.expression, history)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": lambda a, b: a / b if b else float("nan"),
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "and": lambda a, b: a and b, "or": lambda a, b: a or b,
}  # fmt: skip
_UNARY: dict[str, Callable[[Any], Any]] = {"-": operator.neg, "not": operator.not_}


def evaluate(expression: Expression, history: Sequence[Record]) -> Any:
    """Return the value of an expression after the last record of a history that is not empty."""
    match expression:
        case Figure(name):
            return history[-1].get(name, float("nan"))
        case Number(value):
            return value
        case Calculation(sign, (operand,)):
            return _UNARY[sign](evaluate(operand, history))
        case Calculation(sign, (left, right)):
            return _BINARY[sign](evaluate(left, history), evaluate(right, history))
        case Stalled():
            return _is_stalled(expression, history)
    raise AssertionError(expression)


def _is_stalled(stalled: Stalled, history: Sequence[Record]) -> bool:
    figure, sign = stalled.figure, 1.0 if stalled.highest else -1.0
    known = [record for record in history if figure in record]
    if not known:
        return False
    best = max(known, key=lambda record: sign * record[figure] if isfinite(record[figure]) else float("-inf"))
    return known[-1][stalled.unit] - best[stalled.unit] >= stalled.patience
