"""How files spell numbers, truth and what is missing: from the text of a cell to its value."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dslc.library.sources.csv import csv as Csv  # noqa: N812 - beside the module csv
from dslc.library.sources.source import DataSource

__all__ = ["PLAIN", "Spelling", "advice", "delimiter_hint", "is_whole", "marks_of", "parse_plain"]

NAN = {"", "nan", "+nan", "-nan"}
LONG = 5
"""Characters of a text that says more than that."""
SPACES = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
"""Characters that writers use for one that is hard to type."""
LARGEST = 1000
"""Bits of a whole number beyond which it is as good as infinite."""
LONGEST = 400
"""Characters that a number spelled for people may have."""
WHOLE = re.compile(r"[+-]?\d+")


def is_whole(text: str) -> bool:
    """Return whether this is the text of a whole number, without point or exponent."""
    return WHOLE.fullmatch(text.strip()) is not None


def parse_plain(text: str) -> int | float | None:
    """Return the number that a text is, exact if it is whole; NaN for ``nan`` and blanks, None for other text."""
    if "_" in text:  # a number to Python, but not in data
        return None
    try:
        value = int(text)
        return value if value.bit_length() < LARGEST else float(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None if text.strip() else math.nan


@dataclass(frozen=True)
class Spelling:
    """What the cells of a file mean: which are missing, which are numbers, and what text they are."""

    missing: tuple[str, ...] = ()
    """Texts that mark a missing value, blanks around them aside; one that is a number marks equal numbers."""
    trim: bool = True
    decimal: str = "."
    thousands: str = ""
    percent: bool = False
    currency: tuple[str, ...] = ()
    marks: frozenset[str] = field(init=False)
    numbers: frozenset[int | float] = field(init=False)
    """The marks that are numbers."""

    def __post_init__(self) -> None:
        marks = [mark.strip() for mark in self.missing]
        values = (self._value(mark) for mark in marks)
        object.__setattr__(self, "marks", frozenset(marks))
        object.__setattr__(self, "numbers", frozenset(v for v in values if v is not None and not math.isnan(v)))

    @classmethod
    def of(cls, source: Csv) -> Spelling:
        """Return what the options of a csv file say."""
        return cls(source.missing, source.trim, source.decimal, source.thousands, source.percent, source.currency)

    @cached_property
    def plain(self) -> bool:
        """Whether numbers are spelled as in programs."""
        return self.decimal == "." and not (self.thousands or self.percent or self.currency)

    def number(self, text: str) -> int | float | None:
        """Return the number that a cell is, exactly if it is a whole one; NaN if it is missing, None if it is text."""
        value = self._value(text)
        if value in self.numbers or (self.marks and text.strip() in self.marks):
            return math.nan
        return value

    def text(self, text: str) -> str:
        """Return a cell's text, '' if it is missing."""
        stripped = text.strip()
        if (len(stripped) < LONG and stripped.lower() in NAN) or (self.marks and stripped in self.marks):
            return ""
        if self.numbers and self._value(text) in self.numbers:
            return ""
        return stripped if self.trim else text

    def texts(self, cells: Sequence[str]) -> list[str]:
        """Return what :meth:`text` does of each cell."""
        if self.marks or not self.trim:
            return list(map(self.text, cells))
        return [text if len(text) >= LONG or text.lower() not in NAN else "" for text in map(str.strip, cells)]

    def _value(self, text: str) -> int | float | None:
        if self.plain:
            return parse_plain(text)
        return self._spelled(text)

    def _spelled(self, text: str) -> int | float | None:
        stripped = text.strip()
        if not any(character.isdigit() for character in stripped):  # a word: nan, inf, and what is no number
            return parse_plain(stripped)
        found = self._form.fullmatch(stripped) if len(stripped) <= LONGEST else None
        if found is None or (found["before"] and found["behind"]) or (found["sign"] and found["inner"]):
            return None
        digits = found["whole"] or ""
        for character in SPACES.get(self.thousands, self.thousands):
            digits = digits.replace(character, "")
        number = (found["sign"] or found["inner"] or "") + digits
        if found["fraction"] is not None:
            number += f".{found['fraction']}"
        exponent = int(found["exponent"] or 0) - 2 * bool(found["percent"])
        return parse_plain(f"{number}e{exponent}" if exponent or found["exponent"] else number)

    @cached_property
    def _form(self) -> re.Pattern[str]:
        """What a number looks like."""
        signs = "|".join(re.escape(sign) for sign in sorted(self.currency, key=len, reverse=True)) or r"(?!)"
        whole = r"\d+"
        if self.thousands:
            between = re.escape(SPACES.get(self.thousands, self.thousands))
            whole = rf"\d{{1,3}}(?:[{between}]\d{{3}})+(?!\d)|\d+"
        return re.compile(
            rf"(?P<sign>[+-])?\s*(?:(?P<before>{signs})\s*(?P<inner>[+-])?)?"
            rf"(?P<whole>{whole})?(?:{re.escape(self.decimal)}(?P<fraction>\d*))?"
            rf"(?:[eE](?P<exponent>[+-]?\d{{1,9}}))?"
            rf"\s*{'(?P<percent>%)?' if self.percent else '(?P<percent>(?!))?'}\s*(?P<behind>{signs})?"
        )


