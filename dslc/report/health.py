"""What ``dslc doctor`` finds: versions, providers that really work, and what is missing."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from dslc.diagnostics import Diagnostic, Problem
from dslc.engine.engines import choose_engine, known_providers
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

    def note(finding: Diagnostic) -> None:
        problems.append({"code": finding.code.id, "message": finding.message, "hint": finding.hint})

    found = environment()
    found.pop("provider")
    found["matplotlib"] = _version("matplotlib")
    working: list[str] = []
    try:
        for provider in known_providers():
            try:
                working.append(choose_engine(provider).provider)
            except Problem as problem:
                note(problem.diagnostic)
    except Problem as problem:
        note(problem.diagnostic)
    found["working_providers"] = working
    if found["matplotlib"] is None:
        problems.append({
            "code": None, "message": "matplotlib is not installed, so training draws no curves.png",
            "hint": 'pip install "dslc[plot]"',
        })  # fmt: skip
    if folder is not None:
        manifest = read_manifest(folder)
        found["run"] = {key: manifest.environment.get(key) for key in ("provider", "threads")}
        if working:
            for warning in environment_changes(manifest.environment, environment(choose_engine())):
                note(warning)
            reader = RunReader(folder, manifest)
            engine = choose_engine(bounded=not reader.is_home)
            graphs = {name: engine.load(reader.model(name)) for name in manifest.graphs}
            found["fallbacks"] = [name for name, graph in graphs.items() if graph.falls_back()]
            problems += [
                {"code": None, "message": f"a part of {name} runs on the processor, not on {working[0]}", "hint": None}
                for name in found["fallbacks"]
            ]
    found["problems"] = problems
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
