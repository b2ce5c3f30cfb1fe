"""What README and the artifacts page show is run as it stands there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dslc
from dslc.cli import main
from dslc.diagnostics import Problem
from dslc.pipeline import check_spec
from dslc.render import render_all
from tests.conftest import SPECS
from tests.docs.blocks import DOCS, ROOT, Block, blocks_of

README = ROOT / "README.md"
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the specs and their data, to work in."""
    shutil.copytree(SPECS, tmp_path / "specs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def execute(block: Block) -> None:
    exec(compile(block.text, str(block), "exec"), {})


def accuracy_in(text: str) -> float:
    found = re.search(r"accuracy'?:? ([\d.]+)", text)
    assert found is not None
    return float(found[1])


def test_readme_trains_ships_and_runs(checkout: Path, capsys: Captured) -> None:
    (spec,) = (block for block in blocks_of(README, "dl") if block.info == "dl")
    (checkout / "specs" / "first.dl").write_text(spec.text, encoding="utf-8")
    assert main(["train", "specs/first.dl"]) == 0
    printed = capsys.readouterr()
    output = next(block for block in blocks_of(README, "text") if block.text.startswith("first:"))
    assert printed.err.splitlines()[0] == output.text.splitlines()[0]
    assert abs(accuracy_in(printed.out) - accuracy_in(output.text.splitlines()[-1])) < 0.03
    ship, from_python = blocks_of(README, "python")
    execute(ship)
    execute(from_python)
    assert accuracy_in(capsys.readouterr().out) > 0.93
    assert main(["export", "runs/first", "-o", "digits.onnx", "--fields"]) == 0


def test_the_error_that_readme_shows(checkout: Path) -> None:
    (wrong,) = (block for block in blocks_of(README, "dl") if block.info.startswith("dl error"))
    (shown,) = (block for block in blocks_of(README, "text") if block.text.startswith("error"))
    Path("net.dl").write_text(wrong.text, encoding="utf-8")
    try:
        found = list(check_spec(Path("net.dl")).findings)
    except Problem as problem:
        found = [problem.diagnostic]
    assert render_all(found) == shown.text


def test_readme_names_every_command() -> None:
    from dslc.cli.commands import GROUPS

    rows = re.findall(r"^\| `dslc (\w+)[^`]*` \| (.*?) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    commands = [row for group in GROUPS.values() for row in group.items()]
    assert [(name, does.partition(";")[0]) for name, does in rows] == commands


def test_the_training_loop_of_the_artifacts_page(checkout: Path, capsys: Captured) -> None:
    loop, _, evaluation = blocks_of(DOCS / "artifacts.md", "python")
    assert len(loop.text.splitlines()) <= 20
    dslc.load("specs/digits.dl").compile("artifacts")
    execute(evaluation)
    before = accuracy_in(capsys.readouterr().out)
    execute(loop)
    losses = [float(value) for value in re.findall(r"loss ([\d.]+)", capsys.readouterr().out)]
    execute(evaluation)
    assert losses[0] > losses[-1]
    assert before < 0.3 < 0.95 < accuracy_in(capsys.readouterr().out)


def test_the_loop_of_two_workers_of_the_artifacts_page(checkout: Path, capsys: Captured) -> None:
    _, loop, evaluation = blocks_of(DOCS / "artifacts.md", "python")
    assert len(loop.text.splitlines()) <= 26
    assert main(["compile", "specs/digits.dl", "--apart", "-o", "apart"]) == 0
    assert not Path("apart/train.onnx").exists()
    capsys.readouterr()
    execute(loop)
    losses = [float(value) for value in re.findall(r"loss ([\d.]+)", capsys.readouterr().out)]
    assert losses[0] > losses[-1]
    Path("apart").rename("artifacts")
    execute(evaluation)
    assert accuracy_in(capsys.readouterr().out) > 0.95


def points(folder: Path, random: np.random.Generator) -> None:
    rows = ["kind,y," + ",".join(f"x{i}" for i in range(8))]
    rows += [f"{'abc'[i % 3]},{x.sum()}," + ",".join(map(str, x)) for i, x in enumerate(random.normal(size=(60, 8)))]
    (folder / "points.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def houses(folder: Path, random: np.random.Generator) -> None:
    rows = ["size,town,price"]
    sizes = [str(random.uniform(50, 200)) if i % 5 else "" for i in range(60)]
    rows += [f"{size},{'abcd'[i % 4]},{random.uniform(1e5, 9e5)}" for i, size in enumerate(sizes)]
    (folder / "houses.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


WHOLE = [block for block in blocks_of(DOCS / "language.md", "dl") if block.info == "dl"]


@pytest.mark.parametrize("block", WHOLE, ids=str)
def test_whole_specs_of_the_language_page_train(block: Block, checkout: Path) -> None:
    random = np.random.default_rng(0)
    makers: list[Callable[[Path, np.random.Generator], None]] = [points, houses]
    for make in makers:
        make(checkout, random)
    shutil.copytree(SPECS / "data", checkout / "data")
    text = block.text.replace('columns("x*")', 'columns("x0", "x1")') if "float32[2]" in block.text else block.text
    text = re.sub(r"^  (epochs|steps) .*", r"  \1 2", text, flags=re.MULTILINE)
    Path("page.dl").write_text(text, encoding="utf-8")
    run = dslc.load("page.dl").train("run")
    figures = run.evaluate()
    losses = figures["loss"].values() if isinstance(figures["loss"], dict) else [figures["loss"]]
    assert all(np.isfinite(loss) for loss in losses)
    assert (checkout / "run" / "manifest.json").exists()
    assert list((checkout / "run").glob("model*.onnx"))
