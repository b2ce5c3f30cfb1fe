"""dslc: a compiler for declarative model specs, from a page of text to a trained ONNX model.

>>> run = dslc.load("digits.dl", hidden=256).train()
>>> run.evaluate("test")
"""

from __future__ import annotations

from dslc.version import __version__

TYPE_CHECKING = False  # as typing's; that module loads for so long that an interruption would meet it
if TYPE_CHECKING:
    from typing import Any

    from dslc.api import Spec, list_runs, load, open_run
    from dslc.diagnostics import Failure, Problem

__all__ = ["Failure", "Problem", "Spec", "__version__", "list_runs", "load", "open_run"]

_HOMES = {
    "Failure": "dslc.diagnostics", "Problem": "dslc.diagnostics",
    "Spec": "dslc.api", "list_runs": "dslc.api", "load": "dslc.api", "open_run": "dslc.api",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import what stands in ``__all__`` when it is first used: the compiler takes longer to import than a name."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dslc' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
