"""New data in every form that a program may have it in."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from dslc.diagnostics import Failure, Problem
from dslc.run.finished import FinishedRun
from tests.conftest import compile_spec
from tests.runs.driving import Witness, opened, trained

TABLE = """\
data d {
  source csv("d.csv", delimiter = ";")
  field x: float32 = impute(column("x", missing = ["-1", "none"]), 0)
  field gone: float32 = cast(is_missing(column("x")), float32)
  ## Where it was made.
  field place: int64 = category(column("place"), missing = true)
  field kind: int64 = category(column("kind"))
}
## Sorts things.
model Net(places, kinds) {
  input x: float32[N]
  input gone: float32[N]
  input place: int64[N]
  numbers = stack(x, gone, axis = 1)
  output logits = concat(numbers, place -> Embedding(places, 2), axis = 1) -> Dense(kinds)
}
train t {
  data d
  net n = Net(classes(place), classes(kind))
  let logits = n(x, gone, place)
  minimize cross_entropy(logits, kind) using SGD(lr = 0.1)
  output probability = softmax(logits)
  epochs 2
}
"""
ROWS = [("1", "Ulm", "nut"), ("-1", "", "bolt"), ("none", "Bonn", "nut"), ("2", "Ulm", "bolt"), ("-1.0", "Bonn", "nut")]


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("things")
    with (folder / "d.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([("x", "place", "kind"), *ROWS])
    (folder / "spec.dl").write_text(TABLE)
    trained(folder / "spec.dl", folder / "run")
    return folder / "run"


class Frame:
    """What data frames have in common."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = list(columns)
        self._columns = columns

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]


NUMBERS = [1, np.nan, np.nan, 2, np.nan]
PLACES = ["Ulm", None, "Bonn", "Ulm", "Bonn"]


@pytest.mark.parametrize(
    "given",
    [
        {"x": np.array(NUMBERS), "place": PLACES},
        {"x": [1, None, None, 2, None], "place": np.array(PLACES, object)},
        {"x": ["1", "-1", "none", "2", ""], "place": ["Ulm", "", "Bonn", "Ulm", "Bonn"]},
        {"x": NUMBERS, "place": ["Ulm", np.nan, "Bonn", "Ulm", "Bonn"], "unread": [object()] * 5, "short": [1]},
        Frame({"place": np.array(PLACES, object), "x": np.array(NUMBERS, np.float32)}),
        {"place": np.ma.array([p or "Ulm" for p in PLACES], mask=[not p for p in PLACES]), "x": NUMBERS},
    ],
    ids=["arrays", "lists", "texts", "more", "frame", "masked"],
)
def test_columns_in_memory(given: Any, things: Path) -> None:
    run = opened(things)
    expected = run.predict(things.parent / "d.csv")
    found = run.predict(given)
    assert list(found) == ["probability", "kind"]
    np.testing.assert_array_equal(found["probability"], expected["probability"])
    assert found["kind"].tolist() == [["bolt", "nut"][k] for k in expected["probability"].argmax(axis=1)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"place": PLACES}, "E0411.*'x'"),
        ({"x": [1, 2], "place": ["Ulm"]}, "E0416: columns .* 'x' has 2, 'place' has 1$"),
        ({"x": [1], "place": ["Ulm", "Ulm"], "unread": [1, 2, 3]}, "E0416: columns .* 'x' has 1, 'place' has 2$"),
        ({"x": [1, 2], "place": ["Ulm", "Rom"]}, "E0419.*'Rom'.*index 1, column 'place'"),
        ({"x": [1, "a"], "place": ["Ulm", "Ulm"]}, "E04.*column 'x'"),
        ({"x": [1, 2], "place": [b"Ulm", b"K\xf6ln"]}, "E0407.*'place' is not UTF-8"),
        ({"x": [1, {}], "place": ["Ulm", "Ulm"]}, "E0417.*'x'"),
        ({"x": [10**400, 2], "place": ["Ulm", "Ulm"]}, "E0423.*infinite.*index 0, column 'x'"),
        ({}, "E0417.*no columns"),
        ([[1, 2]], "E0417.*no names.*"),
        ({"x": [[1], [1, 2]], "place": ["Ulm", "Ulm"]}, "E0417.*'x'.*inhomogeneous"),
        ({"x": [], "place": []}, "E0417.*no values"),
        ({"x": 1.0, "place": "Ulm"}, "E0417.*one value"),
        (7, "E0417"),
        ("nowhere.csv", "E0403"),
    ],
)
def test_what_is_no_table(given: Any, said: str, things: Path) -> None:
    with pytest.raises((Problem, Failure), match=said):
        opened(things).predict(given)


