"""Metrics against scikit-learn's, on a whole split and in uneven batches, and their type rules."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from dslc.diagnostics import Problem
from dslc.library.operation import Function
from dslc.library.word import FUNCTIONS, METRICS
from dslc.types import BOOL, FLOAT32, INT64, Dimension, ElementType, TensorType, symbol
from tests.conftest import first_of_each, mostly_alike
from tests.library.metric_cases import CASES
from tests.library.metric_cases.rows import CLASSES, Case, f32, generator, in_batches, labels, made, whole

N, T = symbol("N"), symbol("T")


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
    """But for edit_distance, which test_edit_distance.py is about."""
    assert METRICS.keys() | {"mse", "mae"} == {"edit_distance", *(case[0] for case in CASES)}


IDS = [f"{case[0]}-{i}" for i, case in enumerate(CASES)]
REAL = {
    "mse", "mae", "rmse", "r2", "mape", "smape", "rmsle", "explained_variance", "median_absolute_error", "pearson",
    "spearman", "ndcg", "group_ndcg", "mrr", "brier", "calibration_error", "perplexity",
}  # fmt: skip
OF_COUNTS = [case for case in CASES if len(case[2]) == 2 and case[0] not in REAL]


@pytest.mark.parametrize("case", first_of_each(CASES, lambda case: case[0]), ids=IDS)
def test_value_is_scikit_learn_s(case: Case) -> None:
    name, options, arrays, expected = case
    word = made(name, **options)
    truth = expected(arrays)
    np.testing.assert_allclose(whole(word, arrays), truth, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(in_batches(word, arrays, [7, 1, 13, 2]), truth, rtol=1e-6, atol=1e-7)


OF_REALS = [case for case in CASES if case[0] in REAL]


@pytest.mark.parametrize("case", first_of_each(OF_REALS, lambda case: case[0]), ids=lambda case: case[0])
def test_real_values_keep_the_digits_of_float64(case: Case) -> None:
    name, options, arrays, expected = case
    wide = [array.astype(np.float64) if array.dtype == np.float32 else array for array in arrays]
    assert whole(made(name, **options), wide) == pytest.approx(expected(wide), rel=1e-10)


@pytest.mark.parametrize(
    "case", mostly_alike(OF_COUNTS, every=12), ids=[f"{case[0]}-{i}" for i, case in enumerate(OF_COUNTS)]
)
def test_counts_give_the_same_value_to_the_last_bit_whatever_the_batches(case: Case) -> None:
    name, options, arrays, _ = case
    word = made(name, **options)
    values = [in_batches(word, arrays, sizes) for sizes in ([23], [1] * 23, [20, 3])]
    assert (values[0] == values[1]).all()
    assert (values[0] == values[2]).all()


@pytest.mark.alike
def test_counts_of_more_positions_than_float32_tells_apart() -> None:
    count = 2**24 + 3
    found = whole(made("confusion"), [np.ones(count, np.float32), np.ones(count, np.int64)])
    assert found.tolist() == [[0, 0], [0, count]]


def test_the_variance_of_far_numbers_survives_in_batches() -> None:
    target = (np.float32(4096) + generator.integers(-2, 3, 200)).astype(np.float32)
    arrays = ((target + f32(200)).astype(np.float32), target)
    value = in_batches(made("r2"), arrays, [3] * 66 + [2])
    np.testing.assert_allclose(value, sk.r2_score(arrays[1].astype(float), arrays[0].astype(float)), rtol=1e-6)


@pytest.mark.parametrize("seed", mostly_alike(range(20), every=10))
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


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("value", [3.0, 0.1, 1 / 3, -7e9])
def test_what_is_constant_has_no_correlation(name: str, value: float) -> None:
    constant, varied = np.full(23, value, np.float32), f32(23)
    for arrays in ([constant, varied], [varied, constant]):
        assert np.isnan(whole(made(name), arrays))
        assert np.isnan(in_batches(made(name), arrays, [1, 2, 20]))


@pytest.mark.parametrize("name", ["spearman", "median_absolute_error"])
def test_a_number_that_is_none_leaves_no_value(name: str) -> None:
    prediction = f32(23)
    prediction[5] = np.nan
    assert np.isnan(whole(made(name), [prediction, f32(23)]))


def test_numbers_of_which_no_logarithm_is_leave_no_value() -> None:
    for wrong in (-1.0, -2.0):
        assert np.isnan(whole(made("rmsle"), [np.array([wrong, 1], np.float32), np.ones(2, np.float32)]))


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
        (made("matthews"), [typed(FLOAT32, N, 3), typed(INT64, N, 3)], "E0342"),
        (made("precision", threshold=0.7), [typed(FLOAT32, N, 3), typed(INT64, N)], "E0360"),
        (made("roc_auc", multi_class="ovo"), [typed(FLOAT32, N), typed(INT64, N)], "E0360"),
        (made("roc_auc", multi_class="ovo", average="micro"), [typed(FLOAT32, N, 3), typed(INT64, N)], "E0360"),
        (made("roc_auc"), [typed(FLOAT32, N, T), typed(INT64, N, T)], "E0343"),
        (made("average_precision"), [typed(FLOAT32, N, 8, 8), typed(BOOL, N, 8, 8)], "E0541"),
        (made("spearman"), [typed(FLOAT32, N, T), typed(FLOAT32, N, T)], "E0343"),
        (made("ndcg"), [typed(FLOAT32, N), typed(FLOAT32, N)], "E0341"),
        (made("ndcg"), [typed(FLOAT32, N, 5), typed(INT64, N)], "E0340"),
        (made("group_ndcg"), [typed(FLOAT32, N), typed(INT64, N), typed(INT64, N, 1)], "E0340"),
        (made("group_ndcg"), [typed(FLOAT32, N), typed(INT64, N), typed(FLOAT32, N)], "E0303"),
        (made("mrr"), [typed(FLOAT32, N, 5), typed(FLOAT32, N)], "E0340"),
        (made("hit_rate", k=1), [typed(FLOAT32, N, 5), typed(INT64, N), typed(FLOAT32, N, 5)], "E0344"),
        (made("brier"), [typed(FLOAT32, N, 5), typed(FLOAT32, N)], "E0342"),
    ],
    ids=str,
)
def test_operands_that_do_not_fit_are_refused(word: Function, operands: list[TensorType], code: str) -> None:
    with pytest.raises(Problem) as caught:
        word.type(*operands)
    assert caught.value.diagnostic.code.id == code
