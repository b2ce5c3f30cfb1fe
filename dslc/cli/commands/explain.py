"""Explain an error or a warning at length.

CODE is what stands in brackets in a message, such as E0306. Without CODE, all are listed.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pkgutil import iter_modules
from textwrap import fill, indent

import dslc.errors
from dslc.cli.console import DONE, bold, give
from dslc.cli.options import UsageError
from dslc.diagnostics import CODES, Code, did_you_mean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("code", metavar="CODE", nargs="?", help="for example E0306")


def run(options: argparse.Namespace) -> int:
    """Print the explanation."""
    for module in iter_modules(dslc.errors.__path__):
        import_module(f"dslc.errors.{module.name}")
    if options.code is None:
        give("\n".join(f"{code.id}  {code.title}" for code in sorted(CODES.values(), key=lambda c: c.id)))
        return DONE
    name = options.code.strip("[]").upper()
    if name not in CODES:
        family = [code for code in sorted(CODES) if code.startswith(name[:3])]
        hint = did_you_mean(name, CODES) or f"known are {', '.join(family) or 'E01xx to E06xx, and warnings W..'}"
        raise UsageError(f"error: there is no code '{options.code}'; {hint}\nfor a list: dslc explain")
    give(explanation(CODES[name]))
    return DONE


def explanation(code: Code) -> str:
    """Return the text of an explanation."""
    parts = [bold(f"{code.id}: {code.title}", sys.stdout), fill(code.explanation, 100, break_on_hyphens=False)]
    for title, example in (("Wrong:", code.wrong), ("Right:", code.right)):
        if example:
            parts.append(f"{bold(title, sys.stdout)}\n\n{indent(example.strip(chr(10)), '    ')}")
    return "\n\n".join(parts)
