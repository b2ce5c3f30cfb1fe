"""From data files to batches: found, read, fitted, split, checked, shuffled.

Files are opened by :func:`~dslc.data.opening.open_table`, values converted on the way with every misfit named by its
place, and batches drawn from a :class:`~dslc.data.batches.Dataset`. What is larger than memory lives in mapped files.
"""
