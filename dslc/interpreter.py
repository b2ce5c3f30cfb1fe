"""Settings of the interpreter that hold for the whole process: changed while something runs, and set back."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["deep_recursion", "nothing_collected"]


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Search for no garbage in cycles meanwhile: a third of the time where many objects are made and kept."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


FRAMES = 20_000
"""Calls inside one another that the deepest spec inside the limits may need."""


class _Deep:
    """How many are at work with the raised limit, and what it was before the first of them came."""

    lock = Lock()
    count = 0
    before = 0


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let functions call each other as deep as specs may nest.

    The limit is one for all threads: the first to come raises it, and the last to leave sets it back, so that a check
    in one thread doesn't end the recursion of another. (A thread of its own with a larger stack would need it as well.)
    """
    with _Deep.lock:
        if not _Deep.count:
            _Deep.before = sys.getrecursionlimit()
            sys.setrecursionlimit(max(_Deep.before, FRAMES))
        _Deep.count += 1
    try:
        yield
    finally:
        with _Deep.lock:
            _Deep.count -= 1
            if not _Deep.count:
                sys.setrecursionlimit(_Deep.before)
