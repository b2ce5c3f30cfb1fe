"""Indices in the data against what they choose from: the classes of losses and metrics, the rows of embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dslc.diagnostics import Diagnostic, Diagnostics, Failure, Label, Problem
from dslc.library.layers import Embedding
from dslc.library.losses import cross_entropy
from dslc.library.metrics import ClassMetric
from dslc.model.checked import CheckedTrain
from dslc.model.contract import Contract
from dslc.model.measures import applications_of
from dslc.model.values import Application, Placeholder, Value
from dslc.training.data import Dataset, check_range, where_in
from dslc.training.evaluation_graph import measures_of
from dslc.training.raw import RawData

__all__ = ["check_targets"]


@dataclass(frozen=True)
class _Choice:
    """A field that holds indices of ``count`` things; ``ignored`` stands for none."""

    field: str
    count: int
    ignored: int | None
    labels: tuple[Label, ...]


def check_targets(train: CheckedTrain, raw: RawData, contract: Contract, dataset: Dataset) -> None:
    """Refuse an index outside of what it chooses from (E0420), with file, row and column, before training starts.

    Raises:
        Failure: E0420.
    """
    values = [*(o.loss for o in train.objectives), *(m.value for m in measures_of(train))]
    strictest: dict[str, _Choice] = {}
    for application in applications_of(*values):
        choice = _choice(application)
        if choice is not None and choice.field in train.data.fields:
            known = strictest.get(choice.field)
            if known is None or choice.count < known.count:
                strictest[choice.field] = choice
    findings = Diagnostics()
    for choice in strictest.values():
        for found in _outside(choice, raw, contract, dataset):
            findings.add(Problem(found).at(train.data.fields[choice.field].span, *choice.labels))
    findings.raise_errors()


def _outside(choice: _Choice, raw: RawData, contract: Contract, dataset: Dataset) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for source, table in raw.tables.items():
        split = next(s for s, (of, _) in raw.rows.items() if of == source)
        values = dataset.splits[split].fields[choice.field]
        if choice.ignored is not None and not 0 <= choice.ignored < choice.count:
            values = np.where(values == choice.ignored, 0, values)
        where = where_in(table, contract.columns_of(choice.field))
        try:
            check_range(choice.field, values, 0, choice.count - 1, where)
        except Failure as failure:
            from_one = values.min() == 1 and values.max() == choice.count
            hint = "indices count from 0: subtract 1 in the field" if from_one else None
            found += [replace(finding, hint=hint or finding.hint) for finding in failure.diagnostics]
    return found


def _choice(application: Application) -> _Choice | None:
    """Return what an operation chooses by a field's values, if it does."""
    match application.operation:
        case Embedding(entries=count):
            return _of(application, application.operands[0], count, None, f"has {count} rows")
        case cross_entropy(axis=axis, ignore_index=ignored) | ClassMetric(axis=axis, ignore_index=ignored):
            logits, target = application.operands[:2]
            if logits.type.rank == target.type.rank:
                return None
            return _of(application, target, logits.type.shape[axis % logits.type.rank], ignored, "is given {} classes")
    return None


def _of(application: Application, index: Value, count: object, ignored: int | None, text: str) -> _Choice | None:
    source = index.application.operation
    if not isinstance(source, Placeholder) or not index.type.element.is_integer or not isinstance(count, int):
        return None
    said = f"{application.operation.name} {text.format(count)}"
    labels = (Label(application.span, said),) if application.span is not None else ()
    return _Choice(source.key, count, ignored, labels)
