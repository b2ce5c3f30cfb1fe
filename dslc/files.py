"""Spec files: read inside the folder of the first, within limits, as UTF-8; and brought into the canonical layout."""

from __future__ import annotations

from pathlib import Path

from dslc.diagnostics import did_you_mean
from dslc.errors import names as errors
from dslc.errors.data import FILE_MISSING
from dslc.limits import Limits
from dslc.model import Loader
from dslc.source import Source, Span
from dslc.syntax import format_source
from dslc.training.outputs import write_output

__all__ = ["formatted", "read_source", "reformat", "source_loader"]


def read_source(path: Path, limits: Limits, name: str | None = None) -> Source:
    """Read a spec.

    Raises:
        Problem: there is no such file, it is too large, or it is not UTF-8.
    """
    shown = name or str(path)
    try:
        size = path.stat().st_size
        if size > limits.spec_bytes:
            raise errors.LIMIT_REACHED(
                f"{shown} has {size:,} bytes, more than {limits.spec_bytes:,}",
                hint="'--limit spec_bytes=N' raises the limit",
            )
        data = path.read_bytes()
    except OSError as error:
        raise FILE_MISSING(f"{shown} cannot be read: {error.strerror or error}") from None
    return _decoded(data, shown)


def _decoded(data: bytes, name: str) -> Source:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise errors.IMPORT_FAILED(f"{name} is not UTF-8 text: byte {error.start + 1}, in line {line}") from None
    return Source(name, text.replace("\r\n", "\n"))


def source_loader(root: Path, limits: Limits) -> Loader:
    """Return what reads imported files, by their path from the first file's folder."""
    resolved = root.resolve()

    def load(path: str, span: Span) -> Source:
        target = root / path
        try:
            inside, found = target.resolve().is_relative_to(resolved), target.is_file()
        except (OSError, ValueError, RuntimeError):  # a name too long, a character that no name has, a round of links
            raise errors.IMPORT_FAILED(f"'{path}' is not the path of a file").at(span) from None
        if not inside:
            raise errors.IMPORT_FAILED(f"'{path}' leaves the folder of the first file").at(span)
        if not found:
            folder = target.parent
            near = [each.relative_to(root).as_posix() for each in folder.glob("*.dl")] if folder.is_dir() else []
            hint = did_you_mean(path, near) or "imported files are looked for beside the importing one"
            raise errors.IMPORT_FAILED(f"there is no file '{path}'", hint=hint).at(span)
        return read_source(target, limits)

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
    text = format_source(read_source(path, Limits())).encode()
    if text == path.read_bytes():
        return False
    if write:
        write_output(path, text)
    return True
