"""Reductions over the batch, taken apart: exact whatever the batches, in float64 across them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dslc import graph as g
from dslc.graph import Builder, Tensor
from dslc.library.statistic import Statistic
from dslc.library.word import FUNCTIONS
from dslc.types import FLOAT32, FLOAT64, INT64, TensorType, symbol
from tests.library.graphs import compiled

N = symbol("N")


def over_batches(word: Statistic, batches: list[np.ndarray]) -> np.ndarray:
    """Accumulate batch after batch from zeros, as evaluation does, and finish."""
    type = TensorType(FLOAT32, (N, *batches[0].shape[1:]))
    names: list[str] = []

    def start(builder: Builder, x: Tensor) -> list[Tensor]:
        parts = word.accumulate(x)
        names.extend(parts)
        assert all(t.element in (INT64, FLOAT32) for t in parts.values())
        return [t if t.element is INT64 else g.cast(t, FLOAT64) for t in parts.values()]

    accumulate = compiled(start, [type])
    parts = accumulate(batches[0])
    types = [TensorType(FLOAT64 if p.dtype == np.float64 else INT64, p.shape) for p in parts]

    def join(builder: Builder, *given: Tensor) -> list[Tensor]:
        total, batch = (dict(zip(names, half, strict=True)) for half in (given[: len(names)], given[len(names) :]))
        merged = word.merge(total, batch)
        assert {n: t.type for n, t in merged.items()} == {n: t.type for n, t in total.items()}
        return [merged[name] for name in names]

    merge = compiled(join, [*types, *types])
    total = [np.zeros_like(part) for part in parts]
    for batch in batches:
        total = merge(*map(np.asarray, total), *map(np.asarray, accumulate(batch)))

    def end(builder: Builder, *given: Tensor) -> list[Tensor]:
        return [word.finish(dict(zip(names, given, strict=True)), FLOAT32)]

    return compiled(end, types)(*map(np.asarray, total))[0]


@pytest.mark.parametrize("sizes", [[7], [3, 3, 1], [1, 1, 5]])
@pytest.mark.parametrize(
    ("name", "options", "truth"),
    [
        ("sum", {"axis": 0}, lambda x: x.sum(0)),
        ("sum", {}, lambda x: x.sum()),
        ("mean", {"axis": (0, 1), "keepdims": True}, lambda x: x.mean((0, 1), keepdims=True)),
        ("mean", {}, lambda x: x.mean()),
        ("var", {}, lambda x: x.var(ddof=1)),
        ("var", {"axis": 0, "correction": 0, "keepdims": True}, lambda x: x.var(0, keepdims=True)),
        ("min", {"axis": 0}, lambda x: x.min(0)),
        ("min", {}, lambda x: x.min()),
        ("max", {"axis": (0, 2)}, lambda x: x.max((0, 2))),
        ("max", {"axis": 0, "keepdims": True}, lambda x: x.max(0, keepdims=True)),
    ],
)
def test_batches_do_not_matter(name: str, options: dict[str, Any], truth: Any, sizes: list[int]) -> None:
    x = np.random.default_rng(0).normal(100, 0.1, (7, 3, 2)).astype(np.float32)
    if name == "max":
        x = -x  # all negative: the zeros that accumulation starts from must not win
    word = FUNCTIONS[name](**options)
    value = over_batches(word, np.split(x, np.cumsum(sizes)[:-1]))
    exact = truth(x.astype(np.float64))
    assert value.shape == exact.shape
    np.testing.assert_allclose(value, exact, rtol=1e-6 if name != "var" else 1e-3)


def test_which_reductions_are_over_examples() -> None:
    x = TensorType(FLOAT32, (N, 3))
    assert FUNCTIONS["mean"]().over_examples(x)
    assert FUNCTIONS["mean"](axis=-2).over_examples(x)
    assert not FUNCTIONS["mean"](axis=1).over_examples(x)
    assert not FUNCTIONS["max"](axis=(-1,)).over_examples(x)
    assert not FUNCTIONS["max"]().over_examples(x, x)
