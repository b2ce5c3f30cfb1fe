"""``classes(field)``: how many categories the fields of a data set have."""

from __future__ import annotations

from typing import Any

from dslc.check.core.applicable import CallSite, ContextFunction
from dslc.check.core.builtins import positional
from dslc.diagnostics import Problem, did_you_mean
from dslc.errors import names, objectives
from dslc.plan.data import DataPlan, Facts
from dslc.types import Symbolic, class_count_symbol

__all__ = ["class_count", "classes_of"]


def classes_of(data: DataPlan | None, facts: Facts) -> ContextFunction:
    """Return ``classes(field)``: how many categories a field of the data set has."""

    def classes(call: CallSite) -> Any:
        (name,) = positional(call, 1, 1)
        if data is None:
            raise names.NOT_APPLICABLE("classes looks at the data of a 'train' block, and none uses this")
        try:
            return class_count(data, name, facts)
        except Problem as problem:
            raise problem.at(call.arguments[0].span) from None

    return ContextFunction(classes, names_at=frozenset({0}))


def class_count(data: DataPlan, name: str, facts: Facts) -> int | Symbolic:
    """Return how many categories a field has: a symbol until the data is read.

    Raises:
        Problem: there is no such field, or it has no categories.
    """
    if name not in data.fields:
        raise names.UNKNOWN_NAME(
            f"the data set {data.name} has no field '{name}'", hint=did_you_mean(name, data.fields)
        )
    checked = data.fields[name]
    if not any(fit.codes for fit in checked.fits):
        raise objectives.BAD_FITTED(
            f"the field '{name}' has no categories",
            hint=f'declare it as: field {name}: int64 = category(column("..."))',
        )
    return facts.class_counts[name] if name in facts.class_counts else class_count_symbol(name)
