"""A data set after checking: sources, columns, fields with what is fitted, and how rows are split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dslc.library.fits.step import Coding, FittedStep
from dslc.library.sources.source import DataSource
from dslc.plan.columns import ColumnFact, ColumnUse
from dslc.plan.values import Value
from dslc.source import Span
from dslc.types import TensorType

__all__ = ["CONDITIONS", "EXACT", "DataPlan", "Facts", "FieldPlan", "Fit", "SplitPlan", "Unsound"]


@dataclass(frozen=True)
class Facts:
    """What only the data can tell, by data set; empty while no data has been read."""

    columns: Mapping[tuple[tuple[str, ...], bool], ColumnFact] = field(default_factory=dict)
    """What the training table has for ``column`` or ``columns``, by the names written and whether they are many."""
    class_counts: Mapping[str, int] = field(default_factory=dict)
    """Number of categories, by field."""

    @property
    def known(self) -> bool:
        """Whether the data has been read."""
        return bool(self.columns)


@dataclass(frozen=True)
class Fit:
    """A step of a field that is fitted on the training split."""

    key: str
    """``town/category``, ``price/standardize``; the name under which its constants are kept."""
    step: FittedStep
    """The word, with its options."""
    field: str
    operand: Value | None
    """What it is fitted on; None for a category, which codes a raw column."""
    column: str | None
    """Key of the raw column that a category codes."""
    span: Span

    @property
    def codes(self) -> bool:
        """Whether it numbers the values of a column."""
        return isinstance(self.step, Coding)

    @property
    def over(self) -> tuple[int, ...]:
        """Axes of one example that are taken together."""
        return self.step.over if isinstance(self.step.over, tuple) else ()

    def constant_of(self, batch: TensorType) -> TensorType:
        """Return the type of its constants: that of one example, of size 1 along what is taken together."""
        shape = (1 if axis in self.over else size for axis, size in enumerate(batch.shape[1:]))
        return TensorType(batch.element, tuple(shape))


EXACT = "/exact"
"""How an output of the fields graph is called, behind the field's name, that is the field before its conversion."""
CONDITIONS = WRAPPED, MISSING, DIVIDED = "/wrapped", "/missing", "/divided"
"""How outputs of the fields graph are called, behind the field's name, that are true where it is not what it says."""


@dataclass(frozen=True)
class Unsound:
    """Conditions, bool [batch, ...], that are true where an example's field is not what its expression says."""

    wrapped: Value | None = None
    """A whole number left its type."""
    missing: Value | None = None
    """A missing value was compared, or converted to a type that has no mark for it."""
    divided: Value | None = None
    """A whole number was divided by zero."""

    def outputs(self, field: str) -> dict[str, Value]:
        """Return those that there are, by what the outputs of the fields graph are called that they are."""
        found = {WRAPPED: self.wrapped, MISSING: self.missing, DIVIDED: self.divided}
        return {field + suffix: value for suffix, value in found.items() if value is not None}


@dataclass(frozen=True, eq=False)
class FieldPlan:
    """A field of a data set; ``type`` is per example, ``value`` has the batch axis."""

    name: str
    type: TensorType
    value: Value | None
    """None where the expression can be checked with the data at hand only, or is wrong."""
    span: Span
    doc: str | None
    fits: tuple[Fit, ...]
    outermost: Fit | None
    """The fitted step that the whole expression is."""
    has_type: bool = True
    """False where the declared type is wrong, and ``type`` stands for any."""
    exact: Value | None = None
    """The value before it is converted to the declared element type."""
    unsound: Unsound = Unsound()
    """Where it is not what the expression says."""
    scaled: tuple[Fit, ...] = ()
    """The steps that the whole expression ends in and ``original`` undoes, the last first."""


@dataclass(frozen=True)
class SplitPlan:
    """How rows are split; ``fractions`` are empty where named sources give the splits."""

    fractions: Mapping[str, float]
    seed: int
    by: str | None
    order: str | None
    group: str | None
    span: Span | None


@dataclass(frozen=True, eq=False)
class DataPlan:
    """A data set."""

    name: str
    span: Span
    sources: Mapping[str | None, DataSource]
    """Source words; None is the one that ``split`` cuts."""
    source_spans: Mapping[str | None, Span]
    fields: Mapping[str, FieldPlan]
    columns: Mapping[str, ColumnUse]
    written: Mapping[tuple[tuple[str, ...], bool], Span]
    """Where each column is first asked for, by the names as the spec writes them and whether they are many."""
    split: SplitPlan
    doc: str | None
    marks: Mapping[tuple[tuple[str, ...], bool], tuple[str, ...]]
    """Texts that mark a missing value, by the columns as the spec writes them and whether they are many."""

    @property
    def docs(self) -> Mapping[str, str | None]:
        """What is said of each field."""
        return {name: field.doc for name, field in self.fields.items()}

    @property
    def split_names(self) -> tuple[str, ...]:
        """Return the names of all splits, training first."""
        found = [*(n for n in self.sources if n), *self.split.fractions]
        return tuple(sorted(dict.fromkeys(found), key=lambda n: (n != "train", n == "test")))
