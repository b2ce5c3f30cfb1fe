"""List the runs in a folder: how each ended, or how far it is.

Files are looked at, and not read as a whole: what is damaged within is found by the commands that use a run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dslc.cli.console import DONE, give_json, give_table, say
from dslc.cli.options import add_shared

if TYPE_CHECKING:
    from dslc.report.runs import RunSummary


LONGEST = 100
"""Columns of the widest cell."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="DIR", nargs="?", type=Path, help="where they lie (default: runs)")
    add_shared(parser, "--json")


def run(options: argparse.Namespace) -> int:
    """List them."""
    from dataclasses import asdict

    from dslc.api import RUNS, list_runs

    folder = options.folder or RUNS
    found = [] if options.folder is None and not folder.exists() else list_runs(folder)
    if options.json:
        give_json([{name: value for name, value in asdict(each).items() if value is not None} for each in found])
    elif not found:
        say(f"there are no runs in {folder}")
    else:
        give_table([("run", "state", "done", "spec", "figures", "changed"), *map(_cells, found)])
        for each in found:
            if each.problem is not None:
                say(f"{each.run}: {each.problem}")
    return DONE


def _cells(each: RunSummary) -> tuple[str, ...]:
    when = "" if each.changed is None else each.changed[:16].replace("T", " ")
    spec = "" if each.spec is None else each.spec if each.spec == f"{each.name}.dl" else f"{each.spec}: {each.name}"
    return tuple(map(_plain, (each.run, each.state, _done(each), spec, _figures(each), when)))


def _plain(text: str) -> str:
    """Return what a cell shows of a text; a folder from elsewhere may hold any."""
    plain = "".join(c if c.isprintable() else "?" for c in text[: 2 * LONGEST])
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 3]}..."


def _done(each: RunSummary) -> str:
    if each.unit is None:
        return ""
    done = f"{each.done:,.4g}" if each.done < 1e4 else f"{each.done:,.0f}"
    unit = each.unit.removesuffix("s") if each.length == 1 else each.unit
    return f"{done} {unit}" if each.done == each.length else f"{done} of {each.length:,} {unit}"


def _figures(each: RunSummary) -> str:
    """Lay out what the weights that are shipped reach; tables of classes have no room here."""
    from dslc.cli.display import figure

    figures = {**(each.losses or {}), **(each.metrics or {})}
    shown = ", ".join(f"{name} {figure(value)}" for name, value in figures.items() if isinstance(value, float))
    kept = "" if each.kept is None else f" (kept epoch {each.kept.get('epoch', '?')})"
    return f"{each.split} {shown}{kept}" if shown else ""
