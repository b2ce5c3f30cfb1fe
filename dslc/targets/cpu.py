"""ONNX Runtime on processors, from version 1.19 on: the target that graphs are made for unless another is given.

The figures were measured on two cores with AVX-512; docs/lowering.md has them.
"""

from __future__ import annotations

from dslc.targets import Target
from dslc.types import FLOAT64, ElementType

__all__ = ["CPU"]

_FLOAT64 = frozenset({FLOAT64})
_FLOAT16 = frozenset({ElementType.FLOAT16})

CPU = Target(
    name="ONNX Runtime's CPU",
    opset=18,  # the first in which the axes of all reductions are operands; every runtime tried reads it
    missing={
        "AveragePool": _FLOAT64,
        "Conv": _FLOAT64,
        "ConvTranspose": _FLOAT64,
        "Erf": _FLOAT64,
        "Where": frozenset({ElementType.INT16, ElementType.UINT16, ElementType.UINT64}),
        # what follows is said in other operators where it is emitted
        "Clip": _FLOAT64,  # fails behind a Relu
        "Cos": _FLOAT64,
        "Elu": _FLOAT64,  # it, HardSigmoid and LeakyRelu: in most operator sets
        "GRU": _FLOAT64 | _FLOAT16,
        "HardSigmoid": _FLOAT64 | _FLOAT16,
        "LSTM": _FLOAT64 | _FLOAT16,
        "LeakyRelu": _FLOAT64,
        "RNN": _FLOAT64 | _FLOAT16,
        "ScatterElements": _FLOAT16,
        "Sign": _FLOAT16,  # makes NaN 0
        "Softplus": _FLOAT64,  # overflows in exp(x)
    },
    passes=frozenset(
        {
            "expand-softplus",
            "multiply-by-identity",
            "multiply-by-ones",
            "scale-and-shift",
            "unroll-loops",
            "widen-scalars",
        }
    ),
    convolved_run=16,  # the runtime copies that many at a time
    convolved_run_or_stacks=24,
    separate_products=16,  # 1.5 to 1.7 times as fast with 16 to 64 channels; with one channel 4 times slower
    stacked_share=1.5,
    channel_block=16,
    one_hot_rows=128,  # 4 times at 65 rows, even at 200 or so, 3 times slower at 1000 (768 indices, rows of 128)
    # a convolution costs some 70 ns for each channel of each example, whatever its size: 1.2 times as fast, and 1.4
    # with three times as many
    scaled_points=1024,
    moved_channels=64,  # with more the product has more to compute than it saves
    moved_points=64,  # with fewer both take no time
    widened_elements=64,
    laid_out=4_000_000,  # what the first run took tensor by tensor stays beside the block
    unrolled_rounds=8,  # 1.0 to 1.1 times as fast; at 16 0.9 to 1.1 times, at 64 0.7 to 1.0 times
    split_threads=2,  # of more, pieces would depend on timing, and so would the last bits of a logarithm
)
