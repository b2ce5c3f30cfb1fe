"""Versions, hardware, and what is missing with how to get it.

With RUN, the provider and the environment that it was trained on are compared with this one.
Exit code 4 if models cannot be trained or run here.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dslc.cli.console import DONE, RUN_FAILED, give, give_json
from dslc.cli.options import add_shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="RUN", nargs="?", type=Path, help="a run to look at too")
    add_shared(parser, "--json")


def run(options: argparse.Namespace) -> int:
    """Look around, and say what was found."""
    from dslc.report.health import examine

    found = examine(options.folder)
    if options.json:
        give_json(found)
    else:
        for name, value in found.items():
            if name != "problems":
                give(f"{name.replace('_', ' '):<18} {_text(value)}")
        for problem in found["problems"]:
            give(f"! {problem['message']}" + (f"\n  {problem['hint']}" if problem["hint"] else ""))
        if not found["problems"]:
            give("everything is there")
    return DONE if found["working_providers"] else RUN_FAILED


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not installed" if value is None else str(value)
