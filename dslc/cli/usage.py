"""Reading the command line: which command, with which options; help, and suggestions for what is misspelt."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn, TextIO

import dslc
from dslc.cli.commands import GROUPS, Command, command_named
from dslc.cli.console import bold, faint, give
from dslc.cli.options import UsageError
from dslc.diagnostics import did_you_mean

__all__ = ["overview", "parse"]

EXIT_CODES = "Exit codes: 0 done, 1 the spec is wrong, 2 the command line is, 3 data or a file is, 4 the run failed"


class _Parser(argparse.ArgumentParser):
    """Argparse with errors as exceptions, in our words."""

    def error(self, message: str) -> NoReturn:
        text = message.replace("the following arguments are required:", "missing:")
        raise UsageError(f"error: {text}\n{self.format_usage().rstrip()}\nfor more: {self.prog} --help")


def parse(arguments: Sequence[str]) -> tuple[Command | None, argparse.Namespace]:
    """Return the command with its options, None where help or the version was all that was asked for.

    Raises:
        UsageError: the command line is wrong.
    """
    if "" in arguments:
        raise UsageError("error: an argument is empty; is a variable of the shell not set?")
    first, rest = arguments[0], arguments[1:]
    names = [name for group in GROUPS.values() for name in group]
    if first in ("-h", "--help") or (first == "help" and (not rest or rest[0] not in names)):
        give(overview(sys.stdout))
        return None, argparse.Namespace()
    if first == "help":
        first, rest = rest[0], ["--help"]
    if first in ("-V", "--version"):
        give(f"dslc {dslc.__version__}")
        return None, argparse.Namespace()
    if first not in names:
        kind, known = ("option", ["--help", "--version"]) if first.startswith("-") else ("command", names)
        if first.endswith(".dl"):
            hint = f"name a command first: dslc train {first}"
        else:
            hint = did_you_mean(first, known) or f"the {kind}s are {', '.join(known)}"
        raise UsageError(f"error: there is no {kind} '{first}'; {hint}\nfor more: dslc --help")
    command = command_named(first)
    parser = _parser(first, command)
    try:
        options, unknown = parser.parse_known_intermixed_args(rest)
    except SystemExit:  # after --help
        return None, argparse.Namespace()
    if unknown:
        known_options = [o for action in parser._actions for o in action.option_strings]  # noqa: SLF001 - no public list
        raise UsageError(f"{_unexpected(first, unknown[0], known_options)}\n{parser.format_usage().rstrip()}")
    return command, options


def _unexpected(command: str, argument: str, known: Sequence[str]) -> str:
    name = argument.partition("=")[0]
    if not name.startswith("-"):
        return f"error: dslc {command} does not know what to do with '{argument}'"
    hint = did_you_mean(name, known)
    return f"error: dslc {command} has no option '{name}'" + (f"; {hint}" if hint else "")


def _parser(name: str, command: Command) -> argparse.ArgumentParser:
    doc = command.__doc__ or ""
    summary, _, more = doc.partition("\n")
    parser = _Parser(
        prog=f"dslc {name}", description=summary, epilog=more.strip() or None, allow_abbrev=False,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=100),
    )  # fmt: skip
    command.add_arguments(parser)
    return parser


def overview(stream: TextIO) -> str:
    """Return the page of ``dslc --help``."""
    lines = [
        f"{bold('dslc', stream)} {dslc.__version__}: from a page of text to a trained ONNX model",
        "",
        f"{bold('Usage:', stream)} dslc COMMAND ...",
    ]
    for title, group in GROUPS.items():
        lines += ["", bold(title, stream)]
        lines += [f"  {bold(name.ljust(9), stream)} {summary}" for name, summary in group.items()]
    lines += [
        "",
        f"{bold('First steps:', stream)}  dslc new flowers  &&  dslc train flowers.dl",
        f"{bold('More:', stream)}         dslc COMMAND --help, dslc --version",
        faint(EXIT_CODES, stream),
    ]
    return "\n".join(lines)
