"""Which function reads which kind of source: each is filed beside the code that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from dslc.data.table import Table
from dslc.library.sources.source import DataSource

__all__ = ["READERS", "Reader", "reads"]

Reader: TypeAlias = Callable[[Any, Mapping[str, Path], int], Table]
"""Opens a source, given where each of its paths was found; beyond so many bytes, columns live in temporary files."""
R = TypeVar("R", bound=Reader)
READERS: dict[type[DataSource], Reader] = {}


def reads(word: type[DataSource]) -> Callable[[R], R]:
    """File a function as the reader of a kind of source."""

    def file(reader: R) -> R:
        READERS[word] = reader
        return reader

    return file
