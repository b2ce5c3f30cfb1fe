"""The blocks that come with dslc, written in its language: ``import "std/vision.dl"``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from dslc.source import Source

__all__ = ["FOLDER", "standard_files", "standard_source"]

FOLDER = "std/"
"""What the paths of these files begin with."""


@cache
def standard_files() -> tuple[str, ...]:
    """Return the paths of all files."""
    return tuple(sorted(FOLDER + file.name for file in files(__name__).iterdir() if file.name.endswith(".dl")))


@cache
def standard_source(path: str) -> Source | None:
    """Return one of the files, by its path; None if there is no such file."""
    if path not in standard_files():
        return None
    return Source(path, (files(__name__) / path.removeprefix(FOLDER)).read_text(encoding="utf-8"), shipped=True)
