"""Running small graphs on ONNX Runtime, or on the reference evaluator where it has no float64 kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import EllipsisType

import numpy as np
import onnx_ir as ir
import onnxruntime
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from dslc.graph import Builder, Tensor

Array = np.ndarray
Index = tuple[EllipsisType | int | slice, ...]
Run = Callable[[Mapping[str, Array]], list[Array]]
"""From the inputs by name to the outputs."""

NO_FLOAT64_KERNEL = frozenset({
    "Conv", "ConvTranspose", "AveragePool", "Erf", "Elu", "HardSigmoid", "Softplus", "LeakyRelu",
})  # fmt: skip


class Erf(OpRun):
    """The reference evaluator's computes in float32."""

    def _run(self, x: Array) -> tuple[Array]:
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


class Conv(OpRun):
    """By definition, in any number of axes; the reference evaluator's refuses some group and dilation counts."""

    def _run(
        self, x: Array, w: Array, b: Array | None = None, *, group: int, dilations: list[int], kernel_shape: list[int],
        pads: list[int], strides: list[int], auto_pad: str | None = None,
    ) -> tuple[Array]:  # fmt: skip
        rank = len(kernel_shape)
        x = np.pad(x, [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)])
        sizes = [
            (n - d * (k - 1) - 1) // s + 1
            for n, d, k, s in zip(x.shape[2:], dilations, kernel_shape, strides, strict=True)
        ]
        x = x.reshape(x.shape[0], group, -1, *x.shape[2:])
        grouped = w.reshape(group, -1, *w.shape[1:])
        y = np.zeros((x.shape[0], group, grouped.shape[1], *sizes), x.dtype)
        for place in np.ndindex(*kernel_shape):
            weights = grouped[at(*place)]
            y += np.einsum("ngc...,gmc->ngm...", x[_taken(place, sizes, dilations, strides)], weights)
        y = y.reshape(x.shape[0], -1, *sizes)
        return (y if b is None else y + b.reshape(-1, *[1] * rank),)


class ConvTranspose(OpRun):
    """By definition; the reference evaluator's refuses dilation."""

    def _run(
        self, x: Array, w: Array, b: Array | None = None, *, group: int, dilations: list[int], kernel_shape: list[int],
        pads: list[int], strides: list[int], output_padding: list[int], auto_pad: str | None = None,
        output_shape: list[int] | None = None,
    ) -> tuple[Array]:  # fmt: skip
        rank = len(kernel_shape)
        sizes = x.shape[2:]
        x = x.reshape(x.shape[0], group, -1, *sizes)
        grouped = w.reshape(group, -1, *w.shape[1:])
        axes = zip(sizes, strides, dilations, kernel_shape, output_padding, strict=True)
        whole = [(n - 1) * s + d * (k - 1) + 1 + extra for n, s, d, k, extra in axes]
        y = np.zeros((x.shape[0], group, grouped.shape[2], *whole), x.dtype)
        for place in np.ndindex(*kernel_shape):
            weights = grouped[at(*place)]
            y[_taken(place, sizes, dilations, strides)] += np.einsum("ngm...,gmc->ngc...", x, weights)
        y = y.reshape(x.shape[0], -1, *whole)
        inside = (slice(before, n - after) for before, after, n in zip(pads[:rank], pads[rank:], whole, strict=True))
        y = y[at(*inside)]
        return (y if b is None else y + b.reshape(-1, *[1] * rank),)


def at(*places: int | slice) -> Index:
    """The index of places along the last axes."""
    return (..., *places)


def _taken(place: Sequence[int], sizes: Sequence[int], dilations: Sequence[int], strides: Sequence[int]) -> Index:
    """Which elements meet one place of the kernel."""
    starts = [p * d for p, d in zip(place, dilations, strict=True)]
    return at(*(slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(starts, sizes, strides, strict=True)))


for _operator in (Erf, Conv, ConvTranspose):
    _operator.op_domain = ""


def runner(model: ir.Model, *, threads: int = 1) -> Run:
    """Return a function from named arrays to the model's outputs."""
    proto = ir.to_proto(model)
    is_float64 = any(value.dtype == ir.DataType.DOUBLE for value in model.graph.inputs)
    if is_float64 and any(node.op_type in NO_FLOAT64_KERNEL for node in model.graph):
        evaluator = ReferenceEvaluator(proto, new_ops=[Erf, Conv, ConvTranspose])
        return lambda feeds: list(evaluator.run(None, dict(feeds)))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, dict(feeds))


def finish(builder: Builder, outputs: Mapping[str, Tensor]) -> ir.Model:
    for name, tensor in outputs.items():
        builder.output(name, tensor)
    return builder.model()


def run(builder: Builder, outputs: Sequence[Tensor | None], feeds: Mapping[str, Array]) -> list[Array]:
    """Return the values of tensors, all of which must be there, for given inputs."""
    known = [tensor for tensor in outputs if tensor is not None]
    assert len(known) == len(outputs)
    return runner(finish(builder, {f"result_{i}": tensor for i, tensor in enumerate(known)}))(feeds)
