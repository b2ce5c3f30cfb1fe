"""Running a metric on arrays, at once and in batches as the compiler does, and the data that its rows have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dslc import graph as g
from dslc.graph import Builder, Tensor
from dslc.library.operation import Context
from dslc.library.statistic import Statistic
from dslc.library.word import FUNCTIONS
from dslc.types import FLOAT64, INT64, TensorType
from tests.library.graphs import compiled, type_of_array

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
    """As the compiler evaluates a split: float accumulators are carried in float64, from zeros; rows are joined."""
    types = [type_of_array(array, symbolic=True) for array in arrays]
    if word.collects:
        return from_rows(word, arrays, sizes)
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


def from_rows(word: Statistic, arrays: Arrays, sizes: Sequence[int]) -> np.ndarray:
    types = [type_of_array(array, symbolic=True) for array in arrays]
    names: list[str] = []

    def rows(builder: Builder, *inputs: Tensor) -> Sequence[Tensor]:
        found = word.accumulate(*inputs)
        names[:] = found
        return list(found.values())

    run, ends = compiled(rows, types), np.cumsum(sizes)
    assert ends[-1] == len(arrays[0])
    parts = [run(*(a[end - size : end] for a in arrays)) for size, end in zip(sizes, ends, strict=True)]
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    result = type_of_result(word, types).element
    wide = [type_of_array(array, symbolic=True) for array in joined]
    return compiled(lambda b, *x: [word.finish(dict(zip(names, x, strict=True)), result)], wide)(*joined)[0]


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
TIED = (generator.integers(-2, 3, 23).astype(np.float32), labels(2, 23))
PROBABLE = (f32(23, 3), labels(3, 23))


Case = tuple[str, dict[str, Any], Arrays, Callable[[Arrays], Any]]
"""A word, its options, its operands, and what scikit-learn makes of them."""
