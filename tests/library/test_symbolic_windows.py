"""Spatial axes whose size is a symbol: what layers give is what they give where it is a number, gradients included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dslc import graph as g
from dslc.autodiff import gradients
from dslc.dimensions import evaluate
from dslc.graph import Builder, Tensor
from dslc.library.operation import Context
from dslc.library.word import FUNCTIONS, LAYERS
from dslc.types import FLOAT32, Dimension, TensorType, symbol
from tests.library.graphs import compiled

T = symbol("T")
ROWS: list[tuple[str, dict[str, Any], tuple[Dimension, ...]]] = [
    ("ConvTranspose", {"channels": 3, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}, (2, 4, T, 3)),
    ("ConvTranspose", {"channels": 2, "kernel": 2, "stride": 3, "padding": "same", "groups": 2}, (2, 4, T)),
    ("DepthwiseConv", {"kernel": 3, "stride": 2}, (2, 4, T, T)),
    ("SeparableConv", {"channels": 3, "kernel": 3}, (2, 4, T, 2)),
    ("MaxPool", {"size": 2, "ceil": True}, (2, 3, T, 5)),
    ("MaxPool", {"size": 3, "stride": 2, "padding": 1, "ceil": True}, (2, 3, T)),
    ("MaxPool", {"size": 2, "dilation": 3, "padding": "same"}, (2, 3, T, T)),
    ("AveragePool", {"size": 3, "stride": 2, "padding": 1, "ceil": True}, (2, 3, T, T)),
    ("AveragePool", {"size": 2, "ceil": True, "count_include_pad": False}, (2, 3, T)),
    ("LpPool", {"power": 2.0, "size": 2, "ceil": True}, (2, 3, T)),
    ("Unfold", {"kernel": 2, "stride": 2, "padding": 1}, (2, 3, T, 4)),
    ("Fold", {"output_size": (T, 4), "kernel": 2}, (2, 12, 3 * T - 3)),
    ("PixelShuffle", {"factor": 2}, (2, 8, T, 3)),
    ("PixelUnshuffle", {"factor": 2}, (2, 3, 2 * T)),
    ("ChannelShuffle", {"groups": 2}, (2, 4, T)),
    ("Pad", {"padding": (2, 1)}, (2, 3, T)),
    ("Pad", {"padding": (3, 1), "mode": "replicate"}, (2, 3, T)),
    ("Pad", {"padding": (3, 2), "mode": "reflect"}, (2, 3, 4 * T)),
    ("Pad", {"padding": (3, 2), "mode": "circular"}, (2, 3, 3 * T)),
    ("Crop", {"cropping": (1, 2)}, (2, 3, T)),
    ("Upsample", {"factor": (2.0, 3.0)}, (2, 3, T, 4)),
    ("Upsample", {"factor": 2.0, "mode": "linear"}, (2, 3, T, 4)),
    ("Upsample", {"factor": 3.0, "mode": "linear", "align_corners": True}, (2, 3, T)),
    ("resize", {"size": (5, 3), "mode": "linear"}, (2, 3, T, T)),
    ("resize", {"size": (2 * T + 1, 3), "mode": "linear", "align_corners": True}, (2, 3, 4, T)),
]


def results(
    name: str, options: dict[str, Any], type: TensorType, size: Dimension, length: int, x: np.ndarray
) -> list[np.ndarray]:
    """What the word gives, and the gradient of the sum of its squares; ``size`` is what is known of the length."""
    word = (LAYERS.get(name) or FUNCTIONS[name])(**options)

    def build(builder: Builder, _: Tensor, operand: Tensor) -> Sequence[Tensor]:
        random = np.random.default_rng(0)
        owned = word.variables(operand.type)
        weights = {v.name: builder.parameter(v.name, random.normal(size=v.shape).astype(np.float32)) for v in owned}
        y = word.emit(Context(builder, variables=weights), operand)
        assert y.type == word.type(operand.type)
        slopes = gradients(g.reduce_sum(y * y), [operand, *weights.values()])
        return [y, *(slope for slope in slopes if slope is not None)]

    return compiled(build, [TensorType(FLOAT32, (size,)), type])(np.zeros(length, np.float32), x)


@pytest.mark.parametrize(("name", "options", "shape"), ROWS, ids=[f"{n}-{row[0]}" for n, row in enumerate(ROWS)])
def test_a_symbol_gives_what_a_number_gives(name: str, options: dict[str, Any], shape: tuple[Dimension, ...]) -> None:
    for size in (4, 5, 6, 7, 9):
        numbers = tuple(evaluate(d, {"T": size}) for d in shape)
        x = np.random.default_rng(size).normal(size=numbers).astype(np.float32)
        given = {
            key: tuple(evaluate(d, {"T": size}) for d in value)
            if isinstance(value, tuple) and key != "factor"
            else value
            for key, value in options.items()
        }
        known = results(name, given, TensorType(FLOAT32, numbers), size, size, x)
        open_ = results(name, options, TensorType(FLOAT32, shape), T, size, x)
        assert len(known) == len(open_)
        for one, other in zip(open_, known, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
