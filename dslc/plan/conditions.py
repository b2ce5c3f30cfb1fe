"""Conditions on the figures of a run: ``stop when`` and ``keep``.

A condition is checked when the spec is, and evaluated by the training loop on the history of figures.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from dslc.check.core.arithmetic import compute
from dslc.diagnostics import Problem, did_you_mean
from dslc.errors import objectives as errors
from dslc.plan.values import is_number, kind_of
from dslc.source import Span
from dslc.syntax import tree

__all__ = ["Condition", "Record", "check_condition", "figure_direction"]

Record = Mapping[str, float]
"""The figures known at one evaluation: ``epoch``, ``step``, ``train.loss``, ``validation.accuracy``, ..."""

_Evaluate = Callable[[Sequence[Record]], Any]


@dataclass(frozen=True, eq=False)
class Condition:
    """A checked expression of figures."""

    figures: frozenset[str]
    text: str
    span: Span
    boolean: bool
    _evaluate: _Evaluate

    def __call__(self, history: Sequence[Record]) -> Any:
        """Return the value after the last record of a history that is not empty."""
        return self._evaluate(history)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_BOOLEAN = {"<", "<=", ">", ">=", "==", "!=", "and", "or"}


def figure_direction(figure: str, directions: Mapping[str, str | None]) -> str | None:
    """Return whether a figure such as ``validation.accuracy`` is better ``highest`` or ``lowest``."""
    return directions.get(figure.partition(".")[2])


def check_condition(  # noqa: C901 - one case for each form
    expression: tree.Expression,
    *,
    figures: Sequence[str],
    directions: Mapping[str, str | None],
    number: Callable[[tree.Expression], Any],
) -> Condition:
    """Check an expression of figures; ``number`` evaluates what is known at compile time.

    Raises:
        Problem: it names a figure that is not there, or is no expression of figures.
    """
    seen: set[str] = set()
    if _depth(expression) > _DEEPEST:
        raise errors.BAD_CONDITION("this condition is too long").at(expression.span)

    def build(e: tree.Expression) -> tuple[_Evaluate, bool]:
        match e:
            case tree.Member() | tree.Name() if (figure := e.span.text.replace(" ", "")) in figures:
                seen.add(figure)
                return (lambda history: history[-1].get(figure, float("nan"))), False
            case tree.Member(target=tree.Name(id="test")):
                raise errors.BAD_CONDITION(
                    "the test split is never looked at while training",
                    hint="watch a validation split: split train = 70%, validation = 15%, test = 15%",
                ).at(e.span)
            case tree.Member(target=tree.Name(id="validation")) if not any("validation." in f for f in figures):
                raise errors.BAD_CONDITION(
                    "there is no validation split",
                    hint="add one to the data: split train = 70%, validation = 15%, test = 15%",
                ).at(e.span)
            case tree.Member(target=tree.Name(id="train" | "validation")):
                raise errors.BAD_CONDITION(
                    f"there is no figure '{e.span.text}'",
                    hint=did_you_mean(e.span.text, figures) or f"the figures are {', '.join(figures)}",
                ).at(e.span)
            case tree.Call(function=tree.Name(id="stalled")):
                return _stalled(e, figures, directions, number, seen), True
            case tree.Unary(operator="not", operand=operand):
                inner, _ = build(operand)
                return (lambda history: not inner(history)), True
            case tree.Unary(operand=operand):
                inner, _ = build(operand)
                return (lambda history: -inner(history)), False
            case tree.Binary(operator="and" | "or" as sign, left=left, right=right):
                (a, _), (b, _) = build(left), build(right)
                if sign == "and":
                    return (lambda history: a(history) and b(history)), True
                return (lambda history: a(history) or b(history)), True
            case tree.Binary(operator=sign, left=left, right=right) if sign in _ARITHMETIC or sign == "/":
                (a, _), (b, _) = build(left), build(right)
                if sign == "/":
                    return (lambda history: _ratio(a(history), b(history))), False
                apply = _ARITHMETIC[sign]
                return (lambda history: apply(a(history), b(history))), sign in _BOOLEAN
            case tree.Name() if unclear := _incomplete(e.id, figures):
                raise unclear.at(e.span)
        value = number(e)
        if not is_number(value) and not isinstance(value, bool):
            raise errors.BAD_CONDITION(
                f"this is {kind_of(value)}, not a figure", hint=f"the figures are {', '.join(figures)}"
            ).at(e.span)
        return (lambda _: value), isinstance(value, bool)

    evaluate, boolean = build(expression)
    return Condition(frozenset(seen), expression.span.text, expression.span, boolean, evaluate)


def _incomplete(name: str, figures: Sequence[str]) -> Problem | None:
    """Say what a name means that lacks its split, or has it as other tools write it; None if it means no figure."""
    foreign = re.sub(r"^(val|valid)_", "validation.", name)
    if foreign in figures:
        return errors.BAD_CONDITION(f"there is no figure '{name}'", hint=f"here it is called '{foreign}'")
    meant = [figure for figure in figures if figure.endswith(f".{name}")]
    if not meant:
        return None
    return errors.BAD_CONDITION(
        f"'{name}' is known for more than one split", hint=f"write {' or '.join(reversed(meant))}"
    )


_DEEPEST = 200


def _depth(expression: tree.Expression) -> int:
    """Return how many operators a condition applies to one another."""
    deepest = 0
    open_ = [(expression, 1)]
    while open_:
        e, depth = open_.pop()
        deepest = max(deepest, depth)
        if isinstance(e, tree.Binary):
            open_ += [(e.left, depth + 1), (e.right, depth + 1)]
        elif isinstance(e, tree.Unary):
            open_.append((e.operand, depth + 1))
    return deepest


def _ratio(a: float, b: float) -> float:
    return float(compute("/", a, b)) if b else float("nan")


def _stalled(
    e: tree.Call, figures: Sequence[str], directions: Mapping[str, str | None],
    number: Callable[[tree.Expression], Any], seen: set[str],
) -> _Evaluate:  # fmt: skip
    """``stalled(figure, epochs = n)``: the best value is at least n epochs old."""
    usage = "write stalled(validation.loss, epochs = 5)"
    if not e.arguments or e.arguments[0].name is not None:
        raise errors.BAD_CONDITION("stalled needs a figure", hint=usage).at(e.span)
    watched = e.arguments[0].value
    figure = watched.span.text.replace(" ", "")
    check_condition(watched, figures=figures, directions=directions, number=number)
    if figure not in figures:
        raise errors.BAD_CONDITION("stalled watches one figure", hint=usage).at(watched.span)
    direction = figure_direction(figure, directions)
    if direction is None:
        raise errors.BAD_CONDITION(
            f"whether '{figure}' is better high or low is not known", hint="watch a loss, or a metric of the library"
        ).at(watched.span)
    rest = e.arguments[1:]
    if len(rest) != 1 or rest[0].name not in ("epochs", "steps"):
        raise errors.BAD_CONDITION("stalled needs 'epochs = n' or 'steps = n'", hint=usage).at(e.span)
    unit = "epoch" if rest[0].name == "epochs" else "step"
    patience = number(rest[0].value)
    if not isinstance(patience, int) or isinstance(patience, bool) or patience < 1:
        raise errors.BAD_CONDITION(f"'{rest[0].name}' is a whole number of at least 1, not {kind_of(patience)}").at(
            rest[0].span
        )
    sign = 1.0 if direction == "highest" else -1.0
    seen.add(figure)

    def evaluate(history: Sequence[Record]) -> bool:
        known = [r for r in history if figure in r]
        if not known:
            return False
        best = max(known, key=lambda r: sign * r[figure] if isfinite(r[figure]) else float("-inf"))
        return known[-1][unit] - best[unit] >= patience

    return evaluate
