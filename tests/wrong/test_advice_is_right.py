"""Advice about data, taken: what is said to help does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from dslc.diagnostics import CODES, Failure, Problem
from tests.conftest import compile_spec

TABLE = "price,home,y\n1,Bonn,0\n,Ulm,1\n3,,0\n?,Bonn,1\n5,?,0\n7,Ulm,1\n"
SPEC = """\
data d {{
  source {source}
  field x: {type} = {field}
  field y: float32 = column("y")
}}
model Net {{
  input x: {type_}
  output z = {body}
}}
train t {{
  data d
  minimize mse(Net(x)[:, 0], y) using Adam
  epochs 1
}}
"""
MISSING = 'csv("d.csv", missing = ["?", "-999"])'


def field_of(folder: Path, field: str, source: str = 'csv("d.csv")') -> np.ndarray:
    """The values of a field of the table, as training sees them."""
    (folder / "d.csv").write_text(TABLE, encoding="utf-8")
    coded = field.startswith("category")
    element, body = ("int64", "x -> Embedding(9, 2)") if coded else ("float32", "x[:, none] -> Dense(2)")
    text = SPEC.format(source=source, field=field, type=element, type_=f"{element}[N]", body=body)
    (folder / "spec.dl").write_text(text, encoding="utf-8")
    return compile_spec(folder / "spec.dl").bound.dataset.splits["train"].fields["x"]


@pytest.mark.parametrize("field", ['column("price")', 'category(column("home"))'])
def test_a_missing_value_is_an_error_that_gives_this_advice(field: str, tmp_path: Path) -> None:
    with pytest.raises((Failure, Problem), match="E0415"):
        field_of(tmp_path, field, MISSING)
    for advice in ('impute(x, "mean")', "category(x, missing = true)", "is_missing(x)", MISSING.replace("d.", "data.")):
        assert f"`{advice}`" in CODES["E0415"].explanation


def test_the_advice_works(tmp_path: Path) -> None:
    filled = field_of(tmp_path, 'impute(column("price"), "mean")', MISSING)
    assert filled.tolist() == [1, 4, 3, 4, 5, 7]
    coded = field_of(tmp_path, 'category(column("home"), missing = true)', MISSING)
    assert len(set(coded.tolist())) == 3
    assert coded[2] == coded[4]
    for column, missing in (("price", [0, 1, 0, 1, 0, 0]), ("home", [0, 0, 1, 0, 1, 0])):
        assert field_of(tmp_path, f'cast(is_missing(column("{column}")), float32)', MISSING).tolist() == missing


@pytest.mark.parametrize(
    ("code", "advice", "values"),
    [
        ("E0413", 'cast(round(column("x")), int64)', [1, 4, 3, 4, 5, 7]),
        ("E0414", 'cast(column("x"), float64)', [1, 4, 3, 4, 5, 7]),
        ("E0461", 'sqrt(clip(column("area"), min = 0))', [1, 2, 3**0.5, 2, 5**0.5, 7**0.5]),
        ("E0460", 'where(column("b") == 0, 0, column("a") // column("b"))', [1] * 6),
    ],
)
def test_code_in_explanations_of_data_errors_works(code: str, advice: str, values: list[float], tmp_path: Path) -> None:
    assert f"`{advice}`" in CODES[code].explanation
    written = re.sub(r'column\("\w+"\)', 'impute(column("price"), "mean")', advice)
    assert field_of(tmp_path, written, MISSING) == pytest.approx(values)


def test_the_mark_of_one_column_works(tmp_path: Path) -> None:
    assert '`column("age", missing = "?")`' in CODES["E0415"].explanation
    assert field_of(tmp_path, 'impute(column("price", missing = "?"), "mean")').tolist() == [1, 4, 3, 4, 5, 7]
