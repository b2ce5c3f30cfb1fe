"""Checking ``data``: sources, splits, and fields as expressions of raw columns.

Before the data is read, the shape per row of most columns is not known. A field that reads one is then checked on the
assumption that the column fits its declared type; where that leads to a misfit of shapes, judgement waits for the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from dslc.diagnostics import Diagnostics, Label, Problem, did_you_mean
from dslc.errors import matching, names, objectives
from dslc.library.sources import DataSource, check_path, require_available
from dslc.library.words import SOURCES
from dslc.model.checked import CheckedData, CheckedField, Facts, Fit, SplitPlan
from dslc.model.columns import ColumnUse, RawColumn
from dslc.model.elaboration import CLASS_COUNT, Elaboration
from dslc.model.expressions import CallSite, Evaluator
from dslc.model.matching import Silent, declared_type
from dslc.model.measures import BATCH, applications_of, mixes_examples
from dslc.model.scope import FileScope, Scope
from dslc.model.values import POISON, Placeholder, Value, is_number, kind_of
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import FLOAT32, INT64, STRING, ElementType, Symbolic, TensorType, symbol

__all__ = ["FITTED", "check_data", "class_count"]

FITTED = "fitted:"
"""How the key of a placeholder begins that stands for a constant fitted on the training split."""


def check_data(node: tree.Data, file: FileScope, elaboration: Elaboration, facts: Facts) -> CheckedData:
    """Check a data set; findings go to the elaboration's diagnostics."""
    return _DataChecker(node, file, elaboration, facts).check()


def class_count(data: CheckedData, name: str, facts: Facts) -> int | Symbolic:
    """Return how many categories a field has: a symbol until the data is read.

    Raises:
        Problem: there is no such field, or it has no categories.
    """
    if name not in data.fields:
        raise names.UNKNOWN_NAME(f"the data set {data.name} has no field '{name}'", hint=did_you_mean(name, data.fields))
    checked = data.fields[name]
    if not any(fit.kind == "category" for fit in checked.fits):
        raise objectives.BAD_FITTED(
            f"the field '{name}' has no categories", hint=f'declare it as: field {name}: int64 = category(column("..."))'
        )
    return facts.class_counts[name] if name in facts.class_counts else symbol(f"{CLASS_COUNT}{name})")


