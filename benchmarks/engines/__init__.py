"""The engines that are compared, each a script that serves :mod:`protocol` in an environment of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ENGINES", "Engine"]

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Engine:
    """A way to train."""

    name: str
    title: str
    script: Path
    environment: str
    """Which Python runs it, a key of :data:`environments.ENVIRONMENTS`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Arguments of optimizers that it does not have, and what to say of it; then only the first loss is compared."""


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("dslc", "dslc", HERE / "dslc_engine.py", "dslc"),
        Engine("torch", "PyTorch eager", HERE / "torch_engine.py", "torch"),
        Engine(
            "torch-fused", "PyTorch eager, fused optimizer", HERE / "torch_engine.py", "torch",
            {"optimizer": {"fused": True}},
        ),
        Engine("torch-compile", "PyTorch compiled", HERE / "torch_engine.py", "torch", {"compile": True}),
        Engine("keras-jax", "Keras on JAX", HERE / "keras_engine.py", "keras-jax"),
        Engine(
            "ort-training", "onnxruntime-training", HERE / "ort_training_engine.py", "ort-training",
            lacks={"momentum": "its SGD has neither momentum nor weight decay, so it computes less"},
        ),
    )
}  # fmt: skip
"""By name; the first one is compared with all others."""
