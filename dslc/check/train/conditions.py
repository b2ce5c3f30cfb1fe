"""Checking ``stop when`` and ``keep``: which figures there are, which way is better, and what is computed of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dslc.check.core.values import POISON, Silent, is_number, kind_of, whole_number
from dslc.check.train.evaluation import TrainEvaluation
from dslc.diagnostics import Problem, Repair, did_you_mean
from dslc.errors import objectives as errors
from dslc.plan.conditions import Calculation, Condition, Expression, Figure, Number, Stalled
from dslc.plan.training import Keep, Measure
from dslc.syntax import tree

__all__ = ["conditions_of", "directions_of"]

_BOOLEAN = {"<", "<=", ">", ">=", "==", "!=", "and", "or"}
_BINARY = {*_BOOLEAN, "+", "-", "*", "/"}
_DEEPEST = 200
_SPLITS = "split train = 70%, validation = 15%, test = 15%"


def directions_of(train: TrainEvaluation, metrics: list[Measure | None]) -> dict[str, str | None]:
    """Return which way each figure is better, None where that is not known."""
    directions: dict[str, str | None] = {m.name or "loss": "lowest" for m in train.of(tree.Minimize)}
    for s, m in zip(train.of(tree.Metric), metrics, strict=True):
        # What has failed, or can't be told before the data is read, brings no second error here; a matrix, such as that
        # of confusion, is no figure.
        if m is None or not m.value.type.rank:
            directions[s.name] = "highest" if m is None else m.direction
    return directions


def conditions_of(train: TrainEvaluation, directions: Mapping[str, str | None]) -> tuple[Condition | None, Keep | None]:
    """Check ``stop when`` and ``keep``."""
    stop_node, keep_node = train.only(tree.StopWhen), train.only(tree.Keep)
    splits = train.data.split_names if train.data else ()
    losses = [m.name or "loss" for m in train.of(tree.Minimize)]
    figures = ["epoch", "step", *(f"train.{name}" for name in losses)]
    if "validation" in splits:
        figures += [f"validation.{name}" for name in directions]

    def checked(e: tree.Expression) -> Condition | None:
        if any(name in train.broken for name in re.findall(r"\w+", e.span.text)):
            return None  # what it watches could not be taken, which is reported
        return train.elaboration.attempt(partial(_Conditions(train, figures, directions).condition, e), e.span)

    stop = checked(stop_node.condition) if stop_node else None
    if stop is not None and not stop.boolean:
        message = "'stop when' needs something that is true or false"
        train.report(errors.BAD_CONDITION(message, hint="for example: validation.loss < 0.05"), stop.span)
    figure = checked(keep_node.value) if keep_node else None
    if figure is None:
        return stop, None
    direction = keep_node.mode
    if direction == "best":
        direction = _direction(figure.text.replace(" ", ""), directions)
        if direction is None:
            message = f"whether '{figure.text}' is better high or low is not known"
            hint = f"write: keep highest {figure.text}  or: keep lowest {figure.text}"
            train.report(errors.BAD_CONDITION(message, hint=hint), figure.span)
    if figure.boolean:
        train.report(errors.BAD_CONDITION("'keep' needs a figure, not a condition"), figure.span)
    return stop, Keep(figure, direction == "highest", figure.span)


def _direction(figure: str, directions: Mapping[str, str | None]) -> str | None:
    """Return whether a figure such as ``validation.accuracy`` is better ``highest`` or ``lowest``."""
    return directions.get(figure.partition(".")[2])


@dataclass
class _Conditions:
    """Reads a condition of figures."""

    train: TrainEvaluation
    figures: Sequence[str]
    directions: Mapping[str, str | None]
    seen: set[str] = field(default_factory=set)

    def condition(self, expression: tree.Expression) -> Condition:
        """Check an expression of figures.

        Raises:
            Problem: it names a figure that is not there, or is no expression of figures.
        """
        if _depth(expression) > _DEEPEST:
            raise errors.BAD_CONDITION("this condition is too long").at(expression.span)
        built, boolean = self.build(expression)
        return Condition(built, frozenset(self.seen), expression.span.text, expression.span, boolean)

    def build(self, e: tree.Expression) -> tuple[Expression, bool]:
        """Return what an expression computes, and whether that is true or false."""
        figures = self.figures
        match e:
            case tree.Member() | tree.Name() if (figure := e.span.text.replace(" ", "")) in figures:
                self.seen.add(figure)
                return Figure(figure), False
            case tree.Member(target=tree.Name(id="test")):
                hint = f"watch a validation split: {_SPLITS}"
                raise errors.BAD_CONDITION("the test split is never looked at while training", hint=hint).at(e.span)
            case tree.Member(target=tree.Name(id="validation")) if not any("validation." in f for f in figures):
                hint = f"add one to the data: {_SPLITS}"
                raise errors.BAD_CONDITION("there is no validation split", hint=hint).at(e.span)
            case tree.Member(target=tree.Name(id="train" | "validation")):
                hint = did_you_mean(e.span.text, figures) or f"the figures are {', '.join(figures)}"
                raise errors.BAD_CONDITION(f"there is no figure '{e.span.text}'", hint=hint).at(e.span)
            case tree.Call(function=tree.Name(id="stalled")):
                return self.stalled(e), True
            case tree.Unary(operator=sign, operand=operand):
                return Calculation(sign, (self.build(operand)[0],)), sign == "not"
            case tree.Binary(operator=sign, left=left, right=right) if sign in _BINARY:
                return Calculation(sign, (self.build(left)[0], self.build(right)[0])), sign in _BOOLEAN
            case tree.Name() if unclear := _incomplete(e.id, figures):
                raise unclear.at(e.span)
        value = self.number(e)
        if not is_number(value) and not isinstance(value, bool):
            hint = f"the figures are {', '.join(figures)}"
            raise errors.BAD_CONDITION(f"this is {kind_of(value)}, not a figure", hint=hint).at(e.span)
        return Number(value), isinstance(value, bool)

    def number(self, e: tree.Expression) -> Any:
        """Return the value of what is known at compile time."""
        value = self.train.evaluator().evaluate(e)
        if value is POISON:
            self.train.failed = True
            raise Silent
        return value

    def stalled(self, e: tree.Call) -> Stalled:
        """``stalled(figure, epochs = n)``: the best value is at least n epochs old."""
        usage = "write stalled(validation.loss, epochs = 5)"
        if not e.arguments or e.arguments[0].name is not None:
            raise errors.BAD_CONDITION("stalled needs a figure", hint=usage).at(e.span)
        watched = e.arguments[0].value
        figure = watched.span.text.replace(" ", "")
        self.condition(watched)
        if figure not in self.figures:
            raise errors.BAD_CONDITION("stalled watches one figure", hint=usage).at(watched.span)
        direction = _direction(figure, self.directions)
        if direction is None:
            message = f"whether '{figure}' is better high or low is not known"
            raise errors.BAD_CONDITION(message, hint="watch a loss, or a metric of the library").at(watched.span)
        rest = e.arguments[1:]
        if len(rest) != 1 or rest[0].name not in ("epochs", "steps"):
            raise errors.BAD_CONDITION("stalled needs 'epochs = n' or 'steps = n'", hint=usage).at(e.span)
        unit, given = rest[0].name, rest[0]
        patience = whole_number(value := self.number(given.value))
        if not isinstance(patience, int) or patience < 1:
            message = f"'{unit}' is a whole number of at least 1, not {kind_of(value)}"
            raise errors.BAD_CONDITION(message).at(given.span)
        return Stalled(figure, direction == "highest", unit.removesuffix("s"), patience)


def _incomplete(name: str, figures: Sequence[str]) -> Problem | None:
    """Say what a name means that lacks its split, or has it as other tools write it; None if it means no figure."""
    foreign = re.sub(r"^(val|valid)_", "validation.", name)
    if foreign in figures:
        hint = Repair(f"here it is called '{foreign}'", foreign)
        return errors.BAD_CONDITION(f"there is no figure '{name}'", hint=hint)
    meant = [figure for figure in figures if figure.endswith(f".{name}")]
    if not meant:
        return None
    said = f"write {' or '.join(reversed(meant))}"
    return errors.BAD_CONDITION(f"'{name}' is known for more than one split", hint=said)


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
