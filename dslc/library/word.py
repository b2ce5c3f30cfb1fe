"""What a word of the language is: a class whose docstring, typed fields and methods say everything about it.

A *word* is declared once, as a class with a decorator such as :func:`layer`. The class's docstring is its
documentation, its fields are its options (see :func:`option`), and its methods are its meaning. Argument
checks, "did you mean", hover text, the language reference and the tests all derive from the class.

To add a word, write its class in the module of its family. Nothing else lists it.
"""

from __future__ import annotations

import dataclasses
import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

from typing_extensions import dataclass_transform

from dslc.elsewhere import WORDS

__all__ = [
    "ACTIVATIONS", "FITS", "FUNCTIONS", "INITIALIZERS", "LAYERS", "LOSSES", "METRICS", "OPTIMIZERS", "REQUIRED",
    "SCHEDULES", "SOURCES", "Option", "Texts", "Word", "option", "options_of", "per_word", "refusal", "shown",
    "word_decorator",
]  # fmt: skip


REQUIRED = dataclasses.MISSING
"""The default of an option that has none."""


class Texts(tuple[str, ...]):
    """The value of an option that takes a list of texts; a spec may write a single one without brackets."""

    __slots__ = ()


@dataclass(frozen=True)
class Option:
    """One option of a word.

    ``kinds`` are what its values may be: ``int``, ``float``, ``bool``, ``str``, ``type(None)``,
    ``Dimension``, a word class such as ``Initializer``, :class:`Texts`, or ``tuple`` for a list, whose ``items`` are of
    such kinds; of a list of pairs, a name and a value, the values are.
    """

    name: str
    kinds: tuple[Any, ...]
    default: Any
    doc: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] | None = None
    items: tuple[Any, ...] = ()

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


def option(
    doc: str,
    *,
    default: Any = REQUIRED,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Sequence[Any] | None = None,
) -> Any:
    """Declare a field as an option: its documentation, default and limits.

    ``minimum`` and ``maximum`` belong to the allowed range, ``above`` and ``below`` do not.
    """
    metadata = {
        "doc": doc, "minimum": minimum, "maximum": maximum, "above": above, "below": below,
        "choices": tuple(choices) if choices is not None else None,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata=metadata)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(option,))  # by `word_decorator`
class Word:
    """Base of everything a spec can name from the library."""

    name: ClassVar[str]
    """How a spec writes it."""
    family: ClassVar[str]
    """``layer``, ``function``, ``optimizer``, ..., for messages and documentation."""
    aliases: ClassVar[Mapping[str, str]] = {}
    """What other tools call it, as :func:`dslc.elsewhere.foreign` writes that, each with how that differs.

    Where it differs in nothing, the name is certain enough to be put in its place.
    """

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """Return the word of this family that a value of another kind stands for; else the value."""
        return value

    @classmethod
    def doc(cls) -> str:
        """Return the documentation, as Markdown."""
        return inspect.getdoc(cls) or ""


T = TypeVar("T")


def per_word(function: Callable[[type[Any]], T]) -> Callable[[type[Any]], T]:
    """Remember what a function returns for each class."""
    remembering: Any = cache(function)  # to mypy, a class of any kind is not hashable
    return remembering  # type: ignore[no-any-return]


@per_word
def options_of(word: type[Any]) -> tuple[Option, ...]:
    """Return a word's options in the order of their declaration."""
    hints = get_type_hints(word)
    return tuple(
        Option(field.name, _kinds(hints[field.name]), field.default, **field.metadata, items=_items(hints[field.name]))
        for field in dataclasses.fields(word)
    )


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _kinds(hint: Any) -> tuple[Any, ...]:
    return tuple(tuple if get_origin(member) is tuple else member for member in _members(hint))


def _items(hint: Any) -> tuple[Any, ...]:
    """Return what the items of a list may be, where the hint allows one; of pairs, what belongs to a name."""
    items = [get_args(member)[0] for member in _members(hint) if get_origin(member) is tuple]
    return tuple(kind for i in items for kind in _kinds(get_args(i)[1] if get_origin(i) is tuple else i))


def refusal(option: Option, value: Any) -> str | None:
    """Say what a value of one of an option's kinds would have to be, None where it is within the limits."""
    if value is None:  # one of the kinds, or it would not fit
        return None
    chosen = isinstance(value, str) or not {int, float, tuple} & set(option.kinds)
    if option.choices is not None and not isinstance(value, tuple) and chosen and value not in option.choices:
        return "one of " + ", ".join(shown(c) for c in option.choices)
    if isinstance(value, Texts):
        return None
    if isinstance(value, tuple):
        return next((f"made of numbers each {p}" for v in value if (p := refusal(option, v))), None)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    parts = []
    ok = abs(value) < float("inf")  # nan is less than nothing
    limits: list[tuple[float | None, str, Callable[[float, float], bool]]] = [
        (option.minimum, "at least", operator.ge), (option.above, "more than", operator.gt),
        (option.maximum, "at most", operator.le), (option.below, "less than", operator.lt),
    ]  # fmt: skip
    for bound, words, holds in limits:
        if bound is not None:
            parts.append(f"{words} {bound:g}")
            ok = ok and holds(value, bound)
    return None if ok else " and ".join(parts) or "finite"


def shown(value: Any) -> str:
    """Return the value of an option as messages show it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return str(value if len(value) <= 10 else f"a list of {len(value)}")
    return "none" if value is None else str(value)


W = TypeVar("W", bound=type[Word])

LAYERS: dict[str, type[Any]] = {}
FUNCTIONS: dict[str, type[Any]] = {}
FITS: dict[str, type[Any]] = {}
INITIALIZERS: dict[str, type[Any]] = {}
OPTIMIZERS: dict[str, type[Any]] = {}
ACTIVATIONS: dict[str, type[Any]] = {}
"""Those of the layers that are activations."""
LOSSES: dict[str, type[Any]] = {}
"""Those of the functions that are losses."""
METRICS: dict[str, type[Any]] = {}
"""Those of the functions that are metrics, and no losses."""
SCHEDULES: dict[str, type[Any]] = {}
SOURCES: dict[str, type[Any]] = {}


def _equal(self: Word, other: object) -> bool:
    return type(self) is type(other) and vars(self) == vars(other)


def _hash(self: Word) -> int:
    return hash((type(self), *vars(self).values()))


def _repr(self: Word) -> str:
    return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def word_decorator(family: str, registry: dict[str, type[Any]], *more: dict[str, type[Any]]) -> Callable[[W], W]:
    """Make the decorator that turns a class into a frozen dataclass and files it under its name."""

    def decorate(cls: W) -> W:
        word: Any = dataclass(frozen=True, kw_only=True, eq=False, repr=False)(cls)
        # a dataclass would compile these anew for each of the many words, at a tenth of what importing them takes
        word.__eq__, word.__hash__, word.__repr__ = _equal, _hash, _repr
        word.family = family
        word.name = cls.__dict__.get("name", cls.__name__)
        if word.name in registry:
            raise ValueError(f"{family} {word.name} is declared twice")
        for each in (registry, *more):
            each[word.name] = word
        for alias, note in word.aliases.items():
            WORDS.setdefault(alias, (word.name, note))
        return word  # type: ignore[no-any-return]

    return decorate
