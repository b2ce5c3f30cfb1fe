"""The page of worked examples: its specs are the repository's, its commands and programs do what it shows."""

from __future__ import annotations

import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from dslc.cli import main
from tests.conftest import SPECS
from tests.docs.blocks import DOCS, Block, blocks_of

PAGE = DOCS / "examples.md"
LANGUAGES = ("dl", "sh", "csv", "python", "text")
BLOCKS = sorted((block for language in LANGUAGES for block in blocks_of(PAGE, language)), key=lambda block: block.line)
TASKS = ("titanic", "diamonds", "flights", "electricity")
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e-?\d+)?")


def of_task(name: str) -> list[Block]:
    """The blocks of a task: from its spec to the next one."""
    starts = [block.line for block in BLOCKS if block.info == "dl"]
    first, end = next((a, b) for a, b, task in zip(starts, [*starts[1:], 10**6], TASKS, strict=True) if task == name)
    return [block for block in BLOCKS if first <= block.line < end]


@pytest.mark.parametrize("name", TASKS)
def test_specs_are_those_of_the_repository(name: str) -> None:
    assert of_task(name)[0].text == (SPECS / f"{name}.dl").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_what_is_shown_is_what_comes(
    name: str, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SPECS, tmp_path / "specs")
    shutil.copytree(tables, tmp_path / "data" / "tables")
    monkeypatch.chdir(tmp_path)
    for block, following in pairwise([*of_task(name), Block("", 0, "", "")]):
        kind, *more = block.info.split()
        if kind == "csv":
            Path(more[0]).write_text(block.text, encoding="utf-8")
        if kind == "sh":
            assert main(shlex.split(block.text)[1:]) == 0, capsys.readouterr().err
        if kind == "python":
            exec(compile(block.text, str(block), "exec"), {})
        out, err = capsys.readouterr()
        if following.info == "text":
            shown = following.text
            if " train " in block.text:
                assert err.splitlines()[0] == shown.splitlines()[0]
                shown = shown[shown.index("\ntest ") + 1 :]
            assert_alike(out, shown)


def assert_alike(found: str, shown: str) -> None:
    """The same words, and numbers that differ by no more than machines do after training."""
    assert NUMBER.sub("#", found).split() == NUMBER.sub("#", shown).split()
    for one, other in zip(NUMBER.findall(found), NUMBER.findall(shown), strict=True):
        assert float(one.replace(",", "")) == pytest.approx(float(other.replace(",", "")), rel=0.2, abs=0.1)
