"""Run a trained model on new data.

INPUT has the raw columns that the model's fields are made of (no label): a csv, npz, npy or idx file. Columns are found
by their names, in any order, beside any others, and are read and prepared as in training. OUT is a .csv, .jsonl or .npz
file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dslc.cli.console import DONE, report, say
from dslc.cli.options import UsageError, add_shared, data_folders, output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_shared(parser, "folder")
    parser.add_argument("input", metavar="INPUT", type=Path, nargs="?", help="the new data; - is standard input")
    parser.add_argument("--split", metavar="NAME", help="the examples of a split of the run's own data, in its place")
    parser.add_argument("-o", "--output", metavar="OUT", type=output_file, help="the file to write (default: stdout)")
    parser.add_argument(
        "--keep", metavar="COLUMN", action="append", default=[], help="pass a column on, as it is; repeatable"
    )
    add_shared(parser, "--source")
    parser.add_argument(
        "--prepared", action="store_true", help="INPUT is an npz of the model's inputs, which nothing prepares again"
    )
    add_shared(parser, "--net", "--data", "--overwrite", "--trust")


def run(options: argparse.Namespace) -> int:
    """Predict, and write what came out."""
    from dslc.api import open_run
    from dslc.data.predictions import find_not_finite, write_predictions
    from dslc.storage.outputs import check_output

    if (options.input is None) is (options.split is None):
        raise UsageError("error: dslc predict takes the new data as INPUT, or a --split of the run's own")
    if options.split is not None and (options.source is not None or options.prepared):
        raise UsageError("error: --source and --prepared are said of INPUT; a --split is read as in training")
    read = [] if options.input is None else [options.input]
    if options.output is not None:
        check_output(options.output, read)
    trained = open_run(options.folder, data=data_folders(options), trust=options.trust)
    data = None if options.split is not None else trained.table(options.input, options.source)
    outputs = trained.predict(data, options.net, split=options.split, keep=options.keep, prepared=options.prepared)
    examples = trained.examples(options.split) if data is None else None if options.prepared else data.rows
    write_predictions(
        outputs, options.output or sys.stdout, trained.labels(options.net), read, examples=examples,
        overwrite=options.overwrite,
    )  # fmt: skip
    report(find_not_finite({name: array for name, array in outputs.items() if name not in options.keep}))
    if options.output is not None:
        rows = {len(array) if array.ndim else 1 for array in outputs.values()}
        what = f"{rows.pop():,} predictions" if len(rows) == 1 else ", ".join(outputs)
        say(f"{options.output} has {what}")
    return DONE
