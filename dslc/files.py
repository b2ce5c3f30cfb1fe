"""Spec files: read inside the folder of the first, within limits, as UTF-8; and brought into the canonical layout."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dslc.check import Loader
from dslc.diagnostics import did_you_mean
from dslc.errors.data import FILE_MISSING
from dslc.errors.names import IMPORT_FAILED
from dslc.errors.syntax import TOO_LARGE
from dslc.library.std import FOLDER, standard_files, standard_source
from dslc.limits import Limits
from dslc.source import Source, Span
from dslc.syntax import format_source

__all__ = [
    "BOM", "formatted", "path_text", "read_exactly", "read_source", "read_stdin", "reformat", "source_loader",
]  # fmt: skip


def read_source(path: Path, limits: Limits) -> Source:
    """Read a spec.

    Raises:
        Problem: there is no such file, it is too large, or it is not UTF-8.
    """
    shown = path_text(path)
    return _decoded(_read(path, limits, shown), shown)


def read_exactly(path: Path, limits: Limits) -> Source:
    """Read a spec with its line ends as they are; only a byte order mark is left out.

    Raises:
        Problem: as :func:`read_source`.
    """
    shown = path_text(path)
    return Source(shown, _text(_read(path, limits, shown), shown))


def _read(path: Path, limits: Limits, shown: str) -> bytes:
    """Read a file, device or pipe once, and no more of it than is allowed.

    Raises:
        Problem: there is no such file, it is too large, or a pipe that nobody writes into.
    """
    most = limits.spec_bytes
    try:
        if is_pipe := stat.S_ISFIFO(path.stat().st_mode):
            data = _read_pipe(path, most + 1)
        else:
            with path.open("rb") as file:
                data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FILE_MISSING(f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > most:
        raise TOO_LARGE(f"{shown} has more than {most:,} bytes", hint="'--limit spec_bytes=N' raises the limit")
    if is_pipe and not data:
        raise FILE_MISSING(f"{shown} cannot be read: it is a pipe, and nothing came out of it")
    return data


WAIT = 2.0
"""Seconds to wait for somebody to write into a pipe."""


def _read_pipe(path: Path, most: int) -> bytes:
    """Read a pipe to its end; opening one that nobody writes into would wait for ever."""
    data = bytearray()
    begun = time.monotonic()
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while len(data) < most:
            try:
                piece = os.read(descriptor, min(most - len(data), 1 << 16))
            except BlockingIOError:  # somebody will write
                select.select([descriptor], [], [])
                continue
            data += piece
            if not piece and (data or time.monotonic() - begun > WAIT):
                break
            if not piece:
                time.sleep(0.01)
    finally:
        os.close(descriptor)
    return bytes(data)


def read_stdin() -> bytes:
    """Read a spec from standard input.

    Raises:
        Problem: it is closed, or holds more than a spec may.
    """
    most = Limits().spec_bytes
    if sys.stdin is None:
        raise FILE_MISSING("standard input cannot be read: it is closed")
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise TOO_LARGE(f"standard input has more than {most:,} bytes")
    return data


def path_text(path: Path) -> str:
    """Return a path for messages and names; bytes that are no UTF-8 are written as ``\\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _decoded(data: bytes, name: str) -> Source:
    return Source(name, _text(data, name).replace("\r\n", "\n"))


BOM = b"\xef\xbb\xbf"
"""The byte order mark that some editors put in front of UTF-8."""


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise IMPORT_FAILED(f"{name} is not UTF-8 text: byte {error.start + 1}, in line {line}") from None


def source_loader(root: Path, limits: Limits, read: Callable[[Path, Limits], Source] = read_source) -> Loader:
    """Return what reads imported files, by their path from the first file's folder.

    A file that lies there goes before one that comes with dslc, so that a run's copy of those stays what it was.
    """
    resolved = root.resolve()

    def load(path: str, span: Span) -> Source:
        target = root / path
        try:
            inside, found = target.resolve().is_relative_to(resolved), target.is_file()
        except (OSError, ValueError, RuntimeError):  # a name too long, a character that no name has, a round of links
            raise IMPORT_FAILED(f"'{path}' is not the path of a file").at(span) from None
        if not inside:
            raise IMPORT_FAILED(f"'{path}' leaves the folder of the first file").at(span)
        if not found and (shipped := standard_source(path)):
            return shipped
        if not found:
            folder = target.parent
            near = [each.relative_to(root).as_posix() for each in folder.glob("*.dl")] if folder.is_dir() else []
            others = "imported files are looked for beside the importing one"
            if path.startswith(FOLDER):
                others = f"with dslc come {', '.join(standard_files())}"
            hint = did_you_mean(path, [*near, *standard_files()]) or others
            raise IMPORT_FAILED(f"there is no file '{path}'", hint=hint).at(span)
        return read(target, limits)

    return load


def formatted(data: bytes, name: str) -> str:
    """Return a spec's text in the canonical layout.

    Raises:
        Problem: it is not UTF-8.
        Failure: it has syntax errors.
    """
    return format_source(_decoded(data, name))


def reformat(path: Path, *, write: bool) -> bool:
    """Tell whether a file is in another than the canonical layout; ``write`` brings it into that.

    The file is replaced as a whole, and keeps its permissions; a link stays one.

    Raises:
        Problem: it can't be read or written.
        Failure: it has syntax errors.
    """
    shown = path_text(path)
    written = _read(path, Limits(), shown)
    text = formatted(written, shown).encode()
    if text == written:
        return False
    if write:
        from dslc.storage.outputs import write_output

        write_output(path, text)
    return True
