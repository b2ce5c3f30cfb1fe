"""What a run computes on: versions of what takes part, provider, threads, processor."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from dslc.diagnostics import Diagnostic, Problem
from dslc.engine.engines import known_providers, runtime_version
from dslc.engine.machine import processor_features, thread_count
from dslc.engine.protocol import Engine
from dslc.errors.environment import ENVIRONMENT_CHANGED
from dslc.version import __version__

__all__ = ["environment", "environment_changes"]


def environment(engine: Engine | None = None) -> dict[str, Any]:
    """Return versions, providers, threads and processor features, for the manifest and ``dslc doctor``.

    ``provider`` is None where no engine is given; ``onnxruntime`` and ``providers`` are None and empty where no
    runtime is installed.
    """
    version: str | None
    try:
        version, providers = runtime_version(), known_providers()
    except Problem:
        version, providers = None, []
    return {
        "dslc": __version__,
        "onnxruntime": version,
        "onnx": metadata.version("onnx"),
        "numpy": metadata.version("numpy"),
        "python": platform.python_version(),
        "providers": providers,
        "provider": engine.provider if engine else None,
        "threads": engine.threads if engine else thread_count(),
        "halves": engine.even_split if engine else None,
        "processor": platform.machine(),
        "processor_features": processor_features(),
        "system": f"{platform.system()} {platform.release()}",
    }


DECISIVE = ("dslc", "onnxruntime", "provider", "threads", "halves", "processor", "processor_features")
"""What must agree for a resumed run to end bit for bit like an uninterrupted one."""
TITLES = {"halves": "threads keep to halves of tensors", "processor_features": "processor features"}


def environment_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Diagnostic]:
    """Return a warning (W0602) for each decisive entry in which two environments differ."""
    differing = [name for name in DECISIVE if before.get(name) != now.get(name)]
    return [
        ENVIRONMENT_CHANGED(
            f"{TITLES.get(name, name)}: {_text(before.get(name))} before, {_text(now.get(name))} now"
        ).diagnostic
        for name in differing
    ]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
