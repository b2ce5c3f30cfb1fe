"""check --fix: files are mended, shown, and otherwise left as they are, byte by byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dslc.diagnostics import Problem
from dslc.fixing import mend_spec, write_mended
from dslc.options import Options
from dslc.render import render_changes
from dslc.source import Source
from tests.cli.conftest import SPEC, Dslc

WRONG = SPEC.replace("-> Relu", "-> Rellu").replace("Adam(lr", "Adam(learning_rate")
IMPORTING = SPEC.replace("x -> Dense(width)", "x -> Wide(width)").replace(
    "param", 'import "parts/blocks.dl"\n\nparam', 1
)
BLOCKS = "block Wide(n) {\n  input x: [N, C]\n  output x -> Dense(n)\n}\n"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.dl"
    path.write_text(WRONG)
    return path


def test_what_is_certain_is_mended_and_shown(dslc: Dslc, wrong: Path) -> None:
    assert dslc("check", wrong).err.endswith("1 file checked: 2 errors\ndslc check --fix mends all of them\n")
    assert wrong.read_text() == WRONG
    done = dslc("check", "--fix", wrong)
    assert (done.code, done.out) == (0, "")
    assert wrong.read_text() == SPEC
    lines = [line for line in done.err.splitlines() if line[:1] in ("+", "-")]
    assert lines == [
        f"--- {wrong}", f"+++ {wrong} (mended)",
        "-  h = x -> Dense(width) -> Rellu", "+  h = x -> Dense(width) -> Relu",
        "-  minimize cross_entropy(logits, label) using Adam(learning_rate = 0.05)",
        "+  minimize cross_entropy(logits, label) using Adam(lr = 0.05)",
    ]  # fmt: skip
    assert done.err.endswith("\n1 file checked: nothing wrong\n")


def test_what_is_left_is_said(dslc: Dslc, wrong: Path) -> None:
    wrong.write_text(WRONG.replace("epochs 6", "epochs 0"))
    done = dslc("check", "--fix", wrong)
    assert done.code == 1
    assert "epochs" in done.err
    assert done.err.endswith("1 file checked: 1 error\n")
    assert wrong.read_text() == SPEC.replace("epochs 6", "epochs 0")
    assert dslc("check", "--fix", wrong, wrong.with_name("gone.dl")).code == 1
    assert dslc("check", "--fix", wrong.with_name("gone.dl")).code == 3


def test_a_program_is_told_the_fixes(dslc: Dslc, wrong: Path) -> None:
    word, argument = dslc("check", "--json", wrong).json
    assert (word["hint"], argument["hint"]) == (
        "did you mean 'Relu'?",
        "here it is called 'lr': a number or a schedule",
    )
    assert word["fix"] == [
        {"text": "Relu", "file": str(wrong), "line": 12, "column": 28, "end_line": 12, "end_column": 33}
    ]
    assert [(edit["text"], edit["column"], edit["end_column"]) for edit in argument["fix"]] == [("lr", 52, 65)]
    wrong.write_text(WRONG.replace("epochs 6", "epochs 0"))
    done = dslc("check", "--fix", "--json", wrong)
    assert [(finding["code"], finding["fix"]) for finding in done.json] == [("E0506", [])]
    assert "+  h = x -> Dense(width) -> Relu" in done.err


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ends", [b"\r\n", b"\n", None])
def test_every_other_byte_stays(dslc: Dslc, wrong: Path, mark: bytes, ends: bytes | None) -> None:
    def written(text: str) -> bytes:
        lines = (
            text.replace("train sides {", "# caf\u00e9\t \n\n\ntrain   sides {  ").rstrip("\n").encode().split(b"\n")
        )
        return mark + b"".join(line + (ends or (b"\r\n" if i % 3 else b"\n")) for i, line in enumerate(lines))

    wrong.write_bytes(written(WRONG))
    assert dslc("check", "--fix", wrong).code == 0
    assert wrong.read_bytes() == written(SPEC)


def test_a_brace_gets_the_line_end_of_the_file(dslc: Dslc, wrong: Path) -> None:
    text = SPEC.replace("\n", "\r\n").encode()
    wrong.write_bytes(text.removesuffix(b"\r\n}\r\n"))
    assert dslc("check", "--fix", wrong).code == 0
    assert wrong.read_bytes() == text.removesuffix(b"\r\n")


@pytest.mark.parametrize("text", [SPEC, SPEC.replace("Dense(width)", "Dense(widths, 1, 2)")])
def test_what_has_no_fix_is_not_touched(dslc: Dslc, wrong: Path, text: str) -> None:
    wrong.write_text(text)
    before = wrong.stat()
    dslc("check", "--fix", wrong)
    now = wrong.stat()
    assert (now.st_ino, now.st_mtime_ns, now.st_ctime_ns) == (before.st_ino, before.st_mtime_ns, before.st_ctime_ns)
    assert list(wrong.parent.iterdir()) == [wrong]


def test_imported_files_are_mended_too(dslc: Dslc, wrong: Path) -> None:
    blocks = wrong.parent / "parts" / "blocks.dl"
    blocks.parent.mkdir()
    wrong.write_text(IMPORTING.replace("-> Relu", "-> Rellu"))
    blocks.write_text(BLOCKS.replace("Dense", "Dnese"))
    done = dslc("check", "--fix", wrong)
    assert done.code == 0
    assert (wrong.read_text(), blocks.read_text()) == (IMPORTING, BLOCKS)
    assert done.err.count("(mended)") == 2
    assert f"--- {blocks}" in done.err


def test_imports_from_elsewhere_are_not_looked_at(dslc: Dslc, wrong: Path) -> None:
    spec = wrong.parent / "inner" / "spec.dl"
    spec.parent.mkdir()
    spec.write_text(IMPORTING.replace("parts/blocks.dl", "blocks.dl").replace("-> Relu", "-> Rellu"))
    outside = wrong.with_name("blocks.dl")
    outside.write_text(BLOCKS.replace("Dense", "Dnese"))
    (spec.parent / "blocks.dl").symlink_to(outside)
    done = dslc("check", "--fix", spec)
    assert done.code == 1
    assert "leaves the folder" in done.err
    assert outside.read_text() == BLOCKS.replace("Dense", "Dnese")


def test_all_files_are_written_or_none(dslc: Dslc, wrong: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = wrong.parent / "parts" / "blocks.dl"
    blocks.parent.mkdir()
    texts = IMPORTING.replace("-> Relu", "-> Rellu"), BLOCKS.replace("Dense", "Dnese")
    wrong.write_text(texts[0])
    blocks.write_text(texts[1])
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "blocks.dl")  # root may write anything
    done = dslc("check", "--fix", wrong)
    assert done.code == 3
    assert f"{blocks} can't be written: it is read-only" in done.err
    assert (wrong.read_text(), blocks.read_text()) == texts


def test_a_link_stays_one_and_permissions_stay(dslc: Dslc, wrong: Path) -> None:
    wrong.chmod(0o640)
    link = wrong.with_name("link.dl")
    link.symlink_to(wrong)
    assert dslc("check", "--fix", link).code == 0
    assert link.is_symlink()
    assert (wrong.read_text(), wrong.stat().st_mode & 0o777) == (SPEC, 0o640)


def test_a_file_that_changes_meanwhile_is_left(wrong: Path) -> None:
    mended = mend_spec(wrong, Options())
    wrong.write_text(WRONG + "# mine\n")
    with pytest.raises(Problem, match="it has changed meanwhile"):
        write_mended(wrong, mended)
    assert wrong.read_text() == WRONG + "# mine\n"


def test_a_terminal_shows_changes_in_colours() -> None:
    shown = render_changes(Source("a.dl", "x\ny\n"), Source("a.dl", "x\n\x1b[1mz\n"), color=True)
    assert "\x1b[31m-y\x1b[0m" in shown
    assert "\x1b[32m+\N{REPLACEMENT CHARACTER}[1mz\x1b[0m" in shown
