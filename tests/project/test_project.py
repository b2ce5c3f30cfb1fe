"""The repository keeps its own rules."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, SPECS

SPEC_FILES = sorted(SPECS.glob("*.dl"))


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_point_one_way() -> None:
    done = run(Path(sys.executable).with_name("lint-imports"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_examples_are_right_and_canonical() -> None:
    program = Path(sys.executable).with_name("dslc")
    assert len(SPEC_FILES) > 10
    checked = run(program, "check", "--json", *SPEC_FILES)
    assert (checked.returncode, json.loads(checked.stdout)) == (0, [])
    formatted = run(program, "fmt", "--check", *SPEC_FILES)
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr


def test_each_package_has_a_folder_of_tests() -> None:
    elsewhere = {"errors": "tests/wrong", "starter": "tests/cli"}
    for package in sorted((ROOT / "dslc").glob("*/__init__.py")):
        name = package.parent.name
        assert list((ROOT / elsewhere.get(name, f"tests/{name}")).glob("test_*.py")), name


def test_version_has_a_changelog_entry() -> None:
    from dslc import __version__

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {__version__}" in changelog or "## Unreleased" in changelog
