"""Fresh specs from pieces of the grammar: each is checked soon and in little memory, and the right ones compile and train."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from dslc.cli import main
from dslc.diagnostics import Problem
from dslc.pipeline import check_spec
from dslc.render import render_all
from tests.hostile import Watch, portions, watched, within
from tests.wrong.generating import Generator


def check_all(seeds: Iterable[int], folder: Path, watch: Watch) -> list[str]:
    """Check the spec of each seed; return those without errors."""
    right = []
    for seed in seeds:
        text = Generator(random.Random(seed)).spec()
        path = folder / "spec.dl"
        path.write_text(text, encoding="utf-8")
        with within(seed), watched(watch, folder):
            try:
                found = check_spec(path).findings
            except Problem:
                continue
            assert "Traceback" not in render_all(found)
        assert all(d.span is not None for d in found), seed
        if not found.has_errors:
            right.append(text)
    return right


def train_all(texts: Iterable[str], folder: Path, watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{i % 3},{i % 5},{i % 7},{i % 2},{i % 4}\n" for i in range(40))
    (folder / "d.csv").write_text("p1,p2,p3,p4,label\n" + rows, encoding="utf-8")
    for number, text in enumerate(texts):
        path = folder / "spec.dl"
        path.write_text(text, encoding="utf-8")
        command = ["show", str(path)]
        if "train t" in text:
            command = ["train", str(path), "-o", str(folder / f"run{number}"), "--threads", "1", "--steps", "3"]
        with within(text), watched(watch, folder):
            code = main(command)
        said = capsys.readouterr().err
        assert code in (0, 1, 3, 4), (code, said, text)
        assert "Traceback" not in said


def test_generated_specs(tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    train_all(check_all(range(150), tmp_path, watch), tmp_path, watch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", portions(20_000, 500))
def test_twenty_thousand_generated_specs(
    seeds: range, tmp_path: Path, watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    train_all(check_all(seeds, tmp_path, watch), tmp_path, watch, capsys)
