"""A shorter way to the first step, and faster steps, by settings of the whole process.

These are for a program to choose, not for a library: ``dslc`` as a command does, ``import dslc`` does not.
"""

from __future__ import annotations

import _thread
import gc
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import FrameType, ModuleType

from dslc.engine.machine import SUBNORMALS_VARIABLE

__all__ = ["end_quickly", "flush_subnormals", "hush", "interrupt_between_imports", "quicken"]

DEFERRED = ("onnx_ir._symbolic_shapes", "sympy")
"""onnx-ir imports sympy, a third of a second, for arithmetic on symbolic dimensions; dslc has its own."""
COLLECT_EVERY = 1_000_000
"""New objects between searches for cyclic garbage. A compiler makes many objects that stay, and hardly any cycles that
do not: with Python's 700, a tenth of the time to the first step goes into searches that find nothing."""
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"
"""The name of the file that Python's import system was made from, in the frames of an import that goes on."""
_SECONDS_TO_THE_NEXT_TRY = 0.02


class _Deferring(MetaPathFinder):
    """Finds the deferred modules where they would be found anyway, and has them loaded at their first attribute."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in DEFERRED else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def flush_subnormals() -> None:
    """Let sessions take subnormal numbers as zero, unless the environment says otherwise."""
    os.environ.setdefault(SUBNORMALS_VARIABLE, "0")


def interrupt_between_imports() -> None:
    """Let Ctrl-C raise KeyboardInterrupt, but not while a module loads.

    There packages turn it into errors of theirs, and a compiled one, which can't pass an exception on through C++,
    ends the process with a traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            again = threading.Timer(_SECONDS_TO_THE_NEXT_TRY, _thread.interrupt_main)
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def hush() -> None:
    """Keep the warnings and logs of Python packages from people; what they should know, dslc says."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def end_quickly() -> None:
    """Let the process end without a last search for garbage, a sixth to a fifth of the time that compiling takes."""
    gc.freeze()


def quicken() -> None:
    """Let the deferred modules be imported when they are first used, and garbage be searched for less often."""
    gc.set_threshold(COLLECT_EVERY)
    if not any(isinstance(finder, _Deferring) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Deferring())
