"""What words say of themselves is so, and one that says nothing is not believed to keep examples apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dslc.check.core.elaboration import Elaboration
from dslc.diagnostics import Diagnostics, Problem
from dslc.graph import Builder, Tensor
from dslc.library.operation import Context, Function, Operation
from dslc.library.word import FUNCTIONS
from dslc.plan.examples import mixing
from dslc.plan.measures import applications_of
from dslc.plan.values import Value
from dslc.source import Source
from dslc.types import BOOL, FLOAT32, INT64, STRING, TensorType, symbol
from tests.library.cases import ROWS
from tests.library.cases.rows import Row
from tests.library.graphs import compiled, type_of_array
from tests.library.test_words import instance_of

N = symbol("N")


class backwards(Function):  # as an author may write it who does not think of batches
    name, family = "backwards", "function"

    def type(self, x: TensorType) -> TensorType:
        return x


class halved(backwards):
    elementwise = True


class led(Function):  # what holds the examples comes second
    name, family = "led", "function"

    def type(self, w: TensorType, x: TensorType) -> TensorType:
        return x


@pytest.mark.parametrize(("word", "mixes"), [(backwards(), True), (halved(), False), (led(), True)])
def test_a_word_that_says_nothing_is_taken_to_mix_examples(word: Operation, mixes: bool) -> None:
    elaboration = Elaboration(Diagnostics())
    with elaboration.graph(training=False):
        x = elaboration.placeholder("x", TensorType(FLOAT32, (symbol("batch"), 3)), None)
        span = Source("x.dl", "x").span(0, 1)
        parts = [elaboration.literal(1.0, FLOAT32, span), x] if isinstance(word, led) else [x]
        value = elaboration.apply(word, parts, span)
    assert isinstance(value, Value)
    assert bool(mixing(applications_of(value))) is mixes


def results(row: Row, word: Operation, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    _, variables = row.draw()
    types = [type_of_array(array, symbolic=False) for array in arrays]

    def build(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        weights = {name: builder.parameter(name, array) for name, array in variables.items()}
        emitted = word.emit(Context(builder, variables=weights, site="here"), *inputs)
        return emitted if isinstance(emitted, tuple) else [emitted]

    return compiled(build, types)(*arrays)


FIRST = list({row.word: row for row in reversed(ROWS)}.values())


@pytest.mark.parametrize(
    "rows", [pytest.param(FIRST, id="first-of-each-word"), pytest.param(ROWS, id="all", marks=pytest.mark.alike)]
)
def test_words_that_keep_examples_apart_do_so(rows: Sequence[Row]) -> None:
    tried, turned = set(), set()
    for row in rows:
        arrays, _ = row.draw()
        word, first = instance_of(row), arrays[0]
        if not first.ndim or first.shape[0] < 2 or "exponent" in row.options:
            continue
        of_batch = [a.ndim == first.ndim and a.shape[:1] == first.shape[:1] for a in arrays]
        types = [type_of_array(a, symbolic=each) for a, each in zip(arrays, of_batch, strict=True)]
        try:
            found = word.type(*types)
        except Problem:  # it takes numbers only
            continue
        outputs = found if isinstance(found, tuple) else (found,)
        if word.of_shapes or not word.keeps_apart(types, "N") or any(t.shape[:1] != (N,) for t in outputs):
            continue
        if any(o.shape.count(N) > 1 for o in outputs):  # a product of all with all, which the count of axes tells
            continue
        order = np.roll(np.arange(len(first)), 1)
        moved = [a[order] if each else a for a, each in zip(arrays, of_batch, strict=True)]
        for one, other in zip(results(row, word, arrays), results(row, word, moved), strict=True):
            np.testing.assert_allclose(one[order], other, rtol=1e-5, atol=1e-6, err_msg=row.id)
        tried.add(row.word)
        if word.elementwise and len(arrays) == 1:
            flipped = results(row, word, [np.ascontiguousarray(np.flip(first))])
            np.testing.assert_allclose(np.flip(results(row, word, arrays)[0]), flipped[0], rtol=1e-5, err_msg=row.id)
            turned.add(row.word)
    assert len(tried) > 60
    assert len(turned) > 30


BOUNDED = [word for word in FUNCTIONS.values() if word.bounds is not Operation.bounds and not word.converts]


@pytest.mark.parametrize("word", BOUNDED, ids=lambda word: word.name)
def test_bounds_hold_and_are_reached(word: type[Function]) -> None:
    generator = np.random.default_rng(3)
    count = 1 if word.name in ("negative", "abs") else 2
    for _ in range(20):
        pairs = [generator.integers(-9, 9, 2) for _ in range(count)]
        ranges = [(int(pair.min()), int(pair.max())) for pair in pairs]
        grids = np.meshgrid(*(np.arange(low, high + 1) for low, high in ranges))
        arrays = [grid.ravel().astype(np.int64) for grid in grids]
        types = [type_of_array(a, symbolic=False) for a in arrays]
        (found,) = compiled(lambda builder, *x: [word().emit(Context(builder), *x)], types)(*arrays)
        ends = word().bounds(*ranges)
        assert ends is not None
        low, high = ends
        assert low <= found.min()
        assert found.max() == high


def test_words_of_whole_numbers_that_say_they_stay_in_their_type_do_so() -> None:
    """Of those that do not wrap, none leaves the range of its operands, or of a few numbers, at the ends of int64."""
    ends = np.array([np.iinfo(np.int64).min, -1, 0, 1, np.iinfo(np.int64).max])
    tried = set()
    for name, word in FUNCTIONS.items():
        if word.wraps and not word.carries:
            continue
        try:
            operation = word()
            types = [TensorType(INT64, (5,))] * (2 if operation.divides else 1)
            result = operation.type(*types)
        except (TypeError, Problem):  # it needs options, or takes no whole numbers
            continue
        if not isinstance(result, TensorType) or result.element in (BOOL, STRING) or result.element.is_float:
            continue
        operands = [ends, np.full(5, 7)][: len(types)]
        (found,) = compiled(lambda builder, *x, w=operation: [w.emit(Context(builder), *x)], types)(*operands)
        exact = {"floor_divide": ends // 7, "remainder": ends % 7, "sign": np.sign(ends)}.get(name)
        if exact is not None:
            np.testing.assert_array_equal(found, exact)
        else:
            assert set(found.ravel().tolist()) <= {*ends.tolist(), 0, 1}, name
        tried.add(name)
    assert {"floor_divide", "remainder", "sign", "max", "squeeze", "zeros_like"} <= tried
