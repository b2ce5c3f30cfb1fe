"""NaN, infinities, zeros of either sign and the largest numbers: functions give on ONNX Runtime what NumPy gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dslc.autodiff import gradients
from dslc.library.operation import Context
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.types import FLOAT32, FLOAT64, INT64, ElementType, TensorType

from .graphs import compiled

FLOAT16 = ElementType.FLOAT16
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1.5, -2.5, 2.5, 700.0, -700.0, 6e4, -6e4, 3e38, -3e38, 1e300]
"""Those that a type does not hold are infinite in it."""


ELEMENTWISE: list[tuple[str, dict[str, Any], Callable[[np.ndarray], Any]]] = [
    ("clip", {"min": 0.0}, lambda x: np.clip(x, 0, None)),
    ("clip", {"max": 1.0}, lambda x: np.clip(x, None, 1)),
    ("clip", {"min": -1.0, "max": 1.0}, lambda x: np.clip(x, -1, 1)),
    ("relu", {}, lambda x: np.maximum(x, 0)),
    ("leaky_relu", {}, lambda x: np.where(x < 0, x * np.float64(0.01), x)),
    ("elu", {}, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    ("softplus", {}, lambda x: np.logaddexp(np.zeros(1, x.dtype), x)),
    ("hard_tanh", {}, lambda x: np.clip(x, -1, 1)),
    ("relu6", {}, lambda x: np.clip(x, 0, 6)),
    ("hard_sigmoid", {}, lambda x: np.clip(x / x.dtype.type(6) + x.dtype.type(0.5), 0, 1)),
    ("hard_shrink", {}, lambda x: np.where(np.abs(x) <= 0.5, x * 0, x)),
    ("soft_shrink", {}, lambda x: x - np.clip(x, -0.5, 0.5)),
    ("threshold", {"threshold": 1.0, "value": 7.0}, lambda x: np.where(x <= 1, 7, x)),
    ("log_sigmoid", {}, lambda x: -np.logaddexp(np.zeros(1, x.dtype), -x)),
    ("sigmoid", {}, lambda x: 1 / (1 + np.exp(-x.astype(np.float64)))),
    ("tanh", {}, np.tanh),
    ("exp", {}, np.exp),
    ("log", {}, np.log),
    ("sqrt", {}, np.sqrt),
    ("sign", {}, np.sign),
    ("abs", {}, np.abs),
    ("floor", {}, np.floor),
    ("ceil", {}, np.ceil),
    ("round", {}, np.round),
    ("negative", {}, np.negative),
    ("is_missing", {}, np.isnan),
]
PAIRS: list[tuple[str, Callable[..., Any]]] = [
    ("max", np.maximum), ("min", np.minimum), ("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply),
    ("divide", np.divide), ("equal", np.equal), ("not_equal", np.not_equal), ("less", np.less),
    ("less_equal", np.less_equal), ("greater", np.greater), ("greater_equal", np.greater_equal), ("pow", np.power),
]  # fmt: skip
REDUCTIONS: dict[str, Callable[..., Any]] = {"max": np.max, "min": np.min, "sum": np.sum, "mean": np.mean}
WIDTHS = (1, 2, 3, 8, 9, 16, 33)
"""Sizes of the axis: kernels take several elements at a time, and the rest one by one."""


def run(word: str, options: dict[str, Any], *arrays: np.ndarray) -> np.ndarray:
    operation = {**FUNCTIONS, **LAYERS}[word](**options)
    types = [TensorType(ElementType.of(a.dtype), a.shape) for a in arrays]
    (found,) = compiled(lambda builder, *x: [operation.emit(Context(builder), *x)], types)(*arrays)
    return found


def agrees(found: np.ndarray, expected: Any) -> None:
    expected = np.asarray(expected)
    if expected.dtype.kind == "f":
        with np.errstate(over="ignore"):
            expected = expected.astype(found.dtype)
        np.testing.assert_allclose(found, expected, rtol=4e-3 if found.dtype == np.float16 else 1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected)


def special(element: ElementType) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.array(SPECIAL, element.numpy)


@pytest.mark.parametrize("element", [FLOAT16, FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize(("word", "options", "expected"), ELEMENTWISE, ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_element_by_element(
    word: str, options: dict[str, Any], expected: Callable[[np.ndarray], Any], element: ElementType
) -> None:
    x = np.tile(special(element), 3)
    agrees(run(word, options, x), expected(x))


@pytest.mark.parametrize("element", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize(("word", "expected"), PAIRS, ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_pairs(word: str, expected: Callable[..., Any], element: ElementType) -> None:
    a, b = (part.reshape(-1) for part in np.meshgrid(special(element), special(element)))
    agrees(run(word, {}, a, b), expected(a, b))


@pytest.mark.parametrize("element", [FLOAT16, FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("word", REDUCTIONS)
@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_reductions(word: str, axis: int | None, element: ElementType) -> None:
    generator = np.random.default_rng(0)
    for width in WIDTHS:
        x = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0, -2.0])[generator.integers(0, 6, (60, width))]
        x[:20] = np.where(np.isnan(x[:20]), 5, x[:20])
        x[20:40] = generator.normal(size=(20, width))
        x[np.arange(20, 40), generator.integers(0, width, 20)] = np.nan  # at any place
        given = (x if axis != 0 else x.T).astype(element.numpy)
        agrees(run(word, {"axis": axis}, given), REDUCTIONS[word](given, axis=axis))


def test_global_max_pool_keeps_nan() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype(np.float32)
    x[0, 1, 4, 2], x[1, 0, 0, 0] = np.nan, np.inf
    agrees(run("GlobalMaxPool", {}, x), np.max(x, axis=(2, 3)))


@pytest.mark.parametrize("element", [FLOAT32, FLOAT64], ids=str)
def test_where_takes_one_side_only(element: ElementType) -> None:
    x = special(element)
    agrees(run("where", {}, x > 0, x, np.zeros_like(x)), np.where(x > 0, x, 0))
    assert not run("where", {}, np.ones(x.shape, bool), np.zeros_like(x), x).any()


@pytest.mark.parametrize("element", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_softmax_and_its_logarithm(element: ElementType) -> None:
    """Minus infinity takes no part; of a row with NaN or infinity nothing can be said, and others stand."""
    x = np.array([[0, 1, -np.inf], [np.nan, 1, 2], [np.inf, 1, 2], [1e4, -1e4, 0], [1, 2, 3]], element.numpy)
    for word in ("softmax", "log_softmax"):
        found = run(word, {"axis": 1}, x)
        e = np.exp(x - x.max(1, keepdims=True))
        expected = e / e.sum(1, keepdims=True)
        for row in (0, 3, 4):
            agrees(np.exp(found[row]) if "log" in word else found[row], expected[row])
        assert np.isnan(found[1]).any()
        assert not np.isfinite(found[2]).all()


@pytest.mark.parametrize("word", ["softplus", "clip"])
def test_gradients_in_float64(word: str) -> None:
    """What is written in steps has the gradient of the function."""
    x = np.array([-800.0, -1.0, -0.5, 0.0, 0.5, 1.0, 800.0])
    operation = FUNCTIONS[word](**({"min": -0.5, "max": 0.5} if word == "clip" else {}))

    def build(builder: Any, t: Any) -> list[Any]:
        (slope,) = gradients(FUNCTIONS["sum"]().emit(Context(builder), operation.emit(Context(builder), t)), [t])
        return [slope]

    (found,) = compiled(build, [TensorType(FLOAT64, x.shape)])(x)
    expected = (np.abs(x) <= 0.5) * 1.0 if word == "clip" else np.exp(-np.logaddexp(0, -x))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_clip_behind_relu_in_float64() -> None:
    """ONNX Runtime joins a Relu and a Clip behind it, and fails at that in float64."""
    x = special(FLOAT64)

    def build(builder: Any, t: Any) -> list[Any]:
        return [FUNCTIONS["clip"](max=1.0).emit(Context(builder), FUNCTIONS["relu"]().emit(Context(builder), t))]

    (found,) = compiled(build, [TensorType(FLOAT64, x.shape)])(x)
    agrees(found, np.clip(np.maximum(x, 0), None, 1))


def test_whole_numbers_have_limits_of_their_own() -> None:
    x = np.array([-(2**63), -1, 0, 1, 2**63 - 1])
    agrees(run("clip", {"min": 0}, x), np.clip(x, 0, None))
    agrees(run("clip", {"max": 0}, x), np.clip(x, None, 0))
    assert ElementType.of(x.dtype) is INT64
