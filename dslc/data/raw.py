"""A data set's tables, opened: what its columns are, which rows each split has, and the contract that follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np

from dslc.data.categories import fit_categories, refuse_lookalikes
from dslc.data.checks import where_in
from dslc.data.convert import Array, fits_double, placed, raise_where
from dslc.data.opening import open_table
from dslc.data.spellings import marks_of
from dslc.data.splits import split_rows
from dslc.data.table import Table, gaps
from dslc.data.times import doubtful_order, read_times, usual_formats
from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.errors import data as errors
from dslc.library.fits.step import Coding
from dslc.plan.columns import ColumnFact, Form
from dslc.plan.contract import Categories, Contract, Input, source_options
from dslc.plan.data import DataPlan, Facts, FieldPlan
from dslc.plan.measures import applications_of
from dslc.plan.values import Placeholder
from dslc.source import Span
from dslc.types import INT64, STRING, ElementType

__all__ = ["RawData", "contract_of", "inputs_of", "read_raw"]

Pattern = tuple[tuple[str, ...], bool]
"""Names of columns as the spec writes them, and whether they stand in ``columns``."""


@dataclass(eq=False)
class RawData:
    """A data set's tables, open, with the rows of each split and the categories of the training rows."""

    tables: Mapping[str | None, Table]
    columns: Mapping[Pattern, tuple[str, ...]]
    """The training table's columns, by how the spec asks for them."""
    lengths: Mapping[str | None, int]
    """How many rows each table has."""
    rows: Mapping[str, tuple[str | None, Array | None]]
    """Of each split: the source it comes from, and its rows (None: all)."""
    sources: Mapping[str, Mapping[str, int | str]]
    """Size and hash of every file, by its path in the spec."""
    categories: Mapping[str, Categories] = field(default_factory=dict)
    """By the key of the fitted step."""
    warnings: Sequence[Diagnostic] = ()

    def examples(self, split: str) -> int:
        """Return how many examples a split has."""
        source, rows = self.rows[split]
        return self.lengths[source] if rows is None else len(rows)

    @property
    def training(self) -> tuple[Table, Array | None]:
        """The table of the training split, and its rows."""
        source, rows = self.rows["train"]
        return self.tables[source], rows

    def facts(self, data: DataPlan) -> Facts:
        """Return what checking the spec again can use."""
        table, _ = self.training
        columns = {pattern: _fact(table, names, many=pattern[1]) for pattern, names in self.columns.items()}
        counts = {
            fit.field: self.categories[fit.key].count
            for checked in data.fields.values()
            for fit in checked.fits
            if fit.codes
        }
        return Facts(columns, counts)


def _fact(table: Table, names: Sequence[str], *, many: bool) -> ColumnFact:
    elements = [table.element(name) for name in names]
    shape = _row_shape(table, names, many=many)
    if STRING in elements:
        return ColumnFact(STRING, shape, is_truth=all(map(table.is_truth, names)))
    element = elements[0]
    if len(set(elements)) > 1:
        element = ElementType.of(np.result_type(*(e.numpy for e in elements)))
    wide = [name for name, own in zip(names, elements, strict=True) if own in (INT64, ElementType.UINT64)]
    return ColumnFact(element, shape, fits_double=all(bool(fits_double(table.read(name)).all()) for name in wide))


def read_raw(data: DataPlan, folders: Sequence[Path]) -> RawData:
    """Open the sources, find the columns in the training table, deal the rows to the splits, find the categories.

    Raises:
        Problem, Failure: E04xx, a file or what is in it does not do.
    """
    tables: dict[str | None, Table] = {}
    sources: dict[str, Mapping[str, int | str]] = {}
    findings: list[Diagnostic] = []
    for name, source in data.sources.items():
        with _gathered(findings, data.source_spans[name]):
            tables[name] = open_table(source, folders)
            sources.update(tables[name].fingerprints)
    if findings:
        raise Failure(dict.fromkeys(findings))
    train = None if None in tables else "train"
    columns = _columns(data, tables, train, findings)
    if findings:
        raise Failure(dict.fromkeys(findings))
    needed = list(dict.fromkeys(name for names in columns.values() for name in names))
    marks = _marks(data, columns)
    of_training = marks_of(data.sources[train])
    elsewhere = {name: (*marks.get(name, ()), *of_training) for name in needed}
    tables = {name: table.marking(marks if name == train else elsewhere) for name, table in tables.items()}
    lengths: dict[str | None, int] = {}
    for name, table in tables.items():
        with placed(data.source_spans[name]):
            lengths[name] = table.select(needed).rows
            if not lengths[name]:
                raise errors.EMPTY(f"{table.title} has no rows")
    warnings: list[Diagnostic] = []
    rows = _deal(data, tables, lengths, columns, warnings)
    raw = RawData(tables, columns, lengths, rows, sources, warnings=warnings)
    raw.categories = dict(_categories(data, raw))
    return raw


