"""Lay out a spec layer by layer: shapes, parameters, multiply-adds, memory of activations, every default.

Numbers are for one example. The data is read only if a size depends on it, as on the number of categories.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from dslc.cli.console import DONE, bold, give, give_json, give_table, report, say
from dslc.cli.options import add_shared, compiler_options, output_file

if TYPE_CHECKING:
    from dslc.report.layers import Overview, Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_shared(parser, "file")
    parser.add_argument("--graph", metavar="OUT.svg", type=output_file, help="draw the network into a file")
    add_shared(parser, "--json", "--train", "--set", "--limit", "--seed", "--data", "--overwrite")


def run(options: argparse.Namespace) -> int:
    """Show it."""
    from dslc.api import Spec
    from dslc.report.drawing import PICTURE
    from dslc.storage.outputs import write_output

    spec = Spec(options.file, compiler_options(options))
    overviews = spec.overviews()
    report(spec.check())
    if options.graph is not None:
        picture = "".join(overview.picture for overview in overviews).encode()
        write_output(options.graph, picture, inputs=spec.inputs(), kind=None if options.overwrite else PICTURE)
        say(f"{options.graph} has the picture")
    for note in [note for overview in overviews for note in overview.notes]:
        say(note)
    if options.json:
        found = [{name: part for name, part in asdict(overview).items() if name != "picture"} for overview in overviews]
        give_json(found[0] if len(found) == 1 else found)
    elif not overviews:
        say("there is nothing to show: no train block, and no model whose arguments all have defaults")
    else:
        for number, overview in enumerate(overviews):
            if number:
                give()
            _give(overview)
    return DONE


def _give(overview: Overview) -> None:
    give(bold(overview.name, sys.stdout))
    if overview.params:
        give("params  " + ", ".join(f"{name} = {value}" for name, value in overview.params.items()))
    for title, types in (("fields", overview.fields), ("inputs", overview.inputs)):
        if types:
            give(f"{title}  " + ", ".join(f"{name}: {type}" for name, type in types.items()))
    give()
    numbers = ("parameters", "multiply-adds", "activations")
    give_table([("layer", "output", *numbers, "with every default"), *map(_cells, overview.layers)], numbers)
    give()
    give(f"parameters: {_count(overview.total_parameters)}, {_count(overview.trained_parameters)} of them trained")
    cost, memory = _count(overview.multiply_adds), _size(overview.activation_bytes)
    give(f"per example: {cost} multiply-adds, {memory} of activations")
    if overview.settings:
        give()
        width = max(map(len, overview.settings))
        for name, value in overview.settings.items():
            give(f"{name.ljust(width)}  {value}")
    give()
    frozen = {True: "", False: "frozen"}
    rows = [
        (p.path, p.type, p.role, p.initializer, frozen[p.trained or p.role == "statistic"]) for p in overview.parameters
    ]
    give_table([("parameter", "type", "role", "starts from", ""), *rows])


def _cells(row: Row) -> tuple[str, ...]:
    numbers = _count(row.parameters), _count(row.multiply_adds), _size(row.activation_bytes)
    return (row.path or "-", row.output, *numbers, row.word)


def _count(number: int | str) -> str:
    return f"{number:,}" if isinstance(number, int) else number


def _size(number: int | str) -> str:
    if isinstance(number, str):
        return f"{number} B"
    size = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
