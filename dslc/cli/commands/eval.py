"""Losses and metrics of a trained model on a split, or on new data.

They are exact over all examples. A split's data is read from where training found it, or from --data. INPUT is a file
with the columns that training read, the labels among them; all its rows are measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dslc.cli.console import DONE, give_figure, give_json, say
from dslc.cli.options import UsageError, add_shared, data_folders


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_shared(parser, "folder")
    parser.add_argument("input", metavar="INPUT", type=Path, nargs="?", help="new data, in place of a split")
    parser.add_argument("--split", metavar="NAME", help="which examples (default: test, else validation, else train)")
    add_shared(parser, "--source", "--json", "--data", "--trust")


def run(options: argparse.Namespace) -> int:
    """Evaluate, and print what was found."""
    from dslc.api import open_run

    if options.input is not None and options.split is not None:
        raise UsageError("error: dslc eval takes new data as INPUT, or a --split of the run's own, not both")
    if options.input is None and options.source is not None:
        raise UsageError("error: --source is said of INPUT; a split is read as in training")
    found = open_run(options.folder, data=data_folders(options), trust=options.trust).evaluate(
        options.split, data=options.input, source=options.source
    )
    if options.json:
        give_json(found)
        return DONE
    loss = found["loss"]
    figures = {**(loss if isinstance(loss, dict) else {"loss": loss}), **found["metrics"]}
    say(f"{found['examples']:,} examples")
    for name, value in figures.items():
        give_figure(found["split"], name, value, found.get("classes", {}).get(name))
    return DONE