@contextmanager
def _gathered(findings: list[Diagnostic], span: Span | None) -> Iterator[None]:
    """Add what goes wrong inside to findings, at a place."""
    try:
        yield
    except (Problem, Failure) as error:
        findings.extend(Problem(found).at(span).diagnostic for found in error.diagnostics)


def _columns(
    data: DataPlan, tables: Mapping[str | None, Table], train: str | None, findings: list[Diagnostic]
) -> dict[Pattern, tuple[str, ...]]:
    """Find in the training table what the spec asks for, and see that all other tables have it, in like shapes."""
    found: dict[Pattern, tuple[str, ...]] = {}
    for (patterns, many), span in data.written.items():
        with _gathered(findings, span):
            first = tables[train]
            names = first.match(patterns) if many else (first.require(patterns[0]),)
            found[patterns, many] = names
            shapes = {first.title: _row_shape(first, names, many=many)}
            for name, table in tables.items():
                if name != train:
                    with _gathered(findings, span):
                        shapes[table.title] = _row_shape(table, names, many=many)
            if len(set(shapes.values())) > 1:
                listed = ", ".join(f"{list(shape)} in {title}" for title, shape in shapes.items())
                what = "columns" if many else f"column '{patterns[0]}'"
                raise errors.SHAPES_DIFFER(f"an example's {what} has shape {listed}")
    return found


