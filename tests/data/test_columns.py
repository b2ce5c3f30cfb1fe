"""Fields of random columns by random expressions, against NumPy in float64, rounded once to the declared type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dslc.diagnostics import Failure, Problem
from tests.conftest import compile_spec

ROWS = 24
DTYPES = ("uint8", "int8", "int16", "int32", "int64", "uint32", "float16", "float32", "float64", "bool")
SPEC = """\
data d {{
  source npz("d.npz")
{fields}
  field target: float32 = column("target")
}}
model Net {{
  input target: float32[N]
  output y = unsqueeze(target, axis = 1) -> Dense(1)
}}
train t {{
  data d
  minimize mse(squeeze(Net(target), axis = 1), target) using SGD(lr = 0.1)
  epochs 1
}}
"""


def prepared(folder: Path, arrays: dict[str, Any], fields: dict[str, str]) -> dict[str, np.ndarray]:
    """The fields of every row; ``fields`` maps ``name: type`` to expressions."""
    np.savez(folder / "d.npz", target=np.zeros(ROWS, np.float32), **arrays)
    lines = "\n".join(f"  field {name} = {expression}" for name, expression in fields.items())
    (folder / "d.dl").write_text(SPEC.format(fields=lines))
    return dict(compile_spec(folder / "d.dl").bound.dataset.splits["train"].fields)


def random_array(generator: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (generator.standard_normal((ROWS, *shape)) * generator.choice([0.01, 1, 300])).astype(kind)
    if kind.kind == "b":
        return generator.random((ROWS, *shape)) < 0.5
    limits = np.iinfo(kind)
    low, high = max(int(limits.min), -(10**6)), min(int(limits.max), 10**6)
    return generator.integers(low, high, (ROWS, *shape)).astype(kind)


def wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


Step = Callable[[np.random.Generator, str, np.ndarray], tuple[str, np.ndarray]]


def number(generator: np.random.Generator) -> float:
    return float(generator.choice([2, 3, 7, 255, 0.1, 0.5, 1e-3, -1.7, 1000]))


def scaled(generator: np.random.Generator, text: str, x: np.ndarray) -> tuple[str, np.ndarray]:
    c = number(generator)
    made: list[tuple[str, Any]] = [
        (f"({text} / {c:g})", x / c),
        (f"({text} * {c:g})", x * np.float64(c)),
        (f"({text} + {c:g})", x + np.float64(c)),
        (f"({text} - {c:g})", x - np.float64(c)),
        (f"({c:g} - {text})", np.float64(c) - x),
        (f"(-{text})", -x),
    ]
    found: tuple[str, Any] = made[generator.integers(len(made))]
    return found


def turned(generator: np.random.Generator, text: str, x: np.ndarray) -> tuple[str, np.ndarray]:
    order = [0, *(1 + generator.permutation(x.ndim - 1)).tolist()]
    return f"transpose({text}, axes = {order})", x.transpose(order)


def regrouped(generator: np.random.Generator, text: str, x: np.ndarray) -> tuple[str, np.ndarray]:
    sizes = list(x.shape[1:])
    generator.shuffle(sizes)
    return f"reshape({text}, {[-1, *map(int, sizes)]})", x.reshape(-1, *sizes)


def sliced(generator: np.random.Generator, text: str, x: np.ndarray) -> tuple[str, np.ndarray]:
    axis = int(generator.integers(1, x.ndim))
    start = int(generator.integers(0, x.shape[axis]))
    cut = ", ".join([":"] * axis + [f"{start}:"])
    return f"{text}[{cut}]", x[(slice(None),) * axis + (slice(start, None),)]


def standardized(generator: np.random.Generator, text: str, x: np.ndarray) -> tuple[str, np.ndarray]:
    x = x.astype(np.float64)
    if generator.random() < 0.5:
        low, high = x.min(axis=0), x.max(axis=0)
        return f"minmax({text})", (x - low) / np.where(low == high, 1, high - low)
    deviation = x.std(axis=0)
    return f"standardize({text})", (x - x.mean(axis=0)) / np.where(x.min(axis=0) == x.max(axis=0), 1, deviation)


STEPS: tuple[Step, ...] = (scaled, scaled, turned, regrouped, sliced, standardized)


def random_case(seed: int) -> tuple[np.ndarray, str, np.ndarray]:
    generator = np.random.default_rng(seed)
    shape = tuple(int(d) for d in generator.integers(1, 5, generator.integers(1, 4)))
    array = random_array(generator, DTYPES[seed % (len(DTYPES) - 1)], shape)
    text, value = f'column("c{seed}")', wide(array)
    for _ in range(generator.integers(1, 4)):
        step = STEPS[generator.integers(len(STEPS))]
        text, value = step(generator, text, value)
    return array, text, value


def compare(folder: Path, seeds: range) -> None:
    cases = {f"f{seed}": random_case(seed) for seed in seeds}
    arrays = {f"c{name[1:]}": array for name, (array, _, _) in cases.items()}
    fields = {
        f"{name}: float32{list(value.shape[1:])}": text for name, (_, text, value) in cases.items()
    }  # fmt: skip
    found = prepared(folder, arrays, fields)
    for name, (array, text, value) in cases.items():
        fitted = "standardize" in text or "minmax" in text
        expected = value.astype(np.float32)
        said = f"{name}: {text} of {array.dtype}{list(array.shape[1:])}"
        assert found[name].dtype == np.float32, said
        if fitted:  # sums are taken in another order than NumPy's
            np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-6, err_msg=said)
        else:
            np.testing.assert_array_equal(found[name], expected, err_msg=said)


@pytest.mark.parametrize("block", range(3))
def test_fields_are_numpys(block: int, tmp_path: Path) -> None:
    compare(tmp_path, range(30 * block, 30 * (block + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(3, 14))
def test_more_fields_are_numpys(block: int, tmp_path: Path) -> None:
    compare(tmp_path, range(30 * block, 30 * (block + 1)))


def test_whole_numbers_stay_exact(tmp_path: Path) -> None:
    """Beyond what float32, and beyond what float64 holds."""
    stamps = np.arange(ROWS) + 1_700_000_000
    large = np.arange(ROWS) + 2**60
    found = prepared(
        tmp_path,
        {"stamp": stamps, "large": large},
        {
            "z: float32": 'standardize(column("stamp"))',
            "since: float32": 'column("stamp") - 1700000000',
            "id: int64": 'column("large")',
            "step: float32": f'column("large") - {2**60}',
            "coded: int64": 'category(column("large"))',
            "parts: float32[2]": 'stack(column("stamp") % 10, column("stamp") // 10 - 170000000, axis = 1)',
        },
    )
    np.testing.assert_allclose(found["z"], (stamps - stamps.mean()) / stamps.std(), rtol=1e-6)
    assert found["since"].tolist() == list(range(ROWS))
    assert found["id"].tolist() == large.tolist()
    assert found["step"].tolist() == list(range(ROWS))
    assert found["coded"].tolist() == list(range(ROWS))
    assert found["parts"].tolist() == [[n % 10, n // 10] for n in range(ROWS)]


TURN = "axes = [0, 3, 1, 2]"
IMAGE = np.arange(ROWS * 24).reshape(ROWS, 2, 4, 3).astype(np.uint8)


@pytest.mark.parametrize(
    ("declared", "text", "expected"),
    [
        ("float32[3, 2, 4]", f'transpose(column("image"), {TURN}) / 255', IMAGE.transpose(0, 3, 1, 2) / 255),
        ("float32[3, 2, 4]", f'transpose(column("image") / 255, {TURN})', IMAGE.transpose(0, 3, 1, 2) / 255),
        ("float32[3, 2, 4]", 'rearrange(column("image"), "n h w c -> n c h w")', IMAGE.transpose(0, 3, 1, 2)),
        ("float32[24]", 'column("image")', IMAGE.reshape(ROWS, 24)),
        ("float32[1, 2, 4, 3]", 'column("image")', IMAGE.reshape(ROWS, 1, 2, 4, 3)),
        ("float32[8, 3]", 'column("image")', IMAGE.reshape(ROWS, 8, 3)),
        ("uint8[2, 12]", 'column("image")', IMAGE.reshape(ROWS, 2, 12)),
        ("float32[4, 3]", 'column("image")[:, 1]', IMAGE[:, 1]),
    ],
)
def test_axes_are_where_the_file_has_them(declared: str, text: str, expected: np.ndarray, tmp_path: Path) -> None:
    found = prepared(tmp_path, {"image": IMAGE}, {f"x: {declared}": text})["x"]
    np.testing.assert_array_equal(found, expected.astype(found.dtype))


@pytest.mark.parametrize("declared", ["float32[3, 2, 4]", "float32[4, 2, 3]", "float32[3, 8]", "float32[6, 4]"])
def test_no_axes_change_places_by_themselves(declared: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"E0509.*another order"):
        prepared(tmp_path, {"image": IMAGE}, {f"x: {declared}": 'column("image")'})


COUNT = np.arange(ROWS)
GAPS = np.where(COUNT % 4 == 1, np.nan, COUNT)
LARGE = 2**62 - 2**40 + COUNT


@pytest.mark.parametrize(
    ("declared", "text", "code"),
    [
        ("int64", 'column("large") * 1000000', "E0414"),
        ("int64", 'column("large") + column("large") + column("large")', "E0414"),
        ("int64", '-2 - column("large") * 2 - column("large")', "E0414"),
        ("int64", 'column("count") ** 30', "E0414"),
        ("int64", "2 ** (5 - column(\"count\"))", "E0414"),
        ("float32", 'standardize(column("large") * 4)', "E0414"),
        ("int64", 'sum(stack(column("large"), column("large"), column("large"), axis = 1), axis = 1)', "E0414"),
        ("uint8", 'cast(column("count") * 100, uint8)', "E0414"),
        ("uint8", "cast(-1.5 - column(\"gaps\") * 0, uint8)", "E0414"),
        ("int32", 'cast(column("large"), int32)', "E0414"),
        ("int64", 'cast(column("count") * 1e30, int64)', "E0414"),
        ("int64", 'cast(column("gaps"), int64)', "E0415"),
        ("bool", 'column("gaps") > 3', "E0415"),
        ("float32", 'where(column("gaps") != 3, 1.0, 0.0)', "E0415"),
        ("float32", 'sign(column("gaps"))', "E0415"),
        ("int64", 'argmax(stack(column("gaps"), column("count"), axis = 1), axis = 1)', "E0415"),
    ],
)  # fmt: skip
def test_nothing_wraps_or_hides_what_is_missing(declared: str, text: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(Failure) as failure:
        prepared(tmp_path, {"large": LARGE, "count": COUNT, "gaps": GAPS}, {f"x: {declared}": text})
    assert failure.value.diagnostics[0].code.id == code


@pytest.mark.parametrize(
    ("declared", "text", "expected"),
    [
        ("int64", 'column("large") + column("large")', LARGE * 2),
        ("int64", 'cast(where(is_missing(column("gaps")), -1, 2), int64)', np.where(COUNT % 4 == 1, -1, 2)),
        ("bool", 'impute(column("gaps"), 0) > 3', np.nan_to_num(GAPS) > 3),
        (
            "float32",
            'where(is_missing(column("gaps")), 0.5, cast(column("gaps") > 3, float32))',
            np.where(COUNT % 4 == 1, 0.5, GAPS > 3),
        ),
        ("int64", 'where(column("large") > 9, 7, column("large") * 1000)', np.full(ROWS, 7)),
        ("uint8", 'cast(column("count") * 10.99, uint8)', np.trunc(COUNT * 10.99)),
    ],
)  # fmt: skip
def test_what_is_not_taken_does_not_matter(declared: str, text: str, expected: np.ndarray, tmp_path: Path) -> None:
    found = prepared(tmp_path, {"large": LARGE, "count": COUNT, "gaps": GAPS}, {f"x: {declared}": text})
    np.testing.assert_array_equal(found["x"], expected)


def test_categories_of_unsigned_numbers_stay_apart(tmp_path: Path) -> None:
    numbers = (2**53 + COUNT).astype(np.uint64)
    found = prepared(tmp_path, {"u": numbers}, {"x: int64": 'category(column("u"))'})
    np.testing.assert_array_equal(found["x"], COUNT)
    with pytest.raises((Failure, Problem), match="outside int64"):
        prepared(tmp_path, {"u": numbers + np.uint64(2**63)}, {"x: int64": 'category(column("u"))'})