LARGE = """\
data d {
  source npz("d.npz")
  field id: int64 = category(column("id"), missing = true, unknown = true)
  field y: float32 = column("y")
}
model Net {
  input id: int64[N]
  output y = squeeze(id -> Embedding(5, 1), axis = 1)
}
train t {
  data d
  minimize mse(Net(id), y) using SGD(lr = 0.1)
  epochs 1
}
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    folder = tmp_path_factory.mktemp("large")
    np.savez(folder / "d.npz", id=np.array([2**60 + 1, 2**60 + 3, 7]), y=np.ones(3))
    (folder / "spec.dl").write_text(LARGE)
    trained(folder / "spec.dl", folder / "run")
    return opened(folder / "run")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([2**60 + 1, None, 2**60], [1, 3, 4]),
        ([2**60 + 3, 0.5, 7], [2, 4, 0]),
        ([2**60 + 1, float("nan"), 2**64 + 1], [1, 3, 4]),
        ((np.int64(2**60 + 3), None, np.int32(7)), [2, 3, 0]),
        (np.array([2**60 + 3, None, 7], object), [2, 3, 0]),
        (iter([2**60 + 3, 7]), [2, 0]),
        (np.array([7, 8], np.float32), [0, 4]),
        (np.array([7, 8], ">i2"), [0, 4]),
        ([b"7", b"eggs", ""], [0, 4, 3]),
    ],
)
def test_large_whole_numbers_stay_what_they_are(given: Any, expected: list[int], large: FinishedRun) -> None:
    """Beside gaps and fractions too, where NumPy would make float64 of all of them."""
    assert large.fields(large.table({"id": given}), ["id"])["id"].tolist() == expected


def test_the_exported_model_documents_itself(things: Path) -> None:
    model = onnx.load_model_from_string(opened(things).export(fields=True))
    assert {value.name: value.doc_string for value in model.graph.input} == {
        "x": "the column 'x'; missing: '-1', 'none'", "place": "the column 'place'\nWhere it was made."}  # fmt: skip
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert metadata["columns"] == {"x": ["x"], "place": ["place"]}
    assert metadata["classes"] == {"probability": ["bolt", "nut"]}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds = {"x": np.array([1, np.nan]), "place": np.array(["Ulm", ""], object)}
    probability, kind = session.run(["probability", "kind"], feeds)
    expected = opened(things).predict({"x": [1, None], "place": ["Ulm", None]})
    np.testing.assert_allclose(probability, expected["probability"], rtol=1e-6)
    assert kind.tolist() == expected["kind"].tolist()


IMAGES = """\
data d {
  source npz("d.npz")
  field image: float32[1, 4, 4] = column("image") / 255
  field label: int64 = column("label")
}
model Net {
  input image: float32[N, 1, 4, 4]
  output logits = image -> Flatten -> Dense(2)
}
train t {
  data d
  minimize cross_entropy(Net(image), label) using SGD(lr = 0.1)
  epochs 1
}
"""


def test_raw_images_are_prepared_whatever_brings_them(tmp_path: Path) -> None:
    """Also where the columns bear the names of the model's inputs; what is prepared already has to be said."""
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (12, 4, 4)).astype(np.uint8)
    np.savez(tmp_path / "d.npz", image=images, label=generator.integers(0, 2, 12))
    (tmp_path / "spec.dl").write_text(IMAGES)
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    np.savez(tmp_path / "new.npz", image=images)
    np.save(tmp_path / "image.npy", images)
    np.savez(tmp_path / "prepared.npz", image=(images / np.float32(255)).reshape(12, 1, 4, 4))
    expected = run.predict(split="train")["logits"]
    found = [
        run.predict(tmp_path / "new.npz"), run.predict(str(tmp_path / "image.npy")), run.predict({"image": images}),
        run.predict(images), run.predict(tmp_path / "prepared.npz", prepared=True),
    ]  # fmt: skip
    for one in found:
        np.testing.assert_array_equal(one["logits"], expected)
    with pytest.raises(Problem, match=r"E0424.*\[2, 8\].*\[4, 4\]"):
        run.predict(images.reshape(12, 2, 8))
    exported = onnxruntime.InferenceSession(run.export(fields=True))
    (port,) = exported.get_inputs()
    assert (port.name, port.type, port.shape[1:]) == ("image", "tensor(uint8)", [4, 4])
    np.testing.assert_allclose(exported.run(None, {"image": images})[0], expected, rtol=1e-6)


