"""Every function of the language in a field, of columns of every kind: as NumPy computes it, or refused at its line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.library.word import FUNCTIONS, LOSSES, METRICS
from tests.conftest import compile_spec
from tests.data.test_columns import ROWS, SPEC, wide

KINDS = ("int64", "int32", "int8", "uint8", "bool", "float16", "float32", "float64", "text")
SHAPES = {"A": (), "B": (), "M": (4,), "K": (3, 3), "U": (1,), "I": (4,), "P": ()}
ELEMENTS = ("float64", "int64")
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
    "clip(A, min = 2.5)": lambda A: np.clip(A, 2.5, None),
    'einsum("bij,bj->bi", K, M[:, :3])': lambda K, M: np.einsum("bij,bj->bi", K, M[:, :3]),
    'rearrange(M, "n (a b) -> n b a", a = 2)': lambda M: M.reshape(-1, 2, 2).transpose(0, 2, 1),
    "sum(M, axis = 1)": lambda M: M.sum(1),
    "mean(M, axis = 1)": lambda M: M.mean(1),
    "var(M, axis = 1)": lambda M: M.var(1, ddof=1),
    "min(M, axis = 1)": lambda M: M.min(1),
    "max(M, axis = 1)": lambda M: M.max(1),
    "argmax(M, axis = 1)": lambda M: M.argmax(1),
}  # fmt: skip
TABLE |= dict.fromkeys(
    f"{name}({operands})"
    for name, operands in zip((*LOSSES, *METRICS), cycle(("A, B", "M, B", "M", "", "A, B, A")))
)  # fmt: skip
"""Expressions, and what NumPy makes of the columns; None where it is refused, or what it gives is of another kind."""


def test_every_function_is_tried() -> None:
    written = " ".join(TABLE)
    signs = {word.symbol for word in FUNCTIONS.values() if getattr(word, "symbol", None)}
    tried = set(re.findall(r"[a-z_0-9]+(?=\()", written))
    missing = {
        name for name, word in FUNCTIONS.items()
        if name not in tried and not (getattr(word, "symbol", None) in signs and f"{word.symbol}" in written)
    }  # fmt: skip
    assert missing == {"index"}  # written as x[...]


@dataclass(frozen=True)
class Field:
    declared: str
    text: str
    expected: Array


def column(kind: str, shape: tuple[int, ...], *, hostile: bool, seed: int) -> Array:
    generator = np.random.default_rng(seed)
    size = (ROWS, *shape)
    if kind == "text":
        return generator.choice(["red", "green", "blue"], size)
    if kind == "bool":
        return generator.random(size) < 0.5
    values = generator.integers(1, 9, size).astype(np.float64)
    if kind.startswith("float"):
        values += generator.choice([0, 0.25, 0.5], size)
    if hostile:
        values[generator.random(size) < 0.3] = 0
        if not kind.startswith("u"):
            values *= generator.choice([1, -1], size)
        if kind.startswith("float"):
            values[generator.random(size) < 0.1] = np.nan
    return values.astype(kind)


def columns(kind: str, *, hostile: bool) -> dict[str, Array]:
    found = {n: column(kind, shape, hostile=hostile, seed=k) for k, (n, shape) in enumerate(SHAPES.items())}
    generator = np.random.default_rng(9)
    return found | {"I": generator.integers(0, 4, (ROWS, 4)), "P": generator.random(ROWS) < 0.5}


def fields(arrays: dict[str, Array], element: str) -> list[Field]:
    found = []
    for text, compute in TABLE.items():
        names = re.findall(r"\b[A-Z]\b", text)
        given = {n: arrays[n] if arrays[n].dtype.kind in "bU" else wide(arrays[n]) for n in dict.fromkeys(names)}
        if element == "float64":
            given = {n: a.astype(float) if a.dtype.kind in "iu" and n != "I" else a for n, a in given.items()}
        expected = np.full(ROWS, np.nan)
        if compute is not None:
            try:
                with np.errstate(all="ignore"):
                    expected = np.asarray(compute(*given.values()))
            except (TypeError, ValueError, IndexError, np.exceptions.DTypePromotionError):
                expected = np.full(ROWS, np.nan)
        declared = f"{'bool' if expected.dtype == bool else element}{list(expected.shape[1:]) or ''}"
        written = re.sub(r"\b([A-Z])\b", r'column("\1")', text)
        found.append(Field(declared, written, expected))
    return found


def refusal(folder: Path, arrays: dict[str, Array], field: Field) -> Diagnostic | Array:
    """Compute a field; return it, or why it is refused."""
    names = set(re.findall(r'"([A-Z])"', field.text))
    needed: dict[str, Any] = {name: array for name, array in arrays.items() if name in names}
    np.savez(folder / "d.npz", target=np.zeros(ROWS, np.float32), **needed)
    (folder / "d.dl").write_text(SPEC.format(fields=f"  field x: {field.declared} = {field.text}"))
    try:
        return dict(compile_spec(folder / "d.dl").bound.dataset.splits["train"].fields)["x"]
    except Failure as failure:
        return failure.diagnostics[0]
    except Problem as problem:
        return problem.diagnostic


def check(folder: Path, arrays: dict[str, Array], field: Field, kind: str) -> bool:
    """Is a field what NumPy computes? If not, it is refused."""
    result = refusal(folder, arrays, field)
    if isinstance(result, Diagnostic):
        assert result.span is not None, result
        assert result.code.id[:3] in ("E02", "E03", "E04", "E05"), result
        return False
    exact = "float32" not in field.text
    np.testing.assert_allclose(
        result, field.expected, rtol=1e-12 if exact else 2e-6, atol=1e-14 if exact else 1e-6,
        err_msg=f"{field.text} of {kind}",
    )  # fmt: skip
    return True


def test_each_function_of_one_kind(tmp_path: Path) -> None:
    tables = {(k, e): fields(columns(k, hostile=False), e) for k in KINDS for e in ELEMENTS}
    computed = 0
    for number in range(len(TABLE)):
        kind, element = KINDS[number % len(KINDS)], ELEMENTS[number % 2]
        computed += check(tmp_path, columns(kind, hostile=False), tables[kind, element][number], kind)
    assert computed > len(TABLE) // 4


@pytest.mark.slow
@pytest.mark.parametrize("hostile", [False, True], ids=["plain", "hostile"])
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_function_of_every_kind(kind: str, element: str, hostile: bool, tmp_path: Path) -> None:
    """Hostile are zeros, negative and missing numbers."""
    arrays = columns(kind, hostile=hostile)
    computed = sum(check(tmp_path, arrays, field, kind) for field in fields(arrays, element))
    least = {"text": 1, "bool": 12}.get(kind, 30 if element == "int64" else 70)
    assert hostile or computed >= least, computed
