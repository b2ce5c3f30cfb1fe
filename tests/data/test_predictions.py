from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from dslc.data.opening import open_inputs
from dslc.data.predictions import write_predictions
from dslc.types import FLOAT32
from tests.data.conftest import Findings

OUTPUTS = {
    "logits": np.array([[0.1, -2.5], [1e-20, np.inf]], np.float32),
    "label": np.array([3, 4]),
    "name": np.array(["a,b", "c"], object),
    "box": np.arange(4, dtype=np.float64).reshape(2, 1, 2),
}


def test_csv_on_a_stream() -> None:
    stream = io.StringIO()
    write_predictions(OUTPUTS, stream)
    assert stream.getvalue() == (
        'logits.0,logits.1,label,name,box.0.0,box.0.1\n0.1,-2.5,3,"a,b",0.0,1.0\n1e-20,inf,4,c,2.0,3.0\n'
    )


def test_files_are_read_back(tmp_path: Path) -> None:
    many = {"y": np.random.default_rng(0).normal(size=(10_000, 2)).astype(np.float32)}
    write_predictions(many, tmp_path / "o.csv")
    table = open_inputs(tmp_path / "o.csv")
    np.testing.assert_array_equal(table.read_block(("y.0", "y.1"), FLOAT32), many["y"])
    write_predictions(many, tmp_path / "o.npz")
    np.testing.assert_array_equal(open_inputs(tmp_path / "o.npz").read("y"), many["y"])
    write_predictions(OUTPUTS, tmp_path / "o.jsonl")
    assert [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()] == [
        {"logits": [0.1, -2.5], "label": 3, "name": "a,b", "box": [[0.0, 1.0]]},
        {"logits": [1e-20, None], "label": 4, "name": "c", "box": [[2.0, 3.0]]},
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.csv", "o.jsonl", "o.npz"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("o.xls", "E0421: the suffix of 'o.xls' tells no known format | known are .csv, .jsonl, .npz"),
        ("gone/o.csv", "E0422: {} can't be written: No such file or directory"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, findings: Findings, name: str, expected: str) -> None:
    path = tmp_path / name
    assert findings(lambda: write_predictions(OUTPUTS, path)) == [expected.format(path)]
