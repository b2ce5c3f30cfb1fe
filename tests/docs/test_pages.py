"""The pages say what is so: generated ones are up to date, specs check, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from dslc.diagnostics import CODES, Diagnostic, Failure
from dslc.graph import DEFAULT_OPSET
from dslc.pipeline import check_spec
from dslc.storage import checkpoints, manifest
from tests.docs.blocks import DOCS, ROOT, Block, blocks_of

WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
PAGES = [*WRITTEN, *sorted((DOCS / "reference").glob("*.md"))]
SPECS = [block for page in WRITTEN for block in blocks_of(page, "dl")]


@pytest.fixture(scope="module")
def docs_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tool", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["docs_tool"] = module
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date(docs_tool: ModuleType) -> None:
    stale = [p.name for p, t in docs_tool.generated().items() if not p.exists() or p.read_text(encoding="utf-8") != t]
    assert not stale, "run: make docs"


def test_every_word_and_every_code_has_its_section(docs_tool: ModuleType) -> None:
    headings = {
        line.lstrip("#").split()[0]
        for page in docs_tool.generated()
        for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("##")
    }  # fmt: skip
    words = {name for page in docs_tool.pages().values() for name in page.words}
    assert words | {code.id for code in docs_tool.all_codes()} <= headings


def found_in(text: str, folder: Path) -> list[Diagnostic]:
    path = folder / "spec.dl"
    path.write_text(text, encoding="utf-8")
    try:
        return list(check_spec(path).findings)
    except Failure as failure:
        return list(failure.diagnostics)


@pytest.mark.parametrize("block", SPECS, ids=str)
def test_specs_in_the_pages(block: Block, tmp_path: Path) -> None:
    kind = block.info.split()[1:]
    found = found_in(block.text, tmp_path)
    codes = [finding.code.id for finding in found]
    if kind[:1] == ["error"]:
        assert [finding.code.id for finding in found if finding.severity == "error"] == kind[1:]
    elif kind == ["fragment"]:
        assert set(codes) <= {"W0201"}  # a block that nothing applies yet
    else:
        assert (kind, codes) == ([], [])


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {slug(line.lstrip("#")) for line in text.splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link or link.endswith("results.md"):  # `make results` writes that page
            continue
        target, _, fragment = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (fragment and fragment not in anchors(file)):
            broken.append(link)
    assert broken == []


def test_formats_named_in_the_pages_are_those_that_are_written() -> None:
    text = (DOCS / "versions.md").read_text(encoding="utf-8")
    assert f"`manifest.json` (format {manifest.FORMAT}) and checkpoints (format {checkpoints.FORMAT})" in text
    assert f"The operator set** of the graphs is {DEFAULT_OPSET} " in text
    row = f'| `producer`, `format` | "{manifest.PRODUCER}", and the version of the manifest, {manifest.FORMAT};'
    assert row in (DOCS / "artifacts.md").read_text(encoding="utf-8")


def test_codes_named_in_the_pages_exist(docs_tool: ModuleType) -> None:
    docs_tool.all_codes()
    named = {code for page in WRITTEN for code in re.findall(r"\b[EW]0\d{3}\b", page.read_text(encoding="utf-8"))}
    assert named <= set(CODES)
