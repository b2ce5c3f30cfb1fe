"""The fitted steps of a field, and what reads a column in another form than its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from dslc.check.core.applicable import CallSite, ContextFunction
from dslc.check.core.arguments import Given, check_option
from dslc.check.core.values import POISON, RawColumn, Silent, kind_of, whole_number
from dslc.check.data.field_columns import FieldColumns
from dslc.diagnostics import Problem, did_you_mean
from dslc.elsewhere import argument_hint
from dslc.errors import names, objectives
from dslc.library.checks import axes_of
from dslc.library.fits.step import Coding, FittedStep
from dslc.library.word import FITS, options_of
from dslc.plan.columns import Form
from dslc.plan.data import Fit
from dslc.plan.values import FITTED, Placeholder, Value
from dslc.source import Span
from dslc.types import BOOL, FLOAT64, INT64, STRING

__all__ = ["FieldWords"]


@dataclass
class FieldWords(FieldColumns):
    """The words that only a field's expression knows."""

    fits: list[Fit] = field(default_factory=list)
    results: dict[int, Fit] = field(default_factory=dict)
    """The steps by the identities of the values that they give."""

    def words(self) -> Mapping[str, ContextFunction]:
        """Return the words by their names, with those that are known and do not belong into a field."""
        return {
            name: ContextFunction(function)
            for name, function in {
                **dict.fromkeys(("column", "columns"), self.column), **dict.fromkeys(FITS, self.step),
                "is_missing": self.is_missing, "datetime": self.datetime,
                **dict.fromkeys(("past", "future", "classes", "original"), self.elsewhere),
            }.items()
        }  # fmt: skip

    def scaled(self, fit: Fit | None) -> Iterator[Fit]:
        """Yield a step that can be undone, and those that it is directly applied to."""
        while fit is not None and fit.step.undoes and fit.operand is not None:
            yield fit
            fit = self.results.get(id(fit.operand))

    def operand(self, call: CallSite) -> Value:
        """Return the one tensor that a fitted step works on, its numbers as float64 unless a cast made others of them.

        Raises:
            Problem: it is no tensor of numbers.
        """
        arguments = [a for a in call.arguments if a.name is None]
        if call.failed:
            raise Silent
        if not arguments:
            raise names.MISSING_ARGUMENT(f"{call.name} needs what it works on", hint=f'{call.name}(column("x"))').at(
                call.span
            )
        value, span = arguments[0].value, arguments[0].span
        if isinstance(value, RawColumn):
            fact = self.fact(value)
            if fact.element is STRING and not fact.is_truth and call.name in FITS:
                problem = FITS[call.name].refuse_text(value.patterns[0])
                if problem is not None:
                    raise problem.at(span)
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

    def add_fit(self, step: FittedStep, call: CallSite, operand: Value | None) -> Fit:
        """File a fitted step under a key of its own."""
        number = sum(type(f.step) is type(step) for f in self.fits)
        key = f"{self.node.name}/{step.name}" + (f"_{number + 1}" if number else "")
        fit = Fit(key, step, self.node.name, operand, None, call.span)
        self.fits.append(fit)
        return fit

    def step(self, call: CallSite) -> Any:
        """A word of :data:`FITS`: what it works on, its option without a default, and the others by name."""
        word = FITS[call.name]
        options = {option.name: option for option in options_of(word)}
        required = [name for name, option in options.items() if option.required]
        self.only(call, 1 + len(required), *(name for name in options if name not in required))
        if issubclass(word, Coding):
            return POISON if call.failed else self.coded(call, word)
        x = self.operand(call)
        given = dict(zip(required, [a for a in call.arguments if a.name is None][1:], strict=False))
        if len(given) < len(required):
            what = options[required[len(given)]].doc.partition(":")[0]
            hint = f"write: {word.usage}" if word.usage else None
            raise names.MISSING_ARGUMENT(f"{call.name} needs {what[0].lower()}{what[1:]}", hint=hint).at(call.span)
        given |= {a.name: a for a in call.arguments if a.name is not None and a.name != OVER}
        try:
            word.check(x.type)
            values = self.values(word, given)
            if OVER in options:
                values[OVER] = pooled_axes(call, x.type.rank - 1) or None
            step: FittedStep = word(**values)
        except Problem as problem:
            raise problem.at(call.span) from None
        fit = self.add_fit(step, call, x)
        constants = {
            name: self.elaboration.placeholder(f"{FITTED}{fit.key}/{name}", fit.constant_of(x.type), call.span)
            for name in step.constants
        }
        result: Value = step.apply(self.elaboration.caller(call.span), x, constants)
        self.results[id(result)] = fit
        return result

    def values(self, word: type[FittedStep], given: Mapping[str, Given]) -> dict[str, Any]:
        """Return the values of options, each of which must be what it is declared as."""
        found: dict[str, Any] = {}
        for option in options_of(word):
            if option.name in given:
                argument = given[option.name]
                wanted = word.refuse(option.name, argument.value)
                if wanted is not None:
                    raise names.WRONG_KIND(f"{wanted}, not {kind_of(argument.value)}").at(argument.span)
                found[option.name] = check_option(word.name, option, argument, self.elaboration.report)
        if POISON in found.values():
            raise Silent
        return found

    def is_missing(self, call: CallSite) -> Any:
        """``is_missing(x)``: true where there is no value; of any column, and of numbers computed from one."""
        self.only(call, 1)
        raw = call.arguments[0].value if call.arguments else None
        if isinstance(raw, RawColumn) and self.fact(raw).element is STRING:
            return self.placeholder(raw, Form.MISSING, BOOL, self.fact(raw).shape, call.arguments[0].span)
        return self.elaboration.call("is_missing", [self.operand(call)], call.span)

    def coded(self, call: CallSite, word: type[Coding]) -> Any:
        """A step that numbers the values of a column as it stands."""
        found = [a for a in call.arguments if a.name is None]
        values = self.values(word, {a.name: a for a in call.arguments if a.name is not None})
        if not found or not isinstance(found[0].value, RawColumn) or found[0].value.many:
            what = f", and this is {kind_of(found[0].value)}" if found else ""
            raise objectives.BAD_FITTED(
                f"{call.name} codes one column as it stands{what}", hint=f'for example: {call.name}(column("town"))'
            ).at(call.span)
        raw = found[0].value
        fit = self.add_fit(word(**values), call, None)
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
        if call.failed:
            return POISON
        given = [a for a in call.arguments if a.name is None]
        formats = [*given[1:], *(a for a in call.arguments if a.name == "format")]
        if len(formats) > 1:
            raise names.GIVEN_TWICE("the format is given twice").at(formats[1].span)
        raw = given[0].value if given else None
        if not isinstance(raw, RawColumn) or raw.many:
            what = f", and this is {kind_of(raw)}" if given else ""
            message = f"datetime reads one column as it stands{what}"
            raise objectives.BAD_FITTED(message, hint='for example: datetime(column("when"), "%Y-%m-%d")').at(call.span)
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
            message = f"windows over rows, such as {call.name}, are not built in this version"
            raise names.NOT_AVAILABLE(message, hint="make the windows outside, and read them as columns").at(call.span)
        raise names.NOT_APPLICABLE(f"{call.name} belongs into 'train' or a model, not into a field").at(call.span)


