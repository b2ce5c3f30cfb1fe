"""Text with a row per line."""

from __future__ import annotations

from collections.abc import Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Any

from dslc.diagnostics import did_you_mean
from dslc.errors.losses import CONTRADICTION
from dslc.errors.names import OUT_OF_RANGE
from dslc.library.sources.source import DataSource, source
from dslc.library.word import Texts, option


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

    aliases = {"readcsv": ""}
    suffixes = (".csv", ".tsv")
    flat = True
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

    @classmethod
    def options_for(cls, name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        tabs = name.endswith(".tsv") and options.get("delimiter", ",") == ","
        return {**options, "delimiter": "\t"} if tabs else options

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
