"""What only the hosted service can run is held to its schemas, and to what the project promises."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from dslc import __version__
from tests.conftest import ROOT

GITHUB = ROOT / ".github"
FORMS = [path for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"]


@pytest.mark.parametrize(("schema", "files"), [
    ("vendor.github-workflows", sorted((GITHUB / "workflows").glob("*.yml"))),
    ("vendor.github-issue-forms", FORMS),
    ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
    ("vendor.citation-file-format", [ROOT / "CITATION.cff"]),
])  # fmt: skip
def test_files_of_the_hosted_service_fit_their_schemas(schema: str, files: list[str]) -> None:
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_promised_python_and_the_oldest_runtime_are_in_the_matrix() -> None:
    workflow = (GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    promised = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    matrix = re.search(r"python: \[(.*)\]", workflow)
    assert matrix is not None
    assert re.findall(r"3\.\d+", matrix[1]) == promised
    assert f'requires-python = ">={promised[0]}"' in project
    oldest = re.search(r'cpu = \["onnxruntime>=([\d.]+)"\]', project)
    runtimes = re.search(r'runtime: \["([\d.]+)"', workflow)
    assert oldest is not None
    assert runtimes is not None
    assert runtimes[1].startswith(oldest[1] + ".")


def test_the_citation_names_this_version() -> None:
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_commands_of_the_workflows_exist() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (GITHUB / "workflows").glob("*.yml"))
    named = set(re.findall(r"(?<![\w.])(\.ci/\w+|tests/[\w/.]+)", text))
    assert named
    assert all((ROOT / name).exists() for name in named), named
