"""Commands run inside this process, and one trained run that many tests look at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dslc.cli import main
from dslc.report import confusion, curves
from dslc.report.pictures import saved

SPEC = """\
param width: int = 4 in {4, 8}

data points {
  source csv("points.csv")
  field x: float32[2] = standardize(columns("x*"))
  field label: int64 = category(column("kind"))
  split train = 50%, validation = 25%, test = 25%
}

model Net {
  input x: float32[N, 2]
  h = x -> Dense(width) -> Relu
  output logits = h -> Dense(2)
}

train sides {
  data points
  let logits = Net(x)
  minimize cross_entropy(logits, label) using Adam(lr = 0.05)
  metric accuracy = accuracy(logits, label)
  output probability = softmax(logits)
  epochs 6
  batch 8
}
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Dslc = Callable[..., Done]
DRAWN: dict[tuple[str, ...], bytes] = {}
"""Pictures by the titles of their axes."""


@pytest.fixture(autouse=True)
def each_picture_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first picture with the same axes stand for all of them: it takes longer to draw than the run to train."""

    def drawn(picture: Any) -> bytes:
        titles = tuple(axes.get_title() for axes in picture.axes)
        if titles not in DRAWN:
            DRAWN[titles] = saved(picture)
        return DRAWN[titles]

    for module in (confusion, curves):
        monkeypatch.setattr(module, "saved", drawn)


@pytest.fixture
def dslc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Dslc:
    """Run a command line; nothing that is piped has colours, and no command shows a traceback."""
    monkeypatch.setenv("DSLC_THREADS", "1")

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "\x1b" not in out + err
        assert "Traceback" not in out + err
        assert code != 70, err
        return Done(code, out, err)

    return run


def write_spec(folder: Path, text: str = SPEC) -> Path:
    """Write a spec, and the data that it learns from: which side of a line points are on."""
    rows = [(i % 7 - 3, i % 5 - 2, "right" if i % 7 - 3 > 0 else "left") for i in range(60)]
    (folder / "points.csv").write_text("x1,x2,kind\n" + "".join(f"{a},{b},{kind}\n" for a, b, kind in rows))
    spec = folder / "sides.dl"
    spec.write_text(text)
    return spec


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A small spec with its data, in a folder of its own."""
    return write_spec(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, to be read only."""
    folder = tmp_path_factory.mktemp("trained")
    assert main(["train", str(write_spec(folder)), "-o", str(folder / "run"), "--threads", "1"]) == 0
    return folder / "run"


def codes(text: str) -> list[str]:
    """Return the codes of the diagnostics in a text."""
    return re.findall(r"(?:error|warning)\[(\w+)\]", text)
