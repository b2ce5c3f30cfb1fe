"""The words of the library: which there are, and how they are applied and called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from dslc.check.core.applicable import Applicable, CallSite, Configured, without_none
from dslc.check.core.arguments import Given, bind_word
from dslc.check.core.arithmetic import COMPUTED, bounded, compute
from dslc.check.core.blocks import Network
from dslc.check.core.elaboration import Elaboration
from dslc.check.core.values import POISON, RawColumn, is_number, is_scheduled, kind_of
from dslc.diagnostics import Problem, did_you_mean
from dslc.elsewhere import word_hint
from dslc.errors import losses as loss_errors
from dslc.errors import matching, names
from dslc.library.operation import Function, Layer, operands_of
from dslc.library.schedules.expressions import FUNCTIONS as SCHEDULED
from dslc.library.schedules.expressions import calculation
from dslc.library.word import FUNCTIONS, INITIALIZERS, LAYERS, OPTIMIZERS, SCHEDULES, SOURCES, Word, options_of
from dslc.plan.values import ParameterOf, Value
from dslc.source import Span
from dslc.types import ElementType

__all__ = ["ELEMENT_TYPES", "REGISTRIES", "LibraryWord", "unknown_word", "word_to_apply"]


ELEMENT_TYPES = frozenset(e.value for e in ElementType)
REGISTRIES: tuple[dict[str, type[Any]], ...] = (LAYERS, FUNCTIONS, SCHEDULES, INITIALIZERS, OPTIMIZERS, SOURCES)
_STATEMENTS = frozenset({"if", "input", "layer", "output", "parameter", "state"})


def unknown_word(name: str, own: set[str], role: str) -> Problem:
    """What to say about a name that nothing to apply or call has; ``own`` are the spec's own."""
    registries = {"layer": (LAYERS, FUNCTIONS), "optimizer": (OPTIMIZERS,)}.get(role, REGISTRIES)
    known = {*own, *(word for registry in registries for word in registry)}
    hint = word_hint(name, known) or did_you_mean(name, known)
    if name in _STATEMENTS:
        hint = f"is a layer missing behind the '->' before '{name}'?"
    what = "optimizer" if role == "optimizer" else "layer, block or function"
    return names.UNKNOWN_LAYER(f"there is no {what} '{name}'", hint=hint)


@dataclass(frozen=True)
class LibraryWord(Applicable):
    """A word of the library."""

    word: type[Any]

    @property
    def described(self) -> str:
        return f"{'an' if self.word.family[0] in 'aeiou' else 'a'} {self.word.family}"


@dataclass(frozen=True)
class ConfiguredWord(LibraryWord):
    """A word that is called with its options alone: a schedule, an initializer, an optimizer, a source."""

    usage: ClassVar[str] = "call it: {}(...)"

    def value(self, site: CallSite) -> Any:
        return self.call(site)

    def call(self, site: CallSite) -> Any:
        return bind_word(self.word, site.arguments, site.span, site.elaboration.report)[0]


@dataclass(frozen=True)
class LayerWord(LibraryWord):
    """A layer of the library: each application has parameters of its own."""

    word: type[Layer]

    @property
    def takes_layer(self) -> bool:
        return any(kind is Layer for option in options_of(self.word) for kind in option.kinds)

    def as_argument(self, site: CallSite) -> Any:
        operation, named = bind_word(self.word, site.arguments, site.span, site.elaboration.report)
        for one in named:
            problem = names.WRONG_KIND(f"a layer inside of another one takes no tensors, as '{one.name}' is")
            site.elaboration.report(problem, one.span)
        return POISON if named else operation

    def configured(self, site: CallSite) -> Configured | Any:
        operation, named = bind_word(self.word, site.arguments, site.span, site.elaboration.report)
        failed = operation is POISON or any(one.value is POISON for one in named)
        return POISON if failed else partial(_run, operation, named)


