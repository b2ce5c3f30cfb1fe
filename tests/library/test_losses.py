"""Losses against PyTorch's values and gradients (tools/oracles/losses.py), and their type rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from dslc.autodiff import gradients
from dslc.diagnostics import Problem
from dslc.graph import Builder, Tensor
from dslc.library.operation import Context, Function
from dslc.library.statistic import Statistic
from dslc.library.word import FUNCTIONS, LOSSES, options_of
from dslc.types import FLOAT32, INT64, Dimension, TensorType, symbol
from tests.conftest import first_of_each
from tests.library.graphs import array_of, compiled, listless, loss_rows, type_of_array

ROWS = loss_rows()
N, T = symbol("N"), symbol("T")


def word_of(name: str, **options: object) -> Function:
    return FUNCTIONS[name](**options)


def types_of(row: dict[str, Any], *, symbolic: bool) -> list[TensorType]:
    """The types of a row's operands, with N for the number of examples if asked for."""
    arrays = map(array_of, row["operands"])
    return [type_of_array(a, symbolic=symbolic and place not in row["tables"]) for place, a in enumerate(arrays)]


def with_gradients(word: Function, places: Iterable[int], builder: Builder, *inputs: Tensor) -> list[Tensor]:
    """The loss, and its gradients by some inputs."""
    value = word.emit(Context(builder), *inputs)
    assert isinstance(value, Tensor)
    found = gradients(value, [inputs[place] for place in places])
    return [value, *(gradient for gradient in found if gradient is not None)]


def with_gradient(word: Function, builder: Builder, *inputs: Tensor) -> list[Tensor]:
    """The loss, and its gradient by the first input."""
    return with_gradients(word, [0], builder, *inputs)


def test_every_loss_has_a_row() -> None:
    assert set(LOSSES) == {row["word"] for row in ROWS}


def sized() -> list[Any]:
    """Every row with N examples, the first of each word quickly; where that is another type, with their number too."""
    seen: set[str] = set()
    cases = []
    for i, row in enumerate(ROWS):
        marks = [pytest.mark.alike] if row["word"] in seen else []
        cases.append(pytest.param(row, True, id=f"{row['word']}-{i}-N", marks=marks))
        seen.add(row["word"])
        if issubclass(FUNCTIONS[row["word"]], Statistic):
            cases.append(pytest.param(row, False, id=f"{row['word']}-{i}-fixed", marks=pytest.mark.alike))
    return cases


@pytest.mark.parametrize(("row", "symbolic"), sized())
def test_value_and_gradient_are_pytorch_s(row: dict[str, Any], symbolic: bool) -> None:
    word = word_of(row["word"], **listless(row["options"]))
    arrays = [array_of(operand) for operand in row["operands"]]
    types = types_of(row, symbolic=symbolic and isinstance(word, Statistic))

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        value, *found = with_gradients(word, row["gradients"], builder, *inputs)
        assert value.type == word.type(*types)
        return [value, *found]

    value, *found = compiled(build, types)(*arrays)
    np.testing.assert_allclose(value, row["value"], rtol=3e-6, atol=1e-6)
    for (place, expected), gradient in zip(row["gradients"].items(), found, strict=True):
        wanted = np.reshape(expected, arrays[place].shape)
        scale = max(1.0, float(np.abs(wanted).max(initial=0)))
        np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=3e-7 * scale)


def test_every_option_of_every_loss_is_set_in_a_row() -> None:
    unset = {
        (name, option.name)
        for name, word in LOSSES.items()
        for option in options_of(word)
        if not any(row["word"] == name and option.name in row["options"] for row in ROWS)
    }
    assert unset == set()


def test_every_loss_of_examples_is_weighted_in_a_row() -> None:
    assert set(WEIGHTED) == set(WEIGHT_PLACES)


WEIGHT_PLACES = {name: word.weight_place() for name, word in LOSSES.items() if issubclass(word, Statistic)}
OVER_EXAMPLES = [row for row in ROWS if issubclass(FUNCTIONS[row["word"]], Statistic)]


def compares(row: dict[str, Any]) -> bool:
    word = word_of(row["word"], **listless(row["options"]))
    return isinstance(word, Statistic) and word.compares(*types_of(row, symbolic=False))


EXACT = [row for row in OVER_EXAMPLES if not compares(row)]
COMPARING = [row for row in OVER_EXAMPLES if compares(row)]


