"""The folder that a run writes: what may be read from it, what may be written over, and who writes it.

Nothing in it is trusted. What it holds is named by paths inside of it, is a plain file, and is what its manifest says.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dslc.diagnostics import Problem
from dslc.errors.environment import NO_RUN, RUN_BUSY, RUN_EXISTS
from dslc.errors.runs import DAMAGED_FILE, NOT_OURS, RUN_GONE
from dslc.storage.files import Buffer, is_partial, remove_partials, write_atomically, writing
from dslc.storage.manifest import (
    CHECKPOINTS,
    MANIFEST,
    Fingerprint,
    Manifest,
    fingerprint_of,
    is_inner_path,
    manifest_of,
)

__all__ = [
    "RunFolder", "fingerprint_in", "holds_something", "inner_file", "is_busy", "occupied",
    "read_file", "read_manifest", "run_in",
]  # fmt: skip

PIECE = 1 << 22
CHECKPOINT = re.compile(r"(step-\d{10,}|best)\.safetensors")


# --- reading --------------------------------------------------------------------------------------------------------


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run or of compiled artifacts.

    Raises:
        Problem: E0613, there is none of dslc's; E0625, it is damaged.
    """
    try:
        if not stat.S_ISREG((folder / MANIFEST).lstat().st_mode):
            raise NO_RUN(f"{folder} is not the folder of a run: its {MANIFEST} is no plain file")
        data = (folder / MANIFEST).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise NO_RUN(
            f"{folder} is not the folder of a run: {MANIFEST}: {why}", hint="name the folder that dslc train wrote"
        ) from None
    return manifest_of(data, folder)


def inner_file(folder: Path, name: str) -> Path:
    """Return the path of a plain file inside of a folder, reached without links.

    Raises:
        Problem: E0626, there is no such file.
    """
    if not is_inner_path(name):
        raise DAMAGED_FILE(f"'{name}' is not the path of a file inside of {folder}")
    path = folder
    parts = name.split("/")
    for number, part in enumerate(parts):
        path /= part
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            raise DAMAGED_FILE(f"{folder} lacks {name}: {error.strerror or error}") from None
        is_last = number == len(parts) - 1
        if not (stat.S_ISREG(mode) if is_last else stat.S_ISDIR(mode)):
            kind = "link" if stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "file of no plain kind"
            raise DAMAGED_FILE(f"{path} is a {kind}, and a run has none there")
    return path


def read_file(folder: Path, name: str, due: Fingerprint | None = None) -> bytes:
    """Read a file of a run, and compare it with its fingerprint if that is known.

    Raises:
        Problem: E0626, it is missing or damaged, or no plain file.
    """
    with _opened(folder, name) as file:
        size = os.fstat(file.fileno()).st_size
        if due is not None and size != due.size:
            raise DAMAGED_FILE(f"{folder / name} is damaged: it has {size:,} bytes, and the run wrote {due.size:,}")
        data = file.read()
    if due is not None and fingerprint_of([data]) != due:
        raise DAMAGED_FILE(f"{folder / name} is damaged: it does not hold what the run wrote")
    return data


def fingerprint_in(folder: Path, name: str) -> Fingerprint:
    """Return the fingerprint of a file of a run, which is not held in memory as a whole.

    Raises:
        Problem: E0626, it is missing, or no plain file.
    """
    with _opened(folder, name) as file:
        return fingerprint_of(iter(lambda: file.read(PIECE), b""))


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[IO[bytes]]:
    path = inner_file(folder, name)
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DAMAGED_FILE(f"{path} cannot be read: {error.strerror or error}") from None


# --- writing --------------------------------------------------------------------------------------------------------


def holds_something(folder: Path) -> bool:
    """Return whether there is anything that a run would write over; a file in the folder's place counts."""
    if not folder.is_dir():
        return folder.exists() or folder.is_symlink()
    return any(not is_partial(entry.name) for entry in folder.iterdir())