def _marks(data: DataPlan, columns: Mapping[Pattern, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the texts that mark a missing value, by column."""
    found: dict[str, tuple[str, ...]] = {}
    for pattern, marks in data.marks.items():
        for name in columns.get(pattern, ()):
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *marks)))
    return found


def _row_shape(table: Table, names: Sequence[str], *, many: bool) -> tuple[int, ...]:
    return (sum(prod(table.row_shape(name)) for name in names),) if many else tuple(table.row_shape(names[0]))


# --- splits ----------------------------------------------------------------------------------------------


def _deal(
    data: DataPlan,
    tables: Mapping[str | None, Table],
    lengths: Mapping[str | None, int],
    columns: Mapping[Pattern, tuple[str, ...]],
    warnings: list[Diagnostic],
) -> dict[str, tuple[str | None, Array | None]]:
    found: dict[str, tuple[str | None, Array | None]] = {}
    plan = data.split
    for name, table in tables.items():
        if name is not None and (name != "train" or not plan.fractions):
            found[name] = (name, None)
            continue
        rest = "train" if name is not None else None
        if rest is None and set(plan.fractions) == {"train"}:
            found["train"] = (name, None)
            continue
        with placed(plan.span):
            modes = [mode for mode in ("by", "order", "group") if getattr(plan, mode)]
            values = {mode: _split_values(data, table, columns, getattr(plan, mode), mode) for mode in modes}
            if "order" in values:
                warnings += [w.at(plan.span).diagnostic for w in doubtful_order(str(plan.order), values["order"])]
            dealt = split_rows(lengths[name], plan.fractions, plan.seed, rest=rest, **values)
        found.update({split: (name, rows) for split, rows in dealt.items()})
    return found


def _split_values(
    data: DataPlan, table: Table, columns: Mapping[Pattern, tuple[str, ...]], name: str, mode: str
) -> Array:
    """Return the values that a split goes by: of a column, or of the one column that a field is made of."""
    format = None
    if name not in table.names and name in data.fields:
        uses = [data.columns[key] for key in inputs_of(data, data.fields[name])]
        if len(uses) == 1 and not uses[0].many:
            name, format = columns[uses[0].patterns, False][0], uses[0].format
    table.require(name)
    if table.row_shape(name):
        raise errors.UNSUPPORTED_ARRAY(
            f"a split goes by a column with one value per row, and '{name}' has {list(table.row_shape(name))}"
        )
    if mode == "order" and (format is not None or table.element(name) is STRING):
        try:
            return _complete(read_times(table.text(name), format, where_in(table, [name])), table, name, mode)
        except Failure as failure:
            if format is not None:  # of a field, which says it
                raise
            usual = (usual_formats(table.text(name)) or ["%d/%m/%Y"])[0]
            raise Failure(
                replace(
                    found,
                    hint=f'order goes by time: field when: float64 = datetime(column("{name}"), "{usual}"), and '
                    "order = when",
                )
                for found in failure.diagnostics
            ) from None
    is_code = mode != "order" and table.has_codes(name)  # 007 and 7 are two
    return _complete(table.text(name).strings() if is_code else table.read(name), table, name, mode)


def _complete(values: Array, table: Table, name: str, mode: str) -> Array:
    """Return the values of a column that a split goes by, if none is missing."""
    what = f"a value that the split takes as '{mode}' is missing"
    raise_where(gaps(values), lambda row, _: errors.MISSING_VALUE(f"{what} ({table.origin(row, name)})"))
    if values.dtype.kind in "OU" and mode != "order":
        refuse_lookalikes(sorted(set(values.ravel().tolist())), table, name)
    return values


# --- columns ---------------------------------------------------------------------------------------------


def inputs_of(data: DataPlan, checked: FieldPlan) -> list[str]:
    """Return the keys of the inputs of the fields graph that a field is made of."""
    if checked.value is None:
        return []
    operations = [application.operation for application in applications_of(checked.value)]
    return [o.key for o in operations if isinstance(o, Placeholder) and o.key in data.columns]


def _categories(data: DataPlan, raw: RawData) -> Iterator[tuple[str, Categories]]:
    table, rows = raw.training
    for checked in data.fields.values():
        for fit in checked.fits:
            if isinstance(fit.step, Coding) and fit.column is not None:
                with placed(fit.span):
                    use = data.columns[fit.column]
                    (name,) = raw.columns[use.patterns, False]
                    values = fit_categories(table, name, rows)
                    if not values and not fit.step.missing:
                        raise errors.MISSING_VALUE(
                            f"column '{name}' of {table.title} has no value in the training split, so it has no "
                            "categories"
                        )
                    yield fit.key, Categories(values, fit.step.missing, fit.step.unknown)


def contract_of(data: DataPlan, raw: RawData | None) -> Contract:
    """Return how the data was read: of a data set that was checked with the facts of these tables.

    Where the data was not needed (None), columns are those that the spec names.
    """
    inputs = []
    for use in data.columns.values():
        names, kind = use.patterns, use.element
        if raw is not None:
            table, _ = raw.training
            names = raw.columns[use.patterns, use.many]
            kinds = {table.element(name) for name in names}
            mixed = STRING if use.form is Form.MISSING else use.element
            kind = kinds.pop() if len(kinds) == 1 else mixed
            if use.fit is not None and use.fit in raw.categories and raw.categories[use.fit].are_text:
                kind = STRING  # of numbers with zeros in front, too
        shape = tuple(int(d) for d in use.shape)
        inputs.append(
            Input(use.key, use.patterns, names, use.many, use.form, use.element, shape, kind, use.fit, use.format)
        )
    train = None if None in data.sources else "train"
    source, options = source_options(data.sources[train])
    classes = {
        name: checked.outermost.key
        for name, checked in data.fields.items()
        if checked.outermost is not None and checked.outermost.codes
    }
    return Contract(
        source,
        options,
        tuple(inputs),
        raw.categories if raw is not None else {},
        {split: raw.examples(split) for split in raw.rows} if raw is not None else {},
        {name: tuple(dict.fromkeys(inputs_of(data, checked))) for name, checked in data.fields.items()},
        classes,
        _marks(data, raw.columns) if raw is not None else {},
    )