OVER = "over"


def pooled_axes(call: CallSite, rank: int) -> tuple[int, ...]:
    """Return the axes of one example, whose rank is given, that ``over`` names; none where it is not written.

    Raises:
        Problem: it is neither "all", an axis nor a list of axes, or there is no such axis.
    """
    given = next((argument for argument in call.arguments if argument.name == OVER), None)
    if given is None:
        return ()
    if given.value == "all":
        return tuple(range(rank))
    items = given.value if isinstance(given.value, (list, tuple)) else [given.value]
    axes = [whole_number(item) for item in items]
    found = tuple(axis for axis in axes if isinstance(axis, int))
    if len(found) < len(axes):
        raise names.WRONG_KIND(
            f"'over' of {call.name} is \"all\", an axis or a list of axes, not {kind_of(given.value)}",
            hint=f'{call.name}(x) takes each element by itself, over = "all" the whole example, over = [1, 2] the '
            "positions of channels-first images",
        ).at(given.span)
    try:
        return axes_of(f"{call.name} of one example", found, rank)
    except Problem as problem:
        raise problem.at(given.span) from None


DIRECTIVES = "YymdjHIpMSfzAaBbT%"
"""The letters behind a percent sign that :meth:`datetime.datetime.strptime` reads, and that depend on no locale's
order of parts (``T`` stands for ``H:%M:%S``)."""


def check_format(format: str, span: Span) -> None:
    """Refuse a format that can't be read by, or that leaves the year of a date or the half of a day open.

    Raises:
        Problem: E0513.
    """
    hint = 'for example "%Y-%m-%d", "%d/%m/%Y %H:%M" or "%H:%M:%S"'
    directives = format.replace("%%", "")
    if wrong := re.search(r"%$|%[^" + DIRECTIVES + "]", directives):
        raise objectives.BAD_FITTED(f"'{wrong[0]}' is no part of a time's format", hint=hint).at(span)
    if not re.search("%[YymdjHIMSfT]", directives):
        raise objectives.BAD_FITTED(f"the format '{format}' has no part of a time", hint=hint).at(span)
    parts = set(re.findall("%(.)", directives))
    if parts & set("mdjaAbB") and not parts & set("Yy"):
        raise objectives.BAD_FITTED(
            f"the format '{format}' leaves the year open, on which the day of the week and the order depend", hint=hint
        ).at(span)
    if ("I" in parts) != ("p" in parts):
        said = "%I counts to twelve, and needs %p" if "I" in parts else "%p says which half of the day %I counts in"
        message = f"the format '{format}' leaves the half of the day open: {said}"
        raise objectives.BAD_FITTED(message, hint='write "%I:%M %p" for 05:30 PM, and "%H:%M" for 17:30').at(span)
    try:
        datetime.strptime(datetime(2001, 2, 3, 4, 5, 6).strftime(format), format)
    except (ValueError, re.error):
        if "%z" not in format:
            raise objectives.BAD_FITTED(f"the format '{format}' can't be read by", hint=hint).at(span) from None