def marks_of(source: DataSource) -> tuple[str, ...]:
    """Return the texts that mark a missing value in a source, also as data that spells numbers otherwise holds them."""
    if not isinstance(source, Csv):
        return ()
    spelled = (number for number in Spelling.of(source).numbers if number not in Spelling(source.missing).numbers)
    return (*source.missing, *map(repr, sorted(spelled)))


PLAIN = Spelling()
"""Numbers as programs spell them."""
MISSING_MARKS = {"na", "n/a", "null", "none", "nil", "missing", "unknown", "?", "-", "--", "."}
"""Texts that often mark a missing value."""
READINGS: tuple[dict[str, Any], ...] = (
    {}, {"decimal": ","}, {"thousands": ","}, {"decimal": ",", "thousands": "."}, {"thousands": " "},
    {"decimal": ",", "thousands": " "}, {"thousands": "'"},
)  # fmt: skip
"""Ways to spell numbers, by the options of csv that read them, likely ones first."""


def advice(text: str, spelling: Spelling = PLAIN) -> str | None:
    """Say which options of csv, besides those of a spelling, make a number, or a missing value, of a text that is none.

    Returns:
        None if none would.
    """
    stripped = text.strip()
    if stripped.lower() in MISSING_MARKS:
        return f'if it marks a missing value, say so: csv(..., missing = "{stripped}")'
    found: dict[str, str] = {}
    more: dict[str, Any] = {"percent": True} if "%" in stripped else {}
    sign = "".join(c for c in stripped if unicodedata.category(c) == "Sc") or "".join(
        re.findall(r"(?<![A-Z])[A-Z]{3}(?![A-Z])", stripped)
    )
    more |= {"currency": (*spelling.currency, sign)} if sign else {}
    said = {"decimal": spelling.decimal, "thousands": spelling.thousands}
    own = replace(spelling, **more).number(stripped) if said != {"decimal": ".", "thousands": ""} else None
    for reading in READINGS if own is None else ({},):
        value = Spelling(**reading, **more).number(stripped) if own is None else own
        if value is not None and repr(value) not in found:
            options = (reading | more) or {"decimal": "."}
            found[repr(value)] = ", ".join(f"{name} = {_literal(of)}" for name, of in options.items())
    readings = [f"csv(..., {written}) reads it as {value}" for value, written in found.items()]
    return ", and ".join(readings[:2]) or None


def delimiter_hint(names: Sequence[str]) -> str | None:
    """Say what seems to be between the columns of a file of which only one was found."""
    for delimiter, spelled in ((",", ","), (";", ";"), ("\t", "\\t"), ("|", "|")):
        if len(names) == 1 and delimiter in names[0]:
            return f'its first line was not split: csv(..., delimiter = "{spelled}")'
    return None


def _literal(value: object) -> str:
    if isinstance(value, tuple):
        texts = ", ".join(f'"{text}"' for text in value)
        return texts if len(value) == 1 else f"[{texts}]"
    return str(value).lower() if value is True else f'"{value}"'
