"""Binding what stands in parentheses to what a word, block or model declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dslc.check.core.values import POISON, is_number, kind_of, whole_number
from dslc.diagnostics import Problem, did_you_mean
from dslc.elsewhere import argument_hint, known_as
from dslc.errors import names as errors
from dslc.library.operation import Layer, Operation, operands_of
from dslc.library.word import ACTIVATIONS, LAYERS, Option, Texts, Word, options_of, refusal, shown
from dslc.source import Span
from dslc.types import ElementType, Symbolic, symbols_in

__all__ = ["Given", "bind", "bind_word"]


Report = Callable[[Problem, Span], Any]
"""Takes note of a problem at a place, and returns POISON."""


@dataclass(frozen=True)
class Given:
    """An argument as written: its name (None if by position), its value, its place."""

    name: str | None
    value: Any
    span: Span


@dataclass(frozen=True)
class Bound:
    """Arguments by the name of what they were bound to. ``extra`` are those that only ``**names`` take."""

    by_name: dict[str, Given]
    rest: tuple[Given, ...]
    """Positional arguments that a variadic operand takes."""
    extra: dict[str, Given]
    failed: bool


def bind(
    given: Sequence[Given],
    positional: Sequence[str],
    keyword_only: Iterable[str],
    *,
    of: str,
    report: Report,
    variadic: bool = False,
    takes_extra: bool = False,
) -> Bound:
    """Match arguments to names, reporting each that fits nowhere."""
    by_name: dict[str, Given] = {}
    rest: list[Given] = []
    extra: dict[str, Given] = {}
    failed = False
    known = [*positional, *keyword_only]
    position = 0
    for argument in given:
        name = argument.name
        if name is None:
            if variadic and position >= len(positional):
                rest.append(argument)
                continue
            if position >= len(positional):
                count = len(positional)
                takes = f"{count} argument{'s' * (count != 1)}: {', '.join(positional)}"
                if not count:
                    takes = "its arguments by name only" if known or takes_extra else "no arguments"
                left = [f"{other} = ..." for other in known if other not in by_name]
                hint = f"name the argument: {', '.join(left)}" if left else None
                report(errors.TOO_MANY_ARGUMENTS(f"{of} takes {takes}", hint=hint), argument.span)
                failed = True
                continue
            name = positional[position]
            position += 1
        if name in by_name or name in extra:
            report(errors.GIVEN_TWICE(f"{of} is given '{name}' twice"), argument.span)
            failed = True
        elif name in known:
            by_name[name] = argument
        elif takes_extra:
            extra[name] = argument
        else:
            takes = f"it takes {', '.join(known)}" if known else "it takes no arguments"
            hint = activation_hint(name, argument.value, of) or argument_hint(name, known)
            hint = hint or did_you_mean(name, known) or takes
            report(errors.UNKNOWN_ARGUMENT(f"{of} has no argument '{name}'", hint=hint), argument.span)
            failed = True
    return Bound(by_name, tuple(rest), extra, failed)


def activation_hint(argument: str, value: Any, of: str) -> str | None:
    """Say that an activation, which other tools take as an option of a layer, is a layer of its own."""
    activation = known_as(f"X.{value}", ACTIVATIONS) if isinstance(value, str) else None
    if of not in LAYERS or (argument != "activation" and activation is None):
        return None
    return f"an activation is a layer of its own: x -> {of}(...) -> {activation or 'Relu'}"


def make_word(
    word: type[Word], bound: Mapping[str, Given], span: Span, report: Report,
    *, pairs: Mapping[str, Mapping[str, Given]] | None = None, incomplete: bool = False,
) -> Any:  # fmt: skip
    """Make a word from its options; POISON where one of them does not fit.

    ``pairs`` holds the options that are made of keyword arguments of any name. Where arguments are ``incomplete``,
    because one was refused, none is missed.
    """
    values: dict[str, Any] = {}
    failed = False
    missing: list[Option] = []
    for option in options_of(word):
        if pairs and option.name in pairs:
            found = {name: _pair(word, option, name, given, report) for name, given in pairs[option.name].items()}
            failed |= POISON in found.values()
            if found or not option.required:
                values[option.name] = tuple(found.items())
                continue
        given = bound.get(option.name)
        if given is None:
            if option.required:
                missing.append(option)
            continue
        value = check_option(word.name, option, given, report)
        failed |= value is POISON
        values[option.name] = value
    if missing and not incomplete:
        if pairs and missing[0].name in pairs:
            needs, hint = "at least one column", f'for example: {word.name}(image = "images", label = "labels")'
        else:
            needs = " and ".join(f"'{option.name}'" for option in missing)
            hint = "; ".join(f"{option.name}: {option.doc.rstrip('.')}" for option in missing)
        report(errors.MISSING_ARGUMENT(f"{word.name} needs {needs}", hint=hint), span)
    if failed or missing:
        return POISON
    try:
        return word(**values)
    except Problem as problem:  # options that do not fit together
        return report(problem, span)


def bind_word(
    word: type[Word], given: Sequence[Given], span: Span, report: Report, *, operands: bool = False
) -> tuple[Any, list[Given]]:
    """Configure a word from written arguments; return it (or POISON) and the arguments that are its operands.

    Positional order: ``leading`` options, operands, the other options, and what ``rest`` takes. Of a layer, whose
    operands flow in, those that may be missing can be given by name.
    """
    specs = operands_of(word) if operands and issubclass(word, Operation) else ()
    by_name_only = [spec.name for spec in operands_of(word) if not spec.required] if issubclass(word, Layer) else []
    variadic = any(spec.variadic for spec in specs)
    leading: tuple[str, ...] = getattr(word, "leading", ())
    rest: str | None = getattr(word, "rest", None)
    keywords: str | None = getattr(word, "keywords", None)
    options = [o.name for o in options_of(word) if o.name != keywords]
    named = [spec.name for spec in specs if not spec.variadic]
    others = [o for o in options if o not in leading and o != rest]
    positional = [*leading, *named, *([] if variadic or rest else others)]
    keyword_only = [*(others if variadic or rest else ()), *([rest] if rest else ()), *by_name_only]
    named += by_name_only
    bound = bind(
        given, positional, keyword_only, of=word.name, report=report, variadic=variadic or rest is not None,
        takes_extra=keywords is not None,
    )  # fmt: skip
    by_name = {name: one for name, one in bound.by_name.items() if name not in named}
    if bound.failed:
        make_word(word, by_name, span, report, incomplete=True)
        return POISON, []
    found = list(bound.rest) if variadic else [bound.by_name[name] for name in named if name in bound.by_name]
    if rest and bound.rest:
        if rest in by_name:
            return report(errors.GIVEN_TWICE(f"{word.name} is given '{rest}' twice"), bound.rest[0].span), []
        values = [one.value for one in bound.rest]
        whole = len(values) == 1 and isinstance(values[0], (list, tuple))
        by_name[rest] = Given(rest, values[0] if whole else tuple(values), bound.rest[0].span)
    missing = [spec.name for spec in specs if spec.required and not spec.variadic and spec.name not in bound.by_name]
    if missing or (variadic and not found):
        wanted_operands = " and ".join(f"'{name}'" for name in missing) or "a tensor"
        usage = ", ".join([*leading, *(spec.name for spec in specs if spec.required)])
        hint = f"call it with its tensors: {word.name}({usage})"
        return report(errors.MISSING_ARGUMENT(f"{word.name} needs {wanted_operands}", hint=hint), span), []
    made = make_word(word, by_name, span, report, pairs={keywords: bound.extra} if keywords else {})
    return made, found


def _pair(word: type[Word], option: Option, name: str, given: Given, report: Report) -> Any:
    """Return the value of a keyword argument of any name: a file of a source, a size of anything else."""
    value = given.value
    fitting = (value if isinstance(value, str) else None) if str in option.items else whole_number(value)
    if value is POISON or fitting is not None:
        return POISON if value is POISON else fitting
    wants = "a path in quotes" if str in option.items else "a whole number"
    return report(errors.WRONG_KIND(f"'{name}' of {word.name} must be {wants}, not {kind_of(value)}"), given.span)


def check_option(of: str, option: Option, given: Given, report: Report) -> Any:
    """Return the value in the option's type, or POISON with a diagnostic."""
    if given.value is POISON:
        return POISON
    value = _fit(option, given.value)
    if value is POISON:
        found = kind_of(given.value)
        if isinstance(given.value, (list, tuple)) and {tuple, Texts} & set(option.kinds):
            fits = _is_text if Texts in option.kinds else lambda item: _number(option.items, item) is not None
            wrong = next((item for item in given.value if not fits(item)), None)
            found = f"a list with {kind_of(wrong)} in it"
        told = activation_hint("", given.value, of) or f"{option.name}: {option.doc}"
        if of in LAYERS and given.name is None and bool in option.kinds and is_number(given.value):
            told = f"the size of the input is taken from what flows in: {of}({given.span.text})"
        message = f"'{option.name}' of {of} must be {wanted(option)}, not {found}"
        return report(errors.WRONG_KIND(message, hint=told, depends_on=symbols_in(given.value)), given.span)
    problem = refusal(option, value)
    if problem:
        hint = did_you_mean(value, option.choices or ()) if isinstance(value, str) else None
        message = f"'{option.name}' of {of} must be {problem}, not {shown(given.value)}"
        return report(errors.OUT_OF_RANGE(message, hint=hint), given.span)
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _fit(option: Option, value: Any) -> Any:
    kinds = option.kinds
    if isinstance(value, bool):
        return value if bool in kinds else POISON
    if value is None:
        return None if type(None) in kinds else POISON
    if is_number(value):
        number = _number(kinds, value)
        return POISON if number is None else number
    if isinstance(value, str) and str in kinds:
        return value
    if Texts in kinds and (_is_text(value) or (isinstance(value, (list, tuple)) and all(map(_is_text, value)))):
        return Texts([value] if _is_text(value) else value)
    if isinstance(value, (list, tuple)):
        numbers = tuple(_number(option.items, item) for item in value)
        return POISON if tuple not in kinds or None in numbers else numbers
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Word):
            value = kind.coerce(value)
        if isinstance(kind, type) and issubclass(kind, (Word, ElementType)) and isinstance(value, kind):
            return value
    return POISON


