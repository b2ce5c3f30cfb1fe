"""The columns that the fields of a data set read, and as which tensors a field's expression sees them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any

from dslc.check.core.applicable import CallSite
from dslc.check.core.arguments import Given
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.values import POISON, RawColumn, kind_of
from dslc.errors import names
from dslc.plan.columns import ColumnFact, ColumnUse, Form
from dslc.plan.data import Facts
from dslc.plan.examples import BATCH
from dslc.plan.values import Placeholder, Value
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import BOOL, FLOAT64, INT64, STRING, ElementType, TensorType, symbol

__all__ = ["ColumnsRead", "FieldColumns"]


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


@dataclass
class FieldColumns:
    """What the expression of one field reads of the source."""

    elaboration: Elaboration
    read: ColumnsRead
    node: tree.Field
    type: TensorType
    """The declared one, of an example."""
    assumed: bool = False
    """A column's shape was assumed, because the data is not read yet."""

    def column(self, call: CallSite) -> Any:
        """``column("name")`` or ``columns("p*", "q*")``: raw columns that are not known yet as what they are read.

        ``missing = "-999"`` gives a text, or several, that mark a missing value.
        """
        if call.failed:
            return POISON
        many = call.name == "columns"
        given = [a for a in call.arguments if a.name != "missing"]
        if not given or (not many and len(given) != 1):
            code, hint = names.MISSING_ARGUMENT, f'write: {call.name}("name")'
            if given:
                code, hint = names.TOO_MANY_ARGUMENTS, 'several are read side by side with columns("a", "b")'
            what = "names of columns" if many else "the name of one column"
            raise code(f"{call.name} takes {what} in quotes", hint=hint).at(call.span)
        for argument in given:
            if argument.name is not None or not isinstance(argument.value, str):
                message = f"{call.name} takes names in quotes, not {kind_of(argument.value)}"
                raise names.WRONG_KIND(message, hint=f'write: {call.name}("name")').at(argument.span)
        raw = RawColumn(tuple(a.value for a in given), many, call.span, self.number)
        marks = [mark for a in call.arguments if a.name == "missing" for mark in self.marks(a)]
        self.read.note(raw, marks)
        return raw

    def marks(self, argument: Given) -> Sequence[str]:
        """Return the texts of ``missing = ...``.

        Raises:
            Problem: they are no texts.
        """
        marks = argument.value if isinstance(argument.value, (list, tuple)) else [argument.value]
        if not marks or not all(isinstance(mark, str) for mark in marks):
            raise names.WRONG_KIND(
                f"'missing' is a text or a list of texts, not {kind_of(argument.value)}",
                hint='for example: column("age", missing = ["?", "-999"])',
            ).at(argument.span)
        return marks

    def number(self, raw: RawColumn, span: Span) -> Value:
        """Return the values of a raw column: whole numbers as int64, others as float64, truth as bool.

        Whole numbers that a field of floating point is made of are float64 as well where that holds them exactly: a
        later file may lack some of them, or have fractions.
        """
        fact = self.fact(raw)
        element = fact.element
        if element is STRING:  # what in it is no number is told when it is read
            element = BOOL if fact.is_truth else INT64 if self.type.element.is_integer else FLOAT64
        if element in (INT64, ElementType.UINT64):
            element = FLOAT64 if self.type.element.is_float and fact.fits_double else INT64
        return self.placeholder(raw, Form.NUMBER, element, fact.shape, span)

    def fraction(self, raw: RawColumn, span: Span) -> Value:
        """Return the values of a raw column as numbers of which some may be missing."""
        fact = self.fact(raw)
        element = fact.element if fact.element.is_float else FLOAT64
        return self.placeholder(raw, Form.NUMBER, element, fact.shape, span)

    def as_whole(self, value: Value) -> Value | None:
        """Return whole numbers that :meth:`number` gave as float64 as int64, for what takes nothing else."""
        use = self.read.of(value)
        if use is None or use.form is not Form.NUMBER or use.element is not FLOAT64:
            return None
        raw = RawColumn(use.patterns, use.many, use.span, self.number)
        fact = self.fact(raw)
        if not (self.read.facts.known and fact.element.is_integer) and not self.is_guess(raw):
            return None
        return self.placeholder(raw, Form.NUMBER, INT64, fact.shape, value.span or use.span)

    def placeholder(
        self, raw: RawColumn, form: Form, element: ElementType, shape: tuple[int, ...], span: Span, **more: str | None
    ) -> Value:
        """Return what stands for a raw column in the form that it is used in: numbers as int64, float64 or bool."""
        use = ColumnUse(
            "", raw.patterns, raw.many, form, element, shape, more.get("fit"), more.get("format"), self.node.name,
            raw.span,
        )  # fmt: skip
        known = self.read.use(use)
        elaboration = self.elaboration
        value = elaboration.placeholder(known.key, TensorType(element, (symbol(BATCH), *shape)), span)
        wide = BOOL if element is BOOL else INT64 if element.is_integer else FLOAT64
        return value if element is wide else elaboration.call("cast", [value], span, element=wide)

    def is_guess(self, raw: RawColumn) -> bool:
        """Return whether what :meth:`fact` says of a column is a guess, because the data is not read yet."""
        return (raw.patterns, raw.many) not in self.read.facts.columns

    def fact(self, raw: RawColumn) -> ColumnFact:
        """Return what is known of a column, or before the data is read, what the declared type lets expect."""
        if not self.is_guess(raw):
            return self.read.facts.columns[raw.patterns, raw.many]
        target = self.type.element
        element = BOOL if target is BOOL else INT64 if target.is_integer else FLOAT64
        if not raw.many and self.read.flat and element is not BOOL:  # which may be compared from numbers
            return ColumnFact(element, ())
        self.assumed = True
        return ColumnFact(element, tuple(int(d) for d in self.type.shape))