ROUNDED = """\
data d {
  source csv("d.csv")
  field x: float32 = column("x")
  field y: float32 = cast(column("x"), float32) / 1e9
}
model Net {
  input x: float32[N]
  output y = squeeze(unsqueeze(x, axis = 1) -> Dense(1), axis = 1)
}
train t {
  data d
  minimize mse(Net(y), y) using SGD(lr = 1e-3)
  epochs 1
}
"""


def test_rounded_whole_numbers_are_told(tmp_path: Path) -> None:
    """Not where a cast says that it is meant; different ones that become equal are an error."""
    (tmp_path / "d.csv").write_text("x\n" + "\n".join(str(16_777_217 + 1000 * n) for n in range(6)) + "\n")
    (tmp_path / "spec.dl").write_text(ROUNDED)
    witness = Witness()
    trained(tmp_path / "spec.dl", tmp_path / "run", observer=witness)
    assert [(w.code.id, w.message) for w in witness.warnings] == [
        ("W0450", "field 'x' rounds whole numbers to float32: 16777217 becomes 16777216 (d.csv, line 2, column 'x')")
    ]


def test_a_split_by_time_is_not_one_by_text(tmp_path: Path) -> None:
    """The last days of the year, although their text sorts first."""
    days = [f"{d:02}/{m:02}/2025" for m in range(1, 13) for d in (3, 20)]
    order = np.random.default_rng(2).permutation(len(days))
    (tmp_path / "d.csv").write_text("day,n\n" + "".join(f"{days[k]},{k}\n" for k in order))
    (tmp_path / "spec.dl").write_text(
        ROUNDED.replace('column("x")', 'column("n")').replace(
            "}\nmodel", '  field t: float64 = datetime(column("day"), "%d/%m/%Y")\n'
            "  split train = 75%, test = 25%, order = t\n}\nmodel", 1)
    )  # fmt: skip
    splits = compile_spec(tmp_path / "spec.dl").bound.dataset.splits
    assert splits["test"].take(np.arange(6))["x"].tolist() == list(range(18, 24))
    assert splits["train"].take(np.arange(18))["x"].tolist() == list(range(18))


def test_columns_that_are_named_are_inputs_of_their_own(tmp_path: Path) -> None:
    """Those of a pattern lie side by side in one."""
    (tmp_path / "d.csv").write_text("p2,b,p1,a\n" + "".join(f"{n},{n * n},{-n},{n / 2}\n" for n in range(8)))
    text = ROUNDED.replace('field x: float32 = column("x")', 'field p: float32[2] = columns("p*")')
    target = 'field y: float32 = cast(column("x"), float32) / 1e9'
    text = text.replace(target, 'field x: float32[2] = columns("a", "b")')
    text = text.replace("input x: float32[N]", "input x: float32[N, 2]\n  input p: float32[N, 2]")
    text = text.replace("unsqueeze(x, axis = 1)", "concat(x, p, axis = 1)").replace("Net(y), y", "Net(x, p), x[:, 0]")
    (tmp_path / "spec.dl").write_text(text)
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    session = onnxruntime.InferenceSession(run.export(fields=True))
    assert {port.name: port.shape[1:] for port in session.get_inputs()} == {"b": [], "a": [], "p*": [2]}
    n = np.arange(8.0)
    feeds = {"a": n / 2, "b": n * n, "p*": np.stack([n, -n], axis=1)}
    expected = run.predict(tmp_path / "d.csv")["y"]
    np.testing.assert_allclose(session.run(None, feeds)[0], expected, rtol=1e-6)


