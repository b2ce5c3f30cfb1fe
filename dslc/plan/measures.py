"""Taking losses and metrics apart, so that they are exact over a split whatever the batches.

A value is *per batch* if it has the batch among its dimensions, or derives from such a value other than through
a statistic over the examples. It is *finished* if it derives from such statistics. Everything else (a penalty on
the weights, say) does not depend on the batch, and is carried along as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dslc.diagnostics import Problem
from dslc.dimensions import symbols_of
from dslc.errors import objectives as errors
from dslc.library.statistic import Statistic
from dslc.plan.examples import BATCH, is_batch, mixing
from dslc.plan.training import Measure
from dslc.plan.values import Application, DimensionOf, Literal, ParameterOf, Value
from dslc.source import Span

__all__ = ["Formula", "applications_of", "compares", "formula_of", "measure", "variables_of"]


class _Kind(Enum):
    FIXED = 0
    BATCH = 1
    FINISHED = 2


def applications_of(*values: Value) -> list[Application]:
    """Return everything that values derive from, in topological order."""
    found: set[Application] = set()
    open_ = [value.application for value in values]
    while open_:
        application = open_.pop()
        if application not in found:
            found.add(application)
            open_.extend(operand.application for operand in application.operands)
    return sorted(found, key=lambda application: application.number)


def variables_of(*values: Value) -> set[str]:
    """Return the paths of the parameters and statistics that values derive from."""
    applications = applications_of(*values)
    found = {a.operation.path for a in applications if isinstance(a.operation, ParameterOf)}
    return found.union(*(a.variables.values() for a in applications))


def measure(name: str, value: Value, span: Span, *, per_batch: bool = False) -> Measure:
    """Take a loss or metric apart; ``per_batch`` allows what is a mean over batches, and hangs on these.

    Raises:
        Problem: it reduces over the examples in a way that batches can't be joined in.
    """
    kinds = _kinds_of(value, span)
    if not per_batch:
        _refuse_comparing(kinds, span)
    formula = _formula(kinds)
    if kinds[value.application] is _Kind.BATCH:
        raise errors.NOT_EXACT(
            "this depends on single examples, and is no mean, loss or metric over them",
            hint="reduce with mean, sum, min, max or var over the examples",
        ).at(span)
    joined = [operand for a in formula.finished if a not in formula.sites for operand in a.operands]
    fixed = [v for v in joined if not isinstance(v.application.operation, Literal)]
    carried = [v for v in dict.fromkeys([value, *fixed]) if kinds[v.application] is _Kind.FIXED]
    operation = value.application.operation
    direction = operation.direction if isinstance(operation, Statistic) else None
    return Measure(name, value, tuple(formula.sites), tuple(carried), direction, span)


def _refuse_comparing(applications: Iterable[Application], span: Span) -> None:
    """Refuse statistics that compare the examples of a batch with one another."""
    for application in applications:
        if compares(application):
            raise errors.NOT_EXACT(
                f"'{application.operation.name}' compares the examples of a batch with one another, and its value over "
                "a whole split hangs on which batches it comes in",
                hint="it can be minimized; metrics look at each example by itself, then reduce",
            ).at(application.span or span)


def compares(application: Application) -> bool:
    """Return whether it is a statistic that compares the examples of a batch with one another."""
    operation = application.operation
    return isinstance(operation, Statistic) and operation.compares(*(o.type for o in application.operands))


def _kinds_of(value: Value, span: Span | None = None) -> dict[Application, _Kind]:
    kinds: dict[Application, _Kind] = {}
    applications = applications_of(value)
    mixed = mixing(applications)
    for application in applications:
        operands = [kinds[operand.application] for operand in application.operands]
        try:
            kinds[application] = _kind(application, operands, mixes=application in mixed)
        except Problem as problem:
            raise problem.at(application.span or span) from None
    return kinds


@dataclass(frozen=True)
class Formula:
    """What a figure is a formula of."""

    finished: Sequence[Application]
    """All that follows from statistics over the examples, these included, in topological order."""
    sites: Sequence[Application]
    """The statistics."""


def formula_of(value: Value) -> Formula:
    """Return what a figure that can be taken apart (see :func:`measure`) is a formula of."""
    return _formula(_kinds_of(value))


def _formula(kinds: Mapping[Application, _Kind]) -> Formula:
    finished = [application for application, kind in kinds.items() if kind is _Kind.FINISHED]
    sites = [a for a in finished if any(kinds[operand.application] is _Kind.BATCH for operand in a.operands)]
    return Formula(finished, sites)


def _kind(application: Application, operands: list[_Kind], *, mixes: bool) -> _Kind:
    """Say what an application gives, by what its operands are.

    Raises:
        Problem: it joins examples in a way that batches can't be joined in.
    """
    operation = application.operation
    if isinstance(operation, DimensionOf) and BATCH in symbols_of(operation.dimension):
        raise errors.NOT_EXACT(
            "this is the number of examples in a batch, and a value over a whole split does not hang on it",
            hint="divide by it with mean, which counts the examples of the whole split",
        )
    if _Kind.BATCH not in operands:
        if _Kind.FINISHED in operands:
            if application.variables or operation.draws(application.training):
                raise errors.NOT_EXACT(
                    f"'{operation.name}' is applied to figures over the whole split",
                    hint="layers look at each example by itself; reduce over the examples behind them",
                )
            return _Kind.FINISHED
        return _Kind.BATCH if any(map(is_batch, application.outputs)) else _Kind.FIXED
    word = operation.name
    if _Kind.FINISHED in operands:
        raise errors.NOT_EXACT(
            f"'{word}' joins figures over the whole split with single examples",
            hint="reduce each over the examples first, then join the results",
        )
    if mixes:
        raise errors.NOT_EXACT(
            f"'{word}' compares the examples of a batch with one another, and its value over a whole split does not "
            "follow from its values over batches",
            hint="metrics and the losses watched over a split look at each example by itself, then reduce",
        )
    if not any(map(is_batch, application.outputs)):
        if operation.of_shapes:
            return _Kind.FIXED
        if isinstance(operation, Statistic):
            return _Kind.FINISHED
        if any(map(is_batch, application.operands)):
            raise errors.NOT_EXACT(
                f"'{word}' looks across the examples of a batch, and its value over a whole split does not follow from "
                "its values over batches",
                hint="reduce with mean, sum, min, max or var, or with a loss or metric of the library",
            )
    return _Kind.BATCH
