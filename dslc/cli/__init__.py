"""The command line: arguments in, diagnostics and progress out, and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from dslc.cli.console import (
    BROKEN_PIPE,
    COMMAND_LINE_WRONG,
    FILE_WRONG,
    INTERNAL,
    INTERRUPTED,
    RUN_FAILED,
    prepare_streams,
    report,
    say,
)
from dslc.cli.options import UsageError
from dslc.cli.startup import end_quickly, flush_subnormals, hush, interrupt_between_imports, quicken
from dslc.cli.usage import overview, parse
from dslc.diagnostics import Failure, Problem

__all__ = ["main"]

DEBUG_VARIABLE = "DSLC_DEBUG"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever a user can cause ends in words, never in a traceback.

    Without arguments, they are the process's own, and so is the process.
    """
    prepare_streams()
    quicken()
    if arguments is None:
        flush_subnormals()
        if not _debugging():
            hush()
    try:
        if arguments is None:
            interrupt_between_imports()
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except UsageError as error:
        say(str(error))
        return COMMAND_LINE_WRONG
    except (Problem, Failure) as error:
        report(error.diagnostics)
        return Failure(error.diagnostics).exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone, as `head` does; nothing more can be said there, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError:
        say("error: there is not enough memory; a smaller batch or a smaller network needs less")
        return RUN_FAILED
    except ImportError as error:
        _trace()
        from dslc.errors.environment import PACKAGE_UNUSABLE

        hint = "is there enough memory and address space (ulimit -v)? Else install dslc anew, with what it needs"
        report([PACKAGE_UNUSABLE(f"a package that dslc needs can't be loaded: {error}", hint=hint).diagnostic])
        return RUN_FAILED
    except OSError as error:
        _trace()
        from dslc.errors.environment import FILE_UNUSABLE

        named = os.fsencode(error.filename or "the output") if not isinstance(error.filename, int) else b"a file"
        where = named.decode("utf-8", "backslashreplace")
        report([FILE_UNUSABLE(f"{where}: {error.strerror or error}").diagnostic])
        return FILE_WRONG
    except Exception as error:  # noqa: BLE001 - the outermost boundary, where a mistake of ours becomes a sentence
        _trace()
        say(
            f"dslc has made a mistake ({type(error).__name__}: {error}). Please report it, with the spec and what "
            f"{DEBUG_VARIABLE}=1 adds to this message."
        )
        return INTERNAL
    finally:
        if arguments is None:
            end_quickly()
    return code


def _run(arguments: list[str]) -> int:
    if not arguments:
        say(overview(sys.stderr))
        return COMMAND_LINE_WRONG
    command, options = parse(arguments)
    return 0 if command is None else command.run(options)


def _debugging() -> bool:
    return os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0")


def _trace() -> None:
    if _debugging():
        import traceback

        traceback.print_exc()
