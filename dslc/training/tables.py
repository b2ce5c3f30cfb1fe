"""Metrics that are tables, class by class: whose classes these are, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping

from dslc.model.checked import CheckedData, Measure
from dslc.model.contract import Contract
from dslc.model.values import Placeholder

__all__ = ["class_names_of", "field_of_classes"]


def field_of_classes(measure: Measure, data: CheckedData) -> str | None:
    """Return the field that a table's targets are, None of any other measure."""
    if measure.value.type.rank != 2:
        return None
    targets = [site.operands[1].application.operation for site in measure.sites if len(site.operands) > 1]
    fields = {t.key for t in targets if isinstance(t, Placeholder) and t.key in data.fields}
    return fields.pop() if len(fields) == 1 else None


def class_names_of(figures: Mapping[str, str | None], contract: Contract) -> dict[str, list[str]]:
    """Return, by metric, what the classes of a run's tables are called; tables of mere numbers are left out.

    ``figures`` has for each loss and metric the field whose classes it is a table of, or None.
    """
    names = {metric: contract.class_names(field) for metric, field in figures.items() if field is not None}
    return {metric: list(found) for metric, found in names.items() if found is not None}
