"""Sections 7 and 8 of the language: what a train block becomes."""

from __future__ import annotations

import pytest

from dslc.check import Facts
from dslc.plan.columns import ColumnFact
from dslc.types import FLOAT32, STRING
from tests.check.checking import train_of

SPEC = """
data d {
  source csv("d.csv")
  field x: float32[4] = columns("x*")
  field price: float32 = standardize(column("price"))
  field town: int64 = category(column("town"))
  split train = 70%, validation = 15%, test = 15%
}
model Net(k = 3) {
  input x: float32[N, 4]
  h = x -> Dense(8) -> BatchNorm -> Relu
  output logits = h -> Dense(k)
  output price = squeeze(h -> Dense(1), axis = 1)
}
train t {
  data d
  LINES
}
"""
OBJECTIVE = "minimize mse(Net(x).price, price) using Adam"


def losses(*values: float) -> list[dict[str, float]]:
    return [{"validation.loss": value, "epoch": epoch} for epoch, value in enumerate(values)]


def lines(*statements: str) -> str:
    return SPEC.replace("LINES", "\n  ".join(statements))


def test_defaults() -> None:
    train = train_of(lines(OBJECTIVE, "epochs 3"))
    assert (train.epochs, train.steps, train.batch, train.shuffle, train.drop_last) == (3, None, 32, True, False)
    assert (train.accumulate, train.average, train.clip_norm, train.seed, train.keep) == (1, None, None, 0, None)
    (shipped,) = train.shipped
    assert (shipped.network, set(shipped.outputs), shipped.fields) == ("Net", {"logits", "price"}, {"x": "x"})


def test_settings() -> None:
    settings = ["steps 10_000", "batch 64, shuffle = false, drop_last = true", "clip norm 1.0", "clip value 0.5",
                "accumulate 4", "average ema(0.999)", "seed 7", "evaluate every 500 steps"]  # fmt: skip
    train = train_of(lines(OBJECTIVE, *settings))
    assert (train.steps, train.batch, train.shuffle, train.drop_last) == (10_000, 64, False, True)
    assert (train.clip_norm, train.clip_value, train.accumulate, train.average) == (1.0, 0.5, 4, 0.999)
    assert (train.seed, train.evaluate_every) == (7, 500)


def test_groups_by_prefix_and_by_glob() -> None:
    minimize = 'minimize mse(Net(x).price, price) over Net.h using SGD(0.1) over "Net.price*.bias" using RMSprop'
    (objective,) = train_of(lines(f"{minimize} using Adam", "epochs 1", "freeze Net.h.dense.weight")).objectives
    norm = {"Net.h.batch_norm.weight", "Net.h.batch_norm.bias"}
    paths = [set(group.paths) for group in objective.groups]
    assert paths == [{"Net.h.dense.bias", *norm}, {"Net.price.dense.bias"}, {"Net.price.dense.weight"}]


def test_a_rest_group_takes_what_the_others_leave() -> None:
    minimize = "minimize mse(Net(x).price, price) over Net.h using SGD(0.1) using Adam"
    (objective,) = train_of(lines(minimize, "epochs 1")).objectives
    assert [type(group.optimizer).__name__ for group in objective.groups] == ["SGD", "Adam"]
    assert objective.groups[1].paths == ("Net.price.dense.weight", "Net.price.dense.bias")


def test_several_objectives_and_their_statistics() -> None:
    first = "minimize a = mse(Net(x).price, price) over Net.price using Adam"
    second = "minimize b = cross_entropy(Net(x).logits, town) over Net.h, Net.logits using SGD(0.1)"
    found = train_of(lines(first, second, "epochs 1")).objectives
    assert [o.name for o in found] == ["a", "b"]
    statistics = {"Net.h.batch_norm.mean", "Net.h.batch_norm.variance"}
    assert all(len(o.statistics) == len(statistics) for o in found)


