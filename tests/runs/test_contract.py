"""The contract: whoever brings a table, and however it is laid out, the same rows give the same results, or an error.

Random tables are trained on, and then read in other orders, beside other columns, from memory, by another delimiter,
as a test source, and by the exported model that takes raw columns.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from dslc.diagnostics import Failure, Problem
from dslc.run.finished import FinishedRun
from tests.conftest import mostly_alike
from tests.runs.driving import opened, trained

ROWS = 40
Cells = list[str]


@dataclass(frozen=True)
class Made:
    """A random table, and what a spec makes of it."""

    columns: dict[str, Cells]
    fields: dict[str, str]
    """``name: type`` to the expression."""
    embedded: dict[str, str]
    """The fields that are categories, with how many numbers they have."""
    delimiter: str
    mark: str
    """What stands for a missing value."""


def make(seed: int) -> Made:
    generator = np.random.default_rng(seed)
    mark = str(generator.choice(["", "NA", "-999", "?"]))
    columns: dict[str, Cells] = {}
    fields: dict[str, str] = {}
    embedded: dict[str, str] = {}
    for number in range(generator.integers(3, 7)):
        kind = generator.choice(["whole", "decimal", "gaps", "text", "numbers", "texts_with_gaps", "moment", "truth"])
        name = f"{kind} {number}"
        field = f"f{number}"
        gap = generator.random(ROWS) < 0.2
        gap[:4] = False
        match kind:
            case "whole":
                columns[name] = [str(v) for v in generator.integers(-50, 50, ROWS)]
                fields[f"{field}: float32"] = f'minmax(column("{name}"))'
            case "decimal":
                columns[name] = [f"{v:.3f}" for v in generator.normal(0, 100, ROWS)]
                fields[f"{field}: float32"] = f'standardize(column("{name}") / 10)'
            case "gaps":
                digits = generator.integers(0, 9, ROWS)
                columns[name] = [mark if g else str(v) for g, v in zip(gap, digits, strict=True)]
                fields[f"{field}: float32"] = f'impute(column("{name}"), "mean")'
                fields[f"{field}_gap: float32"] = f'cast(is_missing(column("{name}")), float32)'
            case "text":
                columns[name] = [str(generator.choice(["a", "B b", "é", "c,d"])) for _ in range(ROWS)]
                fields[f"{field}: int64"] = f'category(column("{name}"))'
                embedded[field] = f"classes({field})"
            case "numbers":
                columns[name] = [str(generator.choice([3, 11, 200])) for _ in range(ROWS)]
                fields[f"{field}: int64"] = f'category(column("{name}"), unknown = true)'
                embedded[field] = f"classes({field}) + 1"
            case "texts_with_gaps":
                columns[name] = [mark if g else str(generator.choice(["x", "y"])) for g in gap]
                fields[f"{field}: int64"] = f'category(column("{name}"), missing = true, unknown = true)'
                embedded[field] = f"classes({field}) + 1"
            case "moment":
                stamps = np.datetime64("2026-01-01T00:00") + generator.integers(0, 10**6, ROWS)
                columns[name] = [str(stamp).replace("T", " ") for stamp in stamps]
                moment = f'datetime(column("{name}"), "%Y-%m-%d %H:%M")'
                fields[f"{field}: float32"] = f"standardize({moment})"
                fields[f"{field}_day: float32[2]"] = f"cyclic(weekday({moment}), 7)"
            case "truth":
                columns[name] = [str(generator.choice(["true", "false"])) for _ in range(ROWS)]
                fields[f"{field}: float32"] = f'cast(column("{name}"), float32)'
    columns["target"] = [f"{v:.2f}" for v in generator.normal(5, 3, ROWS)]
    return Made(columns, fields, embedded, str(generator.choice([",", ";", "\t", "|"])), mark)


def spec_of(made: Made) -> str:
    delimiter = made.delimiter.replace("\t", "\\t")
    options = f'delimiter = "{delimiter}", missing = "{made.mark}"'
    names = [name.partition(":")[0] for name in made.fields]
    types = {name: type.strip() for name, _, type in (field.partition(":") for field in made.fields)}
    inputs = "\n".join(f"  input {n}: {t.replace('[', '[N, ') if '[' in t else t + '[N]'}" for n, t in types.items())
    parts = [
        f"{n} -> Embedding(k{n}, 2)" if n in made.embedded else n if "[" in types[n] else f"unsqueeze({n}, axis = 1)"
        for n in names
    ]
    formals = ", ".join(f"k{n}" for n in made.embedded)
    given = ", ".join(made.embedded.values())
    fields = "\n".join(f"  field {name} = {expression}" for name, expression in made.fields.items())
    return f"""\
