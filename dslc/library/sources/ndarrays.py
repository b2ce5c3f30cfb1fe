"""Arrays whose first axis is that of the examples."""

from __future__ import annotations

from dslc.library.sources.source import DataSource, source
from dslc.library.word import option


@source
class npz(DataSource):
    """Arrays of NumPy in one file; its keys are the columns. Python objects in it are refused."""

    aliases = {"readnpz": ""}
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
