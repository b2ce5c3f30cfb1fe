"""From data files to batches: found, read, fitted, split, checked, shuffled.

Files are opened by :func:`open_table`, values converted on the way with every misfit named by its place, and batches
drawn from a :class:`Dataset`. What is larger than memory lives in mapped files throughout.
"""

from dslc.data.batches import Dataset, Split, batch_bounds, prefetch
from dslc.data.checks import Where, check_range, where_in
from dslc.data.convert import Origin, placed
from dslc.data.opening import open_inputs, open_table
from dslc.data.paths import data_folders, found_files, locate
from dslc.data.predictions import write_predictions
from dslc.data.splits import split_rows
from dslc.data.table import Table, Text, as_written

__all__ = [
    "Dataset", "Origin", "Split", "Table", "Text", "Where", "as_written", "batch_bounds", "check_range",
    "data_folders", "found_files", "locate", "open_inputs", "open_table",
    "placed", "prefetch", "split_rows", "where_in", "write_predictions",
]  # fmt: skip
