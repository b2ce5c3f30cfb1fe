"""The models as forward graphs of ONNX, in training mode; parameters come in the order of the specs.

Nodes have the outputs that their gradients need: masks, indices, moments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

__all__ = ["build"]

OPSET = 17


class Graph:
    """Collects nodes; each method adds what computes one layer and returns the result's name."""

    def __init__(self, state: dict[str, np.ndarray]) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.state = iter(state.items())

    def __call__(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node."""
        return self.many(kind, 1, *inputs, **attributes)[0]

    def many(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node of several outputs."""
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=f"n{len(self.nodes)}", **attributes))
        return names

    def parameter(self) -> str:
        """Take the next parameter of the state."""
        name, array = next(self.state)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Add a constant; it is a node, since what is an initializer may be trained."""
        return self("Constant", value=numpy_helper.from_array(np.asarray(values, dtype)))

    def dense(self, x: str, *, rank: int = 2, bias: bool = True) -> str:
        """An affine map of the last axis."""
        weight = self.parameter()
        if rank == 2 and bias:
            return self("Gemm", x, weight, self.parameter())
        product = self("MatMul", x, weight)
        return self("Add", product, self.parameter()) if bias else product

    def conv(self, x: str, size: int, pad: int, *, stride: int = 1, bias: bool = True) -> str:
        """A square convolution."""
        inputs = [x, self.parameter(), *([self.parameter()] if bias else [])]
        return self("Conv", *inputs, kernel_shape=[size] * 2, pads=[pad] * 4, strides=[stride] * 2)

    def batch_norm(self, x: str) -> str:
        """Normalization by the batch."""
        scale, shift = self.parameter(), self.parameter()
        channels = len(numpy_helper.to_array(self.weights[-1]))
        moments = []
        for name, value in (("mean", np.zeros), ("variance", np.ones)):
            moments.append(f"{scale}.{name}")
            self.weights.append(numpy_helper.from_array(value(channels, np.float32), moments[-1]))
        return self.many("BatchNormalization", 3, x, scale, shift, *moments, training_mode=1, momentum=0.9)[0]

    def dropout(self, x: str, rate: float) -> str:
        """Dropout in training mode."""
        if not rate:
            return x
        return self.many("Dropout", 2, x, self.constant(rate), self.constant(True, bool))[0]

    def layer_norm(self, x: str) -> str:
        """Normalization of the last axis."""
        return self.many("LayerNormalization", 3, x, self.parameter(), self.parameter(), axis=-1)[0]

    def reshape(self, x: str, *shape: int) -> str:
        """Another shape."""
        return self("Reshape", x, self.constant(shape, np.int64))


def mlp(g: Graph, x: str) -> str:
    """784 - 128 - 10."""
    return g.dense(g("Relu", g.dense(x)))


def tabular(g: Graph, x: str, dropout: float) -> str:
    """Four hidden layers of 512 with BatchNorm and dropout."""
    for _ in range(4):
        x = g.dropout(g("Relu", g.batch_norm(g.dense(x))), dropout)
    return g.dense(x)


def cnn(g: Graph, x: str, dropout: float) -> str:
    """Two convolutions with pooling, two dense layers."""
    for _ in range(2):
        x = g.many("MaxPool", 2, g("Relu", g.conv(x, 3, 1)), kernel_shape=[2, 2], strides=[2, 2])[0]
    return g.dense(g.dropout(g("Relu", g.dense(g("Flatten", x))), dropout))


def lenet(g: Graph, x: str) -> str:
    """LeNet-5."""
    for pad in (2, 0):
        x = g("AveragePool", g("Tanh", g.conv(x, 5, pad)), kernel_shape=[2, 2], strides=[2, 2])
    x = g("Flatten", x)
    for _ in range(2):
        x = g("Tanh", g.dense(x))
    return g.dense(x)


def autoencoder(g: Graph, x: str) -> str:
    """784 - 512 - 256 - 64 - 256 - 512 - 784."""
    for _ in range(5):
        x = g("Relu", g.dense(x))
    return g.dense(x)


def resnet20(g: Graph, x: str) -> str:
    """ResNet-20 with projections."""
    x = g("Relu", g.batch_norm(g.conv(x, 3, 1, bias=False)))
    for stage in range(3):
        for number in range(3):
            stride = 2 if stage and not number else 1
            main = g("Relu", g.batch_norm(g.conv(x, 3, 1, stride=stride, bias=False)))
            main = g.batch_norm(g.conv(main, 3, 1, bias=False))
            skip = g.batch_norm(g.conv(x, 1, 0, stride=2, bias=False)) if stride == 2 else x
            x = g("Relu", g("Add", main, skip))
    return g.dense(g("Flatten", g("GlobalAveragePool", x)))


def gpt(g: Graph, tokens: str, layers: int, width: int, heads: int, block_size: int) -> str:
    """A GPT over 65 tokens, a row of logits for each; the package's loss takes no further axes."""
    position = g.parameter()
    x = g("Add", g("Gather", g.parameter(), tokens), position)
    mask = g.constant(np.triu(np.full((block_size, block_size), -1e9), 1))
    scale = g.constant((width // heads) ** -0.5)
    half, one, root = g.constant(0.5), g.constant(1.0), g.constant(2**-0.5)
    for _ in range(layers):
        joined = g.dense(g.layer_norm(x), rank=3)
        parts = g.many("Split", 3, joined, g.constant([width] * 3, np.int64), axis=-1)
        split = [g.reshape(part, 0, 0, heads, width // heads) for part in parts]
        q, v = (g("Transpose", part, perm=[0, 2, 1, 3]) for part in (split[0], split[2]))
        k = g("Transpose", split[1], perm=[0, 2, 3, 1])
        weights = g("Softmax", g("Add", g("Mul", g("MatMul", q, k), scale), mask), axis=-1)
        mixed = g.reshape(g("Transpose", g("MatMul", weights, v), perm=[0, 2, 1, 3]), 0, 0, width)
        x = g("Add", x, g.dense(mixed, rank=3))
        h = g.dense(g.layer_norm(x), rank=3)
        h = g("Mul", g("Mul", h, half), g("Add", g("Erf", g("Mul", h, root)), one))
        x = g("Add", x, g.dense(h, rank=3))
    return g.reshape(g.dense(g.layer_norm(x), rank=3, bias=False), -1, 65)


MAKERS: dict[str, Callable[..., str]] = {
    "mlp.dl": mlp, "tabular.dl": tabular, "cnn.dl": cnn, "lenet.dl": lenet, "resnet20.dl": resnet20,
    "autoencoder.dl": autoencoder, "gpt.dl": gpt,
}  # fmt: skip


def build(
    spec: str, params: dict[str, Any], state: dict[str, np.ndarray], examples: np.ndarray, batch: int
) -> ModelProto:
    """Return the forward graph of a spec for batches of one size, with the state's parameters inside."""
    import onnx

    graph = Graph(state)
    output = MAKERS[spec](graph, "input", **params)
    element = helper.np_dtype_to_tensor_dtype(examples.dtype)
    inputs = [helper.make_tensor_value_info("input", element, [batch, *examples.shape[1:]])]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    made = helper.make_graph(graph.nodes, "forward", inputs, outputs, graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = {value.name: value for value in inferred.graph.output}
    del model.graph.output[:]
    model.graph.output.append(shapes[output])
    return model
