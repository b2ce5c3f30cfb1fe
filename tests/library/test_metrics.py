"""Metrics against scikit-learn's, on a whole split and in uneven batches, and their type rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from dslc import graph as g
from dslc.diagnostics import Problem
from dslc.graph import Builder, Tensor
from dslc.library.operation import Context, Function
from dslc.library.statistic import Statistic
from dslc.library.word import FUNCTIONS, METRICS
from dslc.types import BOOL, FLOAT32, FLOAT64, INT64, Dimension, ElementType, TensorType, symbol
from tests.conftest import mostly_slow
from tests.library.graphs import compiled, type_of_array

N, T = symbol("N"), symbol("T")
generator = np.random.default_rng(9)


Arrays = Sequence[np.ndarray]


def made(name: str, **options: object) -> Statistic:
    word = FUNCTIONS[name](**options)
    assert isinstance(word, Statistic)
    return word


def whole(word: Statistic, arrays: Arrays) -> np.ndarray:
    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        return [word.emit(Context(builder), *inputs)]

    types = [type_of_array(array, symbolic=True) for array in arrays]
    (value,) = compiled(build, types)(*arrays)
    assert value.dtype == type_of_result(word, types).element.numpy
    return value


def type_of_result(word: Statistic, types: Sequence[TensorType]) -> TensorType:
    result = word.type(*types)
    assert isinstance(result, TensorType)
    return result


def in_batches(word: Statistic, arrays: Arrays, sizes: Sequence[int]) -> np.ndarray:
    """As the compiler evaluates a split: float accumulators are carried in float64, from zeros."""
    types = [type_of_array(array, symbolic=True) for array in arrays]
    first = compiled(lambda b, *x: list(word.accumulate(*x).values()), types)(*(a[:1] for a in arrays))
    wide = [TensorType(FLOAT64 if a.dtype.kind == "f" else INT64, a.shape) for a in first]
    names: list[str] = []

    def step(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        batch = word.accumulate(*inputs[len(first) :])
        names[:] = batch
        batch = {n: g.cast(x, t.element) for (n, x), t in zip(batch.items(), wide, strict=True)}
        merged = word.merge(dict(zip(batch, inputs[: len(first)], strict=True)), batch)
        return [merged[name] for name in batch]

    run = compiled(step, [*wide, *types])
    totals = [np.zeros(type.shape, type.element.numpy) for type in wide]
    start = 0
    for size in sizes:
        totals = run(*totals, *(a[start : start + size] for a in arrays))
        start += size
    assert start == len(arrays[0])
    result = type_of_result(word, types).element
    finish = compiled(lambda b, *x: [word.finish(dict(zip(names, x, strict=True)), result)], wide)
    return finish(*totals)[0]


def f32(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (generator.standard_normal(shape) * scale).astype(np.float32)


def labels(classes: int, *shape: int) -> np.ndarray:
    return generator.integers(0, classes, shape)


REAL = (f32(23) + 100, f32(23) + 100)
REAL2 = (f32(23, 3), f32(23, 3) + np.array([0, 10, 100], np.float32))
CONSTANT = (np.stack([np.full(23, 2.0), np.full(23, 3.0), f32(23)], 1).astype(np.float32),
            np.stack([np.full(23, 2.0), np.full(23, 2.0), f32(23)], 1).astype(np.float32))  # fmt: skip
CLASSES = (f32(23, 5), labels(4, 23))  # class 4 is never true
RARE = (f32(23, 7) - np.eye(7, dtype=np.float32)[6] * 100, labels(3, 23))  # class 6 is neither true nor predicted
TWO = (f32(23), labels(2, 23))
NONE_PREDICTED = (-np.abs(f32(23)), labels(2, 23))
IMAGE = (f32(23, 4, 2), labels(4, 23, 2))
MANY = (f32(23, 3), labels(2, 23, 3))
COLUMN = (f32(23, 1), labels(2, 23, 1))
NO_LABELS = (f32(23, 4) - np.array([0, 9, 9, 0], np.float32), labels(2, 23, 4) * np.array([1, 1, 0, 0]))
WEIGHT = generator.uniform(0.1, 2, 23).astype(np.float32)


def best(x: Arrays) -> np.ndarray:
    return x[0].argmax(1).ravel()


def over(x: Arrays) -> np.ndarray:
    return (x[0] > 0).ravel().astype(int)


def true(x: Arrays) -> np.ndarray:
    return x[1].ravel()


def share(name: str) -> Callable[..., Any]:
    """scikit-learn's function of that name, of classes, with the average that ours has by default."""
    function = getattr(sk, f"{name}_score")
    return lambda x, **options: function(true(x), best(x), zero_division=0, **{"average": "macro", **options})


