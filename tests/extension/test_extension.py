"""A package outside of dslc adds words, a class of ten lines each, and checks, training, pages and errors follow."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dslc.diagnostics import Failure
from dslc.library.word import ACTIVATIONS, FUNCTIONS, LAYERS, LOSSES, METRICS, OPTIMIZERS, SOURCES
from dslc.pipeline import Options, check_spec
from dslc.plan.coding import read, written
from dslc.plan.training import TrainPlan
from dslc.render import render_all
from tests.conftest import compile_spec
from tests.extension.conftest import ADDED, ALL, take_back
from tests.runs.driving import evaluations, opened, outcome, trained
from tests.runs.test_resuming import interrupted, resumed
from tools import docs

WORDS = Path(__file__).with_name("words.py")
PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
SPEC = """\
data points {
  source blanks("points.dat")
  field x: float32[2] = standardize(columns("x*"))
  field y: float32 = centred(column("y"))
  split train = 80%, validation = 20%, seed = 1
}
model Net {
  input x: float32[N, 2]
  h = x -> Dense(16) -> Bent(width = 2.0)
  output y = squeeze(bent(h) -> Dense(1), axis = 1)
}
train fit {
  data points
  let guess = Net(x)
  minimize quartic(guess, y) using RootSGD(lr = cosine(0.05, 0.0))
  metric close = within(guess, y, tolerance = 0.5)
  output y = original(guess, y)
  keep best validation.close
  epochs 20
  batch 16
  seed 1
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    generator = np.random.default_rng(7)
    x = generator.normal(0, 1, (200, 2))
    rows = np.column_stack([x, x[:, 0] * 2 - np.abs(x[:, 1])])
    lines = ["x1 x2 y", *(" ".join(f"{number:.5f}" for number in row) for row in rows)]
    (tmp_path / "points.dat").write_text("\n".join(lines) + "\n")
    (tmp_path / "spec.dl").write_text(SPEC)
    return tmp_path / "spec.dl"


def classes() -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(WORDS.read_text()).body if isinstance(node, ast.ClassDef)}


def lines_of(node: ast.ClassDef) -> list[str]:
    first = node.decorator_list[0].lineno
    return WORDS.read_text().splitlines()[first - 1 : node.end_lineno]


def test_each_word_takes_ten_lines_at_most() -> None:
    """With decorator and docstring; blank lines do not count, and neither do the imports of the module."""
    counts = {name: sum(bool(line.strip()) for line in lines_of(node)) for name, node in classes().items()}
    assert set(counts) == {"Bent", "quartic", "within", "RootSGD", "blanks", "centred"}
    assert max(counts.values()) <= 10, counts


def test_the_page_shows_them_as_they_are() -> None:
    blocks = [part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:]]
    shown = {name: "\n".join(lines_of(node)) + "\n" for name, node in classes().items()}
    assert [block for block in blocks if block.startswith("@")] == list(shown.values())


def test_they_are_gone_without_the_package() -> None:
    assert sum(len(added) for added in ADDED) == 11  # a loss is a function too, and Bent an activation
    take_back()
    try:
        assert not {"Bent", "bent", "quartic", "within", "RootSGD", "blanks", "centred"} & set().union(*ALL)
    finally:
        for registry, added in zip(ALL, ADDED, strict=True):
            registry.update(added)


def test_they_are_filed_by_kind() -> None:
    assert {"Bent"} <= LAYERS.keys() & ACTIVATIONS.keys()
    assert {"bent", "quartic", "within"} <= FUNCTIONS.keys()
    assert ("quartic" in LOSSES, "within" in METRICS, "RootSGD" in OPTIMIZERS, "blanks" in SOURCES) == (True,) * 4


def test_a_run_is_trained_measured_resumed_and_predicts(spec: Path, tmp_path: Path) -> None:
    trained(spec, tmp_path / "run")
    figures = evaluations(tmp_path / "run")
    assert figures[-1]["validation.close"] > 0.9 > figures[0]["validation.close"]
    kept = json.loads((tmp_path / "run" / "manifest.json").read_text())["state"]
    moments = [(one["type"], one["shape"]) for one in kept if one["name"].endswith("/square")]
    assert moments == [("float32", [])] * 4
    interrupted(spec, tmp_path / "again", 25)
    resumed(spec, tmp_path / "again")
    assert outcome(tmp_path / "run") == outcome(tmp_path / "again")
    new = tmp_path / "new.dat"
    new.write_text("y x2 x1\n0 0.5 1.0\n0 -0.5 -1.0\n")
    found = opened(tmp_path / "run", [tmp_path]).predict(new)
    np.testing.assert_allclose(next(iter(found.values())), [1.5, -2.5], atol=0.6)


