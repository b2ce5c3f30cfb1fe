"""The page of the architecture: what it shows of a spec is what comes, what it names and links is there."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import pytest

from dslc.cli import main
from dslc.cli.commands import compile as command
from tests.conftest import ROOT, SPECS
from tests.docs.blocks import DOCS, Block, blocks_of

PAGE = DOCS / "architecture.md"
SPEC = SPECS / "linear_regression.dl"
STAGES = [block for block in blocks_of(PAGE, "text") if block.info != "text"]
QUOTED = blocks_of(PAGE, "python")
LEFT_OUT = "..."


def is_shortened_to(whole: list[str], shown: list[str]) -> bool:
    """Whether lines are those of a whole, in order and without a gap but for some lines at each `...`."""
    at = 0
    for number, line in enumerate(shown):
        if line != LEFT_OUT:
            if at == len(whole) or whole[at] != line:
                return False
            at += 1
        elif number == len(shown) - 1:
            return at < len(whole)
        else:
            following = shown[number + 1]
            at = next((place for place in range(at + 1, len(whole)) if whole[place] == following), len(whole))
    return at == len(whole)


@pytest.mark.parametrize(("shown", "right"), [
    ("a b c", True), ("... b c", True), ("a ... c", True), ("a b ...", True), ("a c", False), ("a b", False),
    ("b c", False), ("... a b c", False), ("a b c ...", False), ("a ... b c", False), ("a x c", False),
])  # fmt: skip
def test_what_counts_as_shortened(shown: str, right: bool) -> None:
    assert is_shortened_to(["a", "b", "c"], shown.split()) is right


def test_the_spec_is_the_examples() -> None:
    (spec,) = blocks_of(PAGE, "dl")
    assert SPEC.read_text(encoding="utf-8").endswith(f"\n\n{spec.text}")


@pytest.mark.parametrize("block", STAGES, ids=lambda block: block.info)
def test_a_stage_is_what_is_emitted(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(SPEC), "--emit", block.info.split()[1]]) == 0
    assert is_shortened_to(capsys.readouterr().out.splitlines(), block.text.splitlines())


def test_every_stage_is_shown() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    (emit,) = (action for action in parser._actions if "--emit" in action.option_strings)
    assert [block.info.split()[1] for block in STAGES] == list(emit.choices or ())


@pytest.mark.parametrize("block", QUOTED, ids=str)
def test_code_is_quoted_as_it_stands(block: Block) -> None:
    assert f"\n{block.text}" in (ROOT / block.info.split()[1]).read_text(encoding="utf-8")


def names_in(file: Path) -> set[str]:
    """What a module declares or imports, at its top."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def test_a_name_that_is_linked_is_declared_in_the_file() -> None:
    """That the files exist is tested with the links of all pages."""
    links = re.findall(r"\[`(\w+)`\]\(\.\./(dslc/[^)]+\.py)\)", PAGE.read_text(encoding="utf-8"))
    assert len(links) > 15
    assert [(name, file) for name, file in links if name not in names_in(ROOT / file)] == []


def test_every_folder_is_led_through() -> None:
    text = PAGE.read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "dslc").glob("*/__init__.py")}
    assert folders - set(re.findall(r"\bdslc/(\w+)/", text)) == set()
