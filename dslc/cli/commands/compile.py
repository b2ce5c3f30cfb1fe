"""Write the ONNX graphs of training and inference, the first state, and the manifest that describes them.

The data is read only where something is fitted to it or the number of steps depends on it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dslc.cli.console import DONE, report, say
from dslc.cli.options import UsageError, add_shared, compiler_options

ENGINES = ("onnx", "ort-training")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_shared(parser, "file")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="the folder to write")
    add_shared(parser, "--opset")
    parser.add_argument("--engine", choices=ENGINES, default="onnx", help="what the graphs are for (default: onnx)")
    parser.add_argument(
        "--emit",
        choices=("tree", "model", "plan", "graph", "training"),
        help="print a stage of the compiler as text",
    )
    parser.add_argument(
        "--apart", action="store_true", help="write gradient.onnx and update.onnx, to be joined outside, for train.onnx"
    )
    add_shared(parser, "--train", "--set", "--limit", "--passes", "--seed", "--data")


def run(options: argparse.Namespace) -> int:
    """Compile, and say what was written."""
    from dslc.api import Spec
    from dslc.errors.environment import ENGINE_MISSING

    if options.output is None and options.emit is None:
        raise UsageError("error: missing: -o DIR, the folder to write (or --emit STAGE)\nfor more: dslc compile --help")
    if options.engine != "onnx":
        raise ENGINE_MISSING(f"the engine '{options.engine}' is not part of this version", hint="leave --engine out")
    spec = Spec(options.file, compiler_options(options))
    _ = spec.compilation  # what is wrong with the spec, or with --passes, is all that is said then
    report(spec.check())
    if options.emit is not None:
        sys.stdout.write(spec.emit(options.emit, apart=options.apart))
    if options.output is not None:
        for path in spec.compile(options.output, apart=options.apart):
            say(f"{path}  {path.stat().st_size:,} bytes")
    return DONE
