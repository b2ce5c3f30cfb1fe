"""The fitted steps of a field, and what reads a column in another form than its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dslc.check.core.applicable import CallSite, ContextFunction
from dslc.check.core.matching import Silent
from dslc.check.core.values import POISON, RawColumn, is_number, kind_of
from dslc.check.data.field_columns import FieldColumns
from dslc.check.data.pooling import OVER, pooled_axes
from dslc.check.data.times import check_format
from dslc.diagnostics import did_you_mean
from dslc.elsewhere import argument_hint
from dslc.errors import names, objectives
from dslc.library.word import FUNCTIONS
from dslc.plan.columns import Form
from dslc.plan.constants import FITTED
from dslc.plan.data import Fit
from dslc.plan.values import Placeholder, Value
from dslc.source import Span
from dslc.types import BOOL, FLOAT64, INT64, STRING, Symbolic

__all__ = ["FieldWords"]


@dataclass
class FieldWords(FieldColumns):
    """The words that only a field's expression knows."""

    fits: list[Fit] = field(default_factory=list)
    results: dict[int, Fit] = field(default_factory=dict)
    """The steps by the identities of the values that they give."""

    def words(self) -> Mapping[str, ContextFunction]:
        """Return the words by their names, with those that are known and do not belong into a field."""
        random = (name for name, word in FUNCTIONS.items() if word.random)
        return {
            name: ContextFunction(function)
            for name, function in {
                "column": self.column, "columns": self.many_columns, "standardize": self.standardize,
                "minmax": self.minmax, "impute": self.impute, "category": self.category, "is_missing": self.is_missing,
                "datetime": self.datetime,
                **dict.fromkeys(("past", "future", "classes", "original", *random), self.elsewhere),
            }.items()
        }  # fmt: skip

    def scaled(self, fit: Fit | None) -> Iterator[Fit]:
        """Yield a step that shifts and scales, and those that it is directly applied to."""
        while fit is not None and fit.kind in ("standardize", "minmax") and fit.operand is not None:
            yield fit
            fit = self.results.get(id(fit.operand))

    def operand(self, call: CallSite) -> Value:
        """Return the one tensor that a fitted step works on, its numbers as float64 unless a cast made others of them.

        Raises:
            Problem: it is no tensor of numbers.
        """
        arguments = [a for a in call.arguments if a.name is None]
        if any(a.value is POISON for a in call.arguments):
            raise Silent
        if not arguments:
            raise names.MISSING_ARGUMENT(f"{call.name} needs what it works on", hint=f'{call.name}(column("x"))').at(
                call.span
            )
        value, span = arguments[0].value, arguments[0].span
        if isinstance(value, RawColumn):
            fact = self.fact(value)
            if fact.element is STRING and call.name == "impute" and not fact.is_truth:
                raise objectives.BAD_FITTED(
                    f"the column '{value.patterns[0]}' is text, and impute fills in numbers",
                    hint=f'a missing text is a category of its own: category(column("{value.patterns[0]}"), '
                    "missing = true)",
                ).at(span)
            value = self.fraction(value, span)
        value = self.elaboration.tensors([value], [span])[0]
        if value.type.element.is_integer:
            return self.elaboration.call("cast", [value], span, element=FLOAT64)
        return value

    def only(self, call: CallSite, positional: int, *keywords: str) -> None:
        """Refuse arguments that a fitted step does not take."""
        for number, argument in enumerate(call.arguments):
            if argument.name is None and number >= positional:
                raise names.TOO_MANY_ARGUMENTS(f"{call.name} takes {positional} by position").at(argument.span)
            if argument.name is not None and argument.name not in keywords:
                hint = argument_hint(argument.name, keywords) or did_you_mean(argument.name, keywords)
                raise names.UNKNOWN_ARGUMENT(f"{call.name} has no argument '{argument.name}'", hint=hint).at(
                    argument.span
                )

    def add_fit(self, kind: str, call: CallSite, operand: Value | None, **more: Any) -> Fit:
        """File a fitted step under a key of its own."""
        number = sum(f.kind == kind for f in self.fits)
        key = f"{self.node.name}/{kind}" + (f"_{number + 1}" if number else "")
        settings = {"column": None, "fill": None, "unknown": False, "missing": False, **more}
        fit = Fit(key, kind, self.node.name, operand, span=call.span, **settings)
        self.fits.append(fit)
        return fit

    def constant(self, fit: Fit, name: str, like: Value, span: Span) -> Value:
        """Return the placeholder of a fitted constant."""
        return self.elaboration.placeholder(f"{FITTED}{fit.key}/{name}", fit.constant_of(like.type), span)

    def affine(self, call: CallSite, shift: str, scale: str) -> Any:
        """``(x - shift) / scale``, both fitted."""
        self.only(call, 1, OVER)
        x = self.operand(call)
        if not x.type.element.is_float:
            raise objectives.BAD_FITTED(f"{call.name} works on numbers, and this is {x.type.element}").at(call.span)
        fit = self.add_fit(call.name, call, x, over=pooled_axes(call, x.type.rank - 1))
        elaboration = self.elaboration
        centred = elaboration.call("subtract", [x, self.constant(fit, shift, x, call.span)], call.span)
        result = elaboration.call("divide", [centred, self.constant(fit, scale, x, call.span)], call.span)
        self.results[id(result)] = fit
        return result

    def standardize(self, call: CallSite) -> Any:
        """``standardize(x)``: mean 0 and standard deviation 1 over the training split, each element by itself."""
        return self.affine(call, "mean", "scale")

    def minmax(self, call: CallSite) -> Any:
        """``minmax(x)``: from 0 to 1 over the training split, each element by itself."""
        return self.affine(call, "low", "range")

    def impute(self, call: CallSite) -> Any:
        """``impute(x, "mean" | "median" | number)``: fills what is missing."""
        self.only(call, 2, OVER)
        x = self.operand(call)
        fills = [a for a in call.arguments if a.name is None][1:]
        if not fills:
            raise names.MISSING_ARGUMENT("impute needs what to put in", hint='write: impute(x, "mean")').at(call.span)
        fill = fills[0].value
        if not x.type.element.is_float:
            raise objectives.BAD_FITTED(f"only numbers can be missing, and this is {x.type.element}").at(call.span)
        if fill not in ("mean", "median") and (not is_number(fill) or isinstance(fill, Symbolic)):
            raise names.WRONG_KIND(f'impute puts in "mean", "median" or a number, not {kind_of(fill)}').at(
                fills[0].span
            )
        over = pooled_axes(call, x.type.rank - 1)
        if over and not isinstance(fill, str):
            raise objectives.BAD_FITTED(
                f"impute puts {fill} everywhere, so there is nothing to take over axes", hint="leave 'over' out"
            ).at(call.span)
        fit = self.add_fit("impute", call, x, fill=fill, over=over)
        elaboration = self.elaboration
        missing = elaboration.call("is_missing", [x], call.span)
        return elaboration.call("where", [missing, self.constant(fit, "fill", x, call.span), x], call.span)

    def is_missing(self, call: CallSite) -> Any:
        """``is_missing(x)``: true where there is no value; of any column, and of numbers computed from one."""
        self.only(call, 1)
        raw = call.arguments[0].value if call.arguments else None
        if isinstance(raw, RawColumn) and self.fact(raw).element is STRING:
            return self.placeholder(raw, Form.MISSING, BOOL, self.fact(raw).shape, call.arguments[0].span)
        return self.elaboration.call("is_missing", [self.operand(call)], call.span)

    def category(self, call: CallSite) -> Any:
        """``category(column("town"))``: sorted training values become 0..K-1.

        ``missing = true`` makes the missing value the last of them, ``unknown = true`` gives K to what training did
        not see.
        """
        self.only(call, 1, "unknown", "missing")
        found = [a for a in call.arguments if a.name is None]
        if any(a.value is POISON for a in call.arguments):
            return POISON
        switches = {"unknown": False, "missing": False}
        for argument in call.arguments:
            if argument.name is not None:
                if not isinstance(argument.value, bool):
                    raise names.WRONG_KIND(f"'{argument.name}' is true or false, not {kind_of(argument.value)}").at(
                        argument.span
                    )
                switches[argument.name] = argument.value
        if not found or not isinstance(found[0].value, RawColumn) or found[0].value.many:
            what = f", and this is {kind_of(found[0].value)}" if found else ""
            raise objectives.BAD_FITTED(
                f"category codes one column as it stands{what}", hint='for example: category(column("town"))'
            ).at(call.span)
        raw = found[0].value
        fit = self.add_fit("category", call, None, **switches)
        value = self.placeholder(raw, Form.CATEGORY, INT64, self.fact(raw).shape, found[0].span, fit=fit.key)
        operation = value.application.operation
        assert isinstance(operation, Placeholder)
        self.results[id(value)] = self.fits[-1] = replace(fit, column=operation.key)
        return value

    def datetime(self, call: CallSite) -> Any:
        """``datetime(column("when"), "%d/%m/%Y %H:%M")``: seconds from 1970-01-01 00:00:00 UTC, as float64.

        Without a format the text is spelled as ISO 8601 has it. Text without a time zone is taken as UTC.
        """
        self.only(call, 2, "format")
        if any(a.value is POISON for a in call.arguments):
            return POISON
        given = [a for a in call.arguments if a.name is None]
        formats = [*given[1:], *(a for a in call.arguments if a.name == "format")]
        if len(formats) > 1:
            raise names.GIVEN_TWICE("the format is given twice").at(formats[1].span)
        raw = given[0].value if given else None
        if not isinstance(raw, RawColumn) or raw.many:
            what = f", and this is {kind_of(raw)}" if given else ""
            raise objectives.BAD_FITTED(
                f"datetime reads one column as it stands{what}",
                hint='for example: datetime(column("when"), "%Y-%m-%d")',
            ).at(call.span)
        written = formats[0].value if formats else None
        if written is not None and not isinstance(written, str):
            raise names.WRONG_KIND(f"the format of a time is a text, not {kind_of(written)}").at(formats[0].span)
        if written is not None:
            check_format(written, formats[0].span)
        if written is None and not self.is_guess(raw) and self.fact(raw).element is not STRING:
            name = raw.patterns[0]
            raise objectives.BAD_FITTED(
                f"the column '{name}' holds numbers, and datetime reads text",
                hint=f'say how they are spelled, "%Y%m%d" for 20261126; seconds from 1970 are a time as they are: '
                f'year(column("{name}"))',
            ).at(given[0].span)
        return self.placeholder(raw, Form.TIME, FLOAT64, self.fact(raw).shape, given[0].span, format=written)

    def elsewhere(self, call: CallSite) -> Any:
        """Words that are known and do not belong into a field."""
        if call.name in ("past", "future"):
            raise names.NOT_AVAILABLE(
                f"windows over rows, such as {call.name}, are not built in this version",
                hint="make the windows outside, and read them as columns",
            ).at(call.span)
        if call.name in FUNCTIONS:
            raise names.NOT_APPLICABLE(
                f"{call.name} draws anew at each step, and a field is computed once",
                hint="draw in a model or in 'train', where the field is used",
            ).at(call.span)
        raise names.NOT_APPLICABLE(f"{call.name} belongs into 'train' or a model, not into a field").at(call.span)
