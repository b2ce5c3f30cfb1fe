"""Losses and metrics take logits, or logarithms of probabilities: what they are given is followed to where it arose."""

from __future__ import annotations

from dslc.diagnostics import Diagnostics, Label
from dslc.errors import losses as errors
from dslc.library.class_metrics import ClassMetric
from dslc.library.operations import Scale, Statistic
from dslc.model.measures import applications_of
from dslc.model.values import Application, Literal, Value

__all__ = ["check_scales"]


def check_scales(figure: Value, diagnostics: Diagnostics) -> None:
    """Report losses and metrics that a figure derives from and that are given numbers on a scale not theirs."""
    for application in applications_of(figure):
        word = application.operation
        if not isinstance(word, Statistic):
            continue
        taken = word.takes(*(operand.type for operand in application.operands))
        source = source_of(application.operands[0]) if taken else None
        given = source.operation.scale if source else None
        if source is None or given is taken:
            continue
        what = source.operation.name
        hint = f"give it what flows into the {what}"
        if taken is Scale.LOGARITHM:
            code = errors.NOT_LOGARITHMS
            message = f"{word.name} takes logarithms of probabilities, and is given the output of {what}"
            hint = "give it log_softmax(...) in its place"
        elif isinstance(word, ClassMetric):
            code = errors.NOT_LOGITS
            always = "never below 0, so that every one" if given is Scale.PROBABILITY else "never above 0, so that none"
            message = (
                f"{word.name} of two classes takes logits and decides at 0; it is given the output of {what}, which is "
                f"{always} would count as positive"
            )
        else:
            code = errors.SOFTMAX_TWICE
            message = f"{word.name} takes logits, and is given the output of {what}"
        text = "these are probabilities already" if given is Scale.PROBABILITY else "these are logarithms already"
        labels = [Label(source.span, text)] if source.span else []
        diagnostics.add(code(message, hint=hint, labels=labels).at(application.span))


def source_of(value: Value) -> Application | None:
    """Return what made the classes' probabilities (or their logarithms) that a value holds; None if it holds others.

    Followed are names, members, blocks and networks, which leave no trace in the graph, and all that carries on the
    numbers it is given. Where several things flow together, each must be such.
    """
    found: list[Application] = []
    seen: set[int] = set()
    open_ = [value]
    while open_:
        application = open_.pop().application
        if id(application) in seen:
            continue
        seen.add(id(application))
        if application.operation.carries:
            open_ += [operand for operand in reversed(application.operands) if operand.type.element.is_float]
        elif not isinstance(application.operation, Literal):
            found.append(application)
    scales = {application.operation.scale for application in found}
    return found[0] if len(scales) == 1 and None not in scales else None
