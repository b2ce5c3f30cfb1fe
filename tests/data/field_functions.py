"""Expressions of fields with every function of the language, and what NumPy makes of the columns in their place."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np

from dslc.library.word import LOSSES, METRICS

Array = np.ndarray


def erf(x: Array) -> Array:
    return np.vectorize(math.erf)(x)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def whole(x: Array) -> Array:
    return x if x.dtype.kind in "iu" else np.full(x.shape, np.nan)


def moment(unit: str, within: str) -> Callable[..., Array]:
    """Parts of moments, by NumPy's calendar."""

    def part(A: Array) -> Array:
        at = np.floor(A.astype(np.float64)).astype("datetime64[s]")
        return (at.astype(f"datetime64[{unit}]") - at.astype(f"datetime64[{within}]")).astype(np.float64)

    return part


def one_more(found: Callable[..., Array]) -> Callable[..., Array]:
    return lambda A: found(A) + 1


def sparsemax(x: Array) -> Array:
    largest = -np.sort(-x, -1)
    total, count = largest.cumsum(-1), np.arange(1, x.shape[-1] + 1)
    support = (1 + count * largest > total).sum(-1, keepdims=True)
    threshold = (np.take_along_axis(total, np.maximum(support, 1) - 1, -1) - 1) / support
    return np.maximum(x - threshold, 0)


def attention(x: Array, seen: Array | None = None) -> Array:
    scores = x @ x.swapaxes(1, 2) / math.sqrt(x.shape[-1])
    return softmax(scores if seen is None else np.where(seen, scores, scores - 1e6)) @ x


def affine_points(theta: Array) -> Array:
    x, y = np.meshgrid([-0.5, 0.5], [-0.5, 0.5])
    return np.einsum("nij,abj->nabi", theta, np.stack([x, y, np.ones((2, 2))], -1))


def found_at(x: Array, place: Array) -> Array:
    inside = (place >= 0) & (place < x.shape[1])
    values = np.take_along_axis(x, np.where(inside, place, 0).astype(int), 1)
    return np.where(inside, values, place * 0)


def nearest(x: Array, grid: Array) -> Array:
    return found_at(x, np.round(((grid + 1) * x.shape[1] - 1) / 2))[:, None]


def sampled(x: Array, grid: Array) -> Array:
    place = ((grid + 1) * x.shape[1] - 1) / 2
    first = np.floor(place)
    rest = place - first
    return (found_at(x, first) * (1 - rest) + found_at(x, first + 1) * rest)[:, None]


