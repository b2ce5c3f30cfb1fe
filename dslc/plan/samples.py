"""Normalization in training takes variances over the examples of a batch: over a single value there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dslc.diagnostics import Label, Problem
from dslc.dimensions import substitute, symbols_of
from dslc.errors.types import ONE_VALUE
from dslc.plan.examples import BATCH
from dslc.plan.measures import applications_of
from dslc.plan.values import Application, Value
from dslc.source import Span
from dslc.types import Dimension

__all__ = ["normalizing", "single_samples"]


def normalizing(losses: Iterable[Value]) -> list[Application]:
    """Return the layers that take variances over the examples of a batch in what is minimized."""
    return [application for application, size in _samples(losses) if BATCH in symbols_of(size)]


def single_samples(losses: Iterable[Value], batch: int, why: str, place: Span | None) -> Iterator[Problem]:
    """Yield what is wrong with batches of so many examples: each layer whose variances would be of one value.

    ``why`` says where the size comes from, as the end of a sentence, ``place`` where the spec says so.
    """
    for application, size in _samples(losses):
        if substitute(size, {BATCH: batch}) == 1:
            word = application.operation.name
            labels = [Label(place, "the batch")] if place else []
            yield ONE_VALUE(
                f"{word} takes the variance of each channel of {application.operands[0].type} over one value, "
                f"since {why}",
                hint="batches of several examples have one; 'accumulate' does not make a batch larger",
                labels=labels,
            ).at(application.span)


def _samples(losses: Iterable[Value]) -> Iterator[tuple[Application, Dimension]]:
    for application in applications_of(*losses):
        size = application.operation.sample(*(operand.type for operand in application.operands))
        if size is not None and application.training:
            yield application, size