@pytest.mark.parametrize("row", first_of_each(EXACT, lambda row: row["word"]), ids=lambda row: row["word"])
def test_a_split_in_uneven_batches_gives_the_whole_value(row: dict[str, Any]) -> None:
    word = word_of(row["word"], **listless(row["options"]))
    assert isinstance(word, Statistic)
    arrays, types = [array_of(operand) for operand in row["operands"]], types_of(row, symbolic=True)

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        first, second = list(inputs[: len(arrays)]), list(inputs[len(arrays) :])
        for place in row["tables"]:
            second[place] = first[place]
        return [word.finish(word.merge(word.accumulate(*first), word.accumulate(*second)), FLOAT32)]

    others = [type.substitute({"N": symbol("M")}) for type in types]
    parts = [(array, array) if place in row["tables"] else (array[:1], array[1:]) for place, array in enumerate(arrays)]
    (value,) = compiled(build, [*types, *others])(*(one for one, _ in parts), *(other for _, other in parts))
    np.testing.assert_allclose(value, row["value"], rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("row", first_of_each(COMPARING, lambda row: row["word"]), ids=lambda row: row["word"])
def test_what_compares_examples_is_a_mean_over_batches(row: dict[str, Any]) -> None:
    word = word_of(row["word"], **listless(row["options"]))
    assert isinstance(word, Statistic)
    arrays, types = [array_of(operand) for operand in row["operands"]], types_of(row, symbolic=True)

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        batch = word.accumulate(*inputs)
        return [word.finish(batch, FLOAT32), word.finish(word.merge(batch, word.accumulate(*inputs)), FLOAT32)]

    once, twice = compiled(build, types)(*arrays)
    np.testing.assert_allclose(once, row["value"], rtol=3e-6, atol=1e-6)
    np.testing.assert_allclose(twice, once, rtol=1e-6)


WEIGHTED = {row["word"]: row for row in OVER_EXAMPLES if len(row["operands"]) - 1 == WEIGHT_PLACES[row["word"]]}


@pytest.mark.parametrize("row", WEIGHTED.values(), ids=WEIGHTED)
def test_where_nothing_counts_the_value_and_the_gradients_are_0(row: dict[str, Any]) -> None:
    word = word_of(row["word"], **listless(row["options"]))
    *arrays, weight = [array_of(operand) for operand in row["operands"]]
    types = [type_of_array(array, symbolic=False) for array in (*arrays, weight)]

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        return with_gradients(word, row["gradients"], builder, *inputs)

    value, *found = compiled(build, types)(*arrays, np.zeros_like(weight))
    assert value == 0
    assert found
    assert not any(gradient.any() for gradient in found)


def test_a_class_that_is_ruled_out_by_an_infinite_logit_leaves_the_loss_finite() -> None:
    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        return with_gradient(word_of("cross_entropy"), builder, *inputs)

    run = compiled(build, [TensorType(FLOAT32, (1, 3)), TensorType(INT64, (1,))])
    value, gradient = run(np.array([[0.0, -np.inf, 0.0]], np.float32), np.array([0]))
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-0.5, 0, 0.5]], rtol=1e-6)


def test_ctc_of_steps_that_are_too_few_is_infinite_and_sizes_may_be_symbols() -> None:
    types = [TensorType(FLOAT32, (N, T, 3)), TensorType(INT64, (N, symbol("S"))), TensorType(INT64, (N,))]

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        return with_gradient(word_of("ctc"), builder, *inputs)

    run = compiled(build, types)
    logits, labels = np.zeros((2, 3, 3), np.float32), np.array([[1, 1], [1, 2]])  # equal labels have a blank between
    value, gradient = run(logits, labels, np.array([2, 3]))
    assert np.isinf(value)
    assert np.isfinite(gradient).all()
    value, _ = run(logits, labels, np.array([3, 3]))
    np.testing.assert_allclose(value, np.mean([np.log(27) / 2, np.log(27 / 5) / 2]), rtol=1e-6)


@pytest.mark.parametrize("zero_infinity", [True, False])
def test_ctc_of_what_is_not_a_number_is_none(zero_infinity: bool) -> None:
    types = [TensorType(FLOAT32, (1, 4, 3)), TensorType(INT64, (1, 2)), TensorType(INT64, (1,))]

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        return with_gradient(word_of("ctc", zero_infinity=zero_infinity), builder, *inputs)

    logits = np.zeros((1, 4, 3), np.float32)
    logits[0, 1, 1] = np.nan
    value, _ = compiled(build, types)(logits, np.array([[1, 2]]), np.array([4]))
    assert np.isnan(value)


def f32(*shape: Dimension) -> TensorType:
    return TensorType(FLOAT32, shape)


