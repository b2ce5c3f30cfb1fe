"""Diagnostics as people read them: the message, the line with carets under the place, labels, the hint."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from dslc.diagnostics import Diagnostic
from dslc.source import Source, Span

__all__ = ["render", "render_all", "render_changes", "width_of"]

_TAB = 4
_WIDEST = 160
_STYLES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "place": "\x1b[1;34m",
    "strong": "\x1b[1m",
    "hint": "\x1b[36m",
    "-": "\x1b[31m",
    "+": "\x1b[32m",
    "@": "\x1b[36m",
}
_RESET = "\x1b[0m"


def render_all(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """Render diagnostics one below the other, with an empty line between two."""
    return "\n".join(render(diagnostic, color) for diagnostic in diagnostics)


def render(diagnostic: Diagnostic, color: bool = False) -> str:
    """Return the text of one diagnostic, which ends with a line break; ``color`` adds ANSI colours."""
    kind = diagnostic.severity
    lines = [_paint(f"{kind}[{diagnostic.code.id}]", kind, color) + _paint(f": {diagnostic.message}", "strong", color)]
    places = [_Place(diagnostic.span, "", "^", kind)] if diagnostic.span is not None else []
    places += [_Place(label.span, label.text, "-", "place") for label in diagnostic.labels]
    margin = max((len(str(place.span.first[0])) for place in places), default=1)
    shown: Span | None = None
    for place in places:
        lines += _excerpt(place, margin, shown, color)
        shown = place.span
    if diagnostic.hint:
        indent = " " * (margin + 1) if places else "  "
        lines += [f"{indent}{_paint('=', 'place', color)} {_paint('hint:', 'hint', color)} {_visible(diagnostic.hint)}"]
    return "\n".join(lines) + "\n"


def render_changes(before: Source, after: Source, color: bool = False) -> str:
    """Return what differs between two texts of a file, as ``diff -u`` shows it; ``color`` adds ANSI colours."""
    from difflib import unified_diff

    texts = (before.text.splitlines(), after.text.splitlines())
    lines = unified_diff(*texts, before.name, f"{after.name} (mended)", lineterm="")
    return "".join(
        _paint(_visible(line), line[0] if line[0] in "-+@" else "strong", color and line[0] in "-+@") + "\n"
        for line in lines
    )


@dataclass(frozen=True)
class _Place:
    span: Span
    text: str
    mark: str
    style: str


def _excerpt(place: _Place, margin: int, shown: Span | None, color: bool) -> list[str]:
    """Lines that show a place; ``shown`` is the one above it, whose file and line need no repetition."""
    span, text = place.span, place.text
    line, column = span.first
    end_line, end_column = span.last
    source = span.source.line(line)
    end = end_column - 1 if end_line == line else len(source)
    before, marked, after = source[: column - 1], source[column - 1 : end], source[end:]
    bar = _paint("|", "place", color)
    head: list[str] = []
    if shown is None or shown.source is not span.source:
        arrow = _paint("-->", "place", color)
        head = [f"{' ' * margin}{arrow} {span.source.name}:{line}:{column}", f"{' ' * margin} {bar}"]
    elif shown.first[0] != line:
        head = [f"{' ' * margin}{_paint('...', 'place', color)}"]
    number = _paint(str(line).rjust(margin), "place", color)
    before, marked, after = _cut(_visible(before), _visible(marked), _visible(after))
    carets = place.mark * max(1, width_of(marked)) + (f" {_visible(text)}" if text else "")
    pointer = " " * width_of(before) + _paint(carets, place.style, color)
    body = [f"{number} {bar} {before}{marked}{after}".rstrip(), f"{' ' * margin} {bar} {pointer}"]
    if shown is not None and shown.source is span.source and shown.first[0] == line:
        body = body[1:]  # the line stands above already
    return head + body


def _cut(before: str, marked: str, after: str) -> tuple[str, str, str]:
    """Shorten a very long line around what is marked."""
    if len(before) + len(marked) + len(after) <= _WIDEST:
        return before, marked, after
    if len(before) > 60:
        before = "..." + before[-57:]
    if len(marked) > 60:
        return before, marked[:57] + "...", ""
    return before, marked, after if len(after) <= 40 else after[:37] + "..."


def _visible(text: str) -> str:
    """Replace what would move the cursor or change the terminal: tabs by spaces, controls by a picture of them."""
    text = text.replace("\t", " " * _TAB)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: East Asian wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _paint(text: str, style: str, color: bool) -> str:
    return f"{_STYLES[style]}{text}{_RESET}" if color else text
