"""Products with weights beside ``Dense``, tables, and layers that change the shape; see also ``layers.py``."""

from __future__ import annotations

from typing import Any

from tests.library.cases.rows import Given, Real, Row, Whole

TABLE = {"weight": Real((7, 4))}
BAGS = Given([[0, 3, 3, 6], [2, 2, 2, 2], [5, 2, 0, 1]], "int64")


def _bag(t: Any, p: Any, x: Any, weights: Any = None, **options: Any) -> Any:
    return t.nn.functional.embedding_bag(x, p["weight"], per_sample_weights=weights, **options)


def _padded(t: Any, p: Any, x: Any, index: int) -> Any:
    """PyTorch's row of padding is zero as it starts."""
    return t.nn.functional.embedding(x, p["weight"], index) * (x != index)[..., None]


ROWS = [
    Row("Bilinear", (Real((3, 5)), Real((3, 4))), lambda t, p, a, b: t.nn.functional.bilinear(
        a, b, p["weight"], p["bias"]), {"units": 2}, {"weight": Real((2, 5, 4)), "bias": Real((2,))}),
    Row("Bilinear", (Real((2, 3, 4)), Real((2, 3, 1))), lambda t, p, a, b: t.nn.functional.bilinear(a, b, p["weight"]),
        {"units": 3, "bias": False}, {"weight": Real((3, 4, 1))}, note="no-bias"),
    Row("EinsumDense", (Real((3, 5)),), lambda t, p, x: t.einsum("ab,bc->ac", x, p["weight"]),
        {"equation": "ab,bc->ac", "sizes": {"c": 4}}, {"weight": Real((5, 4))}),
    Row("EinsumDense", (Real((2, 3, 4)),), lambda t, p, x: (
        t.einsum("ntd,dhk->nhtk", x, p["weight"]) + p["bias"][:, None]),
        {"equation": "ntd,dhk->nhtk", "bias": "hk", "sizes": {"h": 2, "k": 3}},
        {"weight": Real((4, 2, 3)), "bias": Real((2, 3))}, note="heads"),
    Row("EinsumDense", (Real((2, 3, 4)),), lambda t, p, x: t.einsum("ntd,td->nt", x, p["weight"]) + p["bias"],
        {"equation": "ntd, td -> nt", "bias": "t"}, {"weight": Real((3, 4)), "bias": Real((3,))}, note="shared"),
    Row("Maxout", (Real((3, 5)),), lambda t, p, x: (x @ p["weight"] + p["bias"]).reshape(3, 4, 2).amax(-1),
        {"units": 4}, {"weight": Real((5, 8)), "bias": Real((8,))}),
    Row("Maxout", (Real((2, 3, 5)),), lambda t, p, x: (x @ p["weight"]).reshape(2, 3, 1, 4).amax(-1),
        {"units": 1, "pieces": 4, "bias": False}, {"weight": Real((5, 4))}, note="no-bias"),
    Row("Embedding", (Whole((3, 5), 0, 7),), lambda t, p, x: _padded(t, p, x, 3),
        {"entries": 7, "size": 4, "padding_index": 3}, TABLE, note="padding"),
    Row("EmbeddingBag", (BAGS,), _bag, {"entries": 7, "size": 4}, TABLE),
    Row("EmbeddingBag", (BAGS,), lambda t, p, x: _bag(t, p, x, mode="mean", padding_idx=2),
        {"entries": 7, "size": 4, "padding_index": 2}, TABLE, note="mean-padding"),
    Row("EmbeddingBag", (BAGS,), lambda t, p, x: _bag(t, p, x, mode="sum"), {"entries": 7, "size": 4, "mode": "sum"},
        TABLE, note="sum"),
    Row("EmbeddingBag", (BAGS,), lambda t, p, x: _bag(t, p, x, mode="sum", padding_idx=2),
        {"entries": 7, "size": 4, "mode": "sum", "padding_index": 2}, TABLE, note="sum-padding"),
    Row("EmbeddingBag", (BAGS, Real((3, 4))), lambda t, p, x, w: _bag(t, p, x, w, mode="sum"),
        {"entries": 7, "size": 4, "mode": "sum"}, TABLE, note="weights"),
    Row("EmbeddingBag", (BAGS, Real((3, 4))), lambda t, p, x, w: _bag(t, p, x, w * (x != 2), mode="sum"),
        {"entries": 7, "size": 4, "mode": "sum", "padding_index": 2}, TABLE, note="weights-padding"),
    Row("EmbeddingBag", (BAGS,), lambda t, p, x: _bag(t, p, x, mode="max"), {"entries": 7, "size": 4, "mode": "max"},
        TABLE, note="max"),
    Row("EmbeddingBag", (BAGS,), lambda t, p, x: _bag(t, p, x, mode="max", padding_idx=2),
        {"entries": 7, "size": 4, "mode": "max", "padding_index": 2}, TABLE, note="max-padding"),
    Row("EmbeddingBag", (Whole((2, 3, 2), 0, 7, "int32"),), lambda t, p, x: _bag(
        t, p, x.reshape(6, 2)).reshape(2, 3, 4), {"entries": 7, "size": 4}, TABLE, note="bags-of-bags"),
    Row("Permute", (Real((3, 2, 4)),), lambda t, p, x: x.transpose(1, 2), {"axes": [2, 1]}),
    Row("Permute", (Real((2, 3, 1, 5)),), lambda t, p, x: x.permute(0, 3, 1, 2), {"axes": [-1, 1, 2]}, note="3"),
    Row("RepeatVector", (Real((3, 4)),), lambda t, p, x: x[:, None].expand(3, 5, 4), {"count": 5}),
    Row("Identity", (Real((3, 4)),), lambda t, p, x: x * 1),
    Row("Identity", (Whole((3, 4)),), lambda t, p, x: x, gradient=False, note="whole"),
]  # fmt: skip
