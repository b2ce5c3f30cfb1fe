"""From a source to its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dslc.errors import data as errors
from dslc.library import sources
from dslc.library.sources import DataSource, require_available
from dslc.library.words import SOURCES, describe
from dslc.training.data.array_files import read_idx, read_npy, read_npz
from dslc.training.data.array_table import ArrayTable
from dslc.training.data.csv_table import open_csv
from dslc.training.data.paths import locate, reading
from dslc.training.data.table import MEMORY, Table

__all__ = ["open_inputs", "open_table"]


def open_table(source: DataSource, folders: Sequence[Path], *, memory: int = MEMORY) -> Table:
    """Open a spec's source, found in ``folders`` (see :func:`~dslc.training.data.paths.locate`).

    Beyond ``memory`` bytes of data, columns live in temporary files.

    Raises:
        Problem, Failure: E0401 to E0417.
    """
    require_available(type(source))
    return _open(source, {path: locate(path, folders) for path in source.paths}, memory)


def open_inputs(path: Path, source: DataSource | None = None, *, memory: int = MEMORY) -> Table:
    """Open a file of new data, of the kind that its suffix tells, with the options of a source of that kind.

    Files that hold one array have one column, called as in the source, or as the file without its suffix.
    """
    name = path.name.removesuffix(".gz")
    kind = next((word for word in SOURCES.values() if name.endswith(word.suffixes or "\0")), None)
    if kind is None:
        known = ", ".join(s for word in SOURCES.values() if word.available for s in word.suffixes)
        raise errors.UNKNOWN_FORMAT(f"the suffix of '{path.name}' tells no known format", hint=f"known are {known}")
    require_available(kind)
    options: dict[str, Any] = {"delimiter": "\t"} if name.endswith(".tsv") else {}
    if isinstance(source, kind):
        options = dict(describe(source))
    if kind.keywords:
        columns = [column for column, _ in options.get("files", ())]
        options["files"] = ((columns[0] if len(columns) == 1 else name.split(".")[0], path.name),)
    else:
        options["path"] = path.name
    with reading(path.name):
        if path.is_dir():
            raise errors.UNREADABLE(f"'{path.name}' is a folder, not a file")
        path.stat()
    return _open(kind(**options), {path.name: path}, memory)


def _open(source: DataSource, found: dict[str, Path], memory: int) -> Table:
    if isinstance(source, sources.csv):
        return open_csv(found[source.path], source, source.path, memory)
    if isinstance(source, sources.npz):
        arrays = read_npz(found[source.path], source.path, memory)
        return ArrayTable(arrays, dict.fromkeys(arrays, source.path), memory)
    assert isinstance(source, (sources.npy, sources.idx))
    read = read_npy if isinstance(source, sources.npy) else read_idx
    arrays = {column: read(found[path], path, memory) for column, path in source.files}
    return ArrayTable(arrays, dict(source.files), memory)