def _number(kinds: Sequence[Any], value: Any) -> Any:
    """Return a number as one of the kinds, None where it fits none: whole numbers where those are asked for."""
    if not is_number(value) or (isinstance(value, Symbolic) and Symbolic not in kinds):
        return None
    if int in kinds and (isinstance(value, int) or float not in kinds):
        return whole_number(value)
    return float(value) if float in kinds else None


_KIND_NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    tuple: "a list of numbers",
    Texts: "a text or a list of texts",
    type(None): "none",
}


def wanted(option: Option) -> str:
    """Say what an option takes, in the user's words."""
    if option.choices and str in option.kinds:
        texts = [shown(c) for c in option.choices]
        others = [_KIND_NAMES[k] for k in option.kinds if k in _KIND_NAMES and k is not str]
        return "one of " + ", ".join(texts + others)
    names: list[str] = []
    for kind in option.kinds:
        if kind is tuple and float not in option.items:
            names.append("a list of whole numbers")
            continue
        if kind is Symbolic or (kind is int and float in option.kinds):
            continue
        name = _KIND_NAMES.get(kind) or f"{'an' if kind.__name__[0] in 'AEIOUaeiou' else 'a'} {kind.__name__.lower()}"
        if name not in names:
            names.append(name)
    return " or ".join(names)
