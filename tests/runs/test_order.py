"""A split with ``order`` goes by time: dates as whole numbers whose year does not come first are told of."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import compile_spec

SPEC = """\
data d {{
  source csv("t.csv")
  field x: float32 = column("x")
  {field}
  split train = 50%, test = 50%, order = {order}
}}
model Net {{
  input x: float32[N]
  output y = squeeze(x[:, none] -> Dense(1), axis = 1)
}}
train t {{
  data d
  minimize mse(Net(x), x) using SGD(lr = 0.1)
  epochs 1
}}
"""
DAYS = [date(2023, 11, 17) + timedelta(days=9 * number) for number in range(40)]


def split(folder: Path, texts: list[str], order: str = "day", field: str = "") -> tuple[list[str], list[float]]:
    """Return what is said, and the x of the examples to train on; x counts the rows of the file, which are by time."""
    rows = [f"{number},{text}" for number, text in enumerate(texts)]
    (folder / "t.csv").write_text("\n".join(["x,day", *rows]) + "\n", encoding="utf-8")
    (folder / "spec.dl").write_text(SPEC.format(order=order, field=field), encoding="utf-8")
    dataset = compile_spec(folder / "spec.dl").bound.dataset
    train = dataset.splits["train"].take(np.arange(dataset.examples("train")), ["x"])["x"]
    return [str(w.message) + " | " + str(w.hint) for w in dataset.warnings if w.code.id == "W0455"], train.tolist()


FORMS = {"%d%m%Y": "17112023", "%m%d%Y": "11172023"}


@pytest.mark.parametrize("format", FORMS)
@pytest.mark.parametrize("zeros", [True, False])
def test_dates_whose_year_comes_last_are_told_of(format: str, zeros: bool, tmp_path: Path) -> None:
    texts = [day.strftime(format) for day in DAYS]
    said, train = split(tmp_path, texts if zeros else [str(int(text)) for text in texts])
    assert train != list(range(20))
    (found,) = said
    assert found == (
        f"'order' goes by the numbers in 'day', such as {FORMS[format]}: dates whose year comes last | read them as "
        f'times: field when: float64 = datetime(column("day"), "{format}"), and order = when'
    )


@pytest.mark.parametrize("format", FORMS)
def test_the_advice_orders_by_time(format: str, tmp_path: Path) -> None:
    field = f'field when: float64 = datetime(column("day"), "{format}")'
    said, train = split(tmp_path, [day.strftime(format) for day in DAYS], "when", field)
    assert not said
    assert train == list(range(20))


@pytest.mark.parametrize(
    "texts",
    [
        [day.strftime("%Y%m%d") for day in DAYS],
        [day.strftime("%d%m%Y") for day in DAYS[:-1]] + ["32012024"],  # some number, no date
        [str(number) for number in range(40)],
    ],
    ids=["year first", "no date", "small"],
)  # fmt: skip
def test_other_numbers_are_not(texts: list[str], tmp_path: Path) -> None:
    said, _ = split(tmp_path, texts)
    assert not said


def test_what_is_a_date_either_way_has_the_year_first(tmp_path: Path) -> None:
    """10111012 is the 10th of November 1012, or 12 October 1011."""
    said, _ = split(tmp_path, ["10111012", "10121011"])
    assert not said
