"""A plan that was written as JSON and read back is the same: what is compiled from it is equal to the byte."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.library.fits.step import FittedStep
from dslc.library.functions.indexing import Mark, Slice
from dslc.library.operation import Initializer, Operation
from dslc.library.optimizers.optimizer import Optimizer
from dslc.library.schedules.schedule import Schedule
from dslc.library.sources.csv import csv
from dslc.library.sources.source import DataSource
from dslc.library.word import FITS, FUNCTIONS, INITIALIZERS, LAYERS, OPTIMIZERS, SCHEDULES, SOURCES, Texts, Word
from dslc.options import Options
from dslc.pipeline import bind_data, check_source, check_spec, compile_bound
from dslc.plan.coding import read, read_word, words_of, written
from dslc.plan.measures import applications_of
from dslc.plan.values import Application, DimensionOf, Literal
from dslc.source import Source
from dslc.types import Dimension, ElementType, TensorType, symbol
from tests.check.checking import train_of
from tests.conftest import DATA, ROOT, SPECS

QUICK = ["linear_regression", "iris", "digits", "mnist_cnn"]
EQUALITY = ROOT / "tests" / "equality" / "specs"
EVERY = {"options": 2}
"""Of the train blocks of a spec, each so-manieth is quick; 3 where nothing is said."""
LONG = [*(f for f in sorted(SPECS.glob("*.dl")) if f.stem not in QUICK), *sorted(ROOT.glob("benchmarks/models/*.dl"))]
ALL = [
    *(pytest.param(SPECS / f"{name}.dl", None, id=name) for name in QUICK),
    *(
        pytest.param(
            file, train, id=f"{file.stem}-{train}", marks=pytest.mark.alike if number % EVERY.get(file.stem, 3) else ()
        )
        for file in sorted(EQUALITY.glob("*.dl"))
        for number, train in enumerate(re.findall(r"^train (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    ),
    *(pytest.param(file, None, id=file.stem, marks=pytest.mark.alike) for file in LONG),
]
"""Specs, and the train block of each where it has several."""


def through_json(thing: Any) -> Any:
    return read(json.loads(json.dumps(written(thing), allow_nan=False)), type(thing))


def compiled(spec: Path, train: str | None, *, rewritten: bool) -> dict[str, Any]:
    """Everything that is compiled, by what it is called."""
    bound = bind_data(check_spec(spec, Options(train=train, data=(DATA,))), spec.parent)
    if rewritten:
        checked = None if bound.checked is None else through_json(bound.checked)
        check = bound.check
        bound = replace(bound, checked=checked, check=lambda facts: through_json(check(facts)))
    compilation = compile_bound(bound)
    artifacts = compilation.artifacts
    shipped = {
        model.file: (compilation.serialized(model.model), model.fields, model.classes)
        for model in compilation.inference(artifacts.initial)
    }
    state = {name: (array.dtype, array.shape, array.tobytes()) for name, array in artifacts.initial.items()}
    return {**artifacts.models, **shipped, **state, "manifest": json.dumps(artifacts.manifest)}


@pytest.mark.parametrize(("spec", "train"), ALL)
def test_what_is_compiled_from_it_is_equal_to_the_byte(spec: Path, train: str | None) -> None:
    assert compiled(spec, train, rewritten=True) == compiled(spec, train, rewritten=False)


FAMILIES: list[tuple[type[Word], dict[str, type[Any]]]] = [
    (Operation, {**LAYERS, **FUNCTIONS}), (Initializer, INITIALIZERS), (Optimizer, OPTIMIZERS), (Schedule, SCHEDULES),
    (DataSource, SOURCES), (FittedStep, FITS),
]  # fmt: skip


@pytest.mark.parametrize(("base", "words"), FAMILIES, ids=[base.__name__ for base, _ in FAMILIES])
def test_every_word_is_found_by_its_name(base: type[Word], words: dict[str, type[Any]]) -> None:
    known = words_of(base)
    assert {name: known[name] for name in words} == words


# --- parts of a plan ---------------------------------------------------------------------------------

N, T = symbol("N"), symbol("T")
SIZES = [N, 2 * N + 1, N * T - 3, (N + 1) // 2, ((N * T) % 4) * 2 + (T - 1) // (N + 2), N // 2 * (T // 2)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sizes(size: Dimension) -> None:
    type = TensorType(ElementType.FLOAT32, (size, 3))
    found = through_json(type)
    assert (found, str(found), hash(found)) == (type, str(type), hash(type))


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0.1, -0.0], [np.inf, -np.inf]], np.float32), np.float16(np.nan), np.int64(-(2**63)), np.array([2**64 - 1], np.uint64),
        np.array([True, False]), np.zeros((0, 2)), np.array(["a", "é"], object),
    ],
    ids=str,
)  # fmt: skip
def test_arrays(values: Any) -> None:
    array = np.asarray(values)
    found = through_json(Literal(array=array, given=TensorType(ElementType.of(array.dtype), array.shape))).array
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tolist() == array.tolist() if array.dtype == object else found.tobytes() == array.tobytes()


SPEC = """
data d {
  source csv("a.csv")
  field x: float32[2] = columns("x*")
  field y: int64 = column("y")
  split train = 80%, validation = 20%
}
model M {
  input x: float32[N, 2]
  output y = x -> Dense(2)
}
train t {
  data d
  let scores = M(x)
  minimize cross_entropy(scores, y) using SGD(lr = 0.1)
  metric accuracy = accuracy(scores, y)
  epochs 3
  stop when not (stalled(validation.loss, steps = 3) or validation.accuracy / 2 >= -epoch + 1) and true
  keep best validation.loss
}
"""


def test_conditions() -> None:
    train = train_of(SPEC)
    assert train.stop is not None
    assert train.keep is not None
    found = through_json(train)
    assert (found.stop.expression, found.stop.figures) == (train.stop.expression, train.stop.figures)
    assert found.keep.figure.expression == train.keep.figure.expression
    records = [{"epoch": 1, "step": 1, "validation.loss": 1.0, "validation.accuracy": figure} for figure in (-1, 0, 1)]
    assert [found.stop([record]) for record in records] == [True, False, False]


def test_what_stands_in_brackets() -> None:
    index = FUNCTIONS["index"](items=(1, Slice(None, N, 2), Mark.REST, N - 1, Mark.NEW, Slice(start=-1)))
    whole = TensorType(ElementType.INT64)
    found = through_json(Application(index, (), (whole,), None, 1).outputs[0]).application.operation
    assert (found, [type(item) for item in found.items]) == (index, [type(item) for item in index.items])


def test_what_is_one_stays_one() -> None:
    whole = TensorType(ElementType.INT64)
    size = Application(DimensionOf(dimension=N, given=whole), (), (whole,), None, 1).outputs[0]
    twice = Application(FUNCTIONS["add"](), (size, size), (whole,), None, 2, site="a#2", training=True)
    found = through_json(twice.outputs[0]).application
    assert found.operands[0] is found.operands[1]
    assert (found.site, found.training, found.types) == ("a#2", True, (whole,))


def test_what_is_imported_keeps_its_places() -> None:
    """Its text is said of applications only, which stand behind the plan that is written first."""
    half = "block Half {\n  input x: float32[N, 2]\n  output y = x * 0.5\n}\n"
    spec = 'import "half.dl"\n' + SPEC.replace("Dense(2)", "Dense(2) -> Half")
    train = check_source(Source("main.dl", spec), lambda path, _: Source(path, half)).trains["t"]
    assert train is not None
    losses = [plan.objectives[0].loss for plan in (train, through_json(train))]
    places = [[str(application.span) for application in applications_of(loss)] for loss in losses]
    assert places[0] == places[1]
    assert {place.partition(":")[0] for place in places[1]} == {"main.dl", "half.dl"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "a", "delimiter": 5}, "delimiter: 5 stands where str belongs"),
        ({"path": "a", "delimiter": "x"}, "'delimiter' of csv must be one of"),
        ({"path": "a", "delimiter": {"word": "csv"}}, "delimiter: an object stands where str belongs"),
        ({"path": "a", "header": ["yes"]}, "header: a list stands where none belongs"),
        ({"path": "a", "missing": [1]}, "missing: 1 stands where str belongs"),
        ({"path": "a", "skip": -1}, "'skip' of csv must be at least 0"),
        ({"path": "a", "skip": True}, "skip: True stands where int belongs"),
        ({"path": "a", "sep": ";"}, "csv has no 'sep'"),
    ],
)
def test_options_that_a_word_does_not_take(options: dict[str, Any], message: str) -> None:
    assert read_word(csv, {"path": "a", "missing": ["?"], "skip": 2}) == csv(path="a", missing=Texts(["?"]), skip=2)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_word(csv, options)