@dataclass
class _DataChecker:
    node: tree.Data
    file: FileScope
    elaboration: Elaboration
    facts: Facts
    columns: dict[str, ColumnUse] = field(default_factory=dict)
    fields: dict[str, CheckedField] = field(default_factory=dict)
    sources: dict[str | None, Any] = field(default_factory=dict)
    source_spans: dict[str | None, Span] = field(default_factory=dict)
    split_is_wrong: bool = False

    @property
    def diagnostics(self) -> Diagnostics:
        return self.elaboration.diagnostics

    def check(self) -> CheckedData:
        for s in self.node.body:
            if isinstance(s, tree.SourceStatement):
                self.guard(s, self.source)
        if not any(isinstance(s, tree.SourceStatement) for s in self.node.body):
            self.diagnostics.add(names.MISSING_STATEMENT(
                f"the data set {self.node.name} has no source", hint='add: source csv("data.csv")').at(self.node.name_span))  # fmt: skip
        if not any(isinstance(s, tree.Field) for s in self.node.body):
            self.diagnostics.add(names.MISSING_STATEMENT(
                f"the data set {self.node.name} has no field", hint='add: field x: float32 = column("x")').at(self.node.name_span))  # fmt: skip
        split: SplitPlan | None = None
        entries: dict[str, Span] = {}
        for s in self.node.body:
            match s:
                case tree.Field():
                    self.guard(s, self.field)
                case tree.Split():
                    if split is not None:
                        self.diagnostics.add(names.REPEATED_STATEMENT("'split' stands twice", hint="join them into one").at(
                            s.span, *([Label(split.span, "the first one")] if split.span else [])))  # fmt: skip
                        continue
                    split = self.split(s)
                    entries = {entry.name: entry.span for entry in s.entries if entry.name}
                case tree.Augment():
                    self.diagnostics.add(names.NOT_AVAILABLE(
                        "augmentation is not built in this version", hint="prepare the data outside for now").at(s.span))  # fmt: skip
        if split is None:
            split = SplitPlan({}, 0, None, None, None, None)
            if None in self.sources and self.source_spans:
                split = SplitPlan({"train": 1.0}, 0, None, None, None, None)
        self.check_split(split, entries)
        return CheckedData(
            self.node.name, self.node.name_span, self.sources, self.source_spans, self.fields, self.columns, split, self.node.doc
        )

    def guard(self, statement: Any, check: Callable[[Any], None]) -> None:
        try:
            check(statement)
        except Silent:
            pass
        except Problem as problem:
            self.diagnostics.add(problem.at(statement.span))

    def evaluator(self, functions: dict[str, Callable[..., Any]] | None = None) -> Evaluator:
        return Evaluator(self.elaboration, Scope(self.file, functions=functions or {}))

    @property
    def has_sources(self) -> bool:
        return any(isinstance(s, tree.SourceStatement) for s in self.node.body)

    # --- sources and splits ----------------------------------------------------------------------

    def source(self, s: tree.SourceStatement) -> None:
        if s.name in self.sources:
            what = f"a source named '{s.name}'" if s.name else "an unnamed source"
            raise names.DUPLICATE(f"there is {what} already", hint="name the sources: source train = ..., source test = ...").at(
                s.name_span or s.span, Label(self.source_spans[s.name], "the first one")
            )
        if self.sources and (s.name is None or None in self.sources):
            raise names.MISPLACED_STATEMENT(
                "an unnamed source is the only one", hint="name both: source train = ..., source test = ..."
            ).at(s.span)
        self.source_spans[s.name] = s.value.span
        self.sources[s.name] = POISON
        name = s.value.function.span.text
        if name not in SOURCES:
            raise names.UNKNOWN_LAYER(
                f"there is no kind of source '{name}'", hint=did_you_mean(name, SOURCES) or f"kinds are {', '.join(SOURCES)}"
            ).at(s.value.function.span)
        value = self.evaluator().evaluate(s.value)
        try:
            require_available(SOURCES[name])
            if isinstance(value, DataSource):
                self.sources[s.name] = value
                for path in value.paths:
                    check_path(path)
        except Problem as problem:
            raise problem.at(s.value.span) from None

    def split(self, s: tree.Split) -> SplitPlan:
        """Read a split; one with a wrong entry is not checked further."""
        found = len(self.diagnostics)
        fractions: dict[str, float] = {}
        settings: dict[str, Any] = {"seed": 0, "by": None, "order": None, "group": None}
        for entry in s.entries:
            name = entry.name or ""
            if name in ("by", "order", "group"):
                if not isinstance(entry.value, tree.Name):
                    self.diagnostics.add(objectives.BAD_SPLIT(
                        f"'{name}' names a field or a column", hint=f"write: {name} = label").at(entry.span))  # fmt: skip
                    continue
                settings[name] = entry.value.id
                continue
            value = self.evaluator().evaluate(entry.value)
            if value is POISON:
                continue
            if name == "seed":
                if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                    self.diagnostics.add(objectives.BAD_SPLIT(f"the seed is a whole number, not {kind_of(value)}").at(entry.span))
                    continue
                settings["seed"] = value
            elif not is_number(value) or isinstance(value, Symbolic) or not 0 < value <= 1:
                self.diagnostics.add(objectives.BAD_SPLIT(
                    f"the part '{name}' is a fraction between 0 and 1, not {kind_of(value)}", hint=f"for example: {name} = 70%"
                ).at(entry.span))  # fmt: skip
            elif name in fractions:
                self.diagnostics.add(names.GIVEN_TWICE(f"the part '{name}' is given twice").at(entry.span))
            else:
                fractions[name] = float(value)
        self.split_is_wrong = len(self.diagnostics) > found
        return SplitPlan(fractions, span=s.span, **settings)

    def check_split(self, plan: SplitPlan, entries: Mapping[str, Span]) -> None:
        """Report parts that do not add up; ``entries`` are the places of what the split says."""
        if self.split_is_wrong:
            return
        place = plan.span or self.node.name_span
        named = {n for n in self.sources if n is not None}
        if plan.span is None and not named:
            return
        problem: Problem | None = None
        clash = named & set(plan.fractions)
        modes = [n for n in ("by", "order", "group") if getattr(plan, n)]
        known = {s.name for s in self.node.body if isinstance(s, tree.Field)}
        if named and "train" not in named:
            problem = objectives.BAD_SPLIT(
                "one of the sources must be named 'train'", hint=did_you_mean("train", named) or "source train = ..."
            )
        elif clash:
            first = min(clash)
            problem = objectives.BAD_SPLIT(f"'{first}' has a source of its own already").at(
                entries[first], Label(self.source_spans[first], "this one")
            )
        elif named and sum(plan.fractions.values()) >= 1:
            problem = objectives.BAD_SPLIT("nothing would be left to train on")
        elif not named and abs(sum(plan.fractions.values()) - 1) > 1e-9:
            total = sum(plan.fractions.values())
            problem = objectives.BAD_SPLIT(
                f"the parts sum to {total:.4g}, not to 1", hint="for example: split train = 70%, validation = 15%, test = 15%"
            )
        elif not named and "train" not in plan.fractions:
            near = next((part for part in plan.fractions if did_you_mean(part, ("train",))), None)
            problem = objectives.BAD_SPLIT(
                "one of the parts must be 'train'", hint=f"did you mean 'train' by '{near}'?" if near else None
            ).at(entries[near] if near else place)
        elif len(modes) > 1:
            problem = objectives.BAD_SPLIT(
                f"'{modes[0]}' and '{modes[1]}' exclude each other", hint="rows are dealt in one way"
            ).at(entries[modes[1]], Label(entries[modes[0]], "the other one"))
        elif modes and getattr(plan, modes[0]) not in known and modes[0] == "by":
            hint = did_you_mean(str(plan.by), known) or f"the fields are {', '.join(sorted(known))}"
            problem = names.UNKNOWN_NAME(f"there is no field '{plan.by}'", hint=hint).at(entries["by"])
        if problem is not None:
            self.diagnostics.add(problem.at(place))

    # --- fields --------------------------------------------------------------------------------

    def field(self, s: tree.Field) -> None:
        if s.name in self.fields:
            raise names.DUPLICATE(f"the field '{s.name}' is declared twice").at(
                s.name_span, Label(self.fields[s.name].span, "first declared here")
            )
        evaluator = self.evaluator()
        evaluator.scope.check_shadowing(s.name, s.name_span)
        self.fields[s.name] = CheckedField(s.name, TensorType(FLOAT32), None, s.name_span, s.doc, (), None)
        type = declared_type(s.type, evaluator.scope, evaluator.evaluate)
        if type.symbols:
            raise matching.BAD_TYPE("the shape of one example is made of numbers", hint="leave the batch axis away").at(s.type.span)
        if type.element is STRING:
            raise matching.BAD_TYPE(
                "a field is made of numbers; text columns are coded", hint=f'write: field {s.name}: int64 = category(column("..."))'
            ).at(s.type.span)
        self.elaboration.check_size(type, s.type.span)
        self.fields[s.name] = CheckedField(s.name, type, None, s.name_span, s.doc, (), None)
        self.fields[s.name] = _FieldChecker(self, s, type).check()


