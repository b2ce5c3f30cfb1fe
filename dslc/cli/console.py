"""What goes where: answers to standard output, everything said about them to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from dslc.diagnostics import Diagnostic

__all__ = [
    "BROKEN_PIPE", "COMMAND_LINE_WRONG", "DONE", "FILE_WRONG", "INTERNAL", "INTERRUPTED", "RUN_FAILED", "SPEC_WRONG",
    "bold", "colored", "columns_of", "counted", "faint", "give", "give_figure", "give_json", "give_table",
    "in_columns", "prepare_streams", "report", "say",
]  # fmt: skip

DONE, SPEC_WRONG, COMMAND_LINE_WRONG, FILE_WRONG, RUN_FAILED = range(5)
INTERNAL, INTERRUPTED, BROKEN_PIPE = 70, 130, 141


def prepare_streams() -> None:
    """Let standard output take any text: UTF-8 where a program reads it, a substitute on an old terminal."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us has closed it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            if stream.isatty():
                stream.reconfigure(errors="backslashreplace")
            else:
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def colored(stream: TextIO) -> bool:
    """Whether a stream shows colours: on a terminal, unless NO_COLOR or TERM=dumb asks for none."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str, stream: TextIO) -> str:
    """Return text in bold where the stream shows it."""
    return f"\x1b[1m{text}\x1b[0m" if colored(stream) else text


def faint(text: str, stream: TextIO) -> str:
    """Return text in a fainter colour where the stream shows it."""
    return f"\x1b[2m{text}\x1b[0m" if colored(stream) else text


def say(text: str = "") -> None:
    """Tell people something, on standard error."""
    print(text, file=sys.stderr, flush=True)


def report(diagnostics: Iterable[Diagnostic]) -> None:
    """Show findings to people, each with its place."""
    from dslc.render import render_all

    text = render_all(diagnostics, colored(sys.stderr))
    if text:
        say(text.rstrip("\n"))


def give(text: str = "") -> None:
    """Print what was asked for, on standard output."""
    print(text)


def give_figure(split: str, name: str, value: Any, classes: Sequence[str] | None = None) -> None:
    """Print a figure of a split on standard output: a number behind its name, tables of classes below it."""
    from dslc.cli.display import figure
    from dslc.report.confusion import confusion_lines, tables_of

    tables = tables_of(value, classes)
    for label, (table, names) in tables.items():
        give(f"{split} {name}{label}, true classes by predicted ones:")
        give("\n".join(f"  {line}" for line in confusion_lines(table, names, columns_of(sys.stdout) - 2)))
    if not tables:
        give(f"{split} {name} {figure(value)}")


def in_columns(rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> list[str]:
    """Lay rows out in columns, whose titles are the first row; those of the titles ``numbers`` stand to the right."""
    columns = []
    for column in zip(*rows, strict=True):
        filled = str.rjust if column[0] in numbers else str.ljust
        width = max(map(len, column))
        columns.append([filled(cell, width) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def give_table(rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> None:
    """Print rows in columns, as :func:`in_columns` says, the titles in bold."""
    titles, *lines = in_columns(rows, numbers)
    give("\n".join([bold(titles, sys.stdout), *lines]))


def columns_of(stream: TextIO) -> int:
    """Return how many columns a terminal has; of what is none, enough for a page."""
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):
        width = 0
    return width if width > 0 else 120


def give_json(value: Any) -> None:
    """Print a value as JSON; what JSON has no number for (NaN, infinity) becomes null."""
    import json

    from dslc.storage.entries import without_nan

    print(json.dumps(without_nan(value), ensure_ascii=False, allow_nan=False, indent=2))


def counted(number: int, noun: str) -> str:
    """Return ``1 error``, ``2 errors``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
