"""Write the model to ship as an ONNX file; weights beyond 2 GB get a file beside it.

With --fields the graph that prepares the data stands in front of it, so that it takes raw columns.
"""

from __future__ import annotations

import argparse

from dslc.cli.console import DONE, say
from dslc.cli.options import add_shared, output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_shared(parser, "folder")
    parser.add_argument(
        "-o", "--output", metavar="FILE.onnx", type=output_file, required=True, help="the file to write"
    )
    add_shared(parser, "--opset")
    parser.add_argument("--fields", action="store_true", help="put what prepares the data in front of the model")
    add_shared(parser, "--net", "--overwrite")


def run(options: argparse.Namespace) -> int:
    """Export, and write the file."""
    from dslc.api import open_run

    model, *weights = open_run(options.folder).export_to(
        options.output, overwrite=options.overwrite, opset=options.opset, fields=options.fields, net=options.net
    )
    say(f"{model} has the model, {model.stat().st_size:,} bytes")
    for path in weights:
        say(f"{path} has its weights, {path.stat().st_size:,} bytes; keep it beside the model")
    return DONE
