"""The grammar of ``grammar/dl.lark``, made into LALR tables.

That takes about 0.25 s, so the tables are kept in the user's cache folder, under a hash of the grammar. Where there
is no such folder, or none that can be written, they are made anew by each process.
"""

from __future__ import annotations

import contextlib
import os
from functools import cache
from importlib.resources import files
from pathlib import Path

from lark import Lark

from dslc.syntax.builder import TreeBuilder

__all__ = ["grammar_text", "language"]


def grammar_text() -> str:
    """Return the grammar: packaged in a wheel, at the root of a checkout."""
    packaged = files("dslc") / "grammar" / "dl.lark"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "grammar" / "dl.lark").read_text(encoding="utf-8")


def _cache_file() -> str | bool:
    """Return where to keep the tables, or False for nowhere."""
    with contextlib.suppress(OSError, RuntimeError):  # no home, or none that can be written
        chosen = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
        folder = (Path(chosen) if chosen else Path.home() / ".cache") / "dslc"
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / "grammar.tables")
    return False


@cache
def language() -> Lark:
    """Return the parser, made once per process."""
    return Lark(
        grammar_text(),
        parser="lalr",
        lexer="basic",
        transformer=TreeBuilder(),
        keep_all_tokens=True,  # the first and the last word of a form make its span
        maybe_placeholders=False,
        cache=_cache_file(),
    )
