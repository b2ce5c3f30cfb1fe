"""The examples that `dslc explain` shows: the wrong one causes the code, the right one no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from dslc.diagnostics import CODES, Code
from dslc.pipeline import check_spec

AFTER_CHECKING = {"E0404", "E0421", "E0520", "E0590"}
"""What only data, a run or differentiating can cause."""
CHECKED = [c for c in CODES.values() if not c.id.startswith(("E04", "E06", "W06")) and c.id not in AFTER_CHECKING]


def codes_in(text: str, folder: Path) -> set[str]:
    path = folder / "spec.dl"
    path.write_text(text, encoding="utf-8")
    return {d.code.id for d in check_spec(path).findings}


@pytest.mark.parametrize("code", [c for c in CHECKED if c.wrong], ids=lambda code: code.id)
def test_the_wrong_example_causes_the_code_alone(code: Code, tmp_path: Path) -> None:
    errors = {found for found in codes_in(code.wrong, tmp_path) if found[0] == code.id[0]}
    assert errors == {code.id}


@pytest.mark.parametrize("code", [c for c in CODES.values() if c.right], ids=lambda code: code.id)
def test_the_right_example_has_no_error(code: Code, tmp_path: Path) -> None:
    assert {found for found in codes_in(code.right, tmp_path) if found.startswith("E") or found == code.id} == set()


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.id)
def test_explanations_are_sentences(code: Code) -> None:
    assert code.explanation.endswith(".")
    assert not code.title.endswith(".")
    assert len(code.explanation) > 40
