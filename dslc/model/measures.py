"""Taking losses and metrics apart, so that they are exact over a split whatever the batches.

A value is *per batch* if it has the batch among its dimensions, or derives from such a value other than through
a statistic over the examples. It is *finished* if it derives from such statistics. Everything else (a penalty on
the weights, say) does not depend on the batch, and is carried along as it is.
"""

from __future__ import annotations

from enum import Enum

from dslc.diagnostics import Problem
from dslc.errors import objectives as errors
from dslc.library.operations import Statistic
from dslc.model.checked import Measure
from dslc.model.elaboration import Elaboration
from dslc.model.values import Application, Literal, Value
from dslc.source import Span
from dslc.types import symbols_of

__all__ = ["BATCH", "applications_of", "measure"]

BATCH = "batch"
"""The symbol of the number of examples in a batch."""


class _Kind(Enum):
    FIXED = 0
    BATCH = 1
    FINISHED = 2


def applications_of(*values: Value) -> list[Application]:
    """Return everything that values derive from, in topological order."""
    found: dict[int, Application] = {}
    open_ = [value.application for value in values]
    while open_:
        application = open_.pop()
        if id(application) in found:
            continue
        found[id(application)] = application
        open_.extend(operand.application for operand in application.operands)
    return sorted(found.values(), key=lambda application: application.number)


def measure(elaboration: Elaboration, name: str, value: Value, span: Span) -> Measure:
    """Take a loss or metric apart; a tensor over the examples is averaged over all its elements.

    Raises:
        Problem: it reduces over the examples in a way that batches can't be joined in.
    """
    if _is_batch(value):
        value = elaboration.call("mean", [value], span)
    applications = applications_of(value)
    kinds: dict[int, _Kind] = {}
    for application in applications:
        operands = [kinds[id(operand.application)] for operand in application.operands]
        try:
            kinds[id(application)] = _kind(application, operands)
        except Problem as problem:
            raise problem.at(application.span or span) from None
    finished = [application for application in applications if kinds[id(application)] is _Kind.FINISHED]
    sites = [a for a in finished if any(kinds[id(o.application)] is _Kind.BATCH for o in a.operands)]
    if kinds[id(value.application)] is _Kind.BATCH:
        raise errors.NOT_EXACT(
            "this depends on single examples, and is no mean, loss or metric over them",
            hint="reduce with mean, sum, min, max or var over the examples",
        ).at(span)
    carried: dict[int, Value] = {}
    if kinds[id(value.application)] is _Kind.FIXED:
        carried[id(value)] = value
    joined = [operand for a in finished if a not in sites for operand in a.operands]
    for operand in joined:
        source = operand.application
        if kinds[id(source)] is _Kind.FIXED and not isinstance(source.operation, Literal):
            carried[id(operand)] = operand
    operation = value.application.operation
    direction = operation.direction if isinstance(operation, Statistic) else None
    return Measure(name, value, tuple(sites), tuple(carried.values()), direction, span)


def _kind(application: Application, operands: list[_Kind]) -> _Kind:
    """Say what an application gives, by what its operands are.

    Raises:
        Problem: it joins examples in a way that batches can't be joined in.
    """
    if _Kind.BATCH not in operands:
        if _Kind.FINISHED in operands:
            return _Kind.FINISHED
        return _Kind.BATCH if any(map(_is_batch, application.outputs)) else _Kind.FIXED
    word = application.operation.name
    if _Kind.FINISHED in operands:
        raise errors.NOT_EXACT(
            f"'{word}' joins figures over the whole split with single examples",
            hint="reduce each over the examples first, then join the results",
        )
    if mixes_examples(application):
        raise errors.NOT_EXACT(
            f"'{word}' compares the examples of a batch with one another, and its value over a whole split does not "
            "follow from its values over batches",
            hint="metrics and the losses watched over a split look at each example by itself, then reduce",
        )
    if not any(map(_is_batch, application.outputs)):
        if application.operation.of_shapes:
            return _Kind.FIXED
        if isinstance(application.operation, Statistic):
            return _Kind.FINISHED
        if any(map(_is_batch, application.operands)):
            raise errors.NOT_EXACT(
                f"'{word}' looks across the examples of a batch, and its value over a whole split does not follow from "
                "its values over batches",
                hint="reduce with mean, sum, min, max or var, or with a loss or metric of the library",
            )
    return _Kind.BATCH


def mixes_examples(application: Application) -> bool:
    """Do its results for one example depend on the others, although the batch is still an axis of them?"""
    operation = application.operation
    if operation.name.lower() in ("softmax", "logsoftmax", "log_softmax"):
        operand = application.operands[0].type
        return operation.axis % operand.rank == 0 and _is_batch(application.operands[0])  # type: ignore[attr-defined]
    if operation.of_shapes:
        return any(map(_is_batch, application.outputs))
    axes = [sum(BATCH in symbols_of(d) for d in output.type.shape) for output in application.outputs]
    before = [sum(BATCH in symbols_of(d) for d in operand.type.shape) for operand in application.operands]
    return max(axes, default=0) > max(before, default=0) > 0


def _is_batch(value: Value) -> bool:
    return BATCH in value.type.symbols
