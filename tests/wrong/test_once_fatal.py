"""Specs that once ended in a traceback, an abort of the runtime or a wrong number: refused at their line, or trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from dslc.cli import main

TABLE = "a,b,c,e,y\n" + "".join(f"{i % 5},{i % 3},{i % 7},{i % 2},{i % 4}\n" for i in range(20))
SPEC = """\
data d {{
  source csv("t.csv")
  field x: float32[4] = columns("a", "b", "c", "e")
}}
model Net {{
  input x: float32[N, 4]
  {body}
}}
train t {{
  data d
  minimize {loss} using SGD(lr = 0.01)
  {length} batch 4
}}
"""
SQUARES = "mean(Net(x) ** 2)"
IMAGE = "reshape(x, [-1, 1, 2, 2])"
POSITIONS = "mean(pad(cast(positions(x, 1), float32), [1, -1]))"


def spec(body: str, loss: str = SQUARES, length: str = "epochs 1") -> str:
    return SPEC.format(body=body, loss=loss, length=length)


REFUSED = {
    "a slice that is empty": ("E0315", spec("output z = mean(x[-1:0] -> Dense(1))")),
    "a slice behind the batch": ("E0501", spec("output z = mean(x[100:] -> Dense(1))")),
    "a crop of all there is": ("E0306", spec(f"output z = mean(pad({IMAGE}, [0, 0, -5, -5]) -> Flatten -> Dense(1))")),
    "an axis of size 0": ("E0315", spec("output z = mean(x[:, 2:2] -> Dense(1))")),
    "a fraction among axes": ("E0205", spec("output z = sum(x -> Dense(2), axis = [0.5, 1])")),
    "a fraction in a pool": ("E0205", spec(f"output z = {IMAGE} -> MaxPool([1.5, 2]) -> Flatten -> Dense(1)")),
    "every other example": ("E0501", spec("output z = mean(x[::2] -> Dense(1))")),
    "a layer behind the batch": ("E0501", spec("output z = mean(x, axis = 0) -> Dense(3)")),
    "a parameter that starts from a size": ("E0205", spec("parameter s: float32[4] = N\n  output z = x * s")),
    "a length beyond all": ("E0506", spec("output z = x -> Dense(1)", length="epochs 999999999999999999")),
    "a size by a huge number": ("E0217", spec("output z = x * (N // 1e30) -> Dense(1)")),
    "a loop without an end": (
        "E0218", spec("h = x\n  for i in range(1000000000000) { h = h -> Dense(4) }\n  output z = h")
    ),
    "a kernel that is missing": (
        "E0556", spec(f'output z = cast({IMAGE}, float64) -> Conv(2, kernel = 3, padding = "same") -> Flatten')
    ),
    "a model that is none as optimizer": ("E0103", spec("output y = x -> Dense( ").replace("SGD", "Net")),
}  # fmt: skip
TRAINED = {
    "a quotient that is whole": spec("output z = x -> Dense(8) -> Reshape(8 / 2, 2) -> Flatten -> Dense(1)"),
    "a kernel that is whole": spec(f'output z = {IMAGE} -> Conv(4, kernel = [4.0, 3], padding = "same") -> Flatten'),
    "positions, cropped": spec("output z = x -> Dense(1)", loss=f"mean(Net(x) ** 2) + {POSITIONS}"),
    "a constant as an initializer": spec("parameter s: float32[4] = constant(0.7)\n  output z = x * s"),
}


def ended(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    (folder / "t.csv").write_text(TABLE, encoding="utf-8")
    (folder / "s.dl").write_text(text, encoding="utf-8")
    code = main(["train", str(folder / "s.dl"), "-o", str(folder / "run"), "--threads", "1"])
    return code, capsys.readouterr().err


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_its_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    due, text = REFUSED[name]
    code, error = ended(text, tmp_path, capsys)
    assert (code, error.startswith(f"error[{due}]: ")) == (1, True), error
    assert " --> " in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", TRAINED)
def test_trained(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, error = ended(TRAINED[name], tmp_path, capsys)
    assert code == 0, error
