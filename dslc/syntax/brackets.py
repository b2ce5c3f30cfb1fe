"""How brackets that don't match are mended, where there is but one way to."""

from __future__ import annotations

from collections.abc import Iterable

from dslc.diagnostics import Edit, Repair
from dslc.syntax.mistake import Mistake, unclosed
from dslc.syntax.statements import KEYWORDS, Level
from dslc.syntax.tokens import END, PARTNER, Token

__all__ = ["closing_brace", "closing_bracket", "no_bracket", "other_bracket"]

_CLOSING = {closing: opening for opening, closing in PARTNER.items()}
_LISTS = {"freeze", "over", "split", "batch", "using", "only", "except"}
"""Tokens behind which commas stand outside of brackets."""


def closing_brace(m: Mistake, hint: str) -> str:
    """Close a declaration before the next, if nothing else is open and its inner braces stand under their lines."""
    unclosed, lined_up = _braces(m.tokens[: m.at])
    if len(unclosed) != 1 or not lined_up:
        return hint
    end, source = m.tokens[m.at - 1].span.end, m.found.span.source
    line = "\r\n" if "\r\n" in source.text else "\n"
    return Repair(hint, edits=[Edit(source.span(end, end), line + "}")])


def _braces(words: Iterable[Token]) -> tuple[list[Token], bool]:
    """Return the braces left open, and whether those that close one, alone on their line, stand where that begins."""
    stack: list[Token] = []
    margins: dict[int, int] = {}
    lined_up = True
    for word in words:
        if word.starts_line:
            line, column = word.span.first
            margins[line] = column
        if str(word) == "{":
            stack.append(word)
        elif str(word) == "}" and stack:
            opening = stack.pop().span.first[0]
            if word.starts_line and word.span.first[1] != margins.get(opening):
                lined_up = False
    return stack, lined_up


def closing_bracket(m: Mistake, hint: str) -> str:
    """Close a bracket at the end of its statement, if it is the only one open and could close nowhere else.

    It could in front of an operator, and in front of a comma where the statement has some, or a bracket inside it has.
    """
    opener = m.opener
    statement = m.tokens[m.start : m.at]
    if opener is None or len(unclosed(statement)) != 1:
        return hint
    inside = m.tokens[opener.place + 1 : m.at]
    depth = 0
    for word in inside:
        depth += (str(word) in PARTNER) - (str(word) in _CLOSING)
        comma_elsewhere = word.type == "COMMA" and (depth > 0 or any(str(w) in _LISTS for w in statement))
        if _is_operator(word) or comma_elsewhere:
            return hint
    end = m.tokens[m.at - 1].span.end
    return Repair(hint, edits=[Edit(m.found.span.source.span(end, end), PARTNER[str(opener)])])


def other_bracket(m: Mistake, hint: str) -> str:
    """Write the bracket that closes what is open in place of another, if that one closes nothing further out."""
    opener, found = m.opener, m.found
    opened = [str(word) for word in unclosed(m.tokens[m.start : m.at])]
    if opener is None or _CLOSING[str(found)] in opened:
        return hint
    return Repair(hint, PARTNER[str(opener)])


def no_bracket(m: Mistake, hint: str) -> str:
    """Take away a bracket at the end of a statement, if with one that opens it would mean the same."""
    following = m.tokens[m.at + 1] if m.found.type != END else m.found
    ends = following.type == END or following.starts_line or str(following) == "}"
    if str(m.found) == "}":
        certain = following.type == END or following.type.lower() in KEYWORDS[Level.FILE]
    else:
        certain = ends and not any(_is_operator(w) and str(w) != "->" for w in m.tokens[m.start : m.at])
    return Repair(hint, "") if certain else hint


def _is_operator(word: Token) -> bool:
    """Return whether a value ends before this and goes on behind it."""
    text = str(word)
    return text in {"and", "or", "not", "if", "then", "else"} or (
        not word.is_wordlike and word.literal is None and text not in {",", "=", ".", *PARTNER, *_CLOSING}
    )
