"""Start from a spec that works: NAME.dl, and NAME.csv with a small real data set that it learns from."""

from __future__ import annotations

import argparse

from dslc.cli.console import DONE, give, say
from dslc.cli.options import output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", metavar="NAME", type=output_file, help="what the spec is called; may name a folder too")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(options: argparse.Namespace) -> int:
    """Write the starter, and say what to do with it."""
    from dslc.starter import write_starter

    spec, data = write_starter(options.name, overwrite=options.overwrite)
    give(str(spec))
    say(f"{spec} learns to tell three species of iris apart, from {data}")
    say(f"train it:  dslc train {spec}")
    return DONE
