"""Indices in the data against what they choose from: classes of losses and metrics, rows of embeddings, places.

And weights of examples, which are never below 0. Those that follow from the data alone are checked here, once, whatever
runs the graphs afterwards. What depends on parameters is checked by the graphs themselves, see
:mod:`dslc.graph.ops.indices`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dslc.compile.evaluation import values_of
from dslc.compile.lowering import Lowering
from dslc.data.batches import Dataset
from dslc.data.checks import Where, check_range, check_signs, where_in
from dslc.data.convert import Origin
from dslc.data.raw import RawData
from dslc.diagnostics import Diagnostics, Failure, Label, Problem
from dslc.engine.evaluation import Predictor
from dslc.engine.protocol import Engine
from dslc.errors.objectives import INDEX_OUTSIDE, NO_PLACE_FOR_UNKNOWN, WEIGHT_BELOW_0
from dslc.graph import Builder
from dslc.graph.model import save_model
from dslc.library.operation import IndexUse
from dslc.plan.contract import Contract
from dslc.plan.data import FieldPlan
from dslc.plan.indices import field_of, follows_from_examples, indexes_of, weight_of
from dslc.plan.measures import applications_of
from dslc.plan.training import TrainPlan
from dslc.plan.values import FittedConstants, Placeholder, Value
from dslc.source import Span

__all__ = ["Given", "check_indices", "check_new", "check_weights"]

CHUNK = 4096
"""Rows of which an index or a weight is computed at a time."""


@dataclass(frozen=True)
class _Choice:
    """Integers that choose from ``count`` things."""

    value: Value
    use: IndexUse
    count: int
    word: str
    span: Span | None


def _unignored(values: np.ndarray, count: int, ignored: int | None) -> np.ndarray:
    """Return values with 0, which is always in range, where they are to be ignored."""
    return values if ignored is None or 0 <= ignored < count else np.where(values == ignored, 0, values)


def check_indices(train: TrainPlan, given: Given) -> None:
    """Refuse an index outside of what it chooses from, with file, row and column, before training starts.

    Raises:
        Failure: E0420, a field is one; E0540, one is computed from fields.
    """
    by_field: dict[str, list[_Choice]] = {}
    computed: dict[tuple[int, int, int | None], _Choice] = {}
    for choice in _choices(values_of(train)):
        field = field_of(choice.value)
        if field in train.data.fields:
            by_field.setdefault(str(field), []).append(choice)
        elif follows_from_examples(choice.value):
            computed.setdefault((id(choice.value), choice.count, choice.use.ignored), choice)
    findings = Diagnostics()
    for field, choices in by_field.items():
        for choice in choices:
            _refuse_no_place(choice, field, given.contract, findings)
        found = (_outside(choice, train.data.fields[field], given) for choice in choices)
        for problem in next(filter(None, found), []):
            findings.add(problem)
    findings.raise_errors()
    for choice in computed.values():
        _check_computed(choice, train, given)


def _choices(values: Iterable[Value]) -> list[_Choice]:
    """Return where integers choose from a number of things that is known."""
    return [
        _Choice(application.operands[use.operand], use, use.count, application.operation.name, application.span)
        for application in applications_of(*values)
        for use in indexes_of(application)
        if isinstance(use.count, int)
    ]


# --- fields as they are -------------------------------------------------------------------------------


def _outside(choice: _Choice, field: FieldPlan, given: Given) -> list[Problem]:
    found: list[Problem] = []
    labels = [Label(choice.span, f"{choice.word} {choice.use.what}")] if choice.span is not None else []
    for source, table in given.raw.tables.items():
        values = given.field(source, field.name)
        where = where_in(table, given.contract.columns_of(field.name))
        counted = _unignored(values, choice.count, choice.use.ignored)
        try:
            if choice.use.signs:
                check_signs(field.name, values, where)
            else:
                check_range(field.name, counted, 0, choice.count - 1, where)
        except Failure as failure:
            hint = _hint(choice, values)
            told = (Problem(replace(finding, hint=hint or finding.hint)) for finding in failure.diagnostics)
            found += [problem.at(field.span, *labels) for problem in told]
    return found


def _refuse_no_place(choice: _Choice, field: str, contract: Contract, findings: Diagnostics) -> None:
    """Report where the number of values that training did not see, which later data may have, is outside."""
    categories = contract.categories.get(contract.classes.get(field, ""))
    if categories is not None and categories.unknown and choice.count == categories.count:
        findings.add(
            NO_PLACE_FOR_UNKNOWN(
                f"field '{field}' is {choice.count} for values that training did not see (unknown = true), and "
                f"{choice.word} {choice.use.what}",
                hint=f"give it one more: classes({field}) + 1",
            ).at(choice.span)
        )


def _hint(choice: _Choice, values: np.ndarray) -> str | None:
    """Return what may be meant by targets that are not as they should be."""
    if choice.use.signs:
        return "of zeros and ones: 2 * y - 1" if np.isin(values, (0, 1)).all() else None
    if values.min() == 1 and values.max() == choice.count:
        return "indices count from 0: subtract 1 in the field"
    return _hint_of_ignored(choice, values)


def _hint_of_ignored(choice: _Choice, values: np.ndarray) -> str | None:
    """Return how to leave out the one value that is outside of the classes, if there is one."""
    if choice.use.ignored is None:
        return None
    outside = np.unique(values[(values < 0) | (values >= choice.count)])
    outside = outside[outside != choice.use.ignored]
    only = int(outside[0]) if len(outside) == 1 else 0
    return f"to leave these targets out: ignore_index = {only}" if only < 0 else None


# --- computed from fields -------------------------------------------------------------------------------


def _check_computed(choice: _Choice, train: TrainPlan, given: Given) -> None:
    def is_outside(found: np.ndarray) -> np.ndarray:
        if choice.use.signs:
            return np.asarray(np.abs(found) != 1)
        values = _unignored(found, choice.count, choice.use.ignored)
        return (values < 0) | (values >= choice.count)

    wrong = given.first_where(is_outside, choice.value, train)
    if wrong is not None:
        names, value, origin = wrong
        index = "index" if choice.value.type.element.is_integer else "target"
        raise INDEX_OUTSIDE(
            f"{choice.word} {choice.use.what}, and the {index} computed from {_listed(names)} is {value} ({origin})",
            hint=f"indices go from 0 to {choice.count - 1}" if index == "index" else None,
        ).at(choice.span or train.objectives[0].span)


@dataclass(frozen=True)
class Given:
    """The data of a run."""

    raw: RawData
    contract: Contract
    dataset: Dataset
    constants: FittedConstants
    engine: Engine

    def field(self, source: str | None, name: str) -> np.ndarray:
        """Return a field of every row of a source."""
        split = next(s for s, (of, _) in self.raw.rows.items() if of == source)
        return self.dataset.splits[split].fields[name]

    def first_where(
        self, is_wrong: Callable[[np.ndarray], np.ndarray], value: Value, train: TrainPlan
    ) -> tuple[Sequence[str], Any, Origin] | None:
        """Return the first number that is wrong of what a value is for all rows of all sources, None if there is none.

        With it come the fields that the value follows from, and where the row stands.
        """
        keys = {a.operation.key for a in applications_of(value) if isinstance(a.operation, Placeholder)}
        names = [name for name in train.data.fields if name in keys]
        if not names:
            return None
        predictor = Predictor(_graph(value, names, train, self.constants), self.engine)
        for source, table in self.raw.tables.items():
            fields = {name: self.field(source, name) for name in names}
            where = where_in(table, self.contract.columns_of(names[0]))
            for start in range(0, len(fields[names[0]]), CHUNK):
                piece = {name: array[start : start + CHUNK] for name, array in fields.items()}
                found = predictor.run(piece, chunk=CHUNK)["value"]
                wrong = np.argwhere(is_wrong(found))
                if len(wrong):
                    return names, found[tuple(wrong[0])], where(start + int(wrong[0][0]), 0)
        return None


def _graph(value: Value, names: Sequence[str], train: TrainPlan, constants: FittedConstants) -> bytes:
    """Compile what follows from fields."""
    builder = Builder(f"{train.name}.value")
    (tensor,) = Lowering.open(builder, [value], inputs=names, constants=constants).emit(value)
    builder.output("value", tensor)
    return save_model(builder.model())


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)


# --- weights --------------------------------------------------------------------------------------------


def check_weights(train: TrainPlan, given: Given) -> None:
    """Refuse a weight below 0, or that is not a number, with file, row and column, before training starts.

    Raises:
        Failure: E0551.
    """
    findings = Diagnostics()
    seen: set[int] = set()
    for application in applications_of(*values_of(train)):
        place = weight_of(application)
        if place is None or not follows_from_examples(weight := application.operands[place]) or id(weight) in seen:
            continue
        seen.add(id(weight))
        wrong = given.first_where(lambda values: ~(values >= 0), weight, train)
        if wrong is not None:
            names, value, origin = wrong
            field = field_of(weight)
            what = f"field '{field}'" if field is not None else f"the weight computed from {_listed(names)}"
            problem = WEIGHT_BELOW_0(
                f"'{application.operation.name}' takes weights from 0 up, and {what} is {value:g} ({origin})",
                hint="a number that may be below 0 is a factor: mean(factor * each)",
            )
            findings.add(problem.at(application.span or train.objectives[0].span))
    findings.raise_errors()


# --- new data -----------------------------------------------------------------------------------------------


def check_new(ranges: Mapping[str, Sequence[Mapping[str, Any]]], field: str, values: np.ndarray, where: Where) -> None:
    """Refuse a field of new data that is indices with one outside of what it picks from.

    ``ranges`` are as :func:`dslc.plan.indices.ranges_of` says them.

    Raises:
        Failure: E0420, with the values and their places.
    """
    for use in ranges.get(field, ()):
        try:
            if use.get("signs"):
                check_signs(field, values, where)
            else:
                check_range(field, _unignored(values, use["count"], use["ignored"]), 0, use["count"] - 1, where)
        except Failure as failure:
            raise Failure(replace(finding, hint=str(use["what"])) for finding in failure.diagnostics) from None
