"""Where values are indices or weights, and which of them the data alone decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dslc.library.operation import IndexUse
from dslc.library.statistic import Statistic
from dslc.plan.examples import BATCH, mixing
from dslc.plan.measures import applications_of
from dslc.plan.values import Application, Literal, Placeholder, Value
from dslc.types import symbol

__all__ = ["field_of", "follows_from_examples", "indexes_of", "ranges_of", "weight_of"]


def indexes_of(application: Application) -> Sequence[IndexUse]:
    """Return which operands of an application are indices."""
    return application.operation.indexes(*(operand.type for operand in application.operands))


def weight_of(application: Application) -> int | None:
    """Return the place among an application's operands of what it weighs examples by, if it does."""
    if not isinstance(application.operation, Statistic):
        return None
    place = application.operation.weight_place()
    return place if place is not None and place < len(application.operands) else None


def field_of(value: Value) -> str | None:
    """Return the key of the placeholder whose elements are all those of a value, reshaped or widened at most."""
    while True:
        operation = value.application.operation
        if isinstance(operation, Placeholder):
            return operation.key
        if not operation.rearranges or len(value.application.operands) != 1:
            return None
        (source,) = value.application.operands
        if not np.can_cast(source.type.element.numpy, value.type.element.numpy, "safe"):
            return None
        value = source


def follows_from_examples(value: Value) -> bool:
    """Whether each example's part of a value follows from that example's fields alone: no weight, no random number."""
    batch = symbol(BATCH)
    applications = applications_of(value)
    mixed = mixing(applications)
    for application in applications:
        operation = application.operation
        if isinstance(operation, Literal):
            continue
        if application.variables or operation.draws(application.training) or application in mixed:
            return False
        if operation.family == "leaf" and not isinstance(operation, Placeholder):
            return False
        of_batch = any(BATCH in operand.type.symbols for operand in application.operands)
        if of_batch and any(output.type.shape[:1] != (batch,) for output in application.outputs):
            return False
    return True


def ranges_of(values: Iterable[Value]) -> dict[str, list[dict[str, Any]]]:
    """Return, of what is given from outside and is indices as it comes, how many things there are wherever it is used.

    Each use has the ``count``, the value that is ``ignored`` or None, and ``what`` there is, in words; and ``signs``
    where these are -1 and 1.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for application in applications_of(*values):
        for use in indexes_of(application):
            name = field_of(application.operands[use.operand])
            if name is not None and isinstance(use.count, int):
                what = f"{application.operation.name} {use.what}"
                known = {"count": use.count, "ignored": use.ignored, "what": what}
                known |= {"signs": True} if use.signs else {}
                if known not in found.setdefault(name, []):
                    found[name].append(known)
    return found
