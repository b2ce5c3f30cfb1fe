"""Bringing a spec file into its canonical layout."""

from __future__ import annotations

import shutil
from pathlib import Path

from dslc.errors.names import IMPORT_FAILED
from dslc.files import read_source
from dslc.limits import Limits
from dslc.source import Source
from dslc.syntax import format_source
from dslc.training.files import PARTIAL, writing

__all__ = ["formatted", "reformat"]


def formatted(data: bytes, name: str) -> str:
    """Return a spec's text in the canonical layout.

    Raises:
        Problem: it is not UTF-8.
        Failure: it has syntax errors.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IMPORT_FAILED(f"{name} is not UTF-8 text: byte {error.start + 1}") from None
    return format_source(Source(name, text.replace("\r\n", "\n")))


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
        target = path.resolve()
        partial = target.with_name(target.name + PARTIAL)
        with writing(path):
            try:
                partial.write_bytes(text)
                shutil.copymode(target, partial)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
    return True