def of_labels(name: str) -> Callable[..., Any]:
    """scikit-learn's function of that name, of several labels for each example."""
    function = getattr(sk, f"{name}_score")
    return lambda x, average: function(
        x[1], (x[0] > 0).astype(int), average=average, zero_division=0, sample_weight=x[2] if x[2:] else None
    )


Case = tuple[str, dict[str, Any], Arrays, Callable[[Arrays], Any]]

CASES: list[Case] = [
    ("mse", {}, REAL2, lambda x: sk.mean_squared_error(x[1], x[0])),
    ("mae", {}, REAL2, lambda x: sk.mean_absolute_error(x[1], x[0])),
    ("mse", {}, (*REAL2, WEIGHT), lambda x: sk.mean_squared_error(x[1], x[0], sample_weight=x[2])),
    ("rmse", {}, REAL, lambda x: sk.root_mean_squared_error(x[1], x[0])),
    ("rmse", {}, (*REAL, WEIGHT), lambda x: sk.root_mean_squared_error(x[1], x[0], sample_weight=x[2])),
    ("r2", {}, REAL, lambda x: sk.r2_score(x[1], x[0])),
    ("r2", {}, REAL2, lambda x: sk.r2_score(x[1], x[0])),
    ("r2", {}, (*REAL2, WEIGHT), lambda x: sk.r2_score(x[1], x[0], sample_weight=x[2])),
    ("r2", {}, CONSTANT, lambda x: sk.r2_score(x[1], x[0])),
    ("accuracy", {}, CLASSES, lambda x: sk.accuracy_score(true(x), best(x))),
    ("accuracy", {}, IMAGE, lambda x: sk.accuracy_score(true(x), best(x))),
    ("accuracy", {"axis": -1}, (IMAGE[0], labels(2, 23, 4)), lambda x: (x[0].argmax(-1) == x[1]).mean()),
    ("accuracy", {}, TWO, lambda x: sk.accuracy_score(true(x), over(x))),
    ("accuracy", {}, (TWO[0], TWO[1] > 0), lambda x: sk.accuracy_score(true(x), over(x))),
    ("accuracy", {}, (TWO[0], TWO[1].astype(np.float32)), lambda x: sk.accuracy_score(true(x), over(x))),
    ("accuracy", {}, MANY, lambda x: sk.accuracy_score(true(x), over(x))),
    ("accuracy", {}, (*CLASSES, WEIGHT), lambda x: sk.accuracy_score(true(x), best(x), sample_weight=x[2])),
    ("accuracy", {"ignore_index": 2}, CLASSES,
     lambda x: sk.accuracy_score(true(x)[true(x) != 2], best(x)[true(x) != 2])),
    ("top_k", {"k": 2}, CLASSES, lambda x: sk.top_k_accuracy_score(x[1], x[0], k=2, labels=range(5))),
    ("top_k", {"k": 1}, CLASSES, lambda x: sk.accuracy_score(true(x), best(x))),
    ("top_k", {"k": 2}, (*CLASSES, WEIGHT),
     lambda x: sk.top_k_accuracy_score(x[1], x[0], k=2, labels=range(5), sample_weight=x[2])),
    ("top_k", {"k": 3}, IMAGE, lambda x: sk.top_k_accuracy_score(
        true(x), x[0].swapaxes(1, 2).reshape(-1, 4), k=3, labels=range(4))),
    ("confusion", {}, CLASSES, lambda x: sk.confusion_matrix(true(x), best(x), labels=range(5))),
    ("confusion", {}, TWO, lambda x: sk.confusion_matrix(true(x), over(x))),
    ("confusion", {}, IMAGE, lambda x: sk.confusion_matrix(true(x), best(x))),
    *(
        (name, {"average": average}, data, lambda x, n=name, a=average: share(n)(x, average=a))
        for name in ("precision", "recall", "f1") for average in ("macro", "micro", "weighted")
        for data in (CLASSES, RARE, IMAGE)
    ),
    *((name, {}, CLASSES, share(name)) for name in ("precision", "recall", "f1")),
    *((name, {}, (*CLASSES, WEIGHT), lambda x, n=name: share(n)(x, sample_weight=x[2]))
      for name in ("precision", "recall", "f1")),
    *((name, {}, data, lambda x, n=name: getattr(sk, f"{n}_score")(true(x), over(x), zero_division=0))
      for name in ("precision", "recall", "f1") for data in (TWO, NONE_PREDICTED, COLUMN)),
    *((name, {}, MANY, lambda x, n=name: of_labels(n)(x, average="macro")) for name in ("precision", "recall", "f1")),
    *(
        (name, {"average": average}, data, lambda x, n=name, a=average: of_labels(n)(x, average=a))
        for name in ("precision", "recall", "f1") for average in ("macro", "micro", "samples", "weighted")
        for data in (MANY, NO_LABELS, (*MANY, WEIGHT))
    ),
    ("subset_accuracy", {}, MANY, lambda x: sk.accuracy_score(x[1], x[0] > 0)),
    ("subset_accuracy", {}, (*MANY, WEIGHT), lambda x: sk.accuracy_score(x[1], x[0] > 0, sample_weight=x[2])),
    ("subset_accuracy", {}, CLASSES, lambda x: sk.accuracy_score(true(x), best(x))),
    ("accuracy", {}, (*MANY, WEIGHT), lambda x: 1 - sk.hamming_loss(x[1], x[0] > 0, sample_weight=x[2])),
    ("confusion", {}, MANY, lambda x: sk.multilabel_confusion_matrix(x[1], x[0] > 0)),
    ("confusion", {}, COLUMN, lambda x: sk.confusion_matrix(true(x), over(x))),
    *((name, {"average": average}, TWO,
       lambda x, n=name, a=average: getattr(sk, f"{n}_score")(true(x), over(x), average=a, zero_division=0))
      for name in ("precision", "recall", "f1") for average in ("binary", "macro", "micro", "weighted")),
]  # fmt: skip


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
@pytest.mark.parametrize("shape", [(23, 2), (23, 2, 5)])
def test_two_logits_of_which_the_second_class_counts(name: str, shape: tuple[int, ...]) -> None:
    logits, target = f32(*shape), labels(2, shape[0], *shape[2:])
    weight = generator.uniform(0.1, 2, shape[0]).astype(np.float32)
    target[0] = -100
    each = np.broadcast_to(weight.reshape(-1, *[1] * (target.ndim - 1)), target.shape)[1:].ravel()
    true, predicted = target[1:].ravel(), logits.argmax(1)[1:].ravel()
    score = getattr(sk, f"{name}_score")(true, predicted, average="binary", sample_weight=each)
    arrays = [logits, target, weight]
    assert whole(made(name, average="binary"), arrays) == pytest.approx(score, rel=1e-6)
    assert in_batches(made(name, average="binary"), arrays, [1, 5, 17]) == pytest.approx(score, rel=1e-6)
    one = [(logits[:, 1] - logits[:, 0])[1:].ravel(), true, each.copy()]  # as one logit for each target
    assert whole(made(name, average="binary"), one) == pytest.approx(score, rel=1e-6)


