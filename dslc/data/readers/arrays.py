"""Sources whose columns are arrays: those of NumPy and MNIST, and any that read themselves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from dslc.data.readers.array_files import read_array
from dslc.data.readers.array_headers import read_idx_header, read_npy_header
from dslc.data.readers.array_table import ArrayTable
from dslc.data.readers.given_arrays import array_of
from dslc.data.streams import open_stream
from dslc.errors import data as errors
from dslc.library.sources.ndarrays import idx, npy
from dslc.library.sources.source import DataSource

__all__ = ["open_each", "open_itself"]


def open_each(source: npy | idx, found: Mapping[str, Path]) -> ArrayTable:
    """Open files of one array, and so one column, each."""
    header = read_npy_header if isinstance(source, npy) else read_idx_header
    columns = {column: read_array(found[path], path, header) for column, path in source.files}
    fingerprints = {path: columns[column][1] for column, path in source.files}
    return ArrayTable({c: array for c, (array, _) in columns.items()}, dict(source.files), fingerprints)


def open_itself(source: DataSource, found: Mapping[str, Path]) -> ArrayTable:
    """Open a source that reads itself.

    Raises:
        Problem: E0404 to E0406, E0417, E0428.
    """
    title = ", ".join(found)
    with ExitStack() as stack:
        streams = {path: stack.enter_context(open_stream(place, path)) for path, place in found.items()}
        try:
            columns = source.read(*(stream.file for stream in streams.values()))
        except ValueError as error:
            raise errors.BROKEN(f"'{title}' is not what {source.name} reads: {error}") from None
        fingerprints = {path: stream.fingerprint() for path, stream in streams.items()}
    if not columns:
        raise errors.EMPTY(f"'{title}' holds no columns")
    arrays: dict[str, np.ndarray] = {name: array_of(name, values) for name, values in columns.items()}
    return ArrayTable(arrays, dict.fromkeys(arrays, title), fingerprints)
