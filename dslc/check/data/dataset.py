"""Checking ``data``: sources, splits, and fields as expressions of raw columns.

Before the data is read, the shape per row of most columns is not known. A field that reads one is then checked on the
assumption that the column fits its declared type; where that leads to a misfit of shapes, judgement waits for the data.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dslc.check.core.applicable import CallSite, ContextFunction, Evaluator
from dslc.check.core.builtins import positional
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.expressions import ExpressionEvaluator
from dslc.check.core.matching import declared_type
from dslc.check.core.scope import FileScope, Scope
from dslc.check.core.values import POISON
from dslc.check.data.field_columns import ColumnsRead
from dslc.check.data.fields import check_field
from dslc.check.data.splits import check_split, read_split
from dslc.diagnostics import Label, did_you_mean
from dslc.dimensions import class_count_symbol
from dslc.elsewhere import word_hint
from dslc.errors import matching, names, objectives
from dslc.library.sources.source import DataSource, check_path, require_available
from dslc.library.word import SOURCES
from dslc.plan.data import DataPlan, Facts, FieldPlan, SplitPlan
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import FLOAT32, STRING, TensorType

__all__ = ["check_data", "classes_of"]


def check_data(node: tree.Data, file: FileScope, elaboration: Elaboration, facts: Facts) -> DataPlan:
    """Check a data set; findings go to the elaboration's diagnostics."""
    return _DataChecker(node, file, elaboration).check(facts)