def test_every_metric_has_a_row() -> None:
    assert METRICS.keys() | {"mse", "mae"} == {case[0] for case in CASES}


IDS = [f"{case[0]}-{i}" for i, case in enumerate(CASES)]
OF_COUNTS = [case for case in CASES if len(case[2]) == 2 and case[0] not in ("mse", "mae", "rmse", "r2")]


@pytest.mark.parametrize(("name", "options", "arrays", "expected"), CASES, ids=IDS)
def test_value_is_scikit_learn_s(
    name: str, options: dict[str, Any], arrays: Arrays, expected: Callable[[Arrays], Any]
) -> None:
    word = made(name, **options)
    truth = expected(arrays)
    np.testing.assert_allclose(whole(word, arrays), truth, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(in_batches(word, arrays, [7, 1, 13, 2]), truth, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "case", mostly_slow(OF_COUNTS, every=4), ids=[f"{case[0]}-{i}" for i, case in enumerate(OF_COUNTS)]
)
def test_counts_give_the_same_value_to_the_last_bit_whatever_the_batches(case: Case) -> None:
    name, options, arrays, _ = case
    word = made(name, **options)
    values = [in_batches(word, arrays, sizes) for sizes in ([23], [1] * 23, [20, 3])]
    assert (values[0] == values[1]).all()
    assert (values[0] == values[2]).all()


def test_the_variance_of_far_numbers_survives_in_batches() -> None:
    target = (np.float32(4096) + generator.integers(-2, 3, 200)).astype(np.float32)
    arrays = ((target + f32(200)).astype(np.float32), target)
    value = in_batches(made("r2"), arrays, [3] * 66 + [2])
    np.testing.assert_allclose(value, sk.r2_score(arrays[1].astype(float), arrays[0].astype(float)), rtol=1e-6)


@pytest.mark.parametrize("seed", mostly_slow(range(20), every=4))
def test_a_constant_column_explains_all_or_nothing_whatever_the_weights(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = int(random.integers(2, 60))
    target = np.full(size, random.choice([3.0, 0.1, 1 / 3, 1e6 + 0.7, -7e-9]))
    weight = random.uniform(0, 3, size)
    for prediction, score in ((target, 1.0), (target + random.standard_normal(size), 0.0)):
        arrays = (prediction, target, weight)
        assert whole(made("r2"), arrays) == score
        assert in_batches(made("r2"), arrays, [1] * size) == score
        assert in_batches(made("r2"), arrays, [size - 1, 1]) == score


def test_ignored_positions_count_nowhere() -> None:
    logits, target = CLASSES
    target = np.where(np.arange(23) % 3 == 0, -100, target)
    kept = target != -100
    for name in ("accuracy", "precision", "recall", "f1", "confusion"):
        expected = whole(made(name), (logits[kept], target[kept]))
        np.testing.assert_allclose(whole(made(name), (logits, target)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "direction"),
    [("accuracy", "highest"), ("top_k", "highest"), ("r2", "highest"), ("f1", "highest"), ("precision", "highest"),
     ("recall", "highest"), ("mse", "lowest"), ("rmse", "lowest"), ("mae", "lowest"), ("confusion", None)],
)  # fmt: skip
def test_direction(name: str, direction: str | None) -> None:
    assert FUNCTIONS[name].direction == direction
    assert FUNCTIONS["cross_entropy"].direction == "lowest"


def typed(element: ElementType, *shape: Dimension) -> TensorType:
    return TensorType(element, shape)


@pytest.mark.parametrize(
    ("word", "operands", "code"),
    [
        (made("accuracy"), [typed(FLOAT32, N, 1), typed(INT64, N)], "E0343"),
        (made("accuracy"), [typed(FLOAT32, N, 3), typed(FLOAT32, N)], "E0342"),
        (made("accuracy"), [typed(FLOAT32, N, T, 3), typed(INT64, N, T)], "E0342"),
        (made("accuracy"), [typed(INT64, N), typed(INT64, N)], "E0341"),
        (made("accuracy"), [typed(FLOAT32, N), typed(BOOL, N, 1)], "E0340"),
        (made("top_k", k=4), [typed(FLOAT32, N, 3), typed(INT64, N)], "E0343"),
        (made("top_k", k=1), [typed(FLOAT32, N), typed(INT64, N)], "E0342"),
        (made("f1", average="binary"), [typed(FLOAT32, N, 3), typed(INT64, N)], "E0360"),
        (made("f1", average="binary"), [typed(FLOAT32, N, 3), typed(INT64, N, 3)], "E0360"),
        (made("f1", average="samples"), [typed(FLOAT32, N, 3), typed(INT64, N)], "E0360"),
        (made("f1", average="samples"), [typed(FLOAT32, N), typed(INT64, N)], "E0360"),
        (made("f1", average="samples"), [typed(FLOAT32, N, 3), typed(BOOL, N, 3), typed(FLOAT32, N, 3)], "E0344"),
        (made("f1"), [typed(FLOAT32, N, T), typed(INT64, N, T)], "E0343"),
        (made("f1"), [typed(FLOAT32, N, 8, 8), typed(BOOL, N, 8, 8)], "E0541"),
        (made("f1", average="micro"), [typed(FLOAT32, N, T, 4), typed(BOOL, N, T, 4)], "E0541"),
        (made("f1", axis=3), [typed(FLOAT32, N, 8, 8), typed(BOOL, N, 8, 8)], "E0342"),
        (made("confusion"), [typed(FLOAT32, N, T), typed(INT64, N, T)], "E0343"),
        (made("subset_accuracy"), [typed(FLOAT32, N, 3), typed(INT64, N, 3), typed(FLOAT32, N, 3)], "E0344"),
        (made("r2"), [typed(FLOAT32, N, 1), typed(FLOAT32, N)], "E0340"),
        (made("rmse"), [typed(FLOAT32, N), typed(INT64, N)], "E0341"),
        (made("accuracy"), [typed(FLOAT32, N, 3), typed(INT64, N), typed(FLOAT32, N, 3)], "E0344"),
    ],
    ids=str,
)
def test_operands_that_do_not_fit_are_refused(word: Function, operands: list[TensorType], code: str) -> None:
    with pytest.raises(Problem) as caught:
        word.type(*operands)
    assert caught.value.diagnostic.code.id == code