def i64(*shape: Dimension) -> TensorType:
    return TensorType(INT64, shape)


@pytest.mark.parametrize(
    ("word", "operands", "code", "hint"),
    [
        (word_of("mse"), [f32(N, 1), f32(N)], "E0340", "squeeze(y, axis = 1)"),
        (word_of("mae"), [f32(N), f32(N, 1)], "E0340", "from the target: squeeze(y, axis = 1)"),
        (word_of("huber"), [f32(N, 2), f32(N, 3)], "E0340", None),
        (word_of("mse"), [f32(N), i64(N)], "E0341", "cast(y, float32)"),
        (word_of("binary_cross_entropy"), [f32(N), i64(N)], "E0341", "cast(y, float32)"),
        (word_of("kl_divergence"), [f32(N, 3), f32(N, 4)], "E0340", None),
        (word_of("cross_entropy"), [i64(N, 3), i64(N)], "E0341", None),
        (word_of("cross_entropy"), [f32(N, 3), f32(N)], "E0342", "int64"),
        (word_of("cross_entropy"), [f32(N, 3), i64(N, 1)], "E0342", "squeeze(y, axis = 1)"),
        (word_of("cross_entropy"), [f32(N, T, 3), i64(N, T)], "E0342", "axis = -1"),
        (word_of("cross_entropy"), [f32(N), i64(N)], "E0342", None),
        (word_of("cross_entropy", axis=0), [f32(3, 4), i64(4)], "E0342", None),
        (word_of("cross_entropy"), [f32(N, 1), i64(N)], "E0343", "squeeze(y, axis = 1)"),
        (word_of("cross_entropy"), [f32(N, T), i64(N)], "E0343", None),
        (word_of("cross_entropy", class_weight=(1.0, 2.0)), [f32(N, 3), i64(N)], "E0343", None),
        (word_of("binary_cross_entropy", pos_weight=(1.0, 2.0)), [f32(N, 3), f32(N, 3)], "E0343", None),
        (word_of("mse"), [f32(N, 2), f32(N, 2), f32(N, 1)], "E0344", "[N]"),
        (word_of("mse"), [f32(N, 2), f32(N, 2), i64(N)], "E0344", "cast(w, float32)"),
        (word_of("kl_divergence"), [f32(N, 2), f32(N, 2), f32(N, 2)], "E0344", "[N]"),
        (word_of("smooth_l1"), [f32(N, 1), f32(N)], "E0340", "squeeze(y, axis = 1)"),
        (word_of("quantile", q=(0.1, 0.9)), [f32(N), f32(N)], "E0340", "[N, 2]"),
        (word_of("quantile", q=(0.1, 0.9)), [f32(N, 3), f32(N)], "E0340", None),
        (word_of("quantile", q=()), [f32(N), f32(N)], "E0363", None),
        (word_of("quantile"), [f32(N, 2), f32(N)], "E0340", None),
        (word_of("gaussian_nll"), [f32(N, 2), f32(N, 2), f32(N, 3)], "E0340", "[N, 2]"),
        (word_of("gaussian_nll"), [f32(N, 2), f32(N, 2), i64(N, 2)], "E0341", None),
        (word_of("mixture_nll"), [f32(N, 3), f32(N, 3), f32(N, 3), f32(N, 3)], "E0340", None),
        (word_of("mixture_nll"), [f32(N, 3), f32(N, 2), f32(N, 2), f32(N)], "E0340", None),
        (word_of("mixture_nll"), [f32(N, 3), f32(N, 3, 2, 2), f32(N, 3, 2, 2), f32(N, 2, 2)], "E0340", "[N, K, D]"),
        (word_of("mixture_nll"), [f32(N, 3), f32(N), f32(N), f32(N)], "E0340", None),
        (word_of("nll"), [f32(N, 3), f32(N)], "E0342", "int64"),
        (word_of("nll"), [f32(N, 1), i64(N)], "E0343", None),
        (word_of("focal", class_weight=(1.0, 2.0)), [f32(N, 3), i64(N)], "E0343", None),
        (word_of("binary_focal"), [f32(N), i64(N)], "E0341", "cast(y, float32)"),
        (word_of("distillation"), [f32(N, 3), f32(N, 4)], "E0340", None),
        (word_of("distillation", axis=0), [f32(N, 3), f32(N, 3)], "E0342", None),
        (word_of("hinge"), [f32(N, 1), f32(N)], "E0340", "squeeze(y, axis = 1)"),
        (word_of("hinge"), [f32(N), i64(N)], "E0341", "cast(y, float32)"),
        (word_of("margin_ranking"), [f32(N), f32(N, 1), f32(N)], "E0340", None),
        (word_of("margin_ranking"), [f32(N), f32(N), f32(N, 1)], "E0340", None),
        (word_of("multi_margin"), [f32(N, 3), f32(N)], "E0342", "int64"),
        (word_of("multi_margin", class_weight=(1.0,)), [f32(N, 3), i64(N)], "E0343", None),
        (word_of("categorical_hinge"), [f32(N, 3), f32(N)], "E0342", "int64"),
        (word_of("multi_label_margin"), [f32(N), f32(N)], "E0342", None),
        (word_of("multi_label_soft_margin", class_weight=(1.0,)), [f32(N, 3), f32(N, 3)], "E0343", None),
        (word_of("cosine_embedding"), [f32(N, 2), f32(N, 3), f32(N)], "E0340", None),
        (word_of("cosine_embedding"), [f32(N), f32(N), f32()], "E0304", None),
        (word_of("contrastive"), [f32(N, 2), f32(N, 2), f32(N, 2)], "E0340", None),
        (word_of("contrastive"), [f32(N, 2), f32(N, 2), i64(N)], "E0341", "cast(y, float32)"),
        (word_of("triplet"), [f32(N, 2), f32(N, 2), f32(N, 3)], "E0340", None),
        (word_of("triplet"), [f32(N), f32(N), f32(N)], "E0304", None),
        (word_of("triplet", distance="cosine", p=1.0), [f32(N, 2)] * 3, "E0360", None),
        (word_of("center"), [f32(N, 2), i64(N), f32(5, 3)], "E0340", "[K, 2]"),
        (word_of("center"), [f32(N, 2), f32(N), f32(5, 2)], "E0342", None),
        (word_of("arcface"), [f32(N, 2), i64(N, 1), f32(5, 2)], "E0342", None),
        (word_of("arcface"), [f32(N, 2), i64(N), f32(2)], "E0340", None),
        (word_of("orthogonality"), [f32(3)], "E0345", None),
        (word_of("elastic"), [], "E0345", None),
        (word_of("dice"), [f32(N, 3), f32(N)], "E0342", "int64"),
        (word_of("dice"), [f32(N), f32(N)], "E0342", None),
        (word_of("jaccard"), [f32(N, 3, T), f32(N, 3, T), f32(N, 3)], "E0344", "[N]"),
        (word_of("tversky", axis=0), [f32(N, 3), f32(N, 3)], "E0342", None),
        (word_of("lovasz_softmax"), [f32(N, 3), f32(N, 3)], "E0342", None),
        (word_of("lovasz_softmax"), [f32(N, 1, T), i64(N, T)], "E0343", None),
        (word_of("lovasz_hinge"), [f32(N, 3), i64(N)], "E0341", None),
        (word_of("info_nce"), [f32(N, 2), f32(N, 3)], "E0340", "[N, 2]"),
        (word_of("info_nce"), [f32(N, 2), f32(4, N, 2)], "E0340", None),
        (word_of("info_nce"), [f32(N, T, 2), f32(N, T, 2)], "E0304", None),
        (word_of("info_nce", symmetric=True), [f32(N, 2), f32(N, 4, 2)], "E0360", None),
        (word_of("circle"), [f32(N, 2), f32(N)], "E0342", None),
        (word_of("circle"), [f32(N), i64(N)], "E0304", None),
        (word_of("ctc"), [f32(N, 3), i64(N, 2), i64(N)], "E0304", None),
        (word_of("ctc"), [i64(N, T, 3), i64(N, 2), i64(N)], "E0341", None),
        (word_of("ctc"), [f32(N, T, 3), i64(N), i64(N)], "E0342", None),
        (word_of("ctc"), [f32(N, T, 3), i64(N, 2), f32(N)], "E0342", None),
        (word_of("ctc"), [f32(N, 5, T), i64(N, 2), i64(N)], "E0343", None),
        (word_of("ctc", blank=3), [f32(N, T, 3), i64(N, 2), i64(N)], "E0343", None),
        (word_of("l2"), [], "E0345", None),
        (word_of("l1"), [i64(3)], "E0345", None),
    ],
    ids=str,
)
def test_operands_that_do_not_fit_are_refused(
    word: Function, operands: list[TensorType], code: str, hint: str | None
) -> None:
    with pytest.raises(Problem) as caught:
        word.type(*operands)
    diagnostic = caught.value.diagnostic
    assert diagnostic.code.id == code
    if hint is not None:
        assert hint in (diagnostic.hint or "")
