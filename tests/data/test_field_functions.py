"""Every function of the language in a field, of columns of every kind: as NumPy computes it, or refused at its line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.library.word import FUNCTIONS
from tests.conftest import compile_spec, mostly_alike
from tests.data.field_functions import TABLE, Array
from tests.data.test_columns import ROWS, SPEC, wide

KINDS = ("int64", "int32", "int8", "uint8", "bool", "float16", "float32", "float64", "text")
SHAPES = {"A": (), "B": (), "M": (4,), "K": (3, 3), "U": (1,), "I": (4,), "P": ()}
ELEMENTS = ("float64", "int64")


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


LOST = {
    'grid_sample(ones_like(M)[:, none], M[:, :, none], mode = "nearest")': 1,
    "where(is_missing(M), cast(positions(M, axis = 1), float64), M)": None,
}
"""Expressions that NaN of a column could leave no trace in; those that do without, None."""


@pytest.mark.parametrize("names", mostly_alike(["M", "A", "B", "K"], 4))
def test_no_missing_value_is_lost(names: str, tmp_path: Path) -> None:
    """Of one missing number, a result is missing too where NumPy's is, so that it is refused, or the step is."""
    arrays = columns("float64", hostile=False)
    arrays[names].reshape(ROWS, -1)[5, -1] = np.nan
    for field in fields(arrays, "float64"):
        if f'"{names}"' in field.text and np.isnan(field.expected.astype(float)).any():
            assert not check(tmp_path, arrays, field, "float64"), field.text


@pytest.mark.parametrize("text", LOST)
def test_a_missing_value_that_would_not_show(text: str, tmp_path: Path) -> None:
    arrays = columns("float64", hostile=False)
    arrays["M"][5, 2] = np.nan
    shape = [1, 4] if "[:, none]" in text else [4]
    field = Field(f"float64{shape}", re.sub(r"\bM\b", 'column("M")', text), arrays["M"])
    result = refusal(tmp_path, arrays, field)
    if LOST[text] is None:
        np.testing.assert_array_equal(result, np.where(np.isnan(arrays["M"]), np.arange(4), arrays["M"]))
    else:
        assert isinstance(result, Diagnostic)
        assert result.code.id == "E0415"
