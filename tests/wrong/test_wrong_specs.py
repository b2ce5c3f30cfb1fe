"""Specs with mistakes, and all that is said about them; `pytest --update-golden` stores the text anew.

A case is a file, or a folder with a `main.dl`. Its first lines may give options: `# --set name=value`,
`# --limit name=value`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dslc.diagnostics import CODES, Diagnostics
from dslc.limits import Limits
from dslc.pipeline import Options, check_spec
from dslc.render import render_all

HERE = Path(__file__).parent
FOLDERS = ("arguments", "blocks", "data", "imports", "names", "params", "shapes", "syntax", "training")
CASES = sorted(
    path for folder in FOLDERS for path in [*(HERE / folder).glob("*.dl"), *(HERE / folder).glob("*/main.dl")]
)

NOT_BY_CHECKING = {
    "E0116": "of reading a file that is too large; tests/wrong/test_hostile.py",
    "E0117": "of the command line's --limit",
    "E0118": "needs fifty mistakes; tests/syntax/test_errors.py",
    "E0227": "of the command line's --train",
    **dict.fromkeys(
        ("W0604", "W0605", "W0606", "W0607", "W0608", "W0641", "W0642"),
        "of resuming a run; tests/runs/test_resuming.py",
    ),
    "E0551": "of a run",
    "W0550": "of resuming a run; tests/runs/test_resuming.py",
    "E0228": "needs a thousand mistakes; tests/wrong/test_hostile.py",
    "E0229": "of files; tests/cli/test_odd_files.py",
    "E0230": "of what is installed; tests/cli/test_odd_files.py",
    "E0520": "of a run; tests/runs/test_not_finite_causes.py",
    "E0521": "of a run",
    "E0522": "of reading weights",
    "E0524": "of a run",
    "E0525": "of a run; tests/runs/test_figures.py",
    "E0526": "of compiling with --apart; tests/equality/test_apart.py",
    "E0540": "of indices in data; tests/baddata, tests/runs/test_indices.py",
    "E0542": "of reading data",
    "E0590": "of differentiating, after checking",
    "W0521": "of a run; tests/runs/test_figures.py",
    "W0544": "of a run; tests/runs/test_rare_updates.py",
    "W0450": "of reading data",
    "W0455": "of reading data; tests/runs/test_order.py",
    "W0601": "of a run",
    "W0602": "of a run",
    "W0603": "of a run",
}
"""Codes of the checked families that no small spec causes, with where they belong."""


def name_of(path: Path) -> str:
    folder = path.parent if path.name == "main.dl" else path.with_suffix("")
    return folder.relative_to(HERE).as_posix()


def found_in(path: Path, monkeypatch: pytest.MonkeyPatch) -> Diagnostics:
    """Check a spec from within its folder, so that places bear no machine's paths."""
    monkeypatch.chdir(path.parent)
    lines = path.read_text(encoding="utf-8").splitlines()
    settings = [line.removeprefix("# --set ").partition("=") for line in lines if line.startswith("# --set ")]
    limits = Limits().with_overrides(line.removeprefix("# --limit ") for line in lines if line.startswith("# --limit "))
    return check_spec(
        Path(path.name), Options(settings={key: value for key, _, value in settings}, limits=limits)
    ).findings


@pytest.mark.parametrize("path", CASES, ids=name_of)
def test_what_is_said(path: Path, golden: Callable[[str, Path], None], monkeypatch: pytest.MonkeyPatch) -> None:
    found = found_in(path, monkeypatch)
    assert len(found)
    golden(render_all(found), path.with_suffix(".txt"))


def test_every_code_of_checking_is_here() -> None:
    text = "".join(path.with_suffix(".txt").read_text(encoding="utf-8") for path in CASES)
    families = ("E01", "E02", "E03", "E05", "W")
    missing = [c for c in CODES if c.startswith(families) and f"[{c}]" not in text and c not in NOT_BY_CHECKING]
    assert missing == []
    assert [code for code in NOT_BY_CHECKING if f"[{code}]" in text] == []
