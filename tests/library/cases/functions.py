"""Functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.library.cases.rows import Given, Operand, Real, Row, Truth, Whole

A, B = Real((3, 4)), Real((4,), 0.5, 2)
M, N = Whole((3, 4)), Whole((4,), 1, 5)
P = Real((3, 4), 0.5, 2)
X3 = Real((3, 6, 4))


def _both(word: str, torch: Callable[..., Any], *, gradient: bool = True) -> list[Row]:
    """Floats and integers, broadcast."""
    return [Row(word, (A, B), torch, gradient=gradient), Row(word, (M, N), torch, gradient=False, note="int64")]


def _compare(word: str, torch: Callable[..., Any]) -> list[Row]:
    small, other = Whole((3, 4), 0, 3, "int32"), Whole((4,), 0, 3, "int32")
    return [Row(word, (A, B), torch, gradient=False), Row(word, (small, other), torch, gradient=False, note="int32")]


def _index(note: str, items: Any, *operands: Operand) -> Row:
    def torch(t: Any, p: Any, x: Any, *indices: Any) -> Any:
        return x[tuple(indices[0] if item == "tensor" else item for item in items)]

    return Row("index", (X3, *operands), torch, {"items": items}, note=note)


ROWS = [
    *_both("add", lambda t, p, a, b: a + b),
    *_both("subtract", lambda t, p, a, b: a - b),
    *_both("multiply", lambda t, p, a, b: a * b),
    *_both("divide", lambda t, p, a, b: a / b),
    *_both("floor_divide", lambda t, p, a, b: a // b, gradient=False),
    *_both("remainder", lambda t, p, a, b: a % b),
    Row("floor_divide", (M, Given([-3, 3, -4, 5], "int64")), lambda t, p, a, b: a // b, gradient=False, note="signs"),
    Row("remainder", (M, Given([-3, 3, -4, 5], "int64")), lambda t, p, a, b: a % b, gradient=False, note="signs"),
    Row("pow", (P, A), lambda t, p, a, b: a**b),
    *[Row("pow", (P,), lambda t, p, a, e=e: a**e, {"exponent": e}, note=f"by{e}") for e in (2.0, 0.5, -1.0, 1.0, 3.0)],
    Row("negative", (A,), lambda t, p, x: -x),
    *_compare("equal", lambda t, p, a, b: a == b),
    *_compare("not_equal", lambda t, p, a, b: a != b),
    *_compare("less", lambda t, p, a, b: a < b),
    *_compare("less_equal", lambda t, p, a, b: a <= b),
    *_compare("greater", lambda t, p, a, b: a > b),
    *_compare("greater_equal", lambda t, p, a, b: a >= b),
    Row("equal", (Truth((3, 4)), Truth((4,))), lambda t, p, a, b: a == b, gradient=False, note="bool"),
    Row("logical_and", (Truth((3, 4)), Truth((4,))), lambda t, p, a, b: a & b, gradient=False),
    Row("logical_or", (Truth((3, 4)), Truth((4,))), lambda t, p, a, b: a | b, gradient=False),
    Row("logical_not", (Truth((3, 4)),), lambda t, p, x: ~x, gradient=False),
    Row("matmul", (A, Real((4, 5))), lambda t, p, a, b: a @ b),
    Row("matmul", (Real((3, 2, 5, 4)), Real((2, 4, 3))), lambda t, p, a, b: a @ b, note="batched"),
    Row("matmul", (X3, Real((4,))), lambda t, p, a, b: a @ b, note="vector"),
    Row("matmul", (Real((3,)), A), lambda t, p, a, b: a @ b, note="row"),
    # real functions
    Row("exp", (A,), lambda t, p, x: x.exp()),
    Row("log", (P,), lambda t, p, x: x.log()),
    Row("sqrt", (P,), lambda t, p, x: x.sqrt()),
    Row("sin", (A,), lambda t, p, x: x.sin()),
    Row("cos", (A,), lambda t, p, x: x.cos()),
    Row("erf", (A,), lambda t, p, x: x.erf()),
    Row("floor", (A,), lambda t, p, x: x.floor()),
    Row("ceil", (A,), lambda t, p, x: x.ceil()),
    Row("round", (Given([-2.5, -1.5, -0.4, 0.5, 1.5, 2.5, 2.6]),), lambda t, p, x: x.round()),
    Row("sign", (A,), lambda t, p, x: x.sign()),
    Row("abs", (A,), lambda t, p, x: x.abs()),
    Row("abs", (M,), lambda t, p, x: x.abs(), gradient=False, note="int64"),
    Row("clip", (A,), lambda t, p, x: x.clip(-0.5, 1), {"min": -0.5, "max": 1}),
    Row("clip", (A,), lambda t, p, x: x.clip(max=0.3), {"max": 0.3}, note="max"),
    Row("clip", (M,), lambda t, p, x: x.clip(min=-2), {"min": -2}, gradient=False, note="int64"),
    # reductions
    Row("sum", (X3,), lambda t, p, x: x.sum()),
    Row("sum", (X3,), lambda t, p, x: x.sum((0, 2), keepdim=True), {"axis": [0, -1], "keepdims": True}, note="axes"),
    Row("sum", (Truth((3, 4)),), lambda t, p, x: x.sum(0), {"axis": 0}, gradient=False, note="bool"),
    Row("sum", (Whole((3, 4), element="int32"),), lambda t, p, x: x.sum(1), {"axis": 1}, gradient=False, note="int32"),
    Row("mean", (X3,), lambda t, p, x: x.mean()),
    Row("mean", (X3,), lambda t, p, x: x.mean(1), {"axis": 1}, note="axis"),
    Row("mean", (Truth((3, 4)),), lambda t, p, x: x.float().mean(0, keepdim=True), {"axis": 0, "keepdims": True},
        gradient=False, note="bool"),
    Row("var", (X3,), lambda t, p, x: x.var()),
    Row("var", (X3,), lambda t, p, x: x.var((0, 2), correction=0, keepdim=True),
        {"axis": [0, 2], "correction": 0, "keepdims": True}, note="axes"),
    Row("var", (X3,), lambda t, p, x: x.var(1), {"axis": 1}, note="axis"),
    Row("min", (X3,), lambda t, p, x: x.min()),
    Row("min", (X3,), lambda t, p, x: x.amin((0, 1), keepdim=True), {"axis": [0, 1], "keepdims": True}, note="axes"),
    Row("min", (A, B), lambda t, p, a, b: t.minimum(a, b), note="two"),
    Row("max", (X3,), lambda t, p, x: x.max()),
    Row("max", (X3,), lambda t, p, x: x.amax(2, keepdim=True), {"axis": -1, "keepdims": True}, note="axis"),
    Row("max", (M, N), lambda t, p, a, b: t.maximum(a, b), gradient=False, note="two-int64"),
    Row("argmax", (X3,), lambda t, p, x: x.argmax(-1), gradient=False),
    Row("argmax", (X3,), lambda t, p, x: x.argmax(1, keepdim=True), {"axis": 1, "keepdims": True}, gradient=False,
        note="axis"),
    # shapes
    Row("reshape", (X3,), lambda t, p, x: x.reshape(-1, 8), {"shape": [-1, 8]}),
    Row("transpose", (X3,), lambda t, p, x: x.mT),
    Row("transpose", (X3,), lambda t, p, x: x.permute(2, 0, 1), {"axes": [-1, 0, 1]}, note="axes"),
    Row("squeeze", (Real((3, 1, 4, 1)),), lambda t, p, x: x.squeeze()),
    Row("squeeze", (Real((3, 1, 4, 1)),), lambda t, p, x: x.squeeze(-1), {"axis": -1}, note="axis"),
    Row("unsqueeze", (A,), lambda t, p, x: x.unsqueeze(-1), {"axis": -1}),
    Row("unsqueeze", (A,), lambda t, p, x: x[None, :, None], {"axis": [0, 2]}, note="axes"),
    Row("expand", (Real((3, 1, 4)),), lambda t, p, x: x.expand(2, 3, 5, 4), {"shape": [2, -1, 5, 4]}),
    Row("concat", (A, Real((3, 2)), A), lambda t, p, *x: t.cat(x, 1), {"axis": 1}),
    Row("concat", (A, Real((3, 4))), lambda t, p, *x: t.cat(x), note="default"),
    Row("stack", (A, Real((3, 4))), lambda t, p, *x: t.stack(x, -1), {"axis": -1}),
    Row("split", (X3,), lambda t, p, x: t.split(x, (1, 2, 3), 1), {"sizes": [1, 2, 3], "axis": 1}),
    Row("split", (X3,), lambda t, p, x: t.split(x, 4, 1), {"sizes": 4, "axis": 1}, note="equal"),
    Row("pad", (X3,), lambda t, p, x: t.nn.functional.pad(x, (1, 2, 0, 3)), {"padding": [1, 2, 0, 3]}),
    Row("pad", (X3,), lambda t, p, x: t.nn.functional.pad(x, (-1, 2), value=-1.5), {"padding": [-1, 2], "value": -1.5},
        note="crop"),
    Row("gather", (X3, Whole((3, 2, 4), 0, 6)), lambda t, p, x, i: x.gather(1, i), {"axis": 1}),
    Row("einsum", (Real((3, 5, 4)), Real((3, 6, 4))), lambda t, p, a, b: t.einsum("bid,bjd->bij", a, b),
        {"equation": "bid, bjd -> bij"}),
    Row("einsum", (A, Real((4, 5))), lambda t, p, a, b: t.einsum("ij,jk", a, b), {"equation": "ij,jk"},
        note="implicit"),
    Row("rearrange", (Real((3, 5, 8)),), lambda t, p, x: x.reshape(3, 5, 2, 4).permute(0, 2, 1, 3),
        {"pattern": "n t (h d) -> n h t d", "sizes": {"h": 2}}),
    Row("rearrange", (Real((3, 4, 6)),), lambda t, p, x: x.reshape(3, 4, 2, 3).permute(0, 2, 1, 3).reshape(3, 1, 8, 3),
        {"pattern": "n c (a b) -> n 1 (a c) b", "sizes": {"b": 3}}, note="merge"),
    Row("rearrange", (Real((3, 2, 5, 4)),), lambda t, p, x: x.movedim(0, -1), {"pattern": "n ... -> ... n"},
        note="ellipsis"),
    _index("entry", np.s_[:, 0]),
    _index("negative", np.s_[..., -1]),
    _index("range", np.s_[:, 1:-1]),
    _index("step", np.s_[:, ::2, 1:]),
    _index("new", np.s_[:, None, ..., None]),
    _index("mixed", np.s_[:, 2, None, -3:-1]),
    _index("tensor", (np.s_[:], "tensor"), Whole((2, 3), 0, 6)),
    _index("tensor-first", ("tensor",), Whole((5,), -3, 3, "int32")),
    _index("batch", (np.s_[1:],)),
    # elements
    Row("where", (Truth((3, 4)), A, B), lambda t, p, c, a, b: t.where(c, a, b)),
    Row("cast", (A,), lambda t, p, x: x.long(), {"element": "int64"}, gradient=False),
    Row("cast", (Truth((3, 4)),), lambda t, p, x: x.float(), {"element": "float32"}, gradient=False, note="bool"),
    Row("detach", (A,), lambda t, p, x: x.detach(), gradient=False),
    Row("is_missing", (Given([1.0, math.nan, math.inf]),), lambda t, p, x: x.isnan(), gradient=False),
    Row("one_hot", (Whole((3, 4), 0, 5),), lambda t, p, x: t.nn.functional.one_hot(x, 5).float(), {"classes": 5},
        gradient=False),
    Row("one_hot", (Whole((3,), 0, 2, "int32"),), lambda t, p, x: t.nn.functional.one_hot(x.long(), 2),
        {"classes": 2, "element": "int64"}, gradient=False, note="int64"),
    Row("positions", (Real((3, 5, 4)),), lambda t, p, x: t.arange(5), {"axis": 1}, gradient=False),
    Row("zeros_like", (A,), lambda t, p, x: t.zeros_like(x), gradient=False),
    Row("ones_like", (M,), lambda t, p, x: t.ones_like(x), gradient=False),
]  # fmt: skip