def test_the_plan_is_written_and_read(spec: Path) -> None:
    train = compile_spec(spec, Options()).bound.train
    again = read(json.loads(json.dumps(written(train))), TrainPlan)
    assert written(again) == written(train)
    assert again.objectives[0].groups[0].optimizer == train.objectives[0].groups[0].optimizer


def test_the_reference_describes_them() -> None:
    pages = docs.pages()
    homes = {
        name: page
        for page in ("layers", "functions", "losses", "metrics", "optimizers", "sources", "steps")
        for name in pages[f"{page}.md"].words
        if name in (*classes(), "bent")
        for page in [page]
    }
    assert homes == {
        "Bent": "layers", "bent": "functions", "quartic": "losses", "within": "metrics", "RootSGD": "optimizers",
        "blanks": "sources", "centred": "steps",
    }  # fmt: skip
    text = "\n".join(docs.described(LAYERS["Bent"], 2))
    assert "x -> Bent(width = 1.0)" in text
    assert "| `width` | number | `1.0` | above 0 | How wide the bend is. |" in text
    assert "x and half the height of a hyperbola" in LAYERS["Bent"].doc()
    assert "within(prediction, target, weight = none, tolerance = 0.5)" in "\n".join(
        docs.described(METRICS["within"], 2)
    )


WRONG: dict[str, tuple[str, str, str]] = {
    "Bent(width = 2.0)": ("Bent(width = 0)", "E0206", "'width' of Bent must be more than 0, not 0"),
    "-> Bent(width = 2.0)": ("-> BentIdentity", "E0202", "here it is called 'Bent', with width = 1"),
    "-> Bent(": ("-> Bend(", "E0202", "did you mean 'Bent'"),
    "width = 2.0": ("widht = 2.0", "E0203", "did you mean 'width'"),
    "Dense(16) -> Bent(width = 2.0)": ('Dense(16, activation = "bent")', "E0203", "x -> Dense(...) -> Bent"),
    "quartic(guess, y)": ("quartc(guess, y)", "E0202", "did you mean 'quartic'"),
    "minimize quartic(guess": ("minimize quartic(x", "E0340", "their shapes must be equal"),
    "centred(": ("centered(", "E0202", "did you mean 'centred'"),
    "centred(column": ("centred(over = 1, column", "E0203", "centred has no argument 'over'"),
    "tolerance = 0.5": ("tolerance = none", "E0205", "tolerance: How far that is."),
    "RootSGD(": ("RootSGd(", "E0202", "RootSGD"),
    "blanks(": ("blank(", "E0202", "did you mean 'blanks'"),
}  # fmt: skip


@pytest.mark.parametrize("right", WRONG)
def test_mistakes_in_them_are_told_as_of_any_word(right: str, spec: Path) -> None:
    wrong, code, said = WRONG[right]
    assert right in SPEC
    spec.write_text(SPEC.replace(right, wrong))
    findings = list(check_spec(spec).findings)
    assert code in [finding.code.id for finding in findings]
    assert said in render_all(findings, False)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace(" ", "  x", 3), "'points.dat' is not what blanks reads: could not convert string"),
        (lambda text: text + "1 2\n", "'points.dat' is not what blanks reads: zip()"),
        (lambda text: text.splitlines()[0] + "\n", "'points.dat' is not what blanks reads: zip()"),
    ],
)
def test_files_that_are_none_are_told(damage: Callable[[str], str], said: str, spec: Path) -> None:
    file = spec.with_name("points.dat")
    file.write_text(damage(file.read_text()))
    with pytest.raises(Failure) as caught:
        compile_spec(spec, Options()).artifacts  # noqa: B018
    assert said in render_all(caught.value.diagnostics, False)
