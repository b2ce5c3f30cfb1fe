"""Attention, and what tells positions apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tests.library.cases.rows import Given, Operand, Real, Row, Truth, Whole

Q, K, V = Real((2, 3, 4, 5)), Real((2, 3, 6, 5)), Real((2, 3, 6, 7))
SOME = Given([[True, False, True, True, False, True]] * 2 + [[False] * 6] + [[True] * 6], "bool")
"""Which of six keys four queries see: one of them none."""
ADDED = Given([[0, 1, -math.inf, 0.5, 0, -2]] * 2 + [[-math.inf] * 6] + [[0] * 6])


def _sdpa(note: str, *operands: Operand, torch: dict[str, Any] | None = None, **options: Any) -> Row:
    def result(t: Any, p: Any, q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        return t.nn.functional.scaled_dot_product_attention(q, k, v, mask, **(torch or {}))

    return Row("attention", operands, result, options, note=note)


def _masked_and_causal(t: Any, p: Any, q: Any, k: Any, v: Any, mask: Any) -> Any:
    """PyTorch takes one of both."""
    earlier = t.ones(q.shape[-2], k.shape[-2]).tril().bool()
    both = mask & earlier if mask.dtype is t.bool else mask.masked_fill(~earlier, -math.inf)
    return t.nn.functional.scaled_dot_product_attention(q, k, v, both)


def _turned(t: Any, x: Any, positions: Any, base: float = 10_000.0, interleaved: bool = False) -> Any:
    """As a product of complex numbers, the angles computed in float64."""
    size = x.shape[-1]
    rates = t.tensor([base ** (-2 * i / size) for i in range(size // 2)], dtype=t.float64)
    angles = positions.to(t.float64)[..., None] * rates
    turn = t.polar(t.ones_like(angles), angles).to(t.complex128 if x.dtype is t.float64 else t.complex64)
    if interleaved:
        pairs = t.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
        return t.view_as_real(pairs * turn).flatten(-2)
    one, other = x.chunk(2, -1)
    turned = t.complex(one, other) * turn
    return t.cat([turned.real, turned.imag], -1)


def _sinusoidal(t: Any, length: int, width: int, base: float, like: Any) -> Any:
    angles = [[pos / base ** ((i - i % 2) / width) for i in range(width)] for pos in range(length)]
    table = [[math.cos(a) if i % 2 else math.sin(a) for i, a in enumerate(row)] for row in angles]
    return t.tensor(table, dtype=t.float64).to(like.dtype)


def _slopes(heads: int) -> list[float]:
    """As the authors of ALiBi give them."""
    if math.log2(heads).is_integer():
        start = 2 ** (-(2 ** -(math.log2(heads) - 3)))
        return [start * start**i for i in range(heads)]
    closest = 2 ** math.floor(math.log2(heads))
    return _slopes(closest) + _slopes(2 * closest)[0::2][: heads - closest]


def _alibi(t: Any, x: Any, heads: int, length: int) -> Any:
    place, kind = t.arange(length), x.dtype if x.is_floating_point() else t.float32
    return -(place[:, None] - place).abs() * t.tensor(_slopes(heads), dtype=kind)[:, None, None]


def _mha(
    note: str, operands: tuple[Operand, ...], options: dict[str, Any], weights: dict[str, tuple[int, ...]],
    torch: Callable[..., Any], *, training: bool = False,
) -> Row:  # fmt: skip
    variables: dict[str, Operand] = {name: Real(shape, -0.5, 0.5) for name, shape in weights.items()}
    return Row("MultiHeadAttention", operands, torch, options, variables, note=note, training=training)


def _modules(heads: int, *, separate: bool = False) -> Callable[..., Any]:
    """What PyTorch's MultiheadAttention computes."""

    def result(t: Any, p: Any, q: Any, k: Any = None, v: Any = None) -> Any:
        k = q if k is None else k
        names = ("query", "key", "value")
        split = {f"{n[0]}_proj_weight": p[f"{n}_weight"].mT for n in names} if separate else {}
        y, _ = t.nn.functional.multi_head_attention_forward(
            *(x.transpose(0, 1) for x in (q, k, k if v is None else v)), q.shape[-1], heads,
            None if separate else p["in_weight"].mT, p.get("in_bias"), None, None, False, 0.0, p["out_weight"].mT,
            p.get("out_bias"), need_weights=False, use_separate_proj_weight=separate, **split,
        )
        return y.transpose(0, 1)

    return result


