"""What a run ships: the model's inputs and outputs, predictions from raw data, other forms of export."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from dslc.diagnostics import CODES, Failure, Problem
from dslc.run.finished import FinishedRun
from tests.conftest import mostly_alike
from tests.runs.driving import opened, spec_of, trained, write_spec

HOUSES = """\
data houses {
  source csv("houses.csv")
  field size: float32 = standardize(impute(column("size"), "median"))
  field unknown_size: bool = is_missing(column("size"))
  field age: float32[1] = minmax(column("age"))
  field town: int64 = category(column("town"), unknown = true)
  field floors: int64 = category(column("floors"))
  field price: float32 = standardize(column("price"))
  split train = 80%, test = 20%, seed = 2
}

model Price(towns, storeys) {
  input size: float32[N]
  input unknown_size: bool[N]
  input age: float32[N, 1]
  input town: int64[N]
  input floors: int64[N]
  known = stack(size, cast(unknown_size, float32), axis = 1)
  h = concat(known, age, town -> Embedding(towns + 1, 3), floors -> Embedding(storeys, 2), axis = 1)
  output price = squeeze(h -> Dense(16) -> Tanh -> Dense(1), axis = 1)
}

train houses_run {
  data houses
  net priced = Price(classes(town), classes(floors))
  let guess = priced(size, unknown_size, age, town, floors)
  minimize mse(guess, price) using Adam(lr = 1e-2)
  metric rmse = rmse(original(guess, price), original(price, price))
  output price = original(guess, price)
  epochs 60
  batch 16
}
"""
TOWNS = ("Ulm", "Köln", "Bonn")


def write_houses(folder: Path) -> None:
    generator = np.random.default_rng(4)
    with (folder / "houses.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "age", "town", "floors", "price"])
        for i in range(120):
            size, age, town, floors = (
                generator.uniform(40, 200),
                generator.integers(0, 90),
                i % 3,
                int(generator.integers(1, 4)),
            )
            price = 2000 * size - 500 * age + 30_000 * town + 10_000 * floors
            writer.writerow(["" if i % 17 == 3 else f"{size:.1f}", age, TOWNS[town], floors, f"{price:.0f}"])


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained run, the data beside it."""
    folder = tmp_path_factory.mktemp("houses")
    write_houses(folder)
    trained(write_spec(folder, HOUSES), folder / "run")
    return folder / "run"


