"""Checking fields: expressions of raw columns for one example, with steps that are fitted on the training split."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from dslc.diagnostics import Diagnostics, Label, Problem, did_you_mean
from dslc.errors import matching, names, objectives
from dslc.model.checked import CheckedField, Fit
from dslc.model.columns import ColumnUse, RawColumn
from dslc.model.elaboration import Elaboration
from dslc.model.expressions import CallSite
from dslc.model.matching import Silent
from dslc.model.measures import BATCH, applications_of, mixes_examples
from dslc.model.values import POISON, Placeholder, Value, is_number, kind_of
from dslc.source import Span
from dslc.syntax import tree
from dslc.types import FLOAT32, INT64, ElementType, Symbolic, TensorType, symbol

if TYPE_CHECKING:
    from dslc.model.data import DataChecker

__all__ = ["FITTED", "FieldChecker"]

FITTED = "fitted:"
"""How the key of a placeholder begins that stands for a constant fitted on the training split."""

_SHAPE_CODES = frozenset(
    {matching.WRONG_TYPE.id, matching.UNDECIDED.id, names.BAD_INDEX.id, *(f"E03{n:02d}" for n in range(1, 30))}
)


@dataclass
class FieldChecker:
    """Checks the expression of one field."""

    data: DataChecker
    node: tree.Field
    type: TensorType
    fits: list[Fit] = field(default_factory=list)
    assumed: bool = False
    """A column's shape was assumed, because the data is not read yet."""
    results: dict[int, Fit] = field(default_factory=dict)

    def check(self) -> CheckedField:
        """Check the expression; what is wrong with it is reported."""
        outer = self.data.elaboration
        own = Diagnostics()
        outer.diagnostics, diagnostics = own, outer.diagnostics
        try:
            evaluator = self.data.evaluator({
                "column": self.column, "columns": self.many_columns, "standardize": self.standardize,
                "minmax": self.minmax, "impute": self.impute, "category": self.category, "is_missing": self.is_missing,
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
            self.node.name,
            self.type,
            value if isinstance(value, Value) else None,
            self.node.name_span,
            self.node.doc,
            tuple(self.fits),
            outermost,
        )

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
            found = BATCH in value.type.symbols
            raise objectives.BAD_FIELD(
                f"the examples of the field '{self.node.name}' are no longer on axis 0: {value.type}"
                if found
                else f"the field '{self.node.name}' does not depend on the example",
                hint="axis 0 counts the examples; those of one example count from 1" if found else None,
            ).at(span, declared)
        if prod(value.type.shape[1:]) != prod(self.type.shape):
            per_example = TensorType(self.type.element, value.type.shape[1:])
            raise objectives.BAD_FIELD(
                f"the field '{self.node.name}' is declared as {self.type}, and the expression gives {per_example} for "
                "each example"
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
            if before and (
                mixes_examples(application)
                or not (application.operation.of_shapes or any(BATCH in o.type.symbols for o in application.outputs))
            ):
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
        """Return a raw column that is not known yet as what it is read."""
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
                    f"{call.name} takes names in quotes, not {kind_of(argument.value)}",
                    hint=f'write: {call.name}("name")',
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
            raise names.MISSING_ARGUMENT(f"{call.name} needs what it works on", hint=f'{call.name}(column("x"))').at(
                call.span
            )
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
        """File a fitted step under a key of its own."""
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
                f"{call.name} works on numbers of floating point, and this is {x.type.element}",
                hint="declare the field as float32",
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
                f"only numbers of floating point can be missing, and this is {x.type.element}",
                hint="declare the field as float32",
            ).at(call.span)
        if fill not in ("mean", "median") and (not is_number(fill) or isinstance(fill, Symbolic)):
            raise names.WRONG_KIND(f'impute puts in "mean", "median" or a number, not {kind_of(fill)}').at(
                fills[0].span
            )
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