def test_a_fraction_stops_a_whole_field_of_an_exported_model(tmp_path: Path) -> None:
    """As `predict` refuses it: no Cast cuts it off without a word."""
    (tmp_path / "d.csv").write_text("n,y\n" + "".join(f"{k / 2},{k}\n" for k in range(9)))
    text = ROUNDED.replace('field x: float32 = column("x")', 'field x: int64 = column("n") * 2')
    text = text.replace('cast(column("x"), float32) / 1e9', 'column("y")')
    text = text.replace("input x: float32[N]", "input x: int64[N]")
    text = text.replace("unsqueeze(x, axis = 1)", "cast(x, float32)[:, none]").replace("Net(y), y", "Net(x), y")
    (tmp_path / "spec.dl").write_text(text)
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    session = onnxruntime.InferenceSession(run.export(fields=True))
    expected = run.predict(tmp_path / "d.csv")["y"]
    np.testing.assert_allclose(session.run(None, {"n": np.arange(9) / 2})[0], expected, rtol=1e-6)
    for wrong in (0.3, np.nan):
        with pytest.raises(Exception, match="indices"):
            session.run(None, {"n": np.array([1.0, wrong])})
        with pytest.raises(Failure, match="E041"):
            run.predict({"n": [1.0, wrong]})


@pytest.mark.parametrize("written", ['"p*"', '"p1", "p2"'])
def test_gaps_of_columns_side_by_side(written: str, tmp_path: Path) -> None:
    """Also where some of them are text, and in the exported model."""
    (tmp_path / "d.csv").write_text("p1,p2,x\n1,,0\n,6,1\nx,10,2\n")
    gaps = f"field p: float32[2] = cast(is_missing(columns({written})), float32)"
    text = ROUNDED.replace('field x: float32 = column("x")', gaps).replace(
        "input x: float32[N]", "input x: float32[N, 2]"
    )
    text = text.replace("unsqueeze(x, axis = 1)", "x").replace("Net(y), y", "Net(p), p[:, 0]")
    (tmp_path / "spec.dl").write_text(text)
    dataset = compile_spec(tmp_path / "spec.dl").bound.dataset
    assert dataset.splits["train"].take(np.arange(3))["p"].tolist() == [[0, 1], [1, 0], [0, 0]]
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    session = onnxruntime.InferenceSession(run.export(fields=True))
    columns = {"p1": ["1", "", "x"], "p2": ["", "6", "10"]}
    feeds = {name: np.array(cells, object) for name, cells in columns.items()}
    if "*" in written:
        feeds = {"p*": np.stack(list(feeds.values()), axis=1)}
    np.testing.assert_allclose(session.run(None, feeds)[0], run.predict(tmp_path / "d.csv")["y"], rtol=1e-6)


@pytest.mark.parametrize(
    ("field", "cells", "new", "found"),
    [
        ('category(column("x"), missing = true)', ["", "nan"], ["", ""], [0, 0]),
        ('datetime(column("x"))', ["2026-01-01", "2026-01-02"], ["2026-01-03", "1577836800"], "E0451"),
        ('datetime(column("x"), "%Y%m%d")', ["20200101", "20200102"], ["20200103", "7"], "E0451"),
    ],
)
def test_a_column_is_what_it_was_in_training(
    field: str, cells: list[str], new: list[str], found: list[float] | str, tmp_path: Path
) -> None:
    """A category without values, and times that are text or seconds, whatever a later file has."""
    type = "int64" if "category" in field else "float64"
    (tmp_path / "d.csv").write_text("x,y\n" + "".join(f'"{cell}",{n}\n' for n, cell in enumerate(cells)))
    (tmp_path / "new.csv").write_text("x\n" + "".join(f'"{cell}"\n' for cell in new))
    (tmp_path / "spec.dl").write_text(
        f"""data d {{ source csv("d.csv")
  field x: {type} = {field}
  field y: float32[1] = column("y") }}
model Net {{ input x: {type}[N]
  output same = cast(x, float64)
  output z = unsqueeze(cast(x, float32), axis = 1) -> Dense(1) }}
train t {{ data d
  let same, z = Net(x)
  minimize mse(z, y) using SGD(lr = 0)
  epochs 1 }}
"""
    )
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    run.export(fields=True)
    if isinstance(found, str):
        with pytest.raises((Problem, Failure), match=found):
            run.predict(tmp_path / "new.csv")
    else:
        assert run.predict(tmp_path / "new.csv")["same"].tolist() == found


