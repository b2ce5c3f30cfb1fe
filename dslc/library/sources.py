"""Where examples come from: the kinds of ``source`` a spec may name.

A source only says what to read; ``dslc.training.data`` opens it. A kind with ``available = False`` is part
of the language, but not of this version.
"""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import ClassVar

from dslc.errors import data as errors
from dslc.library.words import SOURCES, Word, option, word_decorator

__all__ = ["DataSource", "check_path", "require_available"]

source = word_decorator("source", SOURCES)


class DataSource(Word):
    """Base of all sources: what is read, without reading it."""

    available: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = ()
    """How file names of this kind end, a further ``.gz`` aside."""
    keywords: ClassVar[str | None] = None
    """``"files"`` where ``kind(image = "path")`` names columns: that option holds (column, path) pairs."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Return every path, as the spec writes it."""
        files: tuple[tuple[str, str], ...] = getattr(self, "files", ())
        return tuple(path for _, path in files) if self.keywords else (self.path,)  # type: ignore[attr-defined]


@source
class csv(DataSource):
    """A table as text, one line per row; the first row names the columns. Files may be gzipped.

    A column of whole numbers is int64, one of other numbers float64, anything else text. An empty cell or
    `nan` is a missing value.
    """

    suffixes = (".csv", ".tsv")
    path: str = option("The file.")
    delimiter: str = option("What separates the cells.", default=",", choices=(",", ";", "\t", "|", ":", " "))
    header: bool = option("Does the first row name the columns? Without it they are called 1, 2, ...", default=True)
    quote: str = option("What encloses a cell that holds a delimiter; none if empty.", default='"',
                        choices=('"', "'", ""))  # fmt: skip
    missing: str = option("A text that stands for a missing value, besides an empty cell.", default="")


@source
class npz(DataSource):
    """Arrays of NumPy in one file; its keys are the columns. Python objects in it are refused."""

    suffixes = (".npz",)
    path: str = option("The file.")


@source
class npy(DataSource):
    """Arrays of NumPy, a file per column: `npy(image = "x.npy", label = "y.npy")`."""

    suffixes = (".npy",)
    keywords = "files"
    files: tuple[tuple[str, str], ...] = option("The columns with their files.")


@source
class idx(DataSource):
    """Arrays in the format of MNIST, a file per column: `idx(image = "x-idx3-ubyte", label = "y-idx1-ubyte")`.

    Files may be gzipped.
    """

    suffixes = ("-ubyte", ".idx")
    keywords = "files"
    files: tuple[tuple[str, str], ...] = option("The columns with their files.")


@source
class parquet(DataSource):
    """A table in Apache Parquet."""

    available = False
    suffixes = (".parquet",)
    path: str = option("The file.")


@source
class jsonl(DataSource):
    """A JSON object per line; its keys are the columns."""

    available = False
    suffixes = (".jsonl",)
    path: str = option("The file.")


@source
class images(DataSource):
    """Image files, a folder per class, or paths in a column."""

    available = False
    path: str = option("The folder.")


@source
class text(DataSource):
    """Plain text."""

    available = False
    suffixes = (".txt",)
    path: str = option("The file.")


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
            f"'{path}' is an absolute path",
            hint="name its folder with --data DIR, and write the path relative to that",
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
