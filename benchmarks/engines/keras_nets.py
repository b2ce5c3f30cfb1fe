"""The models as people write them in Keras, channels last; parameters come in the order of the specs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops

__all__ = ["build", "load_state"]


def mlp() -> list[Any]:
    """784 - 128 - 10."""
    return [keras.Input((784,)), layers.Dense(128, activation="relu"), layers.Dense(10)]


def tabular(dropout: float) -> list[Any]:
    """Four hidden layers of 512 with BatchNorm and dropout."""
    found = [keras.Input((64,))]
    for _ in range(4):
        found += [layers.Dense(512), batch_norm(), layers.ReLU(), layers.Dropout(dropout, seed=0)]
    return [*found, layers.Dense(10)]


def cnn(dropout: float) -> list[Any]:
    """Two convolutions with pooling, two dense layers."""
    return [
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(dropout, seed=0), layers.Dense(10),
    ]  # fmt: skip


def lenet() -> list[Any]:
    """LeNet-5."""
    return [
        keras.Input((28, 28, 1)),
        layers.Conv2D(6, 5, padding="same", activation="tanh"), layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2), layers.Flatten(),
        layers.Dense(120, activation="tanh"), layers.Dense(84, activation="tanh"), layers.Dense(10),
    ]  # fmt: skip


def autoencoder() -> list[Any]:
    """784 - 512 - 256 - 64 - 256 - 512 - 784."""
    hidden = [layers.Dense(width, activation="relu") for width in (512, 256, 64, 256, 512)]
    return [keras.Input((784,)), *hidden, layers.Dense(784)]


def batch_norm() -> Any:
    """Return batch normalization with the specs' numbers, which are not Keras' defaults."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


def layer_norm() -> Any:
    """Return layer normalization with the specs' epsilon."""
    return layers.LayerNormalization(epsilon=1e-5)


def conv_without_bias(channels: int, kernel: int, stride: int) -> list[Any]:
    """Return a convolution padded by the same on all sides, as "same" with a stride is not."""
    padding = [layers.ZeroPadding2D(1)] if kernel == 3 and stride > 1 else []
    mode = "same" if stride == 1 else "valid"
    return [*padding, layers.Conv2D(channels, kernel, stride, padding=mode, use_bias=False)]


class Residual(layers.Layer):
    """Two convolutions beside a skip, which is projected where the shape changes."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.main = keras.Sequential([
            *conv_without_bias(channels, 3, stride), batch_norm(), layers.ReLU(),
            *conv_without_bias(channels, 3, 1), batch_norm(),
        ])  # fmt: skip
        self.skip = layers.Identity()
        if stride != 1 or before != channels:
            self.skip = keras.Sequential([*conv_without_bias(channels, 1, stride), batch_norm()])

    def call(self, x: Any) -> Any:
        """From [N, H, W, before] to [N, H / stride, W / stride, channels]."""
        return ops.relu(self.main(x) + self.skip(x))


def resnet20() -> list[Any]:
    """ResNet-20 with projections."""
    found = [keras.Input((32, 32, 3)), *conv_without_bias(16, 3, 1), batch_norm(), layers.ReLU()]
    before = 16
    for stage in range(3):
        for number in range(3):
            found.append(Residual(before, 16 * 2**stage, 2 if stage and not number else 1))
            before = 16 * 2**stage
    return [*found, layers.GlobalAveragePooling2D(), layers.Dense(10)]


class Attention(layers.Layer):
    """Causal self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.mix = layers.Dense(3 * width), layers.Dense(width)

    def call(self, x: Any) -> Any:
        """From [N, T, C] to [N, T, C]."""
        _, t, c = x.shape
        parts = ops.split(self.qkv(x), 3, axis=-1)
        q, k, v = (ops.reshape(part, (-1, t, self.heads, c // self.heads)) for part in parts)
        mixed = ops.dot_product_attention(q, k, v, is_causal=True)
        return self.mix(ops.reshape(mixed, (-1, t, c)))


class Block(layers.Layer):
    """Attention and a perceptron, each normalized before and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm, self.attention = layer_norm(), Attention(width, heads)
        self.norm = layer_norm()
        self.hidden, self.perceptron = layers.Dense(4 * width, activation="gelu"), layers.Dense(width)

    def call(self, x: Any) -> Any:
        """From [N, T, C] to [N, T, C]."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.perceptron(self.hidden(self.norm(x)))


class Embedding(layers.Layer):
    """Adds a vector for the token and one for its place."""

    def __init__(self, vocabulary: int, width: int, block_size: int) -> None:
        super().__init__()
        self.position = self.add_weight((block_size, width), name="position")
        self.embedding = layers.Embedding(vocabulary, width)

    def call(self, tokens: Any) -> Any:
        """From [N, T] to [N, T, C]."""
        return self.embedding(tokens) + self.position


def gpt(layers: int, width: int, heads: int, block_size: int) -> list[Any]:
    """A GPT over 65 tokens."""
    return [
        keras.Input((block_size,), dtype="int32"), Embedding(65, width, block_size),
        *(Block(width, heads) for _ in range(layers)),
        layer_norm(), keras.layers.Dense(65, use_bias=False),
    ]  # fmt: skip


def build(spec: str, params: dict[str, Any]) -> Any:
    """Return the model of a spec, by the spec's file name."""
    makers: dict[str, Callable[..., list[Any]]] = {
        "mlp.dl": mlp, "tabular.dl": tabular, "cnn.dl": cnn, "lenet.dl": lenet, "resnet20.dl": resnet20,
        "autoencoder.dl": autoencoder, "gpt.dl": gpt,
    }  # fmt: skip
    return keras.Sequential(makers[spec](**params))


def load_state(model: Any, state: dict[str, np.ndarray]) -> None:
    """Copy a spec's parameters, in the order in which the model applies them, into a model with channels last."""
    flattened = {id(dense.kernel): shape for dense, shape in _after_flatten(model)}
    for variable, (name, array) in zip(model.trainable_variables, state.items(), strict=True):
        values = array
        if array.ndim == 4:  # from [out, in, height, width]
            values = array.transpose(2, 3, 1, 0)
        elif id(variable) in flattened:  # its rows are features of a flattened image
            height, width, channels = flattened[id(variable)]
            values = array.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(array.shape)
        if values.shape != tuple(variable.shape):
            raise ValueError(f"{name} is {values.shape}, Keras' variable {tuple(variable.shape)}")
        variable.assign(values)


def _after_flatten(model: Any) -> Iterator[tuple[Any, tuple[int, ...]]]:
    for flatten, dense in zip(model.layers, model.layers[1:], strict=False):
        if isinstance(flatten, layers.Flatten):
            yield dense, flatten.input.shape[1:]
