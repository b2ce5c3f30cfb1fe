"""Finding and opening data files, and only those that the user let the spec read."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dslc.data.convert import clipped
from dslc.diagnostics import Problem, did_you_mean
from dslc.errors import data as errors
from dslc.library.sources.source import check_path

__all__ = ["data_folders", "found_files", "locate"]


def data_folders(beside: Path, options: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return the folders that data may come from: the spec's own, each ``--data``, those of ``DSLC_DATA``."""
    environment = [Path(folder) for folder in os.environ.get("DSLC_DATA", "").split(os.pathsep) if folder]
    return tuple(dict.fromkeys((beside, *options, *environment)))


def locate(path: str, folders: Sequence[Path]) -> Path:
    """Find a spec's data file in the first folder that has it; ``x.gz`` and ``x`` stand for each other.

    Raises:
        Problem: E0402 if the path leaves the folders, E0403 if no folder has it, E0404 if it is not a file.
    """
    check_path(path)
    roots = [folder.resolve() for folder in folders]
    other = path.removesuffix(".gz") if path.endswith(".gz") else f"{path}.gz"
    strays = False
    for root in roots:
        for name in (path, other):
            found = _resolved(root, name)
            if not any(found.is_relative_to(allowed) for allowed in roots):
                strays = True
            elif found.is_file():
                return found
            elif found.exists():
                what = "folder" if found.is_dir() else "pipe or a device"
                raise errors.UNREADABLE(f"'{path}' is a {what}, not a file")
    if strays:
        raise errors.OUTSIDE(
            f"'{path}' leads out of the data folders", hint="name the folder it lies in with --data DIR"
        )
    raise _missing(path, roots)


def _resolved(root: Path, name: str) -> Path:
    """Return where a path leads; E0404 for one that can't lead anywhere."""
    try:
        (root / name).stat()
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENAMETOOLONG}:
            what = "a link that leads to itself" if error.errno == errno.ELOOP else "its name is too long"
            raise errors.UNREADABLE(f"'{clipped(name)}' cannot be opened: {what}") from None
    return (root / name).resolve()


def found_files(paths: Sequence[str], folders: Sequence[Path]) -> list[Path]:
    """Return those of a spec's data files that can be found."""
    found = []
    for path in paths:
        with suppress(Problem):
            found.append(locate(path, folders))
    return found


def _missing(path: str, roots: Sequence[Path]) -> Problem:
    parts = PurePosixPath(path)
    beside = [root / parts.parent for root in roots]
    entries = [entry for folder in beside if folder.is_dir() for entry in folder.iterdir()]
    known = [str(parts.parent / entry.name) for entry in entries if _kind(entry.name) == _kind(parts.name)]
    tried = "looked in " + ", ".join(map(str, roots))
    suggestion = did_you_mean(path, known)
    return errors.FILE_MISSING(f"there is no file '{path}'", hint=f"{suggestion} ({tried})" if suggestion else tried)


def _kind(name: str) -> str:
    """Return a file's suffix, that of a compressed one below: a file of another kind is not what was meant."""
    return PurePosixPath(name.removesuffix(".gz")).suffix.lower()
