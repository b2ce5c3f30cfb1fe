"""Find every error and warning of specs, without reading their data.

Exit code 1 if there are errors; warnings leave it at 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dslc.cli.console import DONE, counted, give_json, report, say
from dslc.cli.options import add_json, add_settings, compiler_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="specs, .dl files")
    add_json(parser)
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Check each file; all findings are shown."""
    from dslc.diagnostics import Diagnostic, Failure, Problem
    from dslc.pipeline import check_spec

    compiler = compiler_options(options)
    found: list[Diagnostic] = []
    for path in options.files:
        try:
            found += check_spec(path, compiler).findings
        except Problem as problem:
            found.append(problem.diagnostic)
    errors = [d for d in found if d.severity == "error"]
    if options.json:
        give_json([diagnostic.as_json() for diagnostic in found])
    else:
        report(found)
        counts = [counted(len(errors), "error")] * bool(errors)
        counts += [counted(len(found) - len(errors), "warning")] * (len(found) > len(errors))
        if found:
            say()
        say(f"{counted(len(options.files), 'file')} checked: {', '.join(counts) or 'nothing wrong'}")
    return Failure(errors).exit_code if errors else DONE
