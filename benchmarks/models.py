"""What is measured: the models, each a spec with params, data of a fixed seed, and the optimizer that the peers use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["MODELS", "SPECS", "Workload"]

SPECS = Path(__file__).resolve().parent / "models"
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Workload:
    """One model at one size."""

    name: str
    spec: str
    """File name of the spec under ``models/``."""
    batch: int
    optimizer: Mapping[str, Any]
    """The spec's optimizer in PyTorch's words: its class and its arguments."""
    data: Callable[[np.random.Generator], Arrays]
    data_file: str = "data.npz"
    params: Mapping[str, int | float] = field(default_factory=dict)
    bound_by_convolutions: bool = False

    @property
    def has_dropout(self) -> bool:
        """Does it draw random numbers, so that losses agree between engines only with dropout off?"""
        return "dropout" in self.params

    @property
    def settings(self) -> dict[str, str]:
        """Values of the spec's params, as text."""
        return {name: str(value) for name, value in {**self.params, "batch_size": self.batch}.items()}


def images(examples: int, *shape: int, labels: bool = True) -> Callable[[np.random.Generator], Arrays]:
    """Return what draws noise between 0 and 1, with a label that depends on it."""

    def draw(generator: np.random.Generator) -> Arrays:
        values = generator.random((examples, *shape), np.float32)
        found = {"image": values}
        if labels:
            rows = values.reshape(examples, -1)
            found["label"] = np.argmax(rows @ generator.standard_normal((rows.shape[1], 10), np.float32), axis=1)
        return found

    return draw


def table(examples: int) -> Callable[[np.random.Generator], Arrays]:
    """Return what draws rows of 64 normal features, with a label that depends on them."""

    def draw(generator: np.random.Generator) -> Arrays:
        features = generator.standard_normal((examples, 64), np.float32)
        label = np.argmax(features @ generator.standard_normal((64, 10), np.float32), axis=1)
        return {"features": features, "label": label}

    return draw


def text(examples: int, length: int) -> Callable[[np.random.Generator], Arrays]:
    """Return what draws rows of 65 different tokens; the target is the token after each."""

    def draw(generator: np.random.Generator) -> Arrays:
        tokens = generator.integers(0, 65, (examples, length + 1))
        return {"tokens": tokens[:, :-1].copy(), "following": tokens[:, 1:].copy()}

    return draw


ADAM = {"class": "Adam", "lr": 1e-3}


def _mlp(batch: int) -> Workload:
    return Workload(f"mlp-{batch}", "mlp.dl", batch, ADAM, images(8192, 784))


def _gpt(layers: int, width: int, heads: int, batch: int, block: int) -> Workload:
    return Workload(
        f"gpt-{layers}x{width}", "gpt.dl", batch,
        {"class": "AdamW", "lr": 1e-3, "betas": (0.9, 0.95), "weight_decay": 0.1},
        text(40 * batch, block), "text.npz",
        {"layers": layers, "width": width, "heads": heads, "block_size": block},
    )  # fmt: skip


MODELS = {
    workload.name: workload
    for workload in (
        _mlp(32),
        _mlp(128),
        _mlp(1024),
        Workload("tabular", "tabular.dl", 256, ADAM, table(8192), params={"dropout": 0.2}),
        Workload(
            "cnn", "cnn.dl", 128, ADAM, images(2560, 1, 28, 28), params={"dropout": 0.25}, bound_by_convolutions=True
        ),
        Workload(
            "lenet", "lenet.dl", 128, {"class": "SGD", "lr": 0.01, "momentum": 0.9}, images(5120, 1, 28, 28),
            bound_by_convolutions=True,
        ),
        Workload(
            "resnet20", "resnet20.dl", 128, {"class": "SGD", "lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4},
            images(1280, 3, 32, 32), bound_by_convolutions=True,
        ),
        Workload("autoencoder", "autoencoder.dl", 128, ADAM, images(5120, 784, labels=False)),
        _gpt(4, 128, 4, 12, 64),
        _gpt(6, 384, 6, 4, 128),
    )
}  # fmt: skip
"""By name, in the order of the tables."""
