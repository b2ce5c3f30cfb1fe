"""The Pythons that engines run in: dslc's own, and environments for the peers that are made when they are first needed.

They lie in the repository's root, ignored by git: ``.venv-bench`` and the like.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ENVIRONMENTS", "Environment", "NotInstallable", "make_environment"]

ROOT = Path(__file__).resolve().parents[1]


class NotInstallable(Exception):
    """An environment can't be made; the text says why."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment of a peer."""

    folder: str
    installs: Sequence[Sequence[str]]
    """What to give ``pip install``, for each thing that is needed the ways to get it; a later one is tried where those
    before fail."""
    pythons: Sequence[str] = ()
    """Interpreters that will do, best first; none means the one that runs this."""


ENVIRONMENTS = {
    "torch": Environment(
        ".venv-bench",
        [["torch --index-url https://download.pytorch.org/whl/cpu", "torch"], ["numpy onnx"]],
    ),
    "keras-jax": Environment(".venv-bench-keras", [["keras jax[cpu] numpy"]]),
    "ort-training": Environment(
        ".venv-bench-ort",
        [["onnxruntime-training-cpu==1.19.2 onnx==1.17.0 numpy"]],
        ["python3.12", "python3.11", "python3.10"],
    ),
}
"""By the names that engines give them; ``dslc`` is the Python that runs the benchmark."""


def make_environment(name: str) -> Path:
    """Return the Python of an environment, which is made if it is not there.

    Raises:
        NotInstallable: no interpreter will do, or pip fails.
    """
    if name == "dslc":
        return Path(sys.executable)
    environment = ENVIRONMENTS[name]
    folder = ROOT / environment.folder
    python = folder / "bin" / "python"
    if (folder / "made").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([_interpreter(environment), "-m", "venv", str(folder)], check=True)
    for ways in environment.installs:
        _install(python, ways)
    (folder / "made").touch()
    return python


def _install(python: Path, ways: Sequence[str]) -> None:
    failures = []
    for packages in ways:
        print(f"pip install {packages}", file=sys.stderr)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages.split()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        failures.append(errors[-1] if errors else done.stderr[-200:])
    raise NotInstallable(f"pip install {ways[-1]}: {failures[-1]}")


def _interpreter(environment: Environment) -> str:
    if not environment.pythons:
        return sys.executable
    for name in environment.pythons:
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            return found
    raise NotInstallable(f"needs one of {', '.join(environment.pythons)}")
