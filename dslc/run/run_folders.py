"""Which folder a run is written to: the one of its name, or with ``--new`` the next one beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TypeVar

from dslc.diagnostics import Problem
from dslc.errors.environment import RUN_BUSY, RUN_EXISTS
from dslc.storage.folder import holds_something, is_busy
from dslc.storage.manifest import MANIFEST

__all__ = ["in_folder"]

Result = TypeVar("Result")
MOST_LISTED = 6


def in_folder(folder: Path, train: Callable[[Path], Result], *, new: bool, goes_on: bool) -> Result:
    """Train into the folder for a run.

    Args:
        folder: where it is written unless there is something already.
        train: does it.
        new: take the next number behind its name then: ``digits-2``; and the one behind that where another process
            has begun in it meanwhile.
        goes_on: whether what is there is resumed or replaced.

    Raises:
        Problem: E0612, there is something already, and nothing was said about it; what training raises.
    """
    while True:
        try:
            return train(_chosen_folder(folder, new=new, goes_on=goes_on))
        except Problem as problem:
            if not new or problem.diagnostic.code not in (RUN_BUSY, RUN_EXISTS):
                raise


def _chosen_folder(folder: Path, *, new: bool, goes_on: bool) -> Path:
    if goes_on or not (_is_taken(folder) if new else holds_something(folder)):
        return folder
    others = _numbered(folder)
    beside = next(
        path for number in count(max([1, *others]) + 1)
        if not _is_taken(path := folder.with_name(f"{folder.name}-{number}"))
    )  # fmt: skip
    if new:
        return beside
    if not (folder / MANIFEST).is_file():
        raise RUN_EXISTS(
            f"{folder} exists already, and is no run",
            hint=f"train into {beside}: --new; or choose another folder: -o RUN",
        )
    more = [str(others[number]) for number in sorted(others)]
    if len(more) > MOST_LISTED:
        more[: 1 - MOST_LISTED] = [f"{len(more) - MOST_LISTED + 1} more"]
    also = f", and so do {_joined(more)}" if len(more) > 1 else f", and so does {more[0]}" if more else ""
    raise RUN_EXISTS(
        f"{folder} exists already{also}",
        hint=f"go on with it: --resume; replace it: --overwrite; train into {beside}: --new",
    )


def _is_taken(folder: Path) -> bool:
    """Return whether a run lies in a folder, or has just begun and wrote nothing yet."""
    return holds_something(folder) or (folder.is_dir() and is_busy(folder))


def _numbered(folder: Path) -> dict[int, Path]:
    """Return what stands beside a folder under its name and a number."""
    pattern = re.compile(re.escape(folder.name) + r"-([1-9][0-9]{0,8})")
    try:
        beside = sorted(folder.parent.iterdir())
    except OSError:  # they are tried one by one, then
        return {}
    return {int(match[1]): path for path in beside if (match := pattern.fullmatch(path.name)) and _is_taken(path)}


def _joined(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
