"""The wheel is whole: installed alone in a clean environment it checks, trains and ships a spec."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, SPECS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest brings along

RUNTIMES = {
    "cpu": "onnxruntime",
    "cuda": "onnxruntime-gpu",
    "directml": "onnxruntime-directml",
    "training": "onnxruntime-training-cpu",
}


def run(*command: object, cwd: Path) -> str:
    """Run a command that must succeed, away from the checkout; return its standard output."""
    unset = ("PYTHONPATH", "VIRTUAL_ENV", "DSLC_DATA")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as a release is."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def distributions(requirements: list[str]) -> set[str]:
    """Return the names of the distributions that a list of requirements asks for."""
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


def test_each_runtime_extra_brings_one_build_of_onnx_runtime(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    assert {name: distributions(extras[name]) for name in RUNTIMES} == {name: {r} for name, r in RUNTIMES.items()}


def test_nothing_else_brings_a_build_of_onnx_runtime(project: dict[str, Any]) -> None:
    others = [r for name, extra in project["optional-dependencies"].items() if name not in RUNTIMES for r in extra]
    assert not distributions(project["dependencies"] + others) & set(RUNTIMES.values())


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"dslc/grammar/dl.lark", "dslc/py.typed", "dslc/pipeline.py", "dslc/cli/__init__.py"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"dslc"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_wheel_trains_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    run(programs / "python", "-m", "pip", "install", "--quiet", f"{wheel}[cpu]", cwd=tmp_path)
    dslc, spec = programs / "dslc", SPECS / "digits.dl"

    grammar = "import dslc.syntax.language as l; print(l.__file__); print(l.grammar_text())"
    found, _, text = run(programs / "python", "-c", grammar, cwd=tmp_path).partition("\n")
    assert Path(found).is_relative_to(folder)
    assert text.strip() == (ROOT / "grammar" / "dl.lark").read_text(encoding="utf-8").strip()

    assert json.loads(run(dslc, "check", spec, "--json", cwd=tmp_path)) == []
    run(dslc, "train", spec, "-o", "run", cwd=tmp_path)
    result = json.loads(run(dslc, "eval", "run", "--json", cwd=tmp_path))
    assert result["split"] == "test"
    assert result["metrics"]["accuracy"] >= 0.95
    assert (tmp_path / "run" / "model.onnx").stat().st_size > 0
