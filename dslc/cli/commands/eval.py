"""Losses and metrics of a trained model on a split.

They are exact over the split. The data is read from where training found it, or from --data.
"""

from __future__ import annotations

import argparse

from dslc.cli.console import DONE, give, give_json, say
from dslc.cli.options import add_data, add_json, add_run, data_folders


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument("--split", metavar="NAME", help="which examples (default: test, else validation, else train)")
    add_json(parser)
    add_data(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate, and print what was found."""
    from dslc.api import open_run

    found = open_run(options.folder, data=data_folders(options)).evaluate(options.split)
    if options.json:
        give_json(found)
        return DONE
    from dslc.cli.progress import figure

    loss = found["loss"]
    figures = {**(loss if isinstance(loss, dict) else {"loss": loss}), **found["metrics"]}
    say(f"{found['examples']:,} examples")
    for name, value in figures.items():
        give(f"{found['split']} {name} {figure(value)}")
    return DONE
