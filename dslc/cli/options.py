"""Options that several commands share, and what they mean to the compiler."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dslc.options import Options

__all__ = ["UsageError", "add_shared", "compiler_options", "data_folders", "output_file", "positive"]


class UsageError(Exception):
    """The command line is wrong."""


def positive(text: str) -> int:
    """Return a positive whole number."""
    from dslc.limits import MOST

    digits = text.replace("_", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 100 and int(digits) > 0):
        raise argparse.ArgumentTypeError(f"a positive whole number is needed, not '{text}'")
    if int(digits) > MOST:
        raise argparse.ArgumentTypeError(f"a number of at most {MOST:,} is needed, not '{text}'")
    return int(digits)


def output_file(text: str) -> Path:
    """Return the path of a file to write."""
    path = Path(text)
    if not path.name or path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is a folder, and a file is to be written")
    return path


def _whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 2**63
    if not -(2**63) <= value < 2**63:
        raise argparse.ArgumentTypeError(f"a whole number of 64 bits is needed, not '{text}'")
    return value


_SHARED: dict[str, dict[str, Any]] = {
    "file": {"metavar": "FILE", "type": Path, "help": "the spec, a .dl file"},
    "folder": {"metavar": "RUN", "type": Path, "help": "the folder that dslc train wrote"},
    "--json": {"action": "store_true", "help": "print the result as JSON, alone on standard output"},
    "--set": {"metavar": "NAME=VALUE", "action": "append", "default": [], "help": "give a param another value"},
    "--limit": {"metavar": "KEY=VALUE", "action": "append", "default": [], "help": "set a limit: nesting=500"},
    "--data": {
        "metavar": "DIR", "action": "append", "default": [], "type": Path,
        "help": "look for data files here too, after the folder of the spec",
    },
    "--trust": {
        "action": "store_true",
        "help": "lift the bounds of a run that was not made here: 60 seconds a batch, and 3/4 of the free memory",
    },
    "--train": {"metavar": "NAME", "help": "the train block, if the spec has several"},
    "--opset": {"metavar": "N", "type": positive, "help": "the ONNX operator set to write"},
    "--passes": {"metavar": "NAMES", "help": "how the graphs are simplified, for experiments: all,-NAME or NAME,NAME"},
    "--net": {"metavar": "NAME", "help": "the network, if the run ships several"},
    "--source": {
        "metavar": "SOURCE", "help": "how INPUT is read, if not as in training: 'csv(delimiter = \";\")'",
    },
    "--overwrite": {"action": "store_true", "help": "replace a file, also one that no such command has written"},
    "--seed": {"metavar": "N", "type": _whole, "help": "the seed of all that is random (default: the spec's)"},
}  # fmt: skip


def add_shared(parser: argparse.ArgumentParser, *names: str) -> None:
    """Take positions and options that several commands have in common."""
    for name in names:
        parser.add_argument(name, **_SHARED[name])


def compiler_options(options: argparse.Namespace) -> Options:
    """Return what the command line says to the compiler; a command has only some of these options.

    Raises:
        UsageError: a setting is not of the form NAME=VALUE.
        Problem: a limit is not understood.
    """
    from dslc.limits import Limits
    from dslc.options import Options

    given = vars(options)
    return Options(
        settings=_pairs(given.get("set", ())),
        train=given.get("train"),
        data=data_folders(options),
        limits=Limits().with_overrides(given.get("limit", ())),
        seed=given.get("seed"),
        opset=given.get("opset"),
        passes=given.get("passes"),
        epochs=given.get("epochs"),
        steps=given.get("steps"),
    )


def data_folders(options: argparse.Namespace) -> tuple[Path, ...]:
    """Return the folders of ``--data``; none where a command does not have it.

    Raises:
        UsageError: one does not exist.
    """
    folders = tuple(vars(options).get("data", ()))
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"error: --data {folder}: there is no such folder")
    return folders


def _pairs(settings: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name.strip() and equals):
            raise UsageError(f"error: --set {setting}: write it as --set NAME=VALUE")
        found[name.strip()] = value.strip()
    return found
