"""Store what PyTorch's losses give, with their gradients by the prediction, as ``tests/library/data/losses.json``.

Run it where PyTorch is installed: ``python tools/oracles/losses.py``. Values are computed in float64 from float32
operands, so that they are the truth that a float32 result is held against.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as f

TARGET = Path(__file__).parents[2] / "tests" / "library" / "data" / "losses.json"
Loss = Callable[..., torch.Tensor]
generator = np.random.default_rng(20)
rows: list[dict[str, Any]] = []


def row(
    word: str, options: dict[str, Any], loss: Loss, *operands: np.ndarray, weight: np.ndarray | None = None
) -> None:  # fmt: skip
    """Store one case. ``loss`` maps tensors to each element's loss where there is a weight, else to the value."""
    tensors = [torch.tensor(o, dtype=torch.float64 if o.dtype.kind == "f" else torch.int64) for o in operands]
    tensors[0].requires_grad_()
    value = loss(*tensors)
    if weight is not None:
        each = torch.tensor(weight, dtype=torch.float64).reshape(*weight.shape, *[1] * (value.ndim - weight.ndim))
        value = (value * each).sum() / each.expand_as(value).sum()
    value.backward()
    stored = [*operands] if weight is None else [*operands, weight]
    rows.append({
        "word": word, "options": options,
        "operands": [{"element": o.dtype.name, "shape": o.shape, "values": o.ravel().tolist()} for o in stored],
        "value": value.item(), "gradient": tensors[0].grad.ravel().tolist(),
    })  # fmt: skip


def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (generator.standard_normal(shape) * scale).astype(np.float32).round(4)


def positive(*shape: int) -> np.ndarray:
    return generator.uniform(0.2, 2, shape).astype(np.float32).round(4)


def labels(classes: int, *shape: int) -> np.ndarray:
    return generator.integers(0, classes, shape)


def distribution(*shape: int, axis: int = 1) -> np.ndarray:
    p = positive(*shape)
    return (p / p.sum(axis, keepdims=True)).astype(np.float32)


for shape in ((7,), (4, 3), (2, 3, 4)):
    for word, loss in (("mse", f.mse_loss), ("mae", f.l1_loss)):
        row(word, {}, loss, normal(*shape), normal(*shape))
        row(word, {}, lambda a, b, loss=loss: loss(a, b, reduction="none"), normal(*shape), normal(*shape),
            weight=positive(shape[0]))  # fmt: skip
row("mse", {}, lambda a, b: f.mse_loss(a, b, reduction="none"), normal(3, 4), normal(3, 4), weight=positive(3, 4))
for delta in (1.0, 0.4):
    row("huber", {"delta": delta}, lambda a, b, d=delta: f.huber_loss(a, b, delta=d), normal(5, 4), normal(5, 4))
row("huber", {}, lambda a, b: f.huber_loss(a, b, reduction="none"), normal(5, 4), normal(5, 4), weight=positive(5))

bce = f.binary_cross_entropy_with_logits
extreme = np.array([-100, -30, -5, 0, 5, 30, 100], np.float32)
row("binary_cross_entropy", {}, bce, normal(9, scale=3), labels(2, 9).astype(np.float32))
row("binary_cross_entropy", {}, bce, normal(4, 3), positive(4, 3) / 2)
row("binary_cross_entropy", {}, bce, extreme, np.array([0, 1, 1, 1, 0, 0, 1], np.float32))
for pos_weight in (2.5, [0.5, 1.0, 3.0]):
    row("binary_cross_entropy", {"pos_weight": pos_weight},
        lambda a, b, p=pos_weight: bce(a, b, pos_weight=torch.tensor(p)), normal(4, 3, scale=3),
        labels(2, 4, 3).astype(np.float32))  # fmt: skip
row("binary_cross_entropy", {}, lambda a, b: bce(a, b, reduction="none"), normal(6, 2),
    labels(2, 6, 2).astype(np.float32), weight=positive(6))  # fmt: skip

kl = f.kl_div
with_zeros = distribution(3, 5) * (labels(2, 3, 5) > 0)
row("kl_divergence", {}, lambda a, b: kl(a, b, reduction="batchmean"), np.log(distribution(6, 4)), distribution(6, 4))
row("kl_divergence", {}, lambda a, b: kl(a, b, reduction="batchmean"), np.log(distribution(3, 5)), with_zeros)
row("kl_divergence", {}, lambda a, b: kl(a, b, reduction="none").sum((1, 2)), np.log(distribution(4, 3, 2)),
    distribution(4, 3, 2), weight=positive(4))  # fmt: skip

weights = [0.5, 2.0, 1.0, 0.25]
ignoring = labels(4, 8)
ignoring[[1, 5]] = -100
for options in (
    {}, {"label_smoothing": 0.1}, {"class_weight": weights}, {"class_weight": weights, "label_smoothing": 0.2},
    {"ignore_index": 2}, {"ignore_index": 2, "class_weight": weights, "label_smoothing": 0.2},
):  # fmt: skip

    def cross_entropy(a: torch.Tensor, b: torch.Tensor, options: dict[str, Any] = options) -> torch.Tensor:
        named = {k: v for k, v in options.items() if k != "class_weight"}
        weight = options.get("class_weight")
        return f.cross_entropy(a, b, weight=None if weight is None else torch.tensor(weight).double(), **named)

    row("cross_entropy", options, cross_entropy, normal(8, 4), labels(4, 8))
    row("cross_entropy", options, cross_entropy, normal(2, 4, 3), labels(4, 2, 3))
    row("cross_entropy", {**options, "axis": -1}, lambda a, b, c=cross_entropy: c(a.transpose(1, 2), b),
        normal(2, 3, 4), labels(4, 2, 3))  # fmt: skip
    if "ignore_index" not in options:
        row("cross_entropy", options, cross_entropy, normal(8, 4), ignoring)
        row("cross_entropy", options, cross_entropy, normal(8, 4), distribution(8, 4))
        row("cross_entropy", options, cross_entropy, normal(2, 4, 3), distribution(2, 4, 3))
row("cross_entropy", {}, f.cross_entropy, normal(2, 4, 2, 3), labels(4, 2, 2, 3))
row("cross_entropy", {}, f.cross_entropy, normal(5, 4, scale=100), labels(4, 5))
row("cross_entropy", {}, lambda a, b: f.cross_entropy(a, b, reduction="none"), normal(6, 4), labels(4, 6),
    weight=positive(6))  # fmt: skip
row("cross_entropy", {}, lambda a, b: f.cross_entropy(a, b, reduction="none"), normal(3, 4, 2), labels(4, 3, 2),
    weight=positive(3, 2))  # fmt: skip
row("cross_entropy", {}, lambda a, b: f.cross_entropy(a, b, reduction="none"), normal(6, 4), distribution(6, 4),
    weight=positive(6))  # fmt: skip

row("l2", {}, lambda w: w.pow(2).sum(), normal(3, 4))
row("l1", {}, lambda w: w.abs().sum(), normal(3, 4))

TARGET.parent.mkdir(parents=True, exist_ok=True)
TARGET.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n", encoding="utf-8")
