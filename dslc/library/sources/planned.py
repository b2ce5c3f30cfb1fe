"""What later versions will read."""

from __future__ import annotations

from dslc.library.sources.source import DataSource, source
from dslc.library.word import option


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
