"""The columns that the fields of a data set read: each under a name of its own, whoever reads it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from dslc.check.core.values import RawColumn
from dslc.plan.columns import ColumnUse, Form
from dslc.plan.data import Facts
from dslc.plan.values import Placeholder, Value
from dslc.source import Span

__all__ = ["ColumnsRead"]

_Named = tuple[tuple[str, ...], bool]
"""Columns as the spec writes them, and whether they are many."""


@dataclass
class ColumnsRead:
    """What the fields of one data set have read so far, and what is known of its columns."""

    facts: Facts
    field_names: frozenset[str]
    """The names of all fields, the wrong ones too."""
    flat: bool
    """Whether a column of any of the sources has one value per row."""
    columns: dict[str, ColumnUse] = field(default_factory=dict)
    """By key."""
    uses: dict[Hashable, ColumnUse] = field(default_factory=dict)
    """The same by what they are, whoever reads them."""
    written: dict[_Named, Span] = field(default_factory=dict)
    """Where each column is first asked for."""
    marks: dict[_Named, tuple[str, ...]] = field(default_factory=dict)
    """Texts that mark a missing value."""

    def note(self, raw: RawColumn, marks: Sequence[str]) -> None:
        """Take note of a column that is asked for, and of texts that mark a missing value wherever it is read."""
        named = raw.patterns, raw.many
        self.written.setdefault(named, raw.span)
        if marks:
            self.marks[named] = tuple(dict.fromkeys((*self.marks.get(named, ()), *marks)))

    def use(self, use: ColumnUse) -> ColumnUse:
        """Return a use of a column with its key, that of an equal one before it where there is one."""
        same = (use.patterns, use.many, use.form, use.element, use.shape, use.fit, use.format)
        known = self.uses.get(same)
        if known is None:
            known = replace(use, key=self._new_key(use))
            self.columns[known.key] = self.uses[same] = known
        return known

    def of(self, value: Value) -> ColumnUse | None:
        """Return the column that a value is as it stands."""
        operation = value.application.operation
        return self.columns.get(operation.key) if isinstance(operation, Placeholder) else None

    def _new_key(self, use: ColumnUse) -> str:
        """Return a name for an input of the fields graph that neither another one nor a field has."""
        name = ", ".join(use.patterns)
        what = use.element if use.form is Form.NUMBER else use.form.value
        candidates = chain((name, f"{name} as {what}"), (f"{name} as {what} {number}" for number in count(2)))
        return next(key for key in candidates if key not in self.columns and key not in self.field_names)
