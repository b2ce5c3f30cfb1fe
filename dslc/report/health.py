"""What ``dslc doctor`` finds: versions, providers that really work, and what is missing."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from dslc.diagnostics import Diagnostic, Problem
from dslc.engine.engines import choose_engine
from dslc.engine.environment import environment, environment_changes
from dslc.run.run_reader import RunReader
from dslc.storage.folder import read_manifest

__all__ = ["examine"]


def examine(folder: Path | None = None) -> dict[str, Any]:
    """Return versions and hardware by name, and under ``problems`` what is amiss, each with a hint.

    Args:
        folder: a run, whose environment is compared with this one, and whose nodes that fall back to another
            provider are reported.

    Raises:
        Problem: E0613, the folder is no run.
    """
    problems: list[dict[str, str | None]] = []

    def note(message: str, hint: str | None = None, code: str | None = None) -> None:
        problems.append({"code": code, "message": message, "hint": hint})

    def note_finding(finding: Diagnostic) -> None:
        note(finding.message, finding.hint, finding.code.id)

    found = {name: value for name, value in environment().items() if name not in ("provider", "halves")}
    found["matplotlib"] = _version("matplotlib")
    working: list[str] = []
    for provider in found["providers"] or (None,):
        try:
            working.append(choose_engine(provider).provider)
        except Problem as problem:
            note_finding(problem.diagnostic)
    found["working_providers"] = working
    if found["matplotlib"] is None:
        note("matplotlib is not installed, so training draws no curves.png", 'pip install "dslc[plot]"')
    if folder is not None:
        manifest = read_manifest(folder)
        found["run"] = {key: manifest.environment.get(key) for key in ("provider", "threads")}
        if working:
            reader = RunReader(folder, manifest)
            engine = choose_engine(bounded=not reader.is_home)
            for warning in environment_changes(manifest.environment, environment(engine)):
                note_finding(warning)
            found["fallbacks"] = [name for name in manifest.graphs if engine.load(reader.model(name)).falls_back()]
            for name in found["fallbacks"]:
                note(f"a part of {name} runs on the processor, not on {engine.provider}")
    found["problems"] = problems
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
