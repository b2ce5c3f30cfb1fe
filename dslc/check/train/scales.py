"""Losses and metrics take logits, or logarithms of probabilities: what they are given is followed to where it arose."""

from __future__ import annotations

from dataclasses import dataclass

from dslc.diagnostics import Diagnostics, Label
from dslc.errors import losses as errors
from dslc.library.operation import Scale
from dslc.library.statistic import Statistic
from dslc.plan.measures import applications_of
from dslc.plan.recurrence import Recurrence
from dslc.plan.values import Application, Literal, Value

__all__ = ["check_scales"]


def check_scales(figure: Value, diagnostics: Diagnostics) -> None:
    """Report losses and metrics that a figure derives from and that are given numbers on a scale not theirs."""
    for application in applications_of(figure):
        word = application.operation
        if not isinstance(word, Statistic):
            continue
        taken = word.takes(*(operand.type for operand in application.operands))
        flow = flow_of(application.operands[0]) if taken else None
        if flow is None or (given := flow.source.operation.result_scale) is taken or not _surely(word, given, flow):
            continue
        source = flow.source
        what = source.operation.name
        hint = f"give it what flows into the {what}"
        if taken is Scale.LOGARITHM:
            code = errors.NOT_LOGARITHMS
            message = f"{word.name} takes logarithms of probabilities, and is given the output of {what}"
            hint = "give it log_softmax(...) in its place"
        elif word.thresholds:
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


@dataclass(frozen=True)
class Flow:
    """What a value is made of: numbers of a source, times a factor, and shifted."""

    source: Application
    factor: float = 1.0
    shift: float = 0.0


LARGEST = 4.0
"""Probabilities times more than this may well be meant as logits: a softmax of 0 and 4 is 0.02 and 0.98."""
SMALL = 1e-3
"""A shift that keeps a number from 0, and means nothing else."""


def _surely(word: Statistic, given: Scale | None, flow: Flow) -> bool:
    """Return whether what arithmetic has made of the numbers is without doubt still on their scale."""
    factor, shift = flow.factor, abs(flow.shift)
    if (factor, shift) == (1.0, 0.0):
        return True
    if word.thresholds:
        return factor > 0 and shift == 0  # p - 0.5 is above 0 where p is above one half
    if given is not Scale.PROBABILITY:
        return factor == 1 and shift <= SMALL  # the softmax of log(p) / T is that at another temperature
    if word.shift_free:
        return 0 < abs(factor) <= LARGEST
    return 0 < factor <= LARGEST and shift <= SMALL


def flow_of(value: Value) -> Flow | None:
    """Return what made the classes' probabilities (or their logarithms) that a value holds; None if it holds others.

    Followed are names, members, blocks and networks, which leave no trace in the graph, all that carries on the numbers
    it is given, and arithmetic with a number. Where several things flow together, each must be such.
    """
    found: list[Flow] = []
    seen: set[int] = set()
    open_ = [(value, 1.0, 0.0)]
    while open_:
        value, factor, shift = open_.pop()
        application = value.application
        if id(application) in seen:
            continue
        seen.add(id(application))
        operands = [operand for operand in reversed(application.operands) if operand.type.element.is_float]
        if application.operation.carries:
            open_ += [(operand, factor, shift) for operand in operands]
        elif isinstance(application.operation, Recurrence):
            open_.append((application.operation.of_step(application.outputs.index(value)), factor, shift))
        elif (step := _arithmetic(application)) is not None:
            operand, times, plus = step
            open_.append((operand, factor * times, shift + factor * plus))
        elif not isinstance(application.operation, Literal):
            found.append(Flow(application, factor, shift))
    scales = {flow.source.operation.result_scale for flow in found}
    if len(scales) != 1 or None in scales:
        return None
    widest, furthest = max(found, key=lambda flow: abs(flow.factor)), max(found, key=lambda flow: abs(flow.shift))
    return Flow(found[0].source, widest.factor, furthest.shift)


def _arithmetic(application: Application) -> tuple[Value, float, float] | None:
    """Return the operand of arithmetic with one number, and what that makes of it: times a number, plus a number."""
    symbol, operands = application.operation.symbol, application.operands
    if (symbol, len(operands)) == ("-", 1):
        return operands[0], -1.0, 0.0
    if symbol not in ("+", "-", "*", "/") or len(operands) != 2:
        return None
    numbers = [_number(operand) for operand in operands]
    place = 0 if numbers[0] is None else 1
    number, other = numbers[1 - place], operands[place]
    if number is None or numbers[place] is not None or (symbol == "/" and (place == 1 or number == 0)):
        return None
    if symbol in ("*", "/"):
        return other, number if symbol == "*" else 1 / number, 0.0
    sign = -1.0 if symbol == "-" else 1.0
    return (other, 1.0, sign * number) if place == 0 else (other, sign, number)


def _number(value: Value) -> float | None:
    operation = value.application.operation
    if isinstance(operation, Literal) and operation.array.size == 1:
        return float(operation.array.reshape(()))
    return None
