"""What hostile input may cost and touch, and how much of it is tried.

Generated specs, damaged files and edited runs come from seeds. Of the slow tests a tenth runs, from a seed of the day,
which the tests' names show; DSLC_SCALE=whole runs all of them, and DSLC_SEED=N begins at another seed.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import dslc

if sys.platform != "win32":
    import resource

__all__ = ["Watch", "portions", "watched", "within"]

SECONDS, MEGABYTES = 5, 1000
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def portions(whole: int, size: int) -> list[Any]:
    """Return ranges of seeds, as parameters of a test."""
    count = whole // size if os.environ.get("DSLC_SCALE") == "whole" else max(1, whole // size // 10)
    today = datetime.now(timezone.utc).toordinal() * 1_000_000
    first = int(os.environ.get("DSLC_SEED", today))
    ranges = [range(first + n * size, first + (n + 1) * size) for n in range(count)]
    return [pytest.param(seeds, id=f"seeds {seeds.start} to {seeds.stop - 1}") for seeds in ranges]


@contextmanager
def within(what: object, seconds: float = SECONDS, megabytes: float = MEGABYTES) -> Iterator[None]:
    """Fail where something takes more time of the processor, or at any moment more memory (but on Windows).

    Memory that other tests of this process have left behind is theirs: beside it, half of the bound is enough.
    """
    before, began = _start_of_peak(), time.process_time()
    yield
    taken, peak = time.process_time() - began, _peak()
    assert taken < seconds, (what, taken)
    assert peak <= max(megabytes, before + megabytes / 2), (what, before, peak)


def _start_of_peak() -> float:
    """Return the megabytes that this process has, and let the peak begin there, where the system can (Linux)."""
    with suppress(OSError):
        RESET.write_text("5")
    return _peak()


def _peak() -> float:
    if STATUS.exists():
        return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    if sys.platform == "win32":
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)


class Watch:
    """Takes note of files that are opened, removed, renamed or made; one only, since a hook stays for good."""

    def __init__(self) -> None:
        self.touched: list[tuple[str, str]] | None = None
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.touched is not None and event in (
            "open", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink",
            "shutil.rmtree", "shutil.copyfile", "os.chmod", "os.chown", "subprocess.Popen", "socket.connect",
        ):  # fmt: skip
            count = 2 if event in ("os.rename", "os.link", "os.symlink", "shutil.copyfile") else 1
            self.touched += [(event, os.fsdecode(a)) for a in arguments[:count] if isinstance(a, (str, bytes))]


OWN = tuple(
    os.path.realpath(path)
    for path in (sys.prefix, sys.base_prefix, sysconfig.get_path("purelib"), Path(dslc.__file__).parents[1])
)
"""Where Python and dslc itself lie."""
SYSTEM = ("/proc/", "/sys/", "/dev/", "/usr/", "/lib", "/etc/localtime", "/etc/ssl", "/etc/fonts", "/var/cache/")
HOME = tuple(str(Path.home() / name) for name in (".cache/matplotlib", ".config/matplotlib", ".cache/dslc"))
"""What dslc and matplotlib keep for the next time."""


@contextmanager
def watched(watch: Watch, *allowed: Path) -> Iterator[None]:
    """Fail where a file outside of these folders, Python's and the system's own is touched."""
    watch.touched = []
    try:
        yield
    finally:
        touched, watch.touched = watch.touched, None
    roots = (*map(os.path.realpath, allowed), *OWN, *SYSTEM, *HOME)
    found = {(event, str(Path(os.path.realpath(Path(name).parent)) / Path(name).name)) for event, name in set(touched)}
    strange = sorted(each for each in found if not each[1].startswith(roots))
    assert not strange, strange
