"""At kinks and ties a gradient is a convention: it is PyTorch's, on values stored by tools/oracles/gradients.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.graph import Builder, Tensor
from dslc.types import FLOAT32, TensorType, symbol
from dslc.windows import Windows
from tests.autodiff.harness import run

STORED = np.load(Path(__file__).parent / "data" / "gradients.npz")
POOLS = sorted({name.split("/")[0] for name in STORED if name.startswith("pool_")})

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "relu": g.relu,
    "leaky_relu": lambda x: g.leaky_relu(x, 0.25),
    "elu": lambda x: g.elu(x, 1.0),
    "elu_half": lambda x: g.elu(x, 0.5),
    "abs": g.absolute,
    "clip": lambda x: g.clip(x, -1.0, 1.0),
    "clip_below": lambda x: g.clip(x, 0.0, None),
    "sqrt": lambda x: g.sqrt(g.clip(x, 0.25, None)),
    "square": lambda x: x**2.0,
    "power_zero": lambda x: x**0.0,
    "cube": lambda x: x**3.0,
    "max": g.maximum,
    "min": g.minimum,
    "power": lambda a, b: g.absolute(a) ** g.absolute(b),
    "amax": lambda x: g.reduce_max(x, [1]),
    "amin": lambda x: g.reduce_min(x, [1]),
    "amax_all": g.reduce_max,
}


def differentiate(case: str, function: Callable[..., Tensor], *, symbolic: bool = False) -> None:
    builder = Builder("kinks")
    arrays = {name.split("/")[1]: STORED[name] for name in STORED if name.startswith(f"{case}/")}
    names = sorted(name for name in arrays if name[0] == "x")
    shapes = [tuple(symbol(f"D{i}") if symbolic and i > 1 else n for i, n in enumerate(arrays[x].shape)) for x in names]
    operands = [builder.input(x, TensorType(FLOAT32, shape)) for x, shape in zip(names, shapes, strict=True)]
    y = function(*operands)
    seed = builder.constant(arrays["seed"])
    if symbolic:
        seed = g.reshape(seed, y.shape)
    found = [d or g.full(x, 0.0, x.type) for x, d in zip(operands, gradients(y, operands, seed), strict=True)]
    values = run(builder, [y, *found], {name: arrays[name] for name in names})
    np.testing.assert_allclose(values[0], arrays["y"], rtol=1e-6)
    for index, value in enumerate(values[1:]):
        np.testing.assert_allclose(value, arrays[f"gradient{index}"], rtol=1e-6, err_msg=names[index])


@pytest.mark.parametrize("case", FUNCTIONS)
def test_kinks(case: str) -> None:
    differentiate(case, FUNCTIONS[case])


@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
@pytest.mark.parametrize("case", POOLS)
def test_the_first_maximum_of_a_window_takes_its_gradient(case: str, symbolic: bool) -> None:
    kernel, strides, padding = STORED[f"{case}/window"].tolist()
    windows = Windows.of(kernel, strides, before=padding, after=padding)
    differentiate(case, lambda x: g.max_pool(x, windows), symbolic=symbolic)


@pytest.mark.parametrize(("function", "winner"), [(g.maximum, [0.5, 0.0]), (g.minimum, [0.5, 1.0])])
def test_of_two_infinite_operands_each_gets_half(function: Callable[..., Tensor], winner: list[float]) -> None:
    builder = Builder("infinite")
    a, b = (builder.input(name, TensorType(FLOAT32, (2,))) for name in "ab")
    (gradient,) = gradients(function(a, b), [a])
    feeds = {"a": np.array([np.inf, 1.0], np.float32), "b": np.array([np.inf, np.inf], np.float32)}
    np.testing.assert_array_equal(run(builder, [gradient], feeds)[0], winner)


def test_erf_is_flat_far_out() -> None:
    """Where exp(x * x) overflows."""
    builder = Builder("erf")
    x = builder.input("x", TensorType(FLOAT32, (5,)))
    (gradient,) = gradients(g.reduce_sum(g.erf(x)), [x])
    (value,) = run(builder, [gradient], {"x": np.array([-1e30, -20, 0, 9, np.inf], np.float32)})
    np.testing.assert_allclose(value, np.array([0, 0, 2 / np.sqrt(np.pi), 0, 0], np.float32), atol=1e-30)
