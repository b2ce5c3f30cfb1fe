"""Files that a command was told to write: for every command the one way to write them.

What the name leads to is written, through links and into devices and pipes; it is never what the command reads, nor a
file of a run. A file that is there is replaced only if an earlier command of the same kind has written it, or the user
says so; and once the new one is whole and on the disk.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dslc.diagnostics import Problem
from dslc.errors.environment import FILE_EXISTS, UNWRITABLE
from dslc.errors.runs import OUTPUT_IN_RUN, OUTPUT_IS_INPUT
from dslc.storage.files import Buffer, replacing, writing
from dslc.storage.folder import read_manifest
from dslc.storage.manifest import MANIFEST

__all__ = ["Kind", "check_output", "is_stream", "output", "write_output"]

DESCRIPTOR = re.compile(r"/dev/(?:fd|std)/?(\w+)|/proc/(?:self|\d+)/fd/(\d+)")
STREAMS = {"out": 1, "err": 2}


@dataclass(frozen=True)
class Kind:
    """What a command writes, by which it knows what it may replace."""

    what: str
    """In words: "a model that dslc has written"."""
    is_earlier: Callable[[IO[bytes]], bool]
    """Tells whether a file holds such a thing."""


@contextmanager
def output(path: Path, inputs: Iterable[Path] = (), kind: Kind | None = None) -> Iterator[IO[bytes]]:
    """Give a file to fill, for a path that the user named.

    Args:
        path: where to write. A link is followed; a device, a pipe or a descriptor (``/dev/stdout``) is written into;
            a file is replaced as a whole, and hands on its permissions.
        inputs: the files that the same command reads.
        kind: what a file may hold to be replaced; None for anything.

    Raises:
        Problem: E0609, E0610; E0619, it holds something else; E0622, it is one of the inputs; E0623, it belongs to a
            run.
    """
    target = check_output(path, inputs, kind)
    descriptor = _descriptor(path)
    if descriptor is None and not _is_special(target):
        with replacing(target) as file:
            yield file
        return
    with writing(path):
        sys.stdout.flush()
        number = os.dup(descriptor) if descriptor is not None else os.open(target, os.O_WRONLY)
        with os.fdopen(number, "wb") as stream:
            yield stream


def write_output(path: Path, *pieces: Buffer, inputs: Iterable[Path] = (), kind: Kind | None = None) -> None:
    """Write these pieces where the user said, as :func:`output` does.

    Raises:
        Problem: E0609, E0610, E0619, E0622, E0623.
    """
    with output(path, inputs, kind) as file:
        for piece in pieces:
            file.write(piece)


def check_output(path: Path, inputs: Iterable[Path] = (), kind: Kind | None = None, *, is_own: bool = False) -> Path:
    """Return the file that writing to a path would write, before anything is computed for it.

    ``is_own`` says that it may be a file of the run or the artifacts that are being written.

    Raises:
        Problem: E0610, there can be no such file; E0619, it is there, and of another kind; E0622, it is one of the
            inputs; E0623, it belongs to a run.
    """
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise UNWRITABLE(f"{path} can't be written: it is a link to itself")
    if target.is_dir():
        raise UNWRITABLE(f"{path} can't be written: it is a folder")
    for each in inputs:
        with suppress(OSError):  # what is not there can't be written over
            if target.samefile(each) and not _is_special(target):
                named = "" if str(each) == str(path) else f", which is {each},"
                raise OUTPUT_IS_INPUT(f"{path}{named} is read by this command, and would be replaced by what it writes",
                                      hint="name another file")  # fmt: skip
    owner = None if is_own else _owner(target)
    if owner is not None and _descriptor(path) is None:
        raise OUTPUT_IN_RUN(f"{path} belongs to what dslc has written into {owner}", hint="name another file")
    if kind is not None and _descriptor(path) is None and not _may_replace(target, kind):
        raise FILE_EXISTS(
            f"{path} exists, and is not {kind.what}", hint="name another file, or replace this one: --overwrite"
        )
    return target


def is_stream(path: Path) -> bool:
    """Return whether a path leads to a device, a pipe or a descriptor, rather than to a file."""
    return _descriptor(path) is not None or _is_special(Path(os.path.realpath(path)))


def _may_replace(target: Path, kind: Kind) -> bool:
    """Return whether there is nothing to lose: no file, an empty one, something to write into, or an earlier output."""
    try:
        status = target.stat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return True
        with target.open("rb") as file:
            return kind.is_earlier(file)
    except FileNotFoundError:
        return True
    except OSError:  # it can't be read
        return False


def _is_special(target: Path) -> bool:
    """Return whether there is something that is no file of the disk, to be written into rather than replaced."""
    try:
        return not stat.S_ISREG(target.stat().st_mode)
    except OSError:
        return False


def _descriptor(path: Path) -> int | None:
    """Return the descriptor of this process that a path stands for; opened anew, what it appends to would be cut."""
    found = DESCRIPTOR.fullmatch(os.path.normpath(path))
    if found is None:
        return None
    name = found[1] or found[2]
    return STREAMS.get(name) if not name.isdigit() else int(name)


def _owner(target: Path) -> Path | None:
    """Return the folder of the run or the artifacts that a file belongs to."""
    for folder in target.parents:
        if (folder / MANIFEST).is_file():
            with suppress(Problem):  # some other program's, or no longer readable
                if read_manifest(folder).owns(target.relative_to(folder).as_posix()):
                    return folder
    return None
