"""A plan as JSON, and back: what compiles from what was read is the same to the byte.

The types of the dataclasses' fields say how each is written, so that no class has code of its own here:

    numbers, texts, truth, none   as they are; what is no finite number as {"number": "inf"}
    tuples, sets                  lists
    mappings                      objects where the keys are texts, else lists of [key, value]
    enumerations                  their values
    dataclasses, named tuples     objects of their fields; where one of several may stand, with "kind": its class
    words of the library          objects of their options with "word": its name
    sizes with symbols            {"size": "N"}, or as a sum of products [[coefficient, [factor, ...]], ...]; a factor
                                  is a symbol, or a division: [size, "//", size]
    arrays                        {"array": element type, "shape": ..., "values": ...}
    applications                  their number; all stand in a list of their own, operands before what they flow into
    tensors                       [application, which of its results]
    places in the text            [source, start, end]; the sources stand in a list of their own
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from dslc.dimensions import symbols_of
from dslc.library.word import Word, options_of, per_word, refusal
from dslc.plan.values import Application, Value
from dslc.source import Source, Span
from dslc.types import Dimension, ElementType, Symbolic, symbol

__all__ = ["read", "read_word", "words_of", "written"]

T = TypeVar("T")


def written(thing: Any) -> dict[str, Any]:
    """Return a dataclass as what JSON can hold."""
    writer = _Writer()
    plan = writer.value(thing, type(thing))
    applications: dict[int, Any] = {}
    while missing := writer.applications.keys() - applications.keys():
        applications |= {number: writer.fields(writer.applications[number]) for number in missing}
    return {
        "sources": [writer.fields(source) for source in writer.sources],  # after all that refers to them
        "applications": [applications[number] for number in sorted(applications)],
        "plan": plan,
    }


def read(document: Mapping[str, Any], kind: type[T]) -> T:
    """Return the dataclass of a kind that :func:`written` wrote.

    Raises:
        ValueError, KeyError, TypeError: it did not.
    """
    reader = _Reader([Source(**source) for source in document["sources"]])
    for application in document["applications"]:
        found = reader.fields(application, Application)
        reader.applications[found.number] = found
    made: T = reader.value(document["plan"], kind)
    return made


def read_word(word: type[Any], options: Mapping[str, Any]) -> Any:
    """Make a word from its options as JSON has them.

    Raises:
        ValueError: it has no such options.
    """
    made = _Reader([]).fields(options, word)
    for option in options_of(word):
        if (limit := refusal(option, getattr(made, option.name))) is not None:
            raise ValueError(f"'{option.name}' of {word.name} must be {limit}")
    return made


# --- what may stand where ---------------------------------------------------------------------------


def _members(hint: Any) -> tuple[Any, ...]:
    """Return what a type hint allows."""
    if get_origin(hint) in (Union, UnionType):
        return tuple(member for part in get_args(hint) for member in _members(part))
    return (hint,)


def _is_tagged(hint: Any) -> bool:
    """Whether several things may stand there that are told apart by their class only."""
    return sum(isinstance(m, type) and (_is_record(m) or issubclass(m, Enum)) for m in _members(hint)) > 1


def _is_record(kind: type[Any]) -> bool:
    """Whether it is a dataclass, or a tuple whose items have names."""
    return dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")


def _items(hint: Any, count: int) -> tuple[Any, ...]:
    """Return what the items of a tuple or set may be; those of one that says nothing are texts."""
    items = get_args(hint) or (str, ...)
    return items[:1] * count if items[1:] in ((), (...,)) else items


def _said(hint: Any) -> str:
    """Return what may stand somewhere, for messages."""
    return " or ".join(getattr(member, "__name__", str(member)) for member in _members(hint))


hints_of = per_word(get_type_hints)


def words_of(base: type[Any]) -> dict[str, type[Any]]:
    """Return the words of a kind by name."""
    return {name: word for word in _below(base) if (name := _own_name(word)) and dataclasses.is_dataclass(word)}


def _below(base: type[Any]) -> Iterator[type[Any]]:
    yield base
    for one in base.__subclasses__():
        yield from _below(one)


def _own_name(word: type[Any]) -> str | None:
    """Return what a word is called, or its class where it has no name that a spec could write; None of a base class."""
    return vars(word).get("name") or (None if hasattr(word, "name") or word.__subclasses__() else word.__name__)


def _fields(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    hints = hints_of(kind)
    if not dataclasses.is_dataclass(kind):
        return ((name, hints[name]) for name in kind._fields)
    return ((field.name, hints[field.name]) for field in dataclasses.fields(kind) if field.init)


# --- writing ----------------------------------------------------------------------------------------


@dataclass
class _Writer:
    applications: dict[int, Application] = field(default_factory=dict)
    sources: dict[Source, int] = field(default_factory=dict)

    def value(self, value: Any, hint: Any) -> Any:
        match value:
            case float() if not isfinite(value):
                return {"number": str(value)}
            case None | bool() | int() | float() | str():
                return value
            case Enum():
                return {"kind": type(value).__name__, "value": value.value} if _is_tagged(hint) else value.value
            case Symbolic():
                return {"size": self.size(value)}
            case Value():
                return [self.value(value.application, Application), value.application.outputs.index(value)]
            case Application():
                self.applications[value.number] = value
                return value.number
            case Span():
                return [self.sources.setdefault(value.source, len(self.sources)), value.start, value.end]
            case np.ndarray():
                numbers = [self.value(number, Any) for number in value.ravel().tolist()]
                return {"array": ElementType.of(value.dtype).value, "shape": list(value.shape), "values": numbers}
            case Word():
                return {"word": _own_name(type(value)), **self.fields(value)}
        if _is_record(type(value)):
            return ({"kind": type(value).__name__} if _is_tagged(hint) else {}) | self.fields(value)
        return self.container(value, next(m for m in _members(hint) if isinstance(value, get_origin(m) or m)))

    def container(self, value: Any, hint: Any) -> Any:
        items = get_args(hint)
        if isinstance(value, Mapping):
            pairs = [[self.value(key, items[0]), self.value(item, items[1])] for key, item in value.items()]
            return dict(pairs) if items[0] is str else pairs
        if isinstance(value, frozenset):
            value = sorted(value)
        return [self.value(item, each) for item, each in zip(value, _items(hint, len(value)), strict=True)]

    def fields(self, value: Any) -> dict[str, Any]:
        return {name: self.value(getattr(value, name), hint) for name, hint in _fields(type(value))}

    def size(self, size: Dimension) -> Any:
        if isinstance(size, int):
            return size
        if str(size) in symbols_of(size):
            return str(size)
        return [
            [coefficient, [self.factor(size, atom) for atom in monomial]]
            for monomial, coefficient in size.terms.items()
        ]

    def factor(self, size: Symbolic, atom: Any) -> Any:
        if not atom.operator:
            return atom.name
        numerator, divisor = map(self.size, size.operands(atom))
        return [numerator, atom.operator, divisor]


# --- reading ----------------------------------------------------------------------------------------


@dataclass
class _Reader:
    sources: list[Source]
    applications: dict[int, Application] = field(default_factory=dict)

    def value(self, data: Any, hint: Any) -> Any:
        members = _members(hint)
        if isinstance(data, dict):
            return self.object(data, hint)
        if isinstance(data, list):
            return self.sequence(data, members)
        if Application in members:
            return self.applications[data]
        for member in members:
            if isinstance(member, type) and issubclass(member, Enum) and isinstance(data, str):
                return member(data)
            if type(data) is (NoneType if member is None else member) or (member is float and type(data) is int):
                return data
        raise ValueError(f"{data!r} stands where {_said(hint)} belongs")

    def object(self, data: dict[str, Any], hint: Any) -> Any:
        members = _members(hint)
        for member in members:
            if get_origin(member) is Mapping:
                return {key: self.value(item, get_args(member)[1]) for key, item in data.items()}
        if float in members and "number" in data:
            return float(data["number"])
        if Symbolic in members and "size" in data:
            return self.size(data["size"])
        if np.ndarray in members:
            numbers = [self.value(value, bool | float | str) for value in data["values"]]
            return np.asarray(numbers, ElementType(data["array"]).numpy).reshape(data["shape"])
        tagged = _is_tagged(hint)
        for member in members:
            if not isinstance(member, type):
                continue
            if issubclass(member, Word) and (word := words_of(member).get(data.get("word", ""))):
                return self.fields(data, word, "word")
            if tagged and data.get("kind") == member.__name__:
                return member(data["value"]) if issubclass(member, Enum) else self.fields(data, member, "kind")
            if not tagged and _is_record(member):
                return self.fields(data, member)
        raise ValueError(f"an object stands where {_said(hint)} belongs")

    def sequence(self, data: list[Any], members: tuple[Any, ...]) -> Any:
        if Span in members:
            source, start, end = data
            return self.sources[source].span(start, end)
        if Value in members:
            application, place = data
            return self.applications[application].outputs[place]
        for hint in members:
            kind, items = get_origin(hint) or hint, get_args(hint)
            if not isinstance(kind, type):
                continue
            if issubclass(kind, Mapping):
                return {self.value(key, items[0]): self.value(item, items[1]) for key, item in data}
            if issubclass(kind, (tuple, frozenset)):
                each = _items(hint, len(data))
                return kind(self.value(item, one) for item, one in zip(data, each, strict=True))
        raise ValueError("a list stands where none belongs")

    def fields(self, data: Mapping[str, Any], kind: type[Any], *tags: str) -> Any:
        hints = hints_of(kind)
        found = {}
        for name in data:
            if name in tags:
                continue
            if name not in hints:
                raise ValueError(f"{getattr(kind, 'name', kind.__name__)} has no '{name}'")
            try:
                found[name] = self.value(data[name], hints[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return kind(**found)

    def size(self, terms: list[Any] | str | int) -> Dimension:
        if not isinstance(terms, list):
            return symbol(terms) if isinstance(terms, str) else terms
        total: Dimension = 0
        for coefficient, factors in terms:
            product: Dimension = coefficient
            for one in factors:
                if isinstance(one, str):
                    product = product * symbol(one)
                else:
                    numerator, operator, divisor = self.size(one[0]), one[1], self.size(one[2])
                    product = product * (numerator // divisor if operator == "//" else numerator % divisor)
            total = total + product
        return total
