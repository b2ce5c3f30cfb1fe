"""Write the model to ship as one ONNX file.

With --fields the graph that prepares the data stands in front of it, so that it takes raw columns.
"""

from __future__ import annotations

import argparse

from dslc.cli.console import DONE, say
from dslc.cli.options import add_net, add_opset, add_run, output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE.onnx", type=output_file, required=True, help="the file to write"
    )
    add_opset(parser)
    parser.add_argument("--fields", action="store_true", help="put what prepares the data in front of the model")
    add_net(parser)


def run(options: argparse.Namespace) -> int:
    """Export, and write the file."""
    from dslc.api import open_run
    from dslc.training.files import write_atomically

    data = open_run(options.folder).export(opset=options.opset, fields=options.fields, net=options.net)
    write_atomically(options.output, data)
    say(f"{options.output} has the model, {len(data):,} bytes")
    return DONE
