"""JSON that somebody else may have written, taken apart key by key; what does not fit is named by its key."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dslc.diagnostics import Code
from dslc.types import ElementType

__all__ = ["Entry", "parsed", "without_nan"]

LARGEST = 2**63 - 1


WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""Texts for numbers that JSON has no word for, where they have to come back as they were."""
_BYTES_OF_NAMES = re.compile("[^\\0\\ud800-\\udc7f\\udd00-\\udfff]*")
"""A path as Python holds it: of lone surrogates, those that stand for bytes."""


def without_nan(value: Any, *, words: bool = False) -> Any:
    """Return a value as JSON can say it: what it has no number for (NaN, infinity) as null, or in words that tell."""
    if isinstance(value, float):
        word = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
        return value if math.isfinite(value) else word if words else None
    if isinstance(value, Mapping):
        return {key: without_nan(item, words=words) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item, words=words) for item in value]
    return value


@dataclass(frozen=True)
class Entry:
    """A value in a JSON file, with the keys that lead to it.

    Each method returns the value as what it must be.

    Raises:
        Problem: ``code``, the value is something else; the message has the file and the keys.
    """

    value: Any
    file: str
    """What messages call the file."""
    code: Code
    keys: str = ""

    def __getitem__(self, key: str) -> Entry:
        """Return an entry of an object that must be there."""
        if key not in self.object():
            inside = f" in '{self.keys}'" if self.keys else ""
            raise self.code(f"{self.file} lacks '{key}'{inside}")
        return self._inner(self.value[key], key)

    def get(self, key: str) -> Entry | None:
        """Return an entry of an object, None where it is missing or null."""
        value = self.object().get(key)
        return None if value is None else self._inner(value, key)

    def object(self) -> dict[str, Any]:
        """Return an object as it is."""
        if not isinstance(self.value, dict):
            self.refuse("an object")
        return dict(self.value)

    def entries(self) -> dict[str, Entry]:
        """Return the entries of an object, by their keys."""
        return {key: self._inner(value, key) for key, value in self.object().items()}

    def items(self) -> list[Entry]:
        """Return the items of a list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        return [self._inner(value, str(number)) for number, value in enumerate(self.value)]

    def text(self) -> str:
        """Return a text that could be written to a file again."""
        if not isinstance(self.value, str):
            self.refuse("a text")
        if any("\ud800" <= c <= "\udfff" for c in self.value):
            self.refuse("a text in Unicode")
        return str(self.value)

    def paths(self) -> tuple[str, ...]:
        """Return a list of paths of this machine; bytes of names that are no UTF-8 are in them as Python holds them."""
        for item in self.items():
            if not isinstance(item.value, str) or not _BYTES_OF_NAMES.fullmatch(item.value):
                item.refuse("a path")
        return tuple(item.value for item in self.items())

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(item.text() for item in self.items())

    def matching(self, fits: Callable[[str], Any], due: str) -> str:
        """Return a text that fits."""
        return self.text() if fits(self.text()) else str(self.refuse(due))

    def whole(self, least: int = 0) -> int:
        """Return a whole number of 64 bits, and not less than ``least``."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not least <= self.value <= LARGEST:
            self.refuse(f"a whole number from {least} on" if least > -LARGEST else "a whole number of 64 bits")
        return int(self.value)

    def number(self) -> float:
        """Return a number; NaN and infinities are numbers, also as texts."""
        if isinstance(self.value, str) and self.value in WORDS:
            return WORDS[self.value]
        if isinstance(self.value, int) and not isinstance(self.value, bool) and abs(self.value) < 2**1023:
            return float(self.value)
        return self.value if isinstance(self.value, float) else float(self.refuse("a number"))

    def figure(self) -> float:
        """Return a number as it is written, whole or not; null is NaN."""
        if self.value is None:
            return math.nan
        number = self.number()
        return self.value if isinstance(self.value, int) else number

    def element(self) -> ElementType:
        """Return an element type, written by its name."""
        return ElementType(self.matching({e.value for e in ElementType}.__contains__, "an element type"))

    def shape(self) -> tuple[int, ...]:
        """Return a list of sizes."""
        return tuple(item.whole() for item in self.items())

    def refuse(self, due: str) -> Any:
        """Raise the problem that this entry is not what is due."""
        shown = json.dumps(self.value)
        shown = shown if len(shown) <= 60 else f"{shown[:50]} ..."
        raise self.code(f"{self.file}: '{self.keys}' is {shown}, and must be {due}" if self.keys else
                        f"{self.file} holds {shown}, and must be {due}")  # fmt: skip

    def _inner(self, value: Any, key: str) -> Entry:
        return Entry(value, self.file, self.code, f"{self.keys}.{key}" if self.keys else key)


def parsed(data: bytes | str, file: str, code: Code) -> Entry:
    """Return the value that a JSON file holds.

    Raises:
        Problem: ``code``, it holds something else.
    """
    try:
        return Entry(json.loads(data), file, code)
    except (ValueError, RecursionError) as error:
        why = "is nested too deeply" if isinstance(error, RecursionError) else f"is no JSON: {error}"
        raise code(f"{file} {why}") from None
