"""Run a trained model on new data.

INPUT is a csv, npz, npy or idx file with the raw columns that the model's fields are made of (no label), or an npz
keyed by the model's inputs. Its columns are prepared as in training. OUT is a .csv, .jsonl or .npz file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dslc.cli.console import DONE, say
from dslc.cli.options import add_net, add_run, output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument("input", metavar="INPUT", type=Path, help="the new data")
    parser.add_argument("-o", "--output", metavar="OUT", type=output_file, help="the file to write (default: stdout)")
    add_net(parser)


def run(options: argparse.Namespace) -> int:
    """Predict, and write what came out."""
    from dslc.api import open_run
    from dslc.training.data.predictions import write_predictions

    outputs = open_run(options.folder).predict(options.input, options.net)
    write_predictions(outputs, options.output or sys.stdout)
    if options.output is not None:
        say(f"{options.output} has {len(next(iter(outputs.values()))):,} predictions")
    return DONE
