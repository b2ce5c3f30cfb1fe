"""Texts that look the same and are not: letters composed or not, blanks of several kinds, characters that don't show.

Files from macOS often spell ``é`` as ``e`` and an accent (Unicode's form NFD), where others have one character (NFC).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from itertools import takewhile

__all__ = ["appearance", "difference", "lookalike"]

JOINERS = "\u200c\u200d"
"""Characters without a shape of their own that change how their neighbours look."""
MOST_SHOWN = 3


def appearance(text: str) -> str:
    """Return a text as it looks: composed, blanks alike, without characters that don't show."""
    if text.isascii():
        return text
    return "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character in JOINERS or unicodedata.category(character) != "Cf"
    )


def lookalike(text: str, others: Iterable[str]) -> str | None:
    """Return the first of some texts that looks like another one, and differs from it."""
    looks = appearance(text)
    return next((other for other in others if appearance(other) == looks and other != text), None)


def difference(text: str, other: str) -> str:
    """Say by which characters two texts differ that look the same: ``U+00E9 in place of U+0065 U+0301``."""
    start = _common(text, other)
    end = _common(text[start:][::-1], other[start:][::-1])
    here, there = (_points(each[start : len(each) - end]) for each in (text, other))
    return f"{here} in place of {there}"


def _common(text: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text, other, strict=False)))


def _points(characters: str) -> str:
    shown = " ".join(f"U+{ord(character):04X}" for character in characters[:MOST_SHOWN])
    return (shown + " ..." if len(characters) > MOST_SHOWN else shown) or "nothing"
