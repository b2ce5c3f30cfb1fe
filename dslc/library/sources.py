"""Where examples come from: the kinds of ``source`` a spec may name.

A source only says what to read; ``dslc.data`` opens it. A kind with ``available = False`` is part
of the language, but not of this version.
"""

from __future__ import annotations

from encodings import normalize_encoding
from encodings.aliases import aliases
from pathlib import PurePosixPath, PureWindowsPath
from typing import ClassVar

from dslc.diagnostics import did_you_mean
from dslc.errors import data as errors
from dslc.errors.losses import CONTRADICTION
from dslc.errors.names import OUT_OF_RANGE
from dslc.library.word import SOURCES, Texts, Word, option, word_decorator

__all__ = ["TRUTH", "DataSource", "check_path", "codec_of", "require_available"]

source = word_decorator("source", SOURCES)
TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
"""What a boolean may be spelled as, in any case."""


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

    Blanks around a cell or a name are no part of it, unless `trim = false`. A cell is *missing* if it is empty, holds
    only blanks, is `nan` in any case, or is one of the texts in `missing`; a text that is a number stands for equal
    numbers too, so `-999` marks `-999.0`. That is so in columns of text and of numbers alike.

    A column of whole numbers is int64. One of whole numbers and other numbers, or of numbers some of which are missing,
    is float64. Anything else is text, and so is a column with a whole number beyond int64, or beyond 2^53 beside
    fractions or missing values, which float64 would round. As text, a cell is what the file spells: `007` stays `007`.

    For example `csv("prices.csv", delimiter = ";", decimal = ",", thousands = ".", missing = ["?", "-999"])`.
    """

    suffixes = (".csv", ".tsv")
    path: str = option("The file.")
    delimiter: str = option("What separates the cells.", default=",", choices=(",", ";", "\t", "|", ":", " "))
    header: bool = option("Does the first row name the columns? Without it they are called 1, 2, ...", default=True)
    quote: str = option("What encloses a cell that holds a delimiter; none if empty.", default='"',
                        choices=('"', "'", ""))  # fmt: skip
    missing: Texts = option("Texts that stand for a missing value, besides an empty cell and `nan`.", default=Texts())
    trim: bool = option("Leave away blanks around cells and names?", default=True)
    decimal: str = option("What stands before the fraction of a number.", default=".", choices=(".", ","))
    thousands: str = option("What may stand between groups of three digits.", default="",
                            choices=("", ",", ".", " ", "'"))  # fmt: skip
    percent: bool = option("May a number end in a percent sign? `12%` is then 0.12.", default=False)
    currency: Texts = option('Signs that may stand before or behind a number, such as `["$", "USD"]`.', default=Texts())
    comment: str = option("What a line begins with that is no row; none if empty.", default="")
    skip: int = option("How many lines at the beginning of the file are no part of the table.", default=0, minimum=0)
    names: Texts = option("The columns' names, with `header = false`.", default=Texts())
    encoding: str = option("How bytes stand for characters: `latin-1`, `cp1252`, ... A byte order mark goes first.",
                           default="utf-8")  # fmt: skip

    def __post_init__(self) -> None:
        for name in ("missing", "currency", "names"):
            value: object = getattr(self, name)
            object.__setattr__(self, name, Texts([value] if isinstance(value, str) else value))  # type: ignore[arg-type]
        codec_of(self.encoding)
        if self.names and self.header:
            raise CONTRADICTION(
                "'names' is for a file without a header",
                hint="header = false; a header to be passed over is skipped with header = false, skip = 1",
            )
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise OUT_OF_RANGE(f"'names' of csv has '{twice}' twice")
        if self.decimal == self.thousands:
            raise CONTRADICTION(f"'decimal' and 'thousands' are both '{self.decimal}'")
        if any(character in self.comment for character in (self.delimiter, self.quote or "\n", "\n", "\r")):
            raise CONTRADICTION("'comment' of csv can't hold the delimiter, the quote or the end of a line")
        wrong = [sign for sign in self.currency if not sign.strip() or any(c.isdigit() or c in ".,+-%" for c in sign)]
        if wrong:
            raise OUT_OF_RANGE(f"'currency' of csv must be signs without digits or points, not \"{wrong[0]}\"")


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


NO_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
"""Codecs of Python that turn bytes into bytes, or text into text."""
NO_ASCII = {"cp037", "cp1026", "cp1140", "cp273", "cp424", "cp500"}
"""Encodings in which the end of a line is another byte than in the rest."""
WITHOUT_ALIAS = {
    "cp720", "cp737", "cp856", "cp874", "cp1006", "koi8_t", "koi8_u", "mac_arabic", "mac_croatian", "mac_farsi",
    "mac_romanian", "utf_8_sig",
}  # fmt: skip
"""Python's encodings that it keeps no list of."""


def codec_of(encoding: str) -> str:
    """Return Python's name of a text encoding that its standard library knows; E0206 for any other name."""
    spelled = normalize_encoding(encoding).lower()
    module = aliases.get(spelled, spelled)
    known = (set(aliases.values()) | WITHOUT_ALIAS) - NO_TEXT - NO_ASCII
    if not encoding.isascii() or module not in known:
        shown = sorted(name.replace("_", "-") for name in known)
        hint = did_you_mean(encoding.lower(), shown) or "for example utf-8, utf-16, latin-1, cp1252, shift-jis, gb18030"
        raise OUT_OF_RANGE(f"'encoding' of csv is no known text encoding: \"{encoding}\"", hint=hint)
    return module