def _run(
    operation: Layer, named: Sequence[Given], site: CallSite, flows: Sequence[Value], path: tuple[str, ...]
) -> Any:
    """Apply a layer to as many tensors as it takes, and to those that are given by name in its parentheses.

    Raises:
        Problem: these are more or fewer, or do not fit.
    """
    specs = operands_of(type(operation))
    for one in named:
        if one.name in [spec.name for spec in specs[: len(flows)]]:
            raise names.GIVEN_TWICE(f"{operation.name} is given '{one.name}' twice").at(one.span)
        if is_number(one.value):
            message = f"'{one.name}' of {operation.name} must be a tensor, not {kind_of(one.value)}"
            raise names.WRONG_KIND(message).at(one.span)
    operands = [*flows]
    if named:
        given = dict(zip((spec.name for spec in specs), flows, strict=False))
        given.update(zip((str(one.name) for one in named), site.tensors(named), strict=True))
        operands = operation.filled(given)
    least = sum(spec.required for spec in specs)
    if not any(spec.variadic for spec in specs) and not least <= len(operands) <= len(specs):
        takes = f"{least}" if least == len(specs) else f"{least} to {len(specs)}"
        raise matching.WRONG_COUNT(
            f"{operation.name} takes {takes} tensor{'s' * (len(specs) != 1)}, and {len(operands)} flow into it"
        ).at(site.callee.span)
    network = site.evaluator.network
    return site.elaboration.apply(operation, operands, site.span, path=".".join(path), network=network)


@dataclass(frozen=True)
class FunctionWord(LibraryWord):
    """A function of the library: of tensors, or computed at once for numbers."""

    word: type[Function]
    usage: ClassVar[str] = "call it: {}(...)"

    def apply(self, site: CallSite, flows: Sequence[Given]) -> Any:
        return self.call(replace(site, arguments=[*flows, *site.arguments]))

    def call(self, site: CallSite) -> Any:
        if site.failed:
            return POISON
        word, elaboration = self.word, site.elaboration
        if word.name in SCHEDULES and not any(isinstance(one.value, (Value, RawColumn)) for one in site.arguments):
            return ConfiguredWord(SCHEDULES[word.name]).call(
                site
            )  # without a tensor, the schedule of that name is meant
        operation, found = bind_word(word, site.arguments, site.span, elaboration.report, operands=True)
        if operation is POISON:
            return POISON
        values: list[Any] = []
        spans: list[Span] = []
        variadic = any(spec.variadic for spec in operands_of(word))
        for one in found if variadic else without_none(found):
            if word.of_networks:
                parts = _penalized(word, one, elaboration)
            else:
                parts = list(one.value) if variadic and isinstance(one.value, (list, tuple)) else [one.value]
            values.extend(parts)
            spans.extend([one.span] * len(parts))
        numeric = values and all(is_number(v) or isinstance(v, bool) for v in values)
        if numeric and len(values) == 2 and word.symbol in COMPUTED:
            return compute(str(word.symbol), *values)
        if word.name in SCHEDULED and is_scheduled(values):
            return calculation(word.name, values)
        if numeric and word.of_numbers is not None:
            return bounded(lambda: word.number(*values))
        if not values:
            raise names.MISSING_ARGUMENT(f"{word.name} needs at least one tensor").at(site.span)
        operands = elaboration.tensors(values, spans)
        for place in word.spreads:
            if place < len(operands) and is_number(values[place]) and operands[0].type.rank:
                zeros = elaboration.call("zeros_like", [operands[0]], spans[place])
                operands[place] = elaboration.call("add", [zeros, operands[place]], spans[place])
        try:
            return elaboration.apply(operation, operands, site.span, path=".".join(site.path) if word.random else "")
        except Problem as problem:
            named = {one.span for one in found if one.name is not None}
            raise problem.with_operands([None if span in named else span for span in spans]) from None


def _penalized(word: type[Function], given: Given, elaboration: Elaboration) -> list[Any]:
    """What a regularizer sums over: a network's kernels and embeddings, or one parameter."""
    value = given.value
    if isinstance(value, Network):
        return value.regularized(elaboration)
    if isinstance(value, Value) and isinstance(value.application.operation, ParameterOf):
        return [value]
    raise loss_errors.NEEDS_NETWORK(
        f"'{word.name}' takes a network, and is given {kind_of(value)}",
        hint=f"of a tensor, write {word.of_tensor}" if word.of_tensor else None,
    ).at(given.span)


def word_to_apply(word: type[Word]) -> LibraryWord:
    """Return a word as what can be applied and called."""
    if issubclass(word, Layer):
        return LayerWord(word)
    return FunctionWord(word) if issubclass(word, Function) else ConfiguredWord(word)
