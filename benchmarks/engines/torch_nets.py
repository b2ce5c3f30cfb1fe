"""The models as people write them in PyTorch; parameters come in the order of the specs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["build", "load_state"]


def mlp() -> nn.Module:
    """784 - 128 - 10."""
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def tabular(dropout: float) -> nn.Module:
    """Four hidden layers of 512 with BatchNorm and dropout."""
    layers: list[nn.Module] = []
    for number in range(4):
        layers += [nn.Linear(512 if number else 64, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(512, 10))


def cnn(dropout: float) -> nn.Module:
    """Two convolutions with pooling, two dense layers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, 10),
    )  # fmt: skip


def lenet() -> nn.Module:
    """LeNet-5."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def autoencoder() -> nn.Module:
    """784 - 512 - 256 - 64 - 256 - 512 - 784."""
    sizes = [784, 512, 256, 64, 256, 512]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(512, 784))


class Residual(nn.Module):
    """Two convolutions beside a skip, which is projected where the shape changes."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(before, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or before != channels:
            self.skip = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """From [N, before, H, W] to [N, channels, H / stride, W / stride]."""
        return functional.relu(self.main(x) + self.skip(x))


def resnet20() -> nn.Module:
    """ResNet-20 with projections."""
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for stage in range(3):
        for number in range(3):
            layers.append(Residual(before, 16 * 2**stage, 2 if stage and not number else 1))
            before = 16 * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """From [N, T, C] to [N, T, C]."""
        n, t, c = x.shape
        q, k, v = (part.view(n, t, self.heads, c // self.heads).transpose(1, 2) for part in self.qkv(x).split(c, -1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        mixed_heads: Tensor = self.mix(mixed.transpose(1, 2).reshape(n, t, c))
        return mixed_heads


class Block(nn.Module):
    """Attention and a perceptron, each normalized before and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """From [N, T, C] to [N, T, C]."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.perceptron(self.norm(x))


class Gpt(nn.Module):
    """A GPT over 65 tokens."""

    def __init__(self, layers: int, width: int, heads: int, block_size: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(block_size, width))
        self.embedding = nn.Embedding(65, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 65, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """From [N, T] to [N, 65, T]: the classes on axis 1, where PyTorch's loss has them."""
        logits: Tensor = self.head(self.norm(self.blocks(self.embedding(tokens) + self.position)))
        return logits.transpose(1, 2)


def build(spec: str, params: dict[str, Any]) -> nn.Module:
    """Return the model of a spec, by the spec's file name."""
    makers: dict[str, Callable[..., nn.Module]] = {
        "mlp.dl": mlp, "tabular.dl": tabular, "cnn.dl": cnn, "lenet.dl": lenet, "resnet20.dl": resnet20,
        "autoencoder.dl": autoencoder, "gpt.dl": Gpt,
    }  # fmt: skip
    return makers[spec](**params)


def load_state(module: nn.Module, state: dict[str, np.ndarray]) -> None:
    """Copy a spec's parameters, in the order in which the model applies them; dense weights are transposed."""
    targets = [
        (parameter, isinstance(owner, nn.Linear) and parameter.ndim == 2)
        for owner in module.modules()
        for parameter in owner.parameters(recurse=False)
    ]
    with torch.no_grad():
        for (parameter, is_dense), (name, array) in zip(targets, state.items(), strict=True):
            values = torch.from_numpy(array.T if is_dense else array)
            if values.shape != parameter.shape:
                raise ValueError(f"{name} is {tuple(values.shape)}, PyTorch's parameter {tuple(parameter.shape)}")
            parameter.copy_(values)
