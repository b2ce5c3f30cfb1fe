"""Class indices in the data against the number of classes that losses and metrics choose between."""

from __future__ import annotations

from dslc.diagnostics import Diagnostics, Failure, Problem
from dslc.library.losses import cross_entropy
from dslc.library.metrics import ClassMetric
from dslc.model.checked import CheckedTrain
from dslc.model.measures import applications_of
from dslc.model.values import Application, Placeholder
from dslc.training.data import Dataset, check_range, where_in
from dslc.training.evaluation_graph import measures_of
from dslc.training.fields import RawData, columns_of

__all__ = ["check_targets"]


def check_targets(train: CheckedTrain, raw: RawData, dataset: Dataset) -> None:
    """Refuse a label outside of its classes (E0420), with file, row and column, before training starts."""
    values = [*(o.loss for o in train.objectives), *(m.value for m in measures_of(train))]
    ranges: dict[str, int] = {}
    for application in applications_of(*values):
        found = _classes(application)
        if found is not None:
            field, classes = found
            ranges[field] = min(classes, ranges.get(field, classes))
    findings = Diagnostics()
    for field, classes in ranges.items():
        checked = train.data.fields[field]
        for source, table in raw.tables.items():
            split = next(s for s, (of, _) in raw.rows.items() if of == source)
            where = where_in(table, columns_of(train.data, table, checked))
            try:
                check_range(field, dataset.splits[split].fields[field], 0, classes - 1, where)
            except Problem as problem:
                findings.add(problem.at(checked.span))
            except Failure as failure:
                for finding in failure.diagnostics:
                    findings.add(Problem(finding).at(checked.span))
    findings.raise_errors()


def _classes(application: Application) -> tuple[str, int] | None:
    """Return the field that is a target of class indices, and how many classes there are."""
    operation = application.operation
    if not isinstance(operation, (cross_entropy, ClassMetric)):
        return None
    logits, target = application.operands[:2]
    source = target.application.operation
    if not isinstance(source, Placeholder) or logits.type.rank == target.type.rank or not target.type.element.is_integer:
        return None
    classes = logits.type.shape[operation.axis % logits.type.rank]
    return (source.key, classes) if isinstance(classes, int) else None
