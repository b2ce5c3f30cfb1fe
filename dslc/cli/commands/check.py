"""Find every error and warning of specs, without reading their data.

Exit code 1 if there are errors; warnings leave it at 0. With --fix, mistakes whose repair is certain are mended in the
files, those of imported files too; what changes is shown, and the exit code is that of what is left.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dslc.cli.console import DONE, colored, counted, give_json, report, say
from dslc.cli.options import add_shared, compiler_options

if TYPE_CHECKING:
    from dslc.diagnostics import Diagnostic
    from dslc.options import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="specs, .dl files")
    parser.add_argument("--fix", action="store_true", help="mend the mistakes whose repair is certain")
    add_shared(parser, "--json", "--set", "--limit")


def run(options: argparse.Namespace) -> int:
    """Check each file, and mend it first if that is asked for; all findings are shown."""
    from dslc.diagnostics import Failure, Problem
    from dslc.pipeline import check_spec

    compiler = compiler_options(options)
    found: list[Diagnostic] = []
    for path in options.files:
        try:
            found += _mended(path, compiler) if options.fix else check_spec(path, compiler).findings
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
        certain = sum(bool(d.fix) for d in errors)
        if certain and not options.fix:
            them = "it" if len(errors) == 1 else "all of them" if certain == len(errors) else f"{certain:,} of them"
            say(f"dslc check --fix mends {them}")
    return Failure(errors).exit_code if errors else DONE


def _mended(path: Path, compiler: Options) -> Iterable[Diagnostic]:
    """Mend a spec, show what changes, and return what is wrong with it still."""
    from dslc.fixing import mend_spec, write_mended
    from dslc.render import render_changes

    mended = mend_spec(path, compiler)
    write_mended(path, mended)
    for name, before in mended.before.items():
        say(render_changes(before, mended.after[name], colored(sys.stderr)))
    return mended.left.findings
