"""Real tasks, from raw csv files to models that take raw columns: on samples, and slowly on the whole tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from dslc import pipeline
from dslc.diagnostics import Failure, Problem
from dslc.pipeline import Options, train
from dslc.run.finished import FinishedRun
from tests.conftest import SPECS, compile_spec
from tests.runs.driving import found_in

Columns = dict[str, list[str]]
Draw = np.random.Generator


def texts(values: Any) -> list[str]:
    return [str(value) for value in np.asarray(values).tolist()]


def gappy(random: Draw, values: Any) -> list[str]:
    """Leave every fifth cell empty."""
    return ["" if gone else text for gone, text in zip(random.random(len(values)) < 0.2, texts(values), strict=True)]


def titanic(random: Draw, rows: int) -> Columns:
    return {
        "pclass": texts(random.choice(["1st", "2nd", "3rd"], rows)),
        "survived": texts(random.choice(["died", "survived"], rows)),
        "sex": texts(random.choice(["female", "male"], rows)),
        "age": gappy(random, random.uniform(0, 80, rows).round(1)),
        "sibsp": texts(random.integers(0, 5, rows)),
        "parch": texts(random.integers(0, 5, rows)),
    }


def diamonds(random: Draw, rows: int) -> Columns:
    sizes = np.where(random.random((3, rows)) < 0.1, 0, random.uniform(3, 9, (3, rows)).round(2))
    return {
        "carat": texts(random.uniform(0.2, 3, rows).round(2)),
        "cut": texts(np.resize(["Fair", "Very Good", "Ideal"], rows)),
        "color": texts(np.resize(list("DEJ"), rows)),
        "clarity": texts(np.resize(["IF", "SI1", "I1", "VVS2"], rows)),
        "depth": texts(random.uniform(55, 70, rows).round(1)),
        "table": texts(random.uniform(50, 65, rows).round(1)),
        "price": texts(random.integers(300, 19_000, rows)),
        **dict(zip("xyz", map(texts, sizes), strict=True)),
    }


def flights(random: Draw, rows: int) -> Columns:
    start = datetime(2013, 1, 1, 5, tzinfo=timezone.utc)
    hours = random.permutation(rows)
    return {
        "sched_dep_time": texts(random.integers(0, 24, rows) * 100 + random.integers(0, 60, rows)),
        "time_hour": [(start + timedelta(hours=int(n))).strftime("%Y-%m-%dT%H:%M:%SZ") for n in hours],
        "carrier": texts(random.choice(["UA", "9E", "B6"], rows)),
        "origin": texts(random.choice(["JFK", "LGA", "EWR"], rows)),
        "dest": texts(random.choice(["BOS", "MIA", "SFO", "ORD"], rows)),
        "distance": texts(random.integers(80, 5_000, rows)),
        "arr_delay": gappy(random, random.integers(-40, 90, rows).astype(float)),
    }


def electricity(random: Draw, rows: int) -> Columns:
    return {
        "rownames": texts(random.permutation(rows) + 1),
        "Demand": texts(random.uniform(3, 9, rows)),
        "WorkDay": texts(random.integers(0, 2, rows)),
        "Temperature": texts(random.uniform(-2, 40, rows).round(1)),
    }


SAMPLES: dict[str, Callable[[Draw, int], Columns]] = {
    "titanic": titanic, "diamonds": diamonds, "flights": flights, "electricity": electricity,
}  # fmt: skip
ROWS = 240


def write(path: Path, columns: Mapping[str, list[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def trained(name: str, folder: Path, data: Path, **options: Any) -> FinishedRun:
    train(compile_spec(SPECS / f"{name}.dl", Options(data=(data,), **options)), folder / "run", provider="cpu")
    return FinishedRun.open(folder / "run", pipeline, [data])


def exported(run: FinishedRun, columns: Mapping[str, list[str]]) -> dict[str, np.ndarray]:
    """Run the model behind the fields' graph on raw columns, by what it says of itself."""
    session = onnxruntime.InferenceSession(run.export(fields=True))
    of_input = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
    feed = {}
    for port in session.get_inputs():
        arrays = [raw(columns[name], port.type) for name in of_input[port.name]]
        feed[port.name] = np.stack(arrays, axis=1) if len(port.shape) == 2 else arrays[0]
    return dict(zip([port.name for port in session.get_outputs()], session.run(None, feed), strict=True))


