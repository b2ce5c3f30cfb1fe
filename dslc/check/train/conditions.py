"""Checking ``stop when`` and ``keep``: which figures there are, which way is better, and what is computed of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dslc.check.core.matching import Silent
from dslc.check.core.values import POISON, is_number, kind_of
from dslc.check.train.evaluation import TrainEvaluation
from dslc.diagnostics import Problem, Repair, did_you_mean
from dslc.errors import objectives as errors
from dslc.plan.conditions import Calculation, Condition, Expression, Figure, Number, Stalled
from dslc.plan.training import Keep, Measure, Objective
from dslc.syntax import tree

__all__ = ["conditions_of", "directions_of"]

_BOOLEAN = {"<", "<=", ">", ">=", "==", "!=", "and", "or"}
_BINARY = {*_BOOLEAN, "+", "-", "*", "/"}


def directions_of(
    train: TrainEvaluation, found: list[Objective | None], metrics: list[Measure | None]
) -> dict[str, str | None]:
    """Return which way each figure is better, None where that is not known."""
    directions: dict[str, str | None] = {o.name: "lowest" for o in found if o}
    minimizes = train.of(tree.Minimize)
    directions.update({m.name or "loss": "lowest" for m in minimizes})
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

    def number(e: tree.Expression) -> Any:
        value = train.evaluator().evaluate(e)
        if value is POISON:
            raise Silent
        return value

    def checked(e: tree.Expression) -> Condition | None:
        if any(name in train.broken for name in re.findall(r"\w+", e.span.text)):
            return None  # what it watches could not be taken, which is reported
        try:
            return check_condition(e, figures=figures, directions=directions, number=number)
        except Silent:
            train.failed = True
        except Problem as problem:
            train.report(problem, e.span)
        return None

    stop = checked(stop_node.condition) if stop_node else None
    if stop is not None and not stop.boolean:
        train.report(
            errors.BAD_CONDITION(
                "'stop when' needs something that is true or false", hint="for example: validation.loss < 0.05"
            ),
            stop.span,
        )
    keep = None
    if keep_node is not None:
        figure = checked(keep_node.value)
        if figure is not None:
            highest = keep_node.mode == "highest"
            if keep_node.mode == "best":
                direction = figure_direction(figure.text.replace(" ", ""), directions)
                if direction is None:
                    train.report(
                        errors.BAD_CONDITION(
                            f"whether '{figure.text}' is better high or low is not known",
                            hint=f"write: keep highest {figure.text}  or: keep lowest {figure.text}",
                        ),
                        figure.span,
                    )
                highest = direction == "highest"
            if figure.boolean:
                train.report(errors.BAD_CONDITION("'keep' needs a figure, not a condition"), figure.span)
            keep = Keep(figure, highest, figure.span)
    return stop, keep


def figure_direction(figure: str, directions: Mapping[str, str | None]) -> str | None:
    """Return whether a figure such as ``validation.accuracy`` is better ``highest`` or ``lowest``."""
    return directions.get(figure.partition(".")[2])


def check_condition(
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

    def build(e: tree.Expression) -> tuple[Expression, bool]:
        match e:
            case tree.Member() | tree.Name() if (figure := e.span.text.replace(" ", "")) in figures:
                seen.add(figure)
                return Figure(figure), False
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
            case tree.Unary(operator=sign, operand=operand):
                return Calculation(sign, (build(operand)[0],)), sign == "not"
            case tree.Binary(operator=sign, left=left, right=right) if sign in _BINARY:
                return Calculation(sign, (build(left)[0], build(right)[0])), sign in _BOOLEAN
            case tree.Name() if unclear := _incomplete(e.id, figures):
                raise unclear.at(e.span)
        value = number(e)
        if not is_number(value) and not isinstance(value, bool):
            raise errors.BAD_CONDITION(
                f"this is {kind_of(value)}, not a figure", hint=f"the figures are {', '.join(figures)}"
            ).at(e.span)
        return Number(value), isinstance(value, bool)

    built, boolean = build(expression)
    return Condition(built, frozenset(seen), expression.span.text, expression.span, boolean)


def _incomplete(name: str, figures: Sequence[str]) -> Problem | None:
    """Say what a name means that lacks its split, or has it as other tools write it; None if it means no figure."""
    foreign = re.sub(r"^(val|valid)_", "validation.", name)
    if foreign in figures:
        return errors.BAD_CONDITION(
            f"there is no figure '{name}'", hint=Repair(f"here it is called '{foreign}'", foreign)
        )
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


def _stalled(
    e: tree.Call, figures: Sequence[str], directions: Mapping[str, str | None],
    number: Callable[[tree.Expression], Any], seen: set[str],
) -> Stalled:  # fmt: skip
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
    seen.add(figure)
    return Stalled(figure, direction == "highest", unit, patience)
