"""The commands, one module each: its docstring is the help, ``add_arguments`` its options, ``run`` what it does."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Protocol, cast

__all__ = ["GROUPS", "Command", "command_named"]


class Command(Protocol):
    """What the module of a command has."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare positions and options."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it, and return the exit code."""


# The summaries stand here so that `dslc --help` imports none of the commands.
GROUPS = {
    "Write a spec": {
        "new": "start from a spec that works",
        "check": "find what is wrong, without running anything",
        "fmt": "bring specs into the one canonical layout",
        "show": "lay out the layers: shapes, parameters, cost, every default",
        "compile": "write the ONNX graphs of training and inference",
    },
    "Train and use a model": {
        "train": "compile a spec and train its model",
        "eval": "losses and metrics of a trained model on a split",
        "predict": "run a trained model on new data",
        "export": "write the model to ship as one ONNX file",
        "runs": "list the runs in a folder, and how each ended",
    },
    "Find help": {
        "explain": "an error at length, with a wrong and a right example",
        "doctor": "versions, hardware, and what is missing",
    },
}


def command_named(name: str) -> Command:
    """Return the module of a command."""
    return cast(Command, import_module(f"{__name__}.{name}"))