data d {{
  source train = csv("train.csv", {options})
  source test = csv("test.csv", {options})
{fields}
  field target: float32 = standardize(column("target"))
}}
model Net({formals}) {{
{inputs}
  output y = squeeze(concat({", ".join(parts)}, axis = 1) -> Dense(4) -> Tanh -> Dense(1), axis = 1)
}}
train t {{
  data d
  net n = Net({given})
  let y = n({", ".join(names)})
  minimize mse(y, target) using SGD(lr = 0.01)
  metric mae = mae(y, target)
  output y = y
  epochs 1
  batch 16
}}
"""


def write(path: Path, columns: Mapping[str, Cells], delimiter: str) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def shuffled(columns: Mapping[str, Cells], seed: int) -> dict[str, Cells]:
    """The columns in another order, with others between them."""
    names = [*columns, "more", "target 2", "a"]
    np.random.default_rng(seed + 1).shuffle(names)
    return {name: columns.get(name, ["17"] * len(columns["target"])) for name in names}


def in_memory(made: Made, columns: Mapping[str, Cells]) -> dict[str, Any]:
    """What a program would have: numbers as numbers, None where a text is missing."""
    found: dict[str, Any] = {}
    for name, cells in columns.items():
        try:
            found[name] = np.array([math.nan if c == made.mark else float(c) for c in cells])
        except ValueError:
            found[name] = [None if c == made.mark else c for c in cells]
    return found


def of_the_exported_model(run: FinishedRun, made: Made, columns: Mapping[str, Cells]) -> np.ndarray:
    session = onnxruntime.InferenceSession(run.export(fields=True), providers=["CPUExecutionProvider"])
    feeds = {}
    for port in session.get_inputs():
        cells = columns[port.name]
        match port.type:
            case "tensor(string)":
                feeds[port.name] = np.array(["" if c == made.mark else c for c in cells], object)
            case "tensor(int64)":
                feeds[port.name] = np.array([int(c) for c in cells])
            case "tensor(bool)":
                feeds[port.name] = np.array([c == "true" for c in cells])
            case "tensor(double)" if port.name.startswith("moment"):
                feeds[port.name] = np.array(cells, "datetime64[s]").astype(np.float64)
            case "tensor(double)":
                feeds[port.name] = np.array([math.nan if c == made.mark else float(c) for c in cells])
    found: np.ndarray = session.run(["y"], feeds)[0]
    return found


def agree(seed: int, folder: Path) -> tuple[Made, FinishedRun]:
    made = make(seed)
    write(folder / "train.csv", made.columns, made.delimiter)
    write(folder / "test.csv", shuffled(made.columns, seed), made.delimiter)
    (folder / "spec.dl").write_text(spec_of(made), encoding="utf-8")
    trained(folder / "spec.dl", folder / "run")
    run = opened(folder / "run")
    expected = run.predict(folder / "train.csv")["y"]
    assert np.isfinite(expected).all()
    again = write(folder / "again.csv", shuffled(made.columns, seed + 1), ",")
    reader = f'csv(missing = "{made.mark}")'
    for name, found in {
        "the test source": run.predict(folder / "test.csv"),
        "a path as text": run.predict(str(folder / "test.csv")),
        "a split": run.predict(split="test"),
        "another delimiter": run.predict(again, source=reader),
        "memory": run.predict(in_memory(made, made.columns)),
    }.items():
        np.testing.assert_array_equal(found["y"], expected, err_msg=name)
    exported = of_the_exported_model(run, made, made.columns)
    np.testing.assert_allclose(exported, expected, rtol=1e-5, atol=1e-6)
    of_split = run.evaluate("test")
    for found in (run.evaluate(data=folder / "test.csv"), run.evaluate(data=again, source=reader)):
        assert found["examples"] == of_split["examples"] == ROWS
        assert found["loss"] == pytest.approx(of_split["loss"], rel=1e-6)
        assert found["metrics"] == pytest.approx(of_split["metrics"], rel=1e-6)
    return made, run


def all_refuse(made: Made, run: FinishedRun, folder: Path) -> None:
    """A row that training could not have: each reader says so, and which column it is."""
    for name in made.columns:
        kind = name.split()[0]
        if kind in ("target", "gaps", "texts_with_gaps", "numbers"):
            continue
        for wrong in ("oh no", made.mark):
            columns = {key: cells[:3] for key, cells in made.columns.items()}
            columns[name] = [*columns[name][:2], wrong]
            path = write(folder / "wrong.csv", columns, made.delimiter)
            for given in (path, in_memory(made, columns)):
                with pytest.raises((Problem, Failure), match=rf"E04\d\d.*column '{name}'"):
                    run.predict(given)
            if kind == "text":
                with pytest.raises(Exception, match="Gather"):
                    of_the_exported_model(run, made, columns)
        without = {key: cells for key, cells in made.columns.items() if key != name}
        path = write(folder / "without.csv", without, made.delimiter)
        with pytest.raises((Problem, Failure), match=f"E0411.*'{name}'"):
            run.predict(path)


@pytest.mark.parametrize("seed", mostly_alike(range(3), every=2))
def test_all_readers_agree_or_refuse(seed: int, tmp_path: Path) -> None:
    made, run = agree(seed, tmp_path)
    all_refuse(made, run, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 30))
def test_all_readers_agree_or_refuse_at_length(seed: int, tmp_path: Path) -> None:
    made, run = agree(seed, tmp_path)
    all_refuse(made, run, tmp_path)