def _written_out(
    t: Any, p: Any, x: Any, heads: int, keys: int, size: int, value_size: int, *, others: tuple[Any, ...] | None = None,
    causal: bool = False, mask: Any = None, base: float | None = None,
) -> Any:  # fmt: skip
    """What the module lacks: queries that see nothing, heads that share keys, other sizes, turned ones."""
    widths, counts = [heads * size, keys * size, keys * value_size], (heads, keys, keys)
    parts = [each @ weight + bias for each, weight, bias in zip(
        (x, *(others or (x, x))), p["in_weight"].split(widths, 1), p["in_bias"].split(widths), strict=True)]
    q, k, v = (part.unflatten(-1, (n, -1)).transpose(-2, -3) for part, n in zip(parts, counts, strict=True))
    if base is not None:
        q, k = (_turned(t, each, t.arange(x.shape[-2]), base) for each in (q, k))
    y = t.nn.functional.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, enable_gqa=heads != keys)
    return y.transpose(-2, -3).flatten(-2) @ p["out_weight"] + p["out_bias"]


X, MEMORY = Real((2, 4, 6)), Real((2, 5, 6))
PACKED = {"in_weight": (6, 18), "out_weight": (6, 6), "in_bias": (18,), "out_bias": (6,)}
SQUARE = Given([[True, False, True, True]] * 3 + [[False] * 4], "bool")