def test_an_exported_model_stops_where_predict_refuses(tmp_path: Path) -> None:
    """At whole numbers that wrap, a missing value that is compared, and what is neither true nor false."""
    (tmp_path / "d.csv").write_text("n,g,y\n" + "".join(f"{k},{k / 2},{k}\n" for k in range(6)))
    (tmp_path / "spec.dl").write_text(
        """data d { source csv("d.csv")
  field truth: bool = column("g") * 0
  field over: bool = column("g") > 1
  field big: int64 = column("n") * 1000000000000
  field y: float32[1] = column("y") }
model Net { input truth: bool[N]
  input over: bool[N]
  input big: int64[N]
  output same = cast(big, float64)
  output above = cast(over, float32)
  output z = cast(stack(truth, over, axis = 1), float32) -> Dense(1) }
train t { data d
  let same, above, z = Net(truth, over, big)
  minimize mse(z, y) using SGD(lr = 0)
  epochs 1 }
"""
    )
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    session = onnxruntime.InferenceSession(run.export(fields=True))
    good = {"n": np.array([1, 2]), "g": np.array([1.0, 2.0])}
    for name, value in zip(("same", "above"), session.run(["same", "above"], good), strict=True):
        np.testing.assert_array_equal(value, run.predict(good)[name])
    for name, wrong in (("n", [1, 10**8]), ("g", [1.0, np.nan]), ("g", [1.0, np.inf])):
        with pytest.raises(Failure, match="E04"):
            run.predict(good | {name: np.array(wrong)})
        with pytest.raises(Exception, match="indices"):
            session.run(None, good | {name: np.array(wrong)})


FLOATS = """data d {{ source npz("d.npz")
  field x: {type} = column("x"){rest}
  field kind: int64 = category(column("kind")) }}
model Net {{ input x: {type}[N]
  output same = cast(x, float64)
  output logits = unsqueeze(cast(x, float32), axis = 1) -> Dense(2) }}
train t {{ data d
  let same, logits = Net(x)
  minimize cross_entropy(logits, kind) using SGD(lr = 0)
  output same = same
  output probability = softmax(logits)
  epochs 1 }}
"""


@pytest.mark.parametrize(
    ("type", "rest"), [("float16", ' * cast(column("y") > 1, {type})'), ("float32", ""), ("float64", "")]
)
def test_what_is_not_finite_stops_an_exported_model(type: str, rest: str, tmp_path: Path) -> None:
    """Of NaN the highest score would be that of the first class; a fraction stays one in any type."""
    columns: dict[str, Any] = {"x": np.array([0.5, -3.25, 7, 1]), "y": np.array([1.0, 2, 3, 4])}
    np.savez(tmp_path / "d.npz", **columns, kind=np.array(["a", "b", "a", "b"]))
    (tmp_path / "spec.dl").write_text(FLOATS.format(type=type, rest=rest.format(type=type)))
    trained(tmp_path / "spec.dl", tmp_path / "run")
    run = opened(tmp_path / "run")
    session = onnxruntime.InferenceSession(run.export(fields=True))
    names = [port.name for port in session.get_inputs()]
    expected = run.predict(columns)
    for name, found in zip(expected, session.run(list(expected), {n: columns[n] for n in names}), strict=True):
        if name == "kind":
            assert found.tolist() == expected[name].tolist()
        else:
            np.testing.assert_allclose(found, expected[name])
    assert expected["same"].tolist() == (columns["x"] * ((columns["y"] > 1) if rest else 1)).tolist()
    nothing = session.run(None, {name: columns[name][:0] for name in names})
    assert all(not len(found) for found in nothing)
    beyond = {"float16": [1e5], "float32": [1e300], "float64": []}[type]
    for wrong in (np.nan, np.inf, -np.inf, *beyond):
        given = {n: np.array([*columns[n][:3], wrong if n == "x" else 4.0]) for n in names}
        with pytest.raises(Failure, match="E04"):
            run.predict(given)
        with pytest.raises(Exception, match="indices"):
            session.run(None, given)
