"""Comments as other languages write them, which mean something else here or nothing."""

from __future__ import annotations

import re

from dslc.source import Span

__all__ = ["comment_hint"]

_MEANINGS = {
    "//": "; '//' divides and rounds down", "--": "; '--' is minus twice", "%": "; '%' is the remainder",
    "/*": ", and ends with the line", "*/": ", and ends with the line", "'''": ", and ends with the line",
    '"""': ", and ends with the line",
}  # fmt: skip
_MARK = re.compile(r"""'''|\"{3}|"(?:\\.|[^"\\])*"|#.*|//|--|/\*|\*/|(?<=\s)%(?=\s+[^\W\d])""")


def comment_hint(span: Span) -> str | None:
    """Say how a comment is written, if on the line of a mistake, before its end, another language's one starts."""
    text = span.source.text
    start = text.rfind("\n", 0, span.start) + 1
    line = text[start:].partition("\n")[0]
    for mark in _MARK.finditer(line):
        if start + mark.start() > span.start:
            return None
        if mark[0] in _MEANINGS:
            return f"a comment starts with '#'{_MEANINGS[mark[0]]}"
    return None