_SHAPE_CODES = frozenset(
    {matching.WRONG_TYPE.id, matching.UNDECIDED.id, names.BAD_INDEX.id, *(f"E03{n:02d}" for n in range(1, 30))}
)


@dataclass
class _FieldChecker:
    """Checks the expression of one field."""

    data: _DataChecker
    node: tree.Field
    type: TensorType
    fits: list[Fit] = field(default_factory=list)
    assumed: bool = False
    """A column's shape was assumed, because the data is not read yet."""
    results: dict[int, Fit] = field(default_factory=dict)

    def check(self) -> CheckedField:
        outer = self.data.elaboration
        own = Diagnostics()
        outer.diagnostics, diagnostics = own, outer.diagnostics
        try:
            evaluator = self.data.evaluator({
                "column": self.column, "columns": self.many_columns, "standardize": self.standardize, "minmax": self.minmax,
                "impute": self.impute, "category": self.category, "is_missing": self.is_missing,
                **dict.fromkeys(("past", "future", "classes", "original"), self.elsewhere),
            })  # fmt: skip
            evaluator.scope.unknown_hint = lambda name: f'a column of the source is read with column("{name}")'
            value = evaluator.evaluate(self.node.value)
            try:
                if value is not POISON:
                    value = outer.tensors([value], [self.node.value.span])[0]
                    self.refuse_looking_across(value)
                    value = self.fit_declared(value)
            except Problem as problem:
                value = outer.report(problem, self.node.value.span)
        finally:
            outer.diagnostics = diagnostics
        for finding in own:
            if self.assumed and finding.code.id in _SHAPE_CODES:
                continue
            diagnostics.add(finding)
        outermost = self.results.get(id(value))
        return CheckedField(
            self.node.name, self.type, value if isinstance(value, Value) else None, self.node.name_span, self.node.doc,
            tuple(self.fits), outermost,
        )  # fmt: skip

    def fit_declared(self, value: Value) -> Value:
        """Return the value in the declared shape.

        Raises:
            Problem: its elements are of another type or number.
        """
        span = self.node.value.span
        declared = Label(self.node.type.span, "declared here")
        if value.type.element is not self.type.element:
            raise objectives.BAD_FIELD(
                f"the field '{self.node.name}' is declared as {self.type.element}, and this is {value.type.element}",
                hint=f"convert it: cast(..., {self.type.element}), or declare the field as {value.type.element}",
            ).at(span, declared)
        wanted = (symbol(BATCH), *self.type.shape)
        if value.type.shape == wanted:
            return value
        batched = value.type.rank and value.type.shape[0] == symbol(BATCH)
        if not batched:
            raise objectives.BAD_FIELD(f"the field '{self.node.name}' does not depend on the example").at(span, declared)
        if prod(value.type.shape[1:]) != prod(self.type.shape):  # type: ignore[type-var]
            per_example = TensorType(self.type.element, value.type.shape[1:])
            raise objectives.BAD_FIELD(
                f"the field '{self.node.name}' is declared as {self.type}, and the expression gives {per_example} for each example"
            ).at(span, declared)
        fit = self.results.get(id(value))
        shaped = self.data.elaboration.call("reshape", [value], span, shape=(-1, *self.type.shape))
        shaped = Value(TensorType(self.type.element, wanted), shaped.application, span)
        shaped.application.outputs = (shaped,)
        if fit is not None:
            self.results[id(shaped)] = fit
        return shaped

    def refuse_looking_across(self, value: Value) -> None:
        """Refuse what joins examples: fields see one example.

        Raises:
            Problem: something does.
        """
        for application in applications_of(value):
            before = [o for o in application.operands if BATCH in o.type.symbols]
            if before and (mixes_examples(application) or not any(BATCH in o.type.symbols for o in application.outputs)):
                raise objectives.BAD_FITTED(
                    f"'{application.operation.name}' looks across the examples, and a field sees one example",
                    hint="standardize, minmax, impute and category are fitted on the training split",
                ).at(application.span)

    # --- columns -------------------------------------------------------------------------------

    def column(self, call: CallSite) -> Any:
        """``column("name")``"""
        return self.raw(call, many=False)

    def many_columns(self, call: CallSite) -> Any:
        """``columns("p*", "q*")``"""
        return self.raw(call, many=True)

    def raw(self, call: CallSite, *, many: bool) -> Any:
        if any(a.value is POISON for a in call.arguments):
            return POISON
        if not call.arguments or (not many and len(call.arguments) != 1):
            code, hint = names.MISSING_ARGUMENT, f'write: {call.name}("name")'
            if call.arguments:
                code, hint = names.TOO_MANY_ARGUMENTS, 'several are read side by side with columns("a", "b")'
            what = "names of columns" if many else "the name of one column"
            raise code(f"{call.name} takes {what} in quotes", hint=hint).at(call.span)
        for argument in call.arguments:
            if argument.name is not None or not isinstance(argument.value, str):
                raise names.WRONG_KIND(
                    f"{call.name} takes names in quotes, not {kind_of(argument.value)}", hint=f'write: {call.name}("name")'
                ).at(argument.span)
        return RawColumn(tuple(a.value for a in call.arguments), many, call.span, self.read)

    def read(
        self, elaboration: Elaboration, raw: RawColumn, element: ElementType | None, coded: str | None, span: Span
    ) -> Value:
        """Return the placeholder of a raw column in the form that it is used in."""
        element = element or (self.type.element if self.type.element is not ElementType.BOOL else ElementType.BOOL)
        name = ", ".join(raw.patterns)
        for use in self.data.columns.values():
            if (use.patterns, use.many, use.element, use.coded) == (raw.patterns, raw.many, element, coded):
                return elaboration.placeholder(use.key, TensorType(element, (symbol(BATCH), *use.shape)), span)
        key = name
        while key in self.data.columns or key in {s.name for s in self.data.node.body if isinstance(s, tree.Field)}:
            key += f" as {element}" if f" as {element}" not in key else "'"
        shape = self.row_shape(raw, key)
        use = ColumnUse(key, raw.patterns, raw.many, element, coded, shape, self.node.name, raw.span)
        self.data.columns[key] = use
        return elaboration.placeholder(key, TensorType(element, (symbol(BATCH), *shape)), span)

    def row_shape(self, raw: RawColumn, key: str) -> tuple[int, ...]:
        """Return the shape per row: as read, or as assumed before anything is."""
        declared = tuple(int(d) for d in self.type.shape)
        if key in self.data.facts.row_shapes:
            found = self.data.facts.row_shapes[key]
            return declared if prod(found) == prod(declared) else found
        kinds = {type(source).__name__ for source in self.data.sources.values()}
        if not raw.many and kinds == {"csv"}:
            return declared if prod(declared) == 1 else ()
        self.assumed = True
        return declared

    # --- fitted steps ----------------------------------------------------------------------------

    def operand(self, call: CallSite, *, element: ElementType | None = None) -> Value:
        """Return the one tensor that a fitted step works on."""
        arguments = [a for a in call.arguments if a.name is None]
        if any(a.value is POISON for a in call.arguments):
            raise Silent
        if not arguments:
            raise names.MISSING_ARGUMENT(f"{call.name} needs what it works on", hint=f'{call.name}(column("x"))').at(call.span)
        value = arguments[0].value
        if isinstance(value, RawColumn):
            return self.read(self.data.elaboration, value, element, None, arguments[0].span)
        return self.data.elaboration.tensors([value], [arguments[0].span])[0]

    def only(self, call: CallSite, positional: int, *keywords: str) -> None:
        """Refuse arguments that a fitted step does not take."""
        for number, argument in enumerate(call.arguments):
            if argument.name is None and number >= positional:
                raise names.TOO_MANY_ARGUMENTS(f"{call.name} takes {positional} by position").at(argument.span)
            if argument.name is not None and argument.name not in keywords:
                raise names.UNKNOWN_ARGUMENT(
                    f"{call.name} has no argument '{argument.name}'", hint=did_you_mean(argument.name, keywords)
                ).at(argument.span)

    def add_fit(self, kind: str, call: CallSite, operand: Value | None, **more: Any) -> Fit:
        number = sum(f.kind == kind for f in self.fits)
        key = f"{self.node.name}/{kind}" + (f"_{number + 1}" if number else "")
        settings = {"column": None, "fill": None, "unknown": False, **more}
        fit = Fit(key, kind, self.node.name, operand, span=call.span, **settings)
        self.fits.append(fit)
        return fit

    def constant(self, fit: Fit, name: str, like: Value, span: Span) -> Value:
        """Return the placeholder of a fitted constant, one number per element of an example."""
        type = TensorType(like.type.element, like.type.shape[1:])
        return self.data.elaboration.placeholder(f"{FITTED}{fit.key}/{name}", type, span)

    def affine(self, call: CallSite, shift: str, scale: str) -> Any:
        """``(x - shift) / scale``, both fitted."""
        self.only(call, 1)
        x = self.operand(call)
        if not x.type.element.is_float:
            raise objectives.BAD_FITTED(
                f"{call.name} works on numbers of floating point, and this is {x.type.element}", hint="declare the field as float32"
            ).at(call.span)
        fit = self.add_fit(call.name, call, x)
        elaboration = self.data.elaboration
        centred = elaboration.call("subtract", [x, self.constant(fit, shift, x, call.span)], call.span)
        result = elaboration.call("divide", [centred, self.constant(fit, scale, x, call.span)], call.span)
        self.results[id(result)] = fit
        return result

    def standardize(self, call: CallSite) -> Any:
        """``standardize(x)``: mean 0 and standard deviation 1 over the training split."""
        return self.affine(call, "mean", "scale")

    def minmax(self, call: CallSite) -> Any:
        """``minmax(x)``: from 0 to 1 over the training split."""
        return self.affine(call, "low", "range")

    def impute(self, call: CallSite) -> Any:
        """``impute(x, "mean" | "median" | number)``: fills what is missing."""
        self.only(call, 2)
        x = self.operand(call)
        fills = [a for a in call.arguments if a.name is None][1:]
        if not fills:
            raise names.MISSING_ARGUMENT("impute needs what to put in", hint='write: impute(x, "mean")').at(call.span)
        fill = fills[0].value
        if not x.type.element.is_float:
            raise objectives.BAD_FITTED(
                f"only numbers of floating point can be missing, and this is {x.type.element}", hint="declare the field as float32"
            ).at(call.span)
        if fill not in ("mean", "median") and (not is_number(fill) or isinstance(fill, Symbolic)):
            raise names.WRONG_KIND(f'impute puts in "mean", "median" or a number, not {kind_of(fill)}').at(fills[0].span)
        fit = self.add_fit("impute", call, x, fill=fill)
        elaboration = self.data.elaboration
        missing = elaboration.call("is_missing", [x], call.span)
        return elaboration.call("where", [missing, self.constant(fit, "fill", x, call.span), x], call.span)

    def is_missing(self, call: CallSite) -> Any:
        """``is_missing(x)``: true where there is no number."""
        self.only(call, 1)
        return self.data.elaboration.call("is_missing", [self.operand(call, element=FLOAT32)], call.span)

    def category(self, call: CallSite) -> Any:
        """``category(column("town"))``: sorted training values become 0..K-1."""
        self.only(call, 1, "unknown")
        found = [a for a in call.arguments if a.name is None]
        unknown = next((a for a in call.arguments if a.name == "unknown"), None)
        if any(a.value is POISON for a in call.arguments):
            return POISON
        if unknown is not None and not isinstance(unknown.value, bool):
            raise names.WRONG_KIND(f"'unknown' is true or false, not {kind_of(unknown.value)}").at(unknown.span)
        if not found or not isinstance(found[0].value, RawColumn) or found[0].value.many:
            what = f", and this is {kind_of(found[0].value)}" if found else ""
            raise objectives.BAD_FITTED(
                f"category codes one column as it stands{what}", hint='for example: category(column("town"))'
            ).at(call.span)
        fit = self.add_fit("category", call, None, unknown=bool(unknown and unknown.value))
        value = self.read(self.data.elaboration, found[0].value, INT64, fit.key, found[0].span)
        operation = value.application.operation
        assert isinstance(operation, Placeholder)
        fit.column = operation.key
        self.results[id(value)] = fit
        return value

    def elsewhere(self, call: CallSite) -> Any:
        """Words that are known and do not belong into a field."""
        if call.name in ("past", "future"):
            raise names.NOT_AVAILABLE(
                f"windows over rows, such as {call.name}, are not built in this version",
                hint="make the windows outside, and read them as columns",
            ).at(call.span)
        raise names.NOT_APPLICABLE(f"{call.name} belongs into 'train' or a model, not into a field").at(call.span)