def raw_columns(houses: Path) -> dict[str, list[str]]:
    with (houses.parent / "houses.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def write_csv(path: Path, columns: dict[str, list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def session(model: bytes) -> onnxruntime.InferenceSession:
    onnx.checker.check_model(onnx.load_model_from_string(model), full_check=True)
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def ports(model: bytes) -> dict[str, tuple[str, list[Any]]]:
    return {port.name: (port.type, port.shape) for port in session(model).get_inputs()}


# --- The shipped model -----------------------------------------------------------------------------------------


def test_the_inputs_are_the_fields_that_the_outputs_read(houses: Path) -> None:
    model = (houses / "model.onnx").read_bytes()
    found = ports(model)
    assert list(found) == ["size", "unknown_size", "age", "town", "floors"]
    assert found["age"][0] == "tensor(float)"
    assert found["age"][1][1] == 1
    assert isinstance(found["age"][1][0], str)
    assert [port.name for port in session(model).get_outputs()] == ["price"]


def test_the_run_learnt_and_tells_in_real_units(houses: Path) -> None:
    found = opened(houses).evaluate()
    assert found["split"] == "test"
    assert found["metrics"]["rmse"] < 50_000
    predicted = opened(houses).predict(houses.parent / "houses.csv")["price"]
    truth = np.array(raw_columns(houses)["price"], float)
    assert np.corrcoef(predicted, truth)[0, 1] > 0.95
    assert 0.8 < predicted.std() / truth.std() < 1.2


def test_predicting_needs_no_label(houses: Path, tmp_path: Path) -> None:
    columns = raw_columns(houses)
    del columns["price"]
    whole = opened(houses).predict(houses.parent / "houses.csv")["price"]
    assert np.array_equal(opened(houses).predict(write_csv(tmp_path / "new.csv", columns))["price"], whole)
    assert whole.shape == (120,)


def test_predicting_from_the_models_inputs(houses: Path, tmp_path: Path) -> None:
    run = opened(houses)
    split = run.bound.dataset.splits["test"]
    arrays: dict[str, Any] = {
        name: split.take(np.arange(len(split)))[name] for name in ("size", "unknown_size", "age", "town", "floors")
    }
    np.savez(tmp_path / "fields.npz", **arrays)
    direct = session((houses / "model.onnx").read_bytes()).run(None, arrays)[0]
    assert np.allclose(run.predict(tmp_path / "fields.npz", prepared=True)["price"], direct, rtol=1e-6)


def test_unknown_categories(houses: Path, tmp_path: Path) -> None:
    """`town` has a number for them, `floors` has not."""
    columns = {name: values[:4] for name, values in raw_columns(houses).items() if name != "price"}
    columns["town"][2] = "Rom"
    assert np.isfinite(opened(houses).predict(write_csv(tmp_path / "new.csv", columns))["price"]).all()
    columns["floors"][1] = "9"
    with pytest.raises(Failure, match=r"E0419.*new\.csv, line 3, column 'floors'"):
        opened(houses).predict(write_csv(tmp_path / "new.csv", columns))


@pytest.mark.parametrize(
    ("change", "code"),
    [({"age": None}, "E0411"), ({"age": ["1", "x", "3", "4"]}, "E0412"), ({"age": ["1", "", "3", "4"]}, "E0415")],
)
def test_new_data_with_mistakes(change: dict[str, Any], code: str, houses: Path, tmp_path: Path) -> None:
    columns = {name: values[:4] for name, values in raw_columns(houses).items()}
    columns = {
        name: change.get(name, values) for name, values in columns.items() if change.get(name, values) is not None
    }
    with pytest.raises((Problem, Failure), match=code):
        opened(houses).predict(write_csv(tmp_path / "new.csv", columns))


def test_changed_data_is_not_evaluated(houses: Path, tmp_path: Path) -> None:
    text = (houses.parent / "houses.csv").read_text(encoding="utf-8")
    (tmp_path / "houses.csv").write_text(text.replace("Ulm", "Rom"), encoding="utf-8")
    with pytest.raises(Problem, match=r"E0425.*'houses\.csv'"):
        opened(houses, data=[tmp_path]).evaluate()


# --- Other forms -------------------------------------------------------------------------------------------------


def feeds_of(model: bytes, columns: dict[str, list[str]]) -> dict[str, np.ndarray]:
    kinds = {"tensor(string)": object, "tensor(int64)": np.int64, "tensor(double)": np.float64}
    found = {}
    for name, (kind, shape) in ports(model).items():
        values = [v or "nan" for v in columns[name]] if kind == "tensor(double)" else columns[name]
        found[name] = np.array(values).astype(kinds[kind]).reshape(-1, *shape[1:])
    return found


def test_with_the_fields_in_front(houses: Path) -> None:
    """Raw columns, text among them, in; the same prices as `predict` out."""
    columns = raw_columns(houses)
    model = opened(houses).export(fields=True)
    kinds = {name: kind for name, (kind, _) in ports(model).items()}
    assert kinds == {
        "size": "tensor(double)",
        "age": "tensor(double)",
        "town": "tensor(string)",
        "floors": "tensor(int64)",
    }
    columns["town"][5] = "Rom"
    (found,) = session(model).run(None, feeds_of(model, columns))
    expected = opened(houses).predict(write_csv(houses.parent / "rome.csv", columns))["price"]
    assert np.array_equal(found, expected)
    assert [port.name for port in session(model).get_outputs()] == ["price"]


@pytest.mark.parametrize("fields", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize(
    "opset", mostly_alike([*range(9, 18), *range(19, onnx.defs.onnx_opset_version() + 1)], every=3)
)
def test_operator_sets(opset: int, fields: bool, houses: Path) -> None:
    """Every set that onnx knows here expresses the model, to the last bit or nearly."""
    plain, model = (opened(houses).export(fields=fields, opset=number) for number in (None, opset))
    loaded = onnx.load_model_from_string(model)
    assert {entry.version for entry in loaded.opset_import if entry.domain == ""} == {opset}
    columns = raw_columns(houses)
    if fields:
        feeds = feeds_of(plain, columns)
    else:
        split = opened(houses).bound.dataset.splits["train"].take(np.arange(50))
        feeds = {name: split[name] for name in ports(plain)}
    assert np.allclose(session(model).run(None, feeds)[0], session(plain).run(None, feeds)[0], rtol=1e-6)


@pytest.mark.parametrize("opset", [3, 8, 99])
def test_operator_sets_that_do_not_exist(opset: int, houses: Path) -> None:
    with pytest.raises(Problem, match="E0616"):
        opened(houses).export(opset=opset)
    assert CODES["E0616"].exit_code == 2


SEVERAL = """\
model Encoder {
  input x: float32[N, 4]
  output code = x -> Dense(2)
}
model Decoder {
  input code: float32[N, 2]
  output x = code -> Dense(4)
}
"""


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two networks, which ship apart."""
    folder = tmp_path_factory.mktemp("several")
    body = spec_of("", model=SEVERAL).split("train run")[0]
    text = (
        body
        + "train coder {\n data flowers\n minimize mse(Decoder(Encoder(x)), x) using Adam(lr = 1e-2)\n epochs 2\n}\n"
    )
    trained(write_spec(folder, text), folder / "run")
    return folder / "run"


def test_several_networks_ship_apart(several: Path) -> None:
    models = {path.name: path.read_bytes() for path in several.glob("model*.onnx")}
    assert {name: list(ports(model)) for name, model in models.items()} == {
        "model.Encoder.onnx": ["x"], "model.Decoder.onnx": ["code"]}  # fmt: skip
    assert json.loads((several / "manifest.json").read_text())["models"]["model.Decoder.onnx"]["fields"] == {}


def test_one_of_several_is_chosen(several: Path, tmp_path: Path) -> None:
    run = opened(several)
    assert run.predict(several.parent / "flowers.csv", net="Encoder")["code"].shape == (100, 2)
    np.savez(tmp_path / "codes.npz", code=np.zeros((3, 2), np.float32))
    assert run.predict(tmp_path / "codes.npz", net="Decoder", prepared=True)["x"].shape == (3, 4)
    assert run.export(net="Decoder") == (several / "model.Decoder.onnx").read_bytes()
    for net in (None, "Nobody"):
        with pytest.raises(Problem, match="E0615"):
            run.predict(several.parent / "flowers.csv", net=net)
    with pytest.raises(Problem, match="E0411"):
        run.predict(several.parent / "flowers.csv", net="Decoder")
    with pytest.raises(Problem, match="E0617"):
        run.export(net="Decoder", fields=True)
    assert ports(run.export(net="Encoder", fields=True))["x*"][1][1:] == [4]


def test_a_model_that_samples_takes_a_seed(tmp_path: Path) -> None:
    model = (
        "model Net {\n  input x: float32[N, 4]\n  h = x -> Dense(3)\n  output logits = h + 0.1 * normal_like(h)\n}\n"
    )
    body = "minimize cross_entropy(logits, label) using SGD(lr = 0.1) epochs 1"
    spec = write_spec(tmp_path, spec_of(body, model=model))
    trained(spec, tmp_path / "run")
    shipped = session((tmp_path / "run" / "model.onnx").read_bytes())
    assert [port.name for port in shipped.get_inputs()] == ["x", "seed"]
    x = np.ones((2, 4), np.float32)
    first, again, other = (shipped.run(None, {"x": x, "seed": np.array(seed)})[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])
    run: FinishedRun = opened(tmp_path / "run")
    assert np.array_equal(
        run.predict(tmp_path / "flowers.csv")["logits"], run.predict(tmp_path / "flowers.csv")["logits"]
    )
    assert run.evaluate() == run.evaluate()
    assert list(ports(run.export(fields=True))) == ["x*", "seed"]


def test_a_run_that_has_not_ended_says_so(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="E0613"):
        opened(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(Problem, match=r"E0613.*no run"):
        opened(tmp_path)


def test_an_unknown_split_is_named(houses: Path) -> None:
    with pytest.raises(Problem, match=r"E0614.*'validation'"):
        opened(houses).evaluate("validation")


DOCUMENTED = """\
## A file of flowers.
data flowers {
  source csv("flowers.csv")
  ## Four lengths.
  field x: float32[4] = standardize(columns("x*"))
  ## Which flower.
  field label: int64 = column("label")
  split train = 70%, validation = 30%
}
## A small network.
model Net {
  input x: float32[N, 4]
  ## Scores,
  ## one for each flower.
  output logits = x -> Dense(3)
}
## Tells flowers apart.
train run {
  data flowers
  let logits = Net(x)
  minimize cross_entropy(logits, label) using Adam
  ## The chance of each flower.
  output chance = softmax(logits)
  epochs 1
}
"""


@pytest.mark.parametrize("opset", [9, None, 20])
def test_documentation_ships(opset: int | None, tmp_path: Path) -> None:
    def docs(data: bytes) -> tuple[str, dict[str, str]]:
        model = onnx.load_model_from_string(data)
        assert model.graph.doc_string == ""
        return model.doc_string, {v.name: v.doc_string for v in (*model.graph.input, *model.graph.output)}

    folder = tmp_path / "outputs"
    trained(write_spec(folder, DOCUMENTED), folder / "run")
    run = opened(folder / "run")
    assert docs(run.export(opset=opset)) == (
        "Tells flowers apart.", {"x": "Four lengths.", "chance": "The chance of each flower."}
    )  # fmt: skip
    title, ports = docs(run.export(fields=True, opset=opset))
    assert title == "Tells flowers apart."
    assert ports["x*"] == "the columns 'x1', 'x2', 'x3', 'x4' side by side\nFour lengths."
    assert ports["chance"] == "The chance of each flower."
    folder = tmp_path / "network"
    networks = DOCUMENTED.replace("  ## The chance of each flower.\n  output chance = softmax(logits)\n", "")
    trained(write_spec(folder, networks.replace("  input x", "  ## As measured.\n  input x")), folder / "run")
    assert docs(opened(folder / "run").export(opset=opset)) == (
        "A small network.", {"x": "As measured.", "logits": "Scores,\none for each flower."}
    )  # fmt: skip
