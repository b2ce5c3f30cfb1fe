"""The folder that a run writes."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dslc.errors.environment import RUN_BUSY, RUN_EXISTS
from dslc.training.files import writing

__all__ = ["clear", "holds_something", "occupied"]

WRITTEN = (
    "checkpoints", "confusion.png", "curves.png", "manifest.json", "metrics.jsonl", "spec", "state.safetensors",
    "weights.safetensors", "*.onnx", "*.onnx.data", "*.partial",
)  # fmt: skip
"""What a run writes into its folder, and ``--overwrite`` removes."""


def holds_something(folder: Path) -> bool:
    """Is there anything that a run would write over? A file in the folder's place counts."""
    return any(folder.iterdir()) if folder.is_dir() else folder.exists()


def clear(folder: Path) -> None:
    """Remove an earlier run from a folder, and nothing else.

    Raises:
        Problem: E0612, the folder holds other things and no run.
    """
    own = [path for pattern in WRITTEN for path in folder.glob(pattern)]
    others = sorted({path.name for path in folder.iterdir()} - {path.name for path in own})
    if others and not (folder / "manifest.json").exists():
        raise RUN_EXISTS(
            f"{folder} holds '{others[0]}', which no run has written",
            hint="choose a folder of its own for the run: -o RUN",
        )
    for path in own:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Make a folder if need be, and keep other processes from training into it meanwhile; left empty, it goes again.

    The lock is on the folder itself and ends with the process, however that ends. Where there are no such locks
    (Windows, some network file systems), nothing keeps them.

    Raises:
        Problem: E0621, another process trains into it; E0609, E0610, it can't be made.
    """
    is_new = not folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder):
            yield
    finally:
        if is_new:
            with suppress(OSError):  # it holds something
                folder.rmdir()


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