def test_classes_are_told_by_the_data() -> None:
    text = lines("net n = Net(classes(town))", "minimize cross_entropy(n(x).logits, town) using Adam", "epochs 1")
    columns: dict[tuple[tuple[str, ...], bool], ColumnFact] = {
        (("x*",), True): ColumnFact(FLOAT32, (4,)),
        (("town",), False): ColumnFact(STRING, ()),
    }
    facts = Facts(columns, class_counts={"town": 5})
    shapes = {path: str(record.type) for path, record in train_of(text, facts).parameters.items()}
    assert shapes["n.logits.dense.weight"] == "float32[8, 5]"
    assert shapes.keys() == {path.replace("Net.", "n.") for path in train_of(lines(OBJECTIVE, "epochs 1")).parameters}


def test_lets_inputs_by_name_and_original() -> None:
    more = ["let out = Net(x = x)", "metric error = rmse(original(out.price, price), original(price, price))",
            "metric double = 2 * mae(out.price, price)",
            "output price = original(out.price, price)"]  # fmt: skip
    train = train_of(lines(OBJECTIVE, "epochs 1", *more))
    assert [(m.name, m.direction) for m in train.metrics] == [("error", "lowest"), ("double", None)]
    (shipped,) = train.shipped
    assert (shipped.network, list(shipped.outputs), shipped.fields) == (None, ["price"], {"x": "x"})


def test_a_let_unpacks_outputs_tuples_and_lists() -> None:
    more = ["let y, value = Net(x)", "let left, right = split(x, [1, 3], axis = 1)", "let a, b = [2, x]",
            "metric error = rmse(value, price) + mean(left) + mean(right) + a * mean(b)",
            "output logits = y", "output parts = concat(left, right, axis = 1)"]  # fmt: skip
    train = train_of(lines("minimize cross_entropy(y, town) using Adam", "epochs 1", *more))
    assert {name: str(value.type) for name, value in train.shipped[0].outputs.items()} == {
        "logits": "float32[batch, 3]", "parts": "float32[batch, 4]"
    }  # fmt: skip
    # what is applied in a let is named by the first name
    draws = train_of(lines(OBJECTIVE, "epochs 1", "let p, q = split(normal_like(x), [2, 2], axis = 1)", "output o = p"))
    assert draws.shipped[0].outputs["o"].application.operands[0].application.site == "p.normal_like"


@pytest.mark.parametrize(
    ("statement", "history", "stops"),
    [
        ("validation.loss < 0.5", [{"validation.loss": 0.4}], True),
        ("validation.loss < 0.5 and epoch > 3", [{"validation.loss": 0.4, "epoch": 2}], False),
        ("stalled(validation.loss, epochs = 2)", losses(3, 1, 2, 2), True),
        ("stalled(validation.loss, epochs = 2)", losses(3, 1, 2, 0), False),
        ("not (train.loss >= 2 * 0.5)", [{"train.loss": 0.9}], True),
    ],
)  # fmt: skip
def test_conditions(statement: str, history: list[dict[str, float]], stops: bool) -> None:
    train = train_of(lines(OBJECTIVE, "epochs 9", f"stop when {statement}"))
    assert train.stop is not None
    assert train.stop(history) is stops


@pytest.mark.parametrize(
    ("keep", "highest"),
    [("best validation.accuracy", True), ("best validation.loss", False), ("highest validation.loss", True)],
)
def test_keep(keep: str, highest: bool) -> None:
    metric = "metric accuracy = accuracy(Net(x).logits, town)"
    train = train_of(lines(OBJECTIVE, metric, "epochs 9", f"keep {keep}"))
    assert train.keep is not None
    assert train.keep.highest is highest


@pytest.mark.parametrize(
    "schedule",
    ["1e-3", "cosine(1e-3, 1e-5)", "warmup(500) then cosine(1e-3, 1e-5)", "warmup(5) then constant(0.1, steps = 9) then linear(1, 0)",
     "plateau(1e-3)", "if 1 < 2 then 1e-3 else step(1, 2, 3)"],
)  # fmt: skip
def test_schedules(schedule: str) -> None:
    train_of(lines(f"minimize mse(Net(x).price, price) using Adam(lr = {schedule})", "epochs 1"))


def test_training_is_true_under_minimize_alone() -> None:
    spec = SPEC.replace("-> Relu", "-> Relu\n  h = h * (if training then 2 else 1)")
    train = train_of(spec.replace("LINES", f"{OBJECTIVE}\n  epochs 1"))
    (objective,) = train.objectives
    assert objective.loss is not objective.measure.value
