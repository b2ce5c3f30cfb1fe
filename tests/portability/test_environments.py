"""The oldest packages that are promised, on another Python too where there is one: they check, train and ship alike."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest brings along

OLDEST_PYTHON = "python3.10"
TESTS = [
    "tests/equality", "tests/portability/test_reference.py", "tests/runs/test_contract.py",
    "tests/runs/test_element_types.py", "tests/runs/test_new_data.py", "tests/runs/test_training.py",
    "tests/runs/test_trust.py", "tests/cli/test_run_commands.py",
]  # fmt: skip
"""What works on a machine's newest packages only is found by these: each format, each road through a runtime."""


def bounds(requirements: list[str]) -> list[str]:
    """Return the constraints that hold packages to the oldest versions that the requirements allow."""
    found = [re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement) for requirement in requirements]
    assert all(found), requirements
    return [f"{each[1]}=={each[2]}.*" for each in found if each]


def promised() -> list[str]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return bounds(table["dependencies"] + table["optional-dependencies"]["cpu"])


def run(*command: object, environment: dict[str, str] | None = None) -> None:
    arguments = [str(part) for part in command]
    done = subprocess.run(
        arguments, cwd=ROOT, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


def working(python: str) -> str | None:
    """Return the path of an interpreter that runs; what a version manager puts in its place may not."""
    path = shutil.which(python)
    if path is None:
        return None
    done = subprocess.run([path, "--version"], capture_output=True, check=False)
    return path if done.returncode == 0 else None


@pytest.mark.slow
def test_the_oldest_packages_do(tmp_path: Path) -> None:
    """On the oldest Python, if it is here; else on this one, unless the oldest packages are not made for it."""
    python = working(OLDEST_PYTHON) or sys.executable
    if python == sys.executable and sys.version_info >= (3, 13):
        pytest.skip(f"ONNX Runtime 1.19 is not made for this Python, and there is no {OLDEST_PYTHON}")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(promised()))
    run(python, "-m", "venv", tmp_path / "oldest")
    inside = tmp_path / "oldest" / ("Scripts" if os.name == "nt" else "bin") / "python"
    names = [line.partition("==")[0] for line in promised()]
    run(inside, "-m", "pip", "install", "--quiet", "-c", constraints, *names, "pytest>=8", "pytest-xdist>=3",
        "hypothesis>=6.100", "matplotlib>=3.7", "scikit-learn>=1.4")  # fmt: skip
    run(inside, "-W", "error::DeprecationWarning:dslc", "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS,
        environment={"PYTHONPATH": str(ROOT)})  # fmt: skip
