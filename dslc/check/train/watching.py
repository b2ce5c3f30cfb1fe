"""Checking ``stop when`` and ``keep``: which figures there are, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dslc.check.core.matching import Silent
from dslc.check.core.values import POISON
from dslc.check.train.conditions import check_condition, figure_direction
from dslc.check.train.evaluation import TrainEvaluation
from dslc.check.train.statements import Statements
from dslc.diagnostics import Problem
from dslc.errors import objectives
from dslc.plan.conditions import Condition
from dslc.plan.training import Keep, Measure, Objective
from dslc.syntax import tree


def directions_of(
    statements: Statements, found: list[Objective | None], metrics: list[Measure | None]
) -> dict[str, str | None]:
    """Return which way each figure is better, None where that is not known."""
    directions: dict[str, str | None] = {o.name: "lowest" for o in found if o}
    minimizes = statements.of(tree.Minimize)
    directions.update({m.name or "loss": "lowest" for m in minimizes})
    for s, m in zip(statements.of(tree.Metric), metrics, strict=True):
        # What has failed, or can't be told before the data is read, brings no second error here; a matrix, such as that
        # of confusion, is no figure.
        if m is None or not m.value.type.rank:
            directions[s.name] = "highest" if m is None else m.direction
    return directions


def conditions_of(train: TrainEvaluation, directions: Mapping[str, str | None]) -> tuple[Condition | None, Keep | None]:
    """Check ``stop when`` and ``keep``."""
    stop_node, keep_node = train.statements.only(tree.StopWhen), train.statements.only(tree.Keep)
    splits = train.data.split_names if train.data else ()
    losses = [m.name or "loss" for m in train.statements.of(tree.Minimize)]
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
            train.statements.failed = True
        except Problem as problem:
            train.report(problem, e.span)
        return None

    stop = checked(stop_node.condition) if stop_node else None
    if stop is not None and not stop.boolean:
        train.report(
            objectives.BAD_CONDITION(
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
                        objectives.BAD_CONDITION(
                            f"whether '{figure.text}' is better high or low is not known",
                            hint=f"write: keep highest {figure.text}  or: keep lowest {figure.text}",
                        ),
                        figure.span,
                    )
                highest = direction == "highest"
            if figure.boolean:
                train.report(objectives.BAD_CONDITION("'keep' needs a figure, not a condition"), figure.span)
            keep = Keep(figure, highest, figure.span)
    return stop, keep
