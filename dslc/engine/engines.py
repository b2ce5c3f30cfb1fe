"""The engines there are, and the choice of one; nothing else knows them."""

from __future__ import annotations

from dslc.engine.onnxruntime.engine import OnnxRuntimeEngine
from dslc.engine.onnxruntime.runtime import available_providers, runtime
from dslc.engine.onnxruntime.session import Settings
from dslc.engine.protocol import Engine

__all__ = ["choose_engine", "known_providers", "runtime_version"]


def choose_engine(provider: str | None = None, threads: int | None = None, *, bounded: bool = False) -> Engine:
    """Return what runs graphs on a provider (None: the best) with threads (None: one per core).

    ``bounded`` graphs may be anybody's: what takes too much memory or time is given up (E0636).

    Raises:
        Problem: E0601 to E0603, E0611.
    """
    return OnnxRuntimeEngine(Settings.of(provider, threads, bounded=bounded))


def known_providers() -> list[str]:
    """Return the providers that are installed, best first; their drivers may yet be missing.

    Raises:
        Problem: E0601, no runtime is installed.
    """
    return [provider.value for provider in available_providers()]


def runtime_version() -> str:
    """Return the version of the runtime.

    Raises:
        Problem: E0601, none is installed.
    """
    return str(runtime().__version__)
