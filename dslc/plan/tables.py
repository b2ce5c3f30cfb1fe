"""Metrics that are tables, class by class: whose classes these are, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping

from dslc.plan.contract import Contract
from dslc.plan.data import DataPlan
from dslc.plan.training import Measure
from dslc.plan.values import Placeholder

__all__ = ["class_names_of", "field_of_classes"]


def field_of_classes(measure: Measure, data: DataPlan) -> str | None:
    """Return the field that names a table's classes, or the labels of a table for each; None of any other measure."""
    if measure.value.type.rank not in (2, 3):
        return None
    targets = [site.operands[1].application.operation for site in measure.sites if len(site.operands) > 1]
    fields = {t.key for t in targets if isinstance(t, Placeholder) and t.key in data.fields}
    if len(fields) != 1:
        return None
    (field,) = fields
    fit = data.fields[field].outermost
    is_category = fit is not None and fit.codes
    return field if is_category is (measure.value.type.rank == 2) else None


def class_names_of(figures: Mapping[str, str | None], contract: Contract) -> dict[str, list[str]]:
    """Return, by metric, what the classes, or else the labels, of a run's tables are called, where they have names.

    ``figures`` has for each loss and metric the field whose classes or labels it is a table of, or None.
    """
    return {
        metric: list(names)
        for metric, field in figures.items()
        if field is not None and (names := contract.class_names(field) or contract.label_names(field))
    }
