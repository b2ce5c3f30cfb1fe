"""Files that are examples, or hold them without a table."""

from __future__ import annotations

from dslc.library.sources.source import DataSource, source
from dslc.library.word import option

__all__: list[str] = []


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
