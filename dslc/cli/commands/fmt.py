"""Bring specs into the canonical layout; comments are kept.

A file that is in it already is not touched. '-' reads standard input and prints the result.
With --check, nothing is written: the files that would change are listed, and the exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dslc.cli.console import DONE, SPEC_WRONG, counted, give, report, say

STDIN = Path("-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="specs, .dl files; - for standard input")
    parser.add_argument("--check", action="store_true", help="only list the files that would change")


def run(options: argparse.Namespace) -> int:
    """Format each file; one that can't be is reported, and the others are formatted all the same."""
    from dslc.diagnostics import Failure, Problem
    from dslc.files import reformat

    codes, changed = [DONE], []
    for path in options.files:
        try:
            differs = _from_stdin(check=options.check) if path == STDIN else reformat(path, write=not options.check)
        except (Problem, Failure) as error:
            report(error.diagnostics)
            codes.append(Failure(error.diagnostics).exit_code)
        else:
            changed += [path] * differs
    if options.check:
        for path in changed:
            give(str(path))
        if changed:
            say(f"{counted(len(changed), 'file')} would change: dslc fmt {' '.join(map(str, changed))}")
        codes += [SPEC_WRONG] * bool(changed)
    else:
        for path in changed:
            if path != STDIN:
                say(f"formatted {path}")
    return max(codes)


def _from_stdin(*, check: bool) -> bool:
    from dslc.files import formatted, read_stdin

    written = read_stdin()
    text = formatted(written, "<stdin>")
    if not check:
        sys.stdout.write(text)
    return text.encode() != written
