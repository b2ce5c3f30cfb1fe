"""Where examples come from: the kinds of ``source`` a spec may name.

A source says what is read, and how (:meth:`DataSource.read`) where its columns fit in memory; one that goes piece by
piece through files of any size has a reader in ``dslc.data.readers``. A kind with ``available = False`` is part of the
language, but not of this version.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO, Any, ClassVar

from dslc.errors import data as errors
from dslc.library.word import SOURCES, Word, word_decorator

__all__ = ["TRUTH", "DataSource", "check_path", "require_available", "source"]

source = word_decorator("source", SOURCES)
TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
"""What a boolean may be spelled as, in any case."""


class DataSource(Word):
    """Base of all sources: what is read, without reading it."""

    available: ClassVar[bool] = True
    flat: ClassVar[bool] = False
    """Whether each column has one value per row, so that this is known before a file is read."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """How file names of this kind end, a further ``.gz`` aside."""
    keywords: ClassVar[str | None] = None
    """``"files"`` where ``kind(image = "path")`` names columns: that option holds (column, path) pairs."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every path, as the spec writes it."""
        files: tuple[tuple[str, str], ...] = getattr(self, "files", ())
        return tuple(path for _, path in files) if self.keywords else (self.path,)  # type: ignore[attr-defined]

    @classmethod
    def options_for(cls, name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the options by which a file of this name is read, given those of the source that it stands for."""
        return options

    def read(self, *files: IO[bytes]) -> Mapping[str, Any]:
        """Return the columns by name: arrays, or lists of numbers or texts, of which each has an entry per row.

        The files are those of ``paths``, unpacked where they were gzipped.

        Raises:
            ValueError: a file is not of this kind; the text says why.
        """
        raise NotImplementedError


def require_available(word: type[DataSource]) -> None:
    """Refuse a source that the language knows and this version cannot read (E0401)."""
    if not word.available:
        readable = ", ".join(name for name, known in SOURCES.items() if known.available)
        raise errors.SOURCE_UNAVAILABLE(
            f"source '{word.name}' is not available in this version of dslc; available are {readable}"
        )


def check_path(path: str) -> None:
    """Refuse (E0402) a path that no set of folders can make valid, without looking at any file."""
    windows = PureWindowsPath(path)
    if PurePosixPath(path).is_absolute() or windows.drive or windows.root:
        raise errors.OUTSIDE(
            f"'{path}' is an absolute path", hint="name its folder with --data DIR, and write the path relative to that"
        )
    depth = 0
    for part in PurePosixPath(path).parts:
        depth += -1 if part == ".." else part != "."
        if depth < 0:
            raise errors.OUTSIDE(
                f"'{path}' leads out of the data folders", hint="name the folder it lies in with --data DIR"
            )
    if not path or "\0" in path:
        raise errors.OUTSIDE(f"'{path}' is not the path of a file".replace("\0", "\\0"))
