"""Targets that can be read in two ways by their shape: as classes or labels, with the classes here or there."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from dslc.diagnostics import Diagnostics, Label
from dslc.errors import losses as errors
from dslc.library.operation import Operation
from dslc.library.statistic import Alike, Statistic
from dslc.plan.measures import applications_of
from dslc.plan.values import Application, Placeholder, Value

__all__ = ["check_readings"]


def check_readings(figures: Iterable[Value], diagnostics: Diagnostics) -> None:
    """Warn of losses and metrics whose targets may mean something else than they are taken for."""
    applications = applications_of(*figures)
    of_losses = {
        _target(application): application
        for application in applications
        if _reads(application.operation) is Alike.SHARES and _is_alike(application)
    }
    seen: set[Hashable] = set()
    for application in applications:
        if (application.operation, application.span) in seen:
            continue  # a loss is there in training and in evaluation mode
        seen.add((application.operation, application.span))
        reads = _reads(application.operation)
        if reads is not None:
            _check_axis(application, diagnostics)
        if reads is Alike.LABELS and _is_alike(application):
            loss = of_losses.get(_target(application))
            if loss is not None and application.operands[0].type.rank > 1:
                word, target = application.operation.name, application.operands[1].type
                said = "the loss takes each as a probability of one of the classes"
                diagnostics.add(
                    errors.CLASSES_AS_LABELS(
                        f"{word} takes this target {target} as labels, each of which an example has or not",
                        hint="for the class that is most likely, give it argmax(target, axis = 1)",
                        labels=[Label(loss.span, said)] if loss.span else [],
                    ).at(application.span)
                )


def _reads(operation: Operation) -> Alike | None:
    return operation.reads if isinstance(operation, Statistic) else None


def _target(application: Application) -> Hashable:
    """Return what tells a target from others: a field's name, or itself."""
    operation = application.operands[1].application.operation
    return operation.key if isinstance(operation, Placeholder) else id(application.operands[1])


def _is_alike(application: Application) -> bool:
    logits, target = application.operands[:2]
    return logits.type.shape == target.type.shape and target.type.element.is_float


def _check_axis(application: Application, diagnostics: Diagnostics) -> None:
    logits, target = (operand.type for operand in application.operands[:2])
    shape, word = logits.shape, application.operation
    if getattr(word, "axis", 0) is None and logits.rank > 2 and target.shape == shape[:-1] == (shape[0], *shape[2:]):
        message = (
            f"{word.name} takes the classes of {logits} to be on axis 1; the target {target} would fit the last "
            "axis too"
        )
        diagnostics.add(errors.CLASSES_ON_AXIS_1(message, hint="say axis = 1, or axis = -1").at(application.span))
