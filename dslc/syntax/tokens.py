"""Text -> tokens: what the parser is fed, and what the formatter lays out.

Faults within a token (an unclosed string, a stray character) are reported here and replaced by something harmless,
so that the parser never sees them and every other fault of the file is still found.
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal

from lark import Lark
from lark import Token as LarkToken

from dslc.diagnostics import Diagnostics, Edit, Problem, Repair
from dslc.errors.syntax import BAD_CHARACTER, BAD_NUMBER, BAD_STRING
from dslc.source import Source, Span
from dslc.syntax.comments import comment_hint

__all__ = ["END", "MOST_ERRORS", "PARTNER", "RESERVED_WORDS", "Token", "Tokens", "name_of", "read_tokens"]

END = "$END"
MOST_ERRORS = 50
"""So many faults of one kind are reported; more would only hide the first ones."""
PARTNER = {"(": ")", "[": "]", "{": "}"}
RESERVED_WORDS = frozenset({"if", "then", "else", "and", "or", "not", "true", "false", "none"})

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SIGNS = {
    "→": "->", "⟶": "->", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "—": "-", "≤": "<=", "≥": ">=", "≠": "!=",
    "…": "...", "^": "**", "，": ",", "：": ":", "（": "(", "）": ")", "＝": "=", "&": "and", "~": "not", "\u00a0": " ",
}  # fmt: skip
_SHOWN = {" ": "write a space", "**": "powers are written with '**'"}
_LOOKALIKES = {
    ";": Repair("statements need no ';' behind them: remove it", ""),
    **dict.fromkeys("“”", Repair('strings stand in double quotes: "..."', '"')),
    "「": 'strings stand in double quotes: "..."',
    "!": "write 'not' for negation, '!=' for 'differs from'",
    "|": "write 'or' for logic; layers are applied with '->'",
    "?": "a choice is written: if condition then a else b",
}


class Token(LarkToken):
    """A token that knows its place, its value if it is a literal, and the ``##`` comment above it.

    A ``faulty`` one has been reported already. ``is_name`` tells a keyword that serves as a name, once it is parsed.
    ``operand``, ``follows_value`` and ``spaced`` are the layout's: whether a value ends here, or
    right before, and whether a space stands before.
    """

    __slots__ = ("doc", "faulty", "follows_value", "is_name", "literal", "operand", "place", "spaced", "span")

    span: Span
    place: int
    doc: str | None
    literal: int | float | str | None
    faulty: bool
    is_name: bool
    spaced: bool
    operand: bool
    follows_value: bool

    @staticmethod
    def make(type: str, text: str, span: Span) -> Token:
        """Make a token of a terminal of the grammar."""
        word = Token(type, text, span.start, end_pos=span.end)
        word.span, word.place, word.doc, word.literal = span, -1, None, None
        word.faulty, word.is_name = False, type == "NAME"
        word.spaced = word.operand = word.follows_value = False
        return word

    @property
    def starts_line(self) -> bool:
        """Whether nothing but space stands before this on its line."""
        text, before = self.span.source.text, self.span.start - 1
        while before >= 0 and text[before] in " \t\ufeff":
            before -= 1
        return before < 0 or text[before] == "\n"

    @property
    def is_wordlike(self) -> bool:
        """Whether this is a name or a keyword."""
        return self.isidentifier() or self.type == "NAME"


@dataclass
class Tokens:
    """The tokens of a source, in order, closed by one of type ``END``; and its comments."""

    tokens: list[Token] = field(default_factory=list)
    comments: list[Token] = field(default_factory=list)


def name_of(word: Token) -> str:
    """Return a name as it is compared: two ways of writing one Unicode text are one name."""
    text = str(word)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def read_tokens(grammar: Lark, source: Source, diagnostics: Diagnostics) -> Tokens:
    """Split a text into tokens and comments; report what is none."""
    _forbid_characters(source, diagnostics)
    found = Tokens()
    docs: list[str] = []
    faults = 0
    last: Token | None = None
    skipped = False
    for token in grammar.lex(source.text, dont_ignore=True):
        start = token.start_pos or 0
        span = source.span(start, start + len(token))
        if token.type == "SPACE":
            continue
        word = Token.make(token.type, str(token), span)
        if token.type == "COMMENT":
            found.comments.append(word)
            if token.startswith("##") and word.starts_line:
                docs.append(token[2:].strip())
            continue
        try:
            _check(word)
        except Problem as problem:
            word.faulty = True
            goes_on = last is not None and last.type == token.type and last.span.end == start
            last = Token.make(token.type, str(token), span)
            if goes_on and (str(token)[0] == "'" or source.text[start - 1] == source.text[start]):
                pass  # && and '''...''' are one mistake
            elif (faults := faults + 1) <= MOST_ERRORS:
                hint = comment_hint(span) if str(token).startswith("'") else None
                diagnostics.add((problem.advised(hint) if hint else problem).at(span))
        if word.type == "BAD_CHARACTER":
            skipped = True
            if found.tokens and not word.starts_line:
                found.tokens[-1].faulty = True
            continue
        word.faulty, skipped = word.faulty or (skipped and not word.starts_line), False
        word.doc, docs = "\n".join(docs) or None, []
        word.place = len(found.tokens)
        found.tokens.append(word)
    end = Token.make(END, "", source.span(len(source.text), len(source.text)))
    end.place = len(found.tokens)
    end.faulty = skipped
    found.tokens.append(end)
    return found


def _forbid_characters(source: Source, diagnostics: Diagnostics) -> None:
    match = _FORBIDDEN.search(source.text)
    if match is None:
        return
    kind = "changes the direction of writing" if match[0][0] > "\u2000" else "is a control character"
    diagnostics.add(
        BAD_CHARACTER(
            f"the character U+{ord(match[0][0]):04X} {kind}; no spec may hold it",
            hint="remove it, also from strings and comments",
        ).at(source.span(match.start(), match.end()))
    )


def _check(word: Token) -> None:
    """Give a literal its value, or raise what is wrong with it and leave a harmless word in its place."""
    text = str(word)
    if word.type in {"NUMBER", "PERCENTAGE"}:
        word.literal = 0
        word.literal = _number(text)
    elif word.type == "STRING":
        word.literal = ""
        word.literal = _string(text)
    elif word.type == "BAD_NUMBER":
        word.type, word.literal = "NUMBER", 0
        raise _explain_number(text)
    elif word.type == "BAD_STRING":
        word.type, word.literal = "STRING", ""
        raise BAD_STRING("this string is not closed", hint=_closed(word))
    elif word.type == "BAD_QUOTES":
        word.type, word.literal = "STRING", ""
        written = f'"{text.strip(chr(39))}"'
        plain = len(text) > 2 and text[0] == text[-1] == "'" and not set(text[1:-1]) & set("'\"\\")
        hint = f"write {written}"
        raise BAD_STRING("strings stand in double quotes", hint=Repair(hint, written) if plain else hint)
    elif word.type == "BAD_CHARACTER" and not _FORBIDDEN.match(text):
        shown = text if text.isprintable() else f"U+{ord(text):04X}"
        name = f" ({unicodedata.name(text, 'unnamed').lower()})" if not text.isascii() else ""
        raise BAD_CHARACTER(f"the character '{shown}'{name} means nothing here", hint=_sign_meant(word))


def _sign_meant(word: Token) -> str | None:
    """Say how a character is written here; a doubled one, as in ``&&``, is one sign."""
    text, span = str(word), word.span
    source, start = span.source, span.start
    doubled = text in "&|" and source.text[start + 1 : start + 2] == text
    meant = "or" if doubled and text == "|" else _SIGNS.get(text)
    hint: str | None = _LOOKALIKES.get(text) or (meant and _SHOWN.get(meant, f"write '{meant}'"))
    if hint is None or meant is None:
        return hint
    end = start + 1 + doubled
    if meant.isidentifier():  # words keep apart from their neighbours
        before, after = source.text[max(start - 1, 0) : start], source.text[end : end + 1]
        meant = " " * (before.isalnum() or before == "_") + meant + " " * (not after.isspace())
    return Repair(hint, edits=[Edit(source.span(start, end), meant)])


def _closed(word: Token) -> str:
    """Say where a string ends; certain if all behind its one word are brackets that close."""
    hint = "a string ends with '\"' on the line it began on"
    found = re.fullmatch(r'"([\w./*?-]+)[)\]}]*\s*', str(word))
    if found is None:
        return hint
    end = word.span.start + found.end(1)
    return Repair(hint, edits=[Edit(word.span.source.span(end, end), '"')])


def _number(text: str) -> int | float:
    digits = text.replace("_", "")
    if len(digits) > 400:
        raise BAD_NUMBER(f"this number has {len(digits)} characters; the largest whole number is 2**63")
    if digits.isdigit():
        if int(digits) > 2**63:
            raise BAD_NUMBER("this whole number does not fit in 64 bits", hint="write it as a float: 1e30")
        return int(digits)
    try:
        value = float(Decimal(digits[:-1]) / 100) if digits.endswith("%") else float(digits)
    except ArithmeticError:
        value = math.inf
    if math.isinf(value):
        raise BAD_NUMBER(f"this number is larger than any float64 ({sys.float_info.max:.3g})")
    return value


def _explain_number(text: str) -> Problem:
    match = re.fullmatch(r"([0-9]+(?:_[0-9]+)*)([^\W\d_]\w*)", text)
    if re.fullmatch(r"0[xXoObB]\w+", text):
        return BAD_NUMBER(f"'{text}' is not a number of this language", hint="numbers are written in base ten")
    if match:
        return BAD_NUMBER(
            f"'{text}' is neither a number nor a name",
            hint=f"names do not start with a digit; if two words are meant, write '{match[1]} {match[2]}'",
        )
    if "_" in text:
        between = "an underscore stands between two digits, as in 1_000"
        digits = re.sub("_+", "_", text).strip("_")
        whole = re.fullmatch(r"[0-9]+(_[0-9]+)*", digits)
        return BAD_NUMBER(f"'{text}' is not a number", hint=Repair(between, digits) if whole else between)
    hint = 'paths with an index in them stand in quotes: "Net.h.1.*"' if "." in text else None
    return BAD_NUMBER(f"'{text}' is not a number", hint=hint)


def _string(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise BAD_STRING(
                f"'\\{match[1]}' means nothing in a string",
                hint='write \\\\ for a backslash; paths are written with forward slashes: "data/train.csv"',
            )
        return _ESCAPES[match[1]]

    return _ESCAPE.sub(replace, text[1:-1])