@dataclass(frozen=True)
class RunFolder:
    """A folder that this process writes, and no other."""

    path: Path
    status: os.stat_result

    @classmethod
    def of(cls, path: Path) -> RunFolder:
        """Return a folder as it is now."""
        return cls(path, path.stat())

    def check_there(self) -> None:
        """Raise E0629 where the folder has been deleted, renamed or replaced since."""
        try:
            is_same = os.path.samestat(self.path.stat(), self.status)
        except OSError:
            raise RUN_GONE(f"the folder {self.path} is no longer there") from None
        if not is_same:
            raise RUN_GONE(f"the folder {self.path} has been replaced by another")

    def place(self, name: str) -> Path:
        """Return where to write a file by its path in the folder; the folders on the way are made.

        Raises:
            Problem: E0610, they can't be; E0624, one of them is a link or a file; E0629.
        """
        self.check_there()
        path = self.path
        for part in name.split("/")[:-1]:
            path /= part
            with writing(path), suppress(FileExistsError):
                path.mkdir()
            if path.is_symlink() or not path.is_dir():
                raise NOT_OURS(f"{path} is no folder of its own, and files are to be written into it")
        return path / name.rpartition("/")[2]

    def write(self, name: str, *pieces: Buffer) -> None:
        """Write a file by its path in the folder.

        Raises:
            Problem: E0609, E0610, E0624, E0629.
        """
        write_atomically(self.place(name), *pieces)

    def check_free(self, names: Iterable[str], manifest: Manifest | None = None) -> None:
        """Refuse names of files that exist and that, as far as the folder's manifest says, dslc did not write.

        Raises:
            Problem: E0624.
        """
        for name in names:
            path = self.path / name.rstrip("/")
            if (path.exists() or path.is_symlink()) and not (manifest is not None and manifest.owns(name)):
                raise NOT_OURS(
                    f"{path} stands where a file is to be written, and dslc did not write it",
                    hint="move it away, or choose another folder: -o",
                )

    def clear(self, manifest: Manifest) -> None:
        """Remove what the folder's manifest lists, and nothing else; the manifest goes last.

        Raises:
            Problem: E0610.
        """
        folders = {self.path / CHECKPOINTS}
        with writing(self.path):
            for path in (self.path / CHECKPOINTS).glob("*") if self._is_own(CHECKPOINTS) else ():
                if CHECKPOINT.fullmatch(path.name) or is_partial(path.name):
                    path.unlink()
            for name in manifest.files:
                path = self.path / name
                if name == MANIFEST or not self._is_own(name.rpartition("/")[0]):
                    continue
                if path.is_symlink() or path.is_file():
                    path.unlink()
                folders.update(self.path / parent for parent in Path(name).parents)
            remove_partials(self.path)
            for folder in sorted(folders - {self.path}, key=lambda each: -len(each.parts)):
                with suppress(OSError):  # somebody else's files are in it, or it is a link
                    folder.rmdir()
            (self.path / MANIFEST).unlink(missing_ok=True)

    def _is_own(self, name: str) -> bool:
        """Return whether the folder of this path inside is reached without links."""
        parts = [part for part in name.split("/") if part]
        return not any(self.path.joinpath(*parts[: n + 1]).is_symlink() for n in range(len(parts)))

    def remove_partials(self) -> None:
        """Remove what was half written when its writer was killed."""
        with writing(self.path):
            remove_partials(self.path)


def run_in(folder: Path, *, without_manifest: bool = False) -> Manifest | None:
    """Return the manifest of what a folder holds, None for an empty one; or for one that has checkpoints alone.

    Raises:
        Problem: E0612, it holds other things and no run; E0613, E0625, its manifest is not dslc's, or is damaged.
    """
    if not holds_something(folder):
        return None
    if without_manifest and not (folder / MANIFEST).exists() and (folder / CHECKPOINTS).is_dir():
        return None
    others = sorted(entry.name for entry in folder.iterdir() if not is_partial(entry.name))
    if MANIFEST in others:
        return read_manifest(folder)
    raise RUN_EXISTS(
        f"{folder} holds '{others[0]}', which no run has written",
        hint="choose a folder of its own for the run: -o RUN",
    )


@contextmanager
def occupied(folder: Path) -> Iterator[RunFolder]:
    """Make a folder if need be, and keep other processes from writing into it meanwhile; left empty, it goes again.

    The lock is on the folder itself and ends with the process, however that ends. Where there are no such locks
    (Windows, some network file systems), nothing keeps them.

    Raises:
        Problem: E0621, another process writes into it; E0609, E0610, it can't be made.
    """
    is_new = not folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder):
            yield RunFolder.of(folder)
    finally:
        if is_new:
            with suppress(OSError):  # it holds something
                folder.rmdir()


def is_busy(folder: Path) -> bool:
    """Return whether another process writes into a folder just now."""
    try:
        with _locked(folder):
            return False
    except (OSError, Problem):
        return True


GLANCE = 0.05
"""Seconds after which a lock is tried once more: :func:`is_busy` holds it for a moment, too."""


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(GLANCE)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RUN_BUSY(
                f"another process is training into {folder}", hint="wait for it, or choose another folder: -o RUN"
            ) from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL):
                raise
        yield
    finally:
        os.close(descriptor)