@dataclass
class _DataChecker:
    """The state of checking one data set."""

    node: tree.Data
    file: FileScope
    elaboration: Elaboration
    fields: dict[str, FieldPlan] = field(default_factory=dict)
    sources: dict[str | None, Any] = field(default_factory=dict)
    source_spans: dict[str | None, Span] = field(default_factory=dict)

    def check(self, facts: Facts) -> DataPlan:
        """Check every statement; what is wrong is left out of the result."""
        sources = [s for s in self.node.body if isinstance(s, tree.SourceStatement)]
        names_of_fields = frozenset(s.name for s in self.node.body if isinstance(s, tree.Field))
        for source in sources:
            self.elaboration.attempt(partial(self.source, source), source.value.span)
        needed = {'source csv("data.csv")': sources, 'field x: float32 = column("x")': names_of_fields}
        for example, found in needed.items():
            if not found:
                message = f"the data set {self.node.name} has no {example.partition(' ')[0]}"
                problem = names.MISSING_STATEMENT(message, hint=f"add: {example}")
                self.elaboration.report(problem, self.node.name_span)
        flat = bool(self.sources) and all(getattr(source, "flat", False) for source in self.sources.values())
        read = ColumnsRead(facts, names_of_fields, flat)
        split, sound = SplitPlan({}, 0, None, None, None, None), True
        if None in self.sources:
            split = replace(split, fractions={"train": 1.0})
        written: tree.Split | None = None
        for s in self.node.body:
            match s:
                case tree.Field():
                    self.elaboration.attempt(partial(self.field, s, read), s.span)
                case tree.Split():
                    if written is not None:
                        problem = names.REPEATED_STATEMENT("'split' stands twice", hint="join them into one")
                        self.elaboration.report(problem, s.span, Label(written.span, "the first one"))
                        continue
                    written = s
                    split, sound = read_split(s, self.evaluator())
                case tree.Augment():
                    message = "augmentation is not built in this version"
                    hint = "prepare the data outside for now"
                    self.elaboration.report(names.NOT_AVAILABLE(message, hint=hint), s.span)
        if sound:
            check = partial(check_split, split, written, self.source_spans, names_of_fields)
            self.elaboration.attempt(check, split.span or self.node.name_span)
        return DataPlan(
            self.node.name,
            self.node.name_span,
            self.sources,
            self.source_spans,
            self.fields,
            read.columns,
            read.written,
            split,
            self.node.doc,
            read.marks,
        )

    def evaluator(self) -> Evaluator:
        """Return an evaluator in the scope of the file."""
        return ExpressionEvaluator(self.elaboration, Scope(self.file))

    # --- sources ----------------------------------------------------------------------

    def source(self, s: tree.SourceStatement) -> None:
        """Check a source.

        Raises:
            Problem: it is of no kind that can be read, or stands beside one that it can't be with.
        """
        if s.name in self.sources:
            what = f"a source named '{s.name}'" if s.name else "an unnamed source"
            raise names.DUPLICATE(
                f"there is {what} already", hint="name the sources: source train = ..., source test = ..."
            ).at(s.name_span, Label(self.source_spans[s.name], "the first one"))
        if self.sources and (s.name is None or None in self.sources):
            raise names.MISPLACED_STATEMENT(
                "an unnamed source is the only one", hint="name both: source train = ..., source test = ..."
            ).at(s.span)
        self.source_spans[s.name] = s.value.span
        self.sources[s.name] = POISON
        name = s.value.function.span.text
        if name not in SOURCES:
            hint = word_hint(name, SOURCES) or did_you_mean(name, SOURCES) or f"kinds are {', '.join(SOURCES)}"
            raise names.UNKNOWN_LAYER(f"there is no kind of source '{name}'", hint=hint).at(s.value.function.span)
        evaluator = self.evaluator()
        evaluator.scope.unknown_hint = lambda name: f'paths stand in quotes: {s.value.function.span.text}("{name}.csv")'
        value = evaluator.evaluate(s.value)
        require_available(SOURCES[name])
        if isinstance(value, DataSource):
            self.sources[s.name] = value
            for path in value.paths:
                check_path(path)

    # --- fields --------------------------------------------------------------------------------

    def field(self, s: tree.Field, read: ColumnsRead) -> None:
        """Check a field.

        Raises:
            Problem: its name or type is wrong; what is wrong with its expression is reported.
        """
        if s.name in self.fields:
            raise names.DUPLICATE(f"the field '{s.name}' is declared twice").at(
                s.name_span, Label(self.fields[s.name].span, "first declared here")
            )
        evaluator = self.evaluator()
        plan = FieldPlan(s.name, TensorType(FLOAT32), None, s.name_span, s.doc, (), None, has_type=False)
        self.fields[s.name] = plan
        type = declared_type(s.type, evaluator.scope, evaluator.evaluate)
        if type.symbols:
            raise matching.BAD_TYPE("the shape of one example is made of numbers", hint="leave the batch axis away").at(
                s.type.span
            )
        if type.element is STRING:
            hint = f'write: field {s.name}: int64 = category(column("..."))'
            raise matching.BAD_TYPE("a field is made of numbers; text columns are coded", hint=hint).at(s.type.span)
        self.elaboration.check_size(type, s.type.span)
        plan = self.fields[s.name] = replace(plan, type=type, has_type=True)
        self.fields[s.name] = check_field(plan, s, self.file, self.elaboration, read)


def classes_of(data: DataPlan | None, facts: Facts) -> ContextFunction:
    """Return ``classes(field)``: how many categories a field of the data set has, a symbol until the data is read."""

    def classes(call: CallSite) -> Any:
        (name,) = positional(call, 1, 1)
        span = call.arguments[0].span
        if data is None:
            raise names.NOT_APPLICABLE("classes looks at the data of a 'train' block, and none uses this")
        if name not in data.fields:
            hint = did_you_mean(name, data.fields)
            raise names.UNKNOWN_NAME(f"the data set {data.name} has no field '{name}'", hint=hint).at(span)
        if not any(fit.codes for fit in data.fields[name].fits):
            hint = f'declare it as: field {name}: int64 = category(column("..."))'
            raise objectives.BAD_FITTED(f"the field '{name}' has no categories", hint=hint).at(span)
        return facts.class_counts[name] if name in facts.class_counts else class_count_symbol(name)

    return ContextFunction(classes, names_at=frozenset({0}))