def halfway(x: Array) -> Array:
    """The entries, and the mean of each two that are neighbours."""
    places = np.arange(2 * x.shape[1] - 1)
    return (x[:, places // 2] + x[:, (places + 1) // 2]) / 2


TABLE: dict[str, Callable[..., Any] | None] = {
    "relu(A)": lambda A: np.maximum(A, 0),
    "leaky_relu(A)": lambda A: np.where(A > 0, A, A * 0.01),
    "elu(A)": lambda A: np.where(A > 0, A, np.expm1(np.minimum(A, 0))),
    "gelu(cast(A, float32))": lambda A: A * (1 + erf(A / math.sqrt(2))) / 2,
    "gelu(A)": lambda A: A * (1 + erf(A / math.sqrt(2))) / 2,
    "silu(A)": lambda A: A * sigmoid(A),
    "sigmoid(A)": sigmoid,
    "tanh(A)": np.tanh,
    "softplus(A)": lambda A: np.logaddexp(A, 0),
    "softmax(M)": softmax,
    "log_softmax(M)": lambda M: np.log(softmax(M)),
    "A + B": lambda A, B: A + B,
    "A - B": lambda A, B: A - B,
    "A - 300": lambda A: A - 300,
    "A * B": lambda A, B: A * B,
    "A * 0.5": lambda A: A * 0.5,
    "A / B": lambda A, B: A / B,
    "A / 3": lambda A: A / 3,
    "A // B": lambda A, B: A // B,
    "A // 3": lambda A: A // 3,
    "7 // A": lambda A: 7 // A,
    "A % B": lambda A, B: A % B,
    "A % 3": lambda A: A % 3,
    "-7 % A": lambda A: -7 % A,
    "A ** B": lambda A, B: A.astype(np.float64) ** B,
    "A ** 3": lambda A: A**3,
    "2 ** A": lambda A: 2.0**A,
    "A ** -1": lambda A: A.astype(np.float64) ** -1,
    "A ** 0.5": lambda A: A**0.5,
    "-A": lambda A: -A,
    "A == B": lambda A, B: A == B,
    "A != 3": lambda A: A != 3,
    "A < B": lambda A, B: A < B,
    "A <= 3": lambda A: A <= 3,
    "A > B": lambda A, B: A > B,
    "A >= 3.5": lambda A: A >= 3.5,
    "A and B": lambda A, B: A & B,
    "A or B": lambda A, B: A | B,
    "not A": lambda A: ~A,
    "A > 2 and not (B > 2)": lambda A, B: (A > 2) & ~(B > 2),
    "K @ K": lambda K: K @ K,
    "year(A * 86400000)": lambda A: (A * 86400000).astype("datetime64[s]").astype("datetime64[Y]").astype(float) + 1970,
    "month(A * 864000)": lambda A: one_more(moment("M", "Y"))(A * 864000),
    "day(A * 86400)": lambda A: one_more(moment("D", "M"))(A * 86400),
    "weekday(A * 86400)": lambda A: (np.floor(A) + 3) % 7,
    "hour(A * 5000)": lambda A: moment("h", "D")(A * 5000),
    "minute(A * 500)": lambda A: moment("m", "h")(A * 500),
    "second(A * 9)": lambda A: np.floor(A * 9) % 60,
    "day_of_year(A * 86400)": lambda A: one_more(moment("D", "Y"))(A * 86400),
    "cyclic(A, 24)": lambda A: np.stack([np.sin(A / 24 * 2 * np.pi), np.cos(A / 24 * 2 * np.pi)], -1),
    "where(P, A, B)": np.where,
    "where(A > 3, A, 0.5)": lambda A: np.where(A > 3, A, 0.5),
    "where(A == 0, 0, B // A)": lambda A, B: np.where(A == 0, 0, B // np.where(A == 0, 1, A)),
    "cast(A, float64)": lambda A: A,
    "cast(A * 1.0, int8)": np.trunc,
    "cast(A > 2, float32)": lambda A: (A > 2).astype(float),
    "detach(A)": lambda A: A,
    "is_missing(A)": lambda A: np.zeros(A.shape, bool) if A.dtype.kind not in "fU" else A != A,
    "one_hot(A, 9)": lambda A: np.eye(9)[A.astype(int)],
    "positions(M, axis = 1)": None,
    "M * 0.0 + cast(positions(M, axis = 1), float64)": lambda M: M * 0.0 + np.arange(4),
    "zeros_like(A)": np.zeros_like,
    "ones_like(A)": np.ones_like,
    "normal_like(A)": None,
    "uniform_like(A)": None,
    "M[:, 1]": lambda M: M[:, 1],
    "M[:, none, ::2]": lambda M: M[:, None, ::2],
    "reshape(M, [-1, 2, 2])": lambda M: M.reshape(-1, 2, 2),
    "transpose(K, axes = [0, 2, 1])": lambda K: K.transpose(0, 2, 1),
    "squeeze(U, axis = 1)": lambda U: U[:, 0],
    "unsqueeze(A, axis = 1)": lambda A: A[:, None],
    "expand(U, [-1, 3])": None,
    "expand(M, [2, -1, 4])": None,
    "concat(M, U, axis = 1)": lambda M, U: np.concatenate([M, U], 1),
    "stack(A, B, axis = 1)": lambda A, B: np.stack([A, B], 1),
    "split(M, [1, 3], axis = 1)": None,
    "pad(M, [0, 0, 1, 2])": None,
    "gather(M, I, axis = 1)": lambda M, I: np.take_along_axis(M, I, 1),
    "exp(A)": np.exp,
    "log(A)": np.log,
    "sqrt(A)": np.sqrt,
    "sin(A)": np.sin,
    "cos(A)": np.cos,
    "erf(A)": erf,
    "erf(cast(A, float32))": erf,
    "floor(A)": np.floor,
    "ceil(A)": np.ceil,
    "round(A)": np.round,
    "sign(A)": np.sign,
    "abs(A)": np.abs,
    "clip(A, min = 2, max = 5)": lambda A: np.clip(A, 2, 5),
    "clip(A, max = 3_000_000_000)": lambda A: A,
    "clip(A, min = 2.5)": lambda A: np.clip(A, 2.5, None),
    'einsum("bij,bj->bi", K, M[:, :3])': lambda K, M: np.einsum("bij,bj->bi", K, M[:, :3]),
    'rearrange(M, "n (a b) -> n b a", a = 2)': lambda M: M.reshape(-1, 2, 2).transpose(0, 2, 1),
    "sum(M, axis = 1)": lambda M: M.sum(1),
    "mean(M, axis = 1)": lambda M: M.mean(1),
    "var(M, axis = 1)": lambda M: M.var(1, ddof=1),
    "min(M, axis = 1)": lambda M: M.min(1),
    "max(M, axis = 1)": lambda M: M.max(1),
    "argmax(M, axis = 1)": lambda M: M.argmax(1),
    "selu(A)": lambda A: 1.0507009873554805 * np.where(A > 0, A, 1.6732632423543772 * np.expm1(np.minimum(A, 0))),
    "celu(A, alpha = 0.3)": lambda A: np.where(A > 0, A, 0.3 * np.expm1(np.minimum(A, 0) / 0.3)),
    "mish(A)": lambda A: A * np.tanh(np.logaddexp(A, 0)),
    "log_sigmoid(A)": lambda A: -np.logaddexp(-A, 0),
    "square_plus(A)": lambda A: (A + np.sqrt(A * A + 4.0)) / 2,
    "softsign(A)": lambda A: A / (1 + np.abs(A)),
    "tanh_shrink(A)": lambda A: A - np.tanh(A),
    "hard_tanh(A, min = 2.0, max = 5.0)": lambda A: np.clip(A, 2.0, 5.0),
    "relu6(A)": lambda A: np.clip(A, 0.0, 6.0),
    "hard_sigmoid(A)": lambda A: np.clip(A / 6 + 0.5, 0, 1),
    "hard_swish(A)": lambda A: A * np.clip(A / 6 + 0.5, 0, 1),
    "hard_shrink(A, threshold = 2.1)": lambda A: np.where(np.abs(A) <= 2.1, 0, A),
    "soft_shrink(A, threshold = 2.1)": lambda A: np.sign(A) * np.maximum(np.abs(A) - 2.1, 0),
    "threshold(A, threshold = 3.0, value = 0.1)": lambda A: np.where(A <= 3, 0.1, A),
    "softmin(M)": lambda M: softmax(-M),
    "softmin(A)": None,
    "sparsemax(M)": sparsemax,
    "glu(M)": lambda M: M[:, :2] * sigmoid(M[:, 2:]),
    'glu(M, gate = "gelu")': lambda M: M[:, :2] * M[:, 2:] * (1 + erf(M[:, 2:] / math.sqrt(2))) / 2,
    "normalize(M)": lambda M: M / np.maximum(np.sqrt((M * M).sum(1, keepdims=True)), 1e-12),
    "normalize(M, p = none)": lambda M: M / np.maximum(np.abs(M).max(1, keepdims=True), 1e-12),
    "normalize(A, axis = 0)": None,
    "attention(K, K, K)": attention,
    "attention(K, K, K, causal = true)": lambda K: attention(K, np.tril(np.ones((3, 3), bool))),
    "attention(K, K, K, dropout = 0.5)": None,
    "attention(M, M, M)": None,
    "alibi(M, heads = 2)": None,
    "alibi(M, heads = 2, axis = 0)": None,
    "K * 0.0 + alibi(K, heads = 1)[0]": lambda K: K * 0.0 - np.abs(np.arange(3)[:, None] - np.arange(3)) / 256,
    "affine_grid(K[:, :2], size = [2, 2])": lambda K: affine_points(K[:, :2]),
    "grid_sample(M[:, none], M[:, :, none] / 5 - 1)": lambda M: sampled(M, M / 5 - 1),
    'grid_sample(M[:, none], M[:, :, none] / 5 - 1, mode = "nearest")': lambda M: nearest(M, M / 5 - 1),
    "resize(K, size = 6)": lambda K: K.repeat(2, 2),
    "resize(K, size = 2)": lambda K: K[:, :, [0, 1]],
    'resize(M[:, none], size = 7, mode = "linear", align_corners = true)': lambda M: halfway(M)[:, None],
    "pad(M, [1, 2], value = 300)": lambda M: np.pad(M, [(0, 0), (1, 2)], constant_values=300),
    "pad(M, [1, 2], value = 0.5)": lambda M: np.pad(M * 1.0, [(0, 0), (1, 2)], constant_values=0.5),
    'pad(M, [1, 2], mode = "circular")': lambda M: np.pad(M, [(0, 0), (1, 2)], mode="wrap"),
}  # fmt: skip
TABLE |= dict.fromkeys(
    f"{name}({operands})"
    for name, operands in zip((*LOSSES, *METRICS), cycle(("A, B", "M, B", "M", "", "A, B, A")))
)  # fmt: skip
"""Expressions, and what NumPy makes of the columns; None where it is refused, or what it gives is of another kind."""