ROWS = [
    _sdpa("", Q, K, V),
    _sdpa("vectors", Real((4, 5)), Real((6, 5)), Real((6, 3))),
    _sdpa("three", Real((2, 4, 5)), Real((2, 6, 5)), Real((2, 6, 5)), scale=0.3, torch={"scale": 0.3}),
    _sdpa("causal", Q, K, V, causal=True, torch={"is_causal": True}),
    _sdpa("causal-longer", Real((2, 6, 4)), Real((2, 3, 4)), Real((2, 3, 4)), causal=True, torch={"is_causal": True}),
    _sdpa("mask", Q, K, V, SOME),
    _sdpa("mask-of-batch", Q, K, V, Truth((2, 1, 1, 6))),
    _sdpa("added", Q, K, V, Real((3, 4, 6))),
    _sdpa("added-infinite", Q, K, V, ADDED),
    _sdpa("extreme", Real((2, 2, 4, 5), -90, 90), Real((2, 2, 6, 5), -90, 90), Real((2, 2, 6, 3)), SOME),
    _sdpa("one", Real((1, 1, 1, 1)), Real((1, 1, 1, 1)), Real((1, 1, 1, 1))),
    _sdpa("shared", Real((2, 6, 4, 5)), Real((2, 2, 3, 5)), Real((2, 2, 3, 7)), torch={"enable_gqa": True}),
    _sdpa("shared-causal", Real((2, 4, 3, 5)), Real((2, 1, 3, 5)), Real((2, 1, 3, 2)), causal=True,
          torch={"enable_gqa": True, "is_causal": True}),
    _sdpa("shared-mask", Real((2, 6, 4, 5)), Real((2, 3, 6, 5)), Real((2, 3, 6, 7)), SOME, torch={"enable_gqa": True}),
    _sdpa("dropout", Q, K, V, dropout=0.4),  # not where it does not train
    Row("attention", (Q, K, V, Truth((2, 1, 1, 6))), _masked_and_causal, {"causal": True}, note="mask-causal"),
    Row("attention", (Q, K, V, ADDED), _masked_and_causal, {"causal": True}, note="added-causal"),
    Row("alibi", (Real((2, 4, 5)),), lambda t, p, x: _alibi(t, x, 8, 4), {"heads": 8}, gradient=False),
    Row("alibi", (Real((2, 5, 3)),), lambda t, p, x: _alibi(t, x, 6, 3), {"heads": 6, "axis": 2}, gradient=False,
        note="six"),
    Row("alibi", (Whole((1, 2)),), lambda t, p, x: _alibi(t, x, 1, 2), {"heads": 1}, gradient=False, note="one"),
    _mha("", (X,), {"heads": 3}, PACKED, _modules(3)),
    _mha("plain", (X,), {"heads": 1, "bias": False}, {"in_weight": (6, 18), "out_weight": (6, 6)}, _modules(1)),
    _mha("causal", (X,), {"heads": 2, "causal": True}, PACKED, lambda t, p, x: _written_out(
        t, p, x, 2, 2, 3, 3, causal=True), training=True),
    _mha("mask", (X, Truth((4, 4))), {"heads": 2}, PACKED, lambda t, p, x, m: _written_out(
        t, p, x, 2, 2, 3, 3, mask=m)),
    _mha("masked", (X, SQUARE), {"heads": 2}, PACKED, lambda t, p, x, m: _written_out(t, p, x, 2, 2, 3, 3, mask=m)),
    _mha("added", (X, X, X, Real((4, 4))), {"heads": 2}, PACKED, lambda t, p, q, k, v, m: _written_out(
        t, p, q, 2, 2, 3, 3, others=(k, v), mask=m)),
    _mha("cross", (X, MEMORY), {"heads": 2}, PACKED, _modules(2)),
    _mha("cross-mask", (X, MEMORY, Truth((4, 5))), {"heads": 3}, PACKED, lambda t, p, q, k, m: _written_out(
        t, p, q, 3, 3, 2, 2, others=(k, k), mask=m)),
    _mha("three", (X, MEMORY, Real((2, 5, 6))), {"heads": 3}, PACKED, _modules(3)),
    _mha("widths", (X, Real((2, 5, 3)), Real((2, 5, 7))), {"heads": 2},
         {"query_weight": (6, 6), "key_weight": (3, 6), "value_weight": (7, 6), "out_weight": (6, 6),
          "in_bias": (18,), "out_bias": (6,)}, _modules(2, separate=True)),
    _mha("sizes", (X,), {"heads": 2, "key_size": 4, "value_size": 5, "units": 3},
         {"in_weight": (6, 26), "out_weight": (10, 3), "in_bias": (26,), "out_bias": (3,)},
         lambda t, p, x: _written_out(t, p, x, 2, 2, 4, 5)),
    _mha("shared", (Real((2, 3, 8)),), {"heads": 4, "key_heads": 2, "causal": True},
         {"in_weight": (8, 16), "out_weight": (8, 8), "in_bias": (16,), "out_bias": (8,)},
         lambda t, p, x: _written_out(t, p, x, 4, 2, 2, 2, causal=True)),
    _mha("rotary", (Real((2, 4, 8)),), {"heads": 2, "rotary": 100.0, "dropout": 0.1},
         {"in_weight": (8, 24), "out_weight": (8, 8), "in_bias": (24,), "out_bias": (8,)},
         lambda t, p, x: _written_out(t, p, x, 2, 2, 4, 4, base=100.0)),
    _mha("unbatched", (Real((4, 6)),), {"heads": 2}, PACKED, lambda t, p, x: _written_out(t, p, x, 2, 2, 3, 3)),
    Row("RotaryEmbedding", (Real((2, 3, 4, 6)),), lambda t, p, x: _turned(t, x, t.arange(4))),
    Row("RotaryEmbedding", (Real((2, 5, 4)),), lambda t, p, x: _turned(t, x, t.arange(5), 50.0, True),
        {"base": 50.0, "interleaved": True}, note="neighbours"),
    Row("RotaryEmbedding", (Real((2, 3, 4, 2)),), lambda t, p, x: _turned(t, x, t.arange(3)[:, None]), {"axis": 1},
        note="axis"),
    Row("RotaryEmbedding", (Real((2, 3, 4, 6)), Given([3, 0, 70, 2], "int64")), lambda t, p, x, i: _turned(t, x, i),
        note="positions"),
    Row("PositionalEncoding", (Real((2, 4, 6)),), lambda t, p, x: x + _sinusoidal(t, 4, 6, 1e4, x)),
    Row("PositionalEncoding", (Real((2, 4, 3, 5)),), lambda t, p, x: x + _sinusoidal(t, 4, 5, 20.0, x)[:, None],
        {"base": 20.0}, note="odd"),
    Row("PositionalEncoding", (Real((2, 3, 5, 4)),), lambda t, p, x: x + _sinusoidal(t, 5, 4, 1e4, x), {"axis": -2},
        note="axis"),
    Row("PositionalEncoding", (Real((2, 4, 6)),), lambda t, p, x: x + p["weight"], {"kind": "learned"},
        {"weight": Real((4, 6))}, note="learned"),
    Row("PositionalEncoding", (Real((2, 4, 6)),), lambda t, p, x: x + p["weight"][:4],
        {"kind": "learned", "length": 7}, {"weight": Real((7, 6))}, note="longer"),
]  # fmt: skip