def numbers(columns: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Columns as a program has them: numbers where all cells are numbers or empty, else lists of text."""
    found: dict[str, Any] = {}
    for name, cells in columns.items():
        try:
            found[name] = np.array([cell or "nan" for cell in cells], np.float64)
        except ValueError:
            found[name] = cells
    return found


def raw(cells: list[str], kind: str) -> np.ndarray:
    if kind == "tensor(string)":
        return np.array(cells, object)
    if cells[0].endswith("Z"):
        cells = texts([datetime.fromisoformat(cell.replace("Z", "+00:00")).timestamp() for cell in cells])
    array = np.array([cell or "nan" for cell in cells], np.float64)
    return array.astype(np.int64) if kind == "tensor(int64)" else array


@pytest.fixture(scope="module", params=SAMPLES)
def sample(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FinishedRun, Columns, Path]:
    """A run of each task over a sample, the sample, and a folder."""
    folder = tmp_path_factory.mktemp(request.param)
    columns = SAMPLES[request.param](np.random.default_rng(3), ROWS)
    write(folder / "data" / "tables" / f"{request.param}.csv", columns)
    return trained(request.param, folder, folder / "data", epochs=2), columns, folder


def test_all_ways_to_predict_agree(sample: tuple[FinishedRun, Columns, Path]) -> None:
    run, columns, folder = sample
    shuffled = {"note": ["?"] * ROWS, **dict(reversed(columns.items())), "id": texts(range(ROWS))}
    found = run.predict(write(folder / "shuffled.csv", shuffled))
    from_python = run.predict(numbers(columns))
    shipped = exported(run, columns)
    assert set(found) == set(from_python) == set(shipped)
    for name, values in found.items():
        assert np.array_equal(values, from_python[name])
        if values.dtype.kind == "f":
            assert np.allclose(values, shipped[name], rtol=1e-5, atol=1e-6)
        else:
            assert values.tolist() == shipped[name].tolist()
    of_splits = [run.predict(split=split) for split in ("train", "validation", "test")]
    for name in found:
        joined = np.concatenate([part[name] for part in of_splits])
        assert np.array_equal(np.sort(joined, axis=0), np.sort(found[name], axis=0))


def test_a_split_is_measured_alike_in_a_file_of_its_own(sample: tuple[FinishedRun, Columns, Path]) -> None:
    run, columns, folder = sample
    for split in ("train", "test"):
        rows = run.predict(split=split, keep=list(columns))
        path = write(
            folder / f"{split}.csv",
            {name: ["" if x == "nan" else x for x in texts(rows[name])] for name in columns},
        )
        own, again = run.evaluate(split), run.evaluate(data=path)
        assert own["examples"] == again["examples"] == len(rows[next(iter(columns))])
        assert again["loss"] == pytest.approx(own["loss"], rel=1e-6)
        for name, value in own["metrics"].items():
            assert np.allclose(again["metrics"][name], value, rtol=1e-6, atol=1e-7)
        assert all(
            np.array_equal(a, b)
            for a, b in zip(run.predict(path).values(), run.predict(split=split).values(), strict=True)
        )


MESSY = {
    "titanic": {"sex": "", "pclass": "crew", "age": ""},
    "flights": {"carrier": "ZZ", "dest": "HNL"},
}
REFUSED = {
    "titanic": {"sibsp": "", "age": "old"},
    "diamonds": {"cut": "Superb", "color": "", "carat": "", "depth": "flat"},
    "flights": {"origin": "PHL", "distance": "", "time_hour": "yesterday"},
    "electricity": {"Temperature": "", "WorkDay": "no"},
}


def test_cells_that_training_has_not_seen(sample: tuple[FinishedRun, Columns, Path]) -> None:
    run, columns, _ = sample
    for column, cell in MESSY.get(run.manifest.name, {}).items():
        messy = {**columns, column: [cell, *columns[column][1:]]}
        found, shipped, before = run.predict(numbers(messy)), exported(run, messy), run.predict(numbers(columns))
        for name, values in found.items():
            assert np.array_equal(values[1:], before[name][1:])
            if values.dtype.kind == "f":
                assert np.isfinite(values).all()
                assert np.allclose(values, shipped[name], rtol=1e-5, atol=1e-6)


def test_cells_that_are_refused_name_their_column(sample: tuple[FinishedRun, Columns, Path]) -> None:
    run, columns, folder = sample
    for column, cell in REFUSED[run.manifest.name].items():
        path = write(folder / "wrong.csv", {**columns, column: [columns[column][0], cell, *columns[column][2:]]})
        with pytest.raises((Problem, Failure)) as refused:
            run.predict(path)
        said = found_in(refused.value)
        assert any(f"'{column}'" in one.message for one in said), (column, cell, said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "figure", "reaches"),
    [
        ("diamonds", "mae", lambda value: value < 280),
        ("electricity", "rmse", lambda value: value < 0.45),
        ("flights", "balanced", lambda value: value > 0.58),
    ],
)
def test_whole_tables(name: str, figure: str, reaches: Callable[[float], bool], tables: Path, tmp_path: Path) -> None:
    value = trained(name, tmp_path, tables.parent).evaluate("test")["metrics"][figure]
    assert reaches(value), value


@pytest.mark.slow
def test_titanic_over_ten_splits(tables: Path, tmp_path: Path) -> None:
    runs = [trained("titanic", tmp_path / str(n), tables.parent, settings={"partition": str(n)}) for n in range(10)]
    assert np.mean([run.evaluate("test")["metrics"]["accuracy"] for run in runs]) > 0.78
