"""The folder that a run writes."""

from __future__ import annotations

import shutil
from pathlib import Path

from dslc.errors.environment import RUN_EXISTS

__all__ = ["clear", "holds_something"]

WRITTEN = (
    "checkpoints", "curves.png", "manifest.json", "metrics.jsonl", "spec", "state.safetensors", "weights.safetensors",
    "*.onnx", "*.partial",
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
