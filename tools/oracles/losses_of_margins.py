"""Store what losses that ask for a margin give, as ``tests/library/data/losses/margins.json``.

python tools/oracles/losses_of_margins.py        (with PyTorch 2; only results are stored)

hinge, squared_hinge and categorical_hinge are Keras's formulas, wasserstein the paper's, the others are PyTorch's own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as f
from torch import Tensor as T

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.oracles.loss_rows import Loss, Rows

rows = Rows("margins")
NONE = {"reduction": "none"}
WEIGHTS = [0.5, 2.0, 1.0, 0.25]
Options = dict[str, Any]
options: Options
shape: tuple[int, ...]
SHAPES: tuple[tuple[int, ...], ...] = ((5,), (3, 2), (2, 1, 3))
TARGET = (1,)

# --- two sides -----------------------------------------------------------------------------------------------


def hinge(a: T, b: T) -> T:
    return (1 - b * a).clamp_min(0)


def hinge_embedding(a: T, b: T, margin: float = 1.0) -> T:
    return f.hinge_embedding_loss(a, b, margin=margin, **NONE)


SIDED: dict[str, Loss] = {
    "hinge": hinge,
    "squared_hinge": lambda a, b: hinge(a, b) ** 2,
    "soft_margin": lambda a, b: f.soft_margin_loss(a, b, **NONE),
    "hinge_embedding": hinge_embedding,
    "wasserstein": lambda a, b: -b * a,
}
for word, loss in SIDED.items():
    for shape in SHAPES:
        rows.add(word, {}, loss, rows.normal(*shape, scale=1.5), rows.signs(*shape), constant=TARGET)
    rows.add(word, {}, loss, rows.normal(4, 3), rows.signs(4, 3), weight=rows.positive(4), constant=TARGET)
    rows.add(word, {}, loss, np.array([-90, -30, 0, 30, 90], np.float32), np.array([-1, 1, 1, 1, -1], np.float32),
             constant=TARGET)  # fmt: skip
rows.add("hinge_embedding", {"margin": 0.4}, lambda a, b: hinge_embedding(a, b, 0.4), rows.normal(9), rows.signs(9),
         constant=TARGET)  # fmt: skip
for margin in (0.0, 0.5):
    ranking = lambda a, b, c, m=margin: f.margin_ranking_loss(a, b, c, margin=m, **NONE)  # noqa: E731
    for shape in SHAPES:
        rows.add("margin_ranking", {"margin": margin}, ranking, rows.normal(*shape), rows.normal(*shape),
                 rows.signs(*shape), constant=(2,))  # fmt: skip
    rows.add("margin_ranking", {"margin": margin}, ranking, rows.normal(4, 3), rows.normal(4, 3), rows.signs(4, 3),
             weight=rows.positive(4), constant=(2,))  # fmt: skip
    rows.add("margin_ranking", {"margin": margin}, ranking, *np.zeros((2, 3), np.float32), rows.signs(3), constant=(2,))

# --- classes ---------------------------------------------------------------------------------------------------


def of_positions(loss: Loss) -> Loss:
    """Return a loss of [N, K, ...] that PyTorch has of [N, K] only."""

    def whole(a: T, b: T) -> T:
        return loss(a.movedim(1, -1).reshape(-1, a.shape[1]), b.reshape(-1)).reshape(b.shape)

    return whole


def last(loss: Loss) -> Loss:
    """Return a loss whose classes are on the last axis."""
    return lambda a, b: loss(a.movedim(-1, 1), b)


def multi_margin(a: T, b: T, **options: Any) -> T:
    weight = options.pop("class_weight", None)
    weight = None if weight is None else torch.tensor(weight).double()
    return f.multi_margin_loss(a, b, weight=weight, **options, **NONE)


def categorical_hinge(a: T, b: T) -> T:
    right = b if b.is_floating_point() else f.one_hot(b, a.shape[1]).movedim(-1, 1).double()
    return ((1 - right) * a).amax(1).sub((right * a).sum(1)).add(1).clamp_min(0)


for options in ({}, {"p": 2}, {"margin": 0.3}, {"class_weight": WEIGHTS}, {"p": 2, "class_weight": WEIGHTS}):
    multi = of_positions(lambda a, b, o=options: multi_margin(a, b, **o))
    for shape in ((6, 4), (2, 4, 3)):
        rows.add("multi_margin", options, multi, rows.normal(*shape), rows.below(4, shape[0], *shape[2:]))
    rows.add("multi_margin", {**options, "axis": -1}, last(multi), rows.normal(2, 3, 4), rows.below(4, 2, 3))
    rows.add("multi_margin", options, multi, rows.normal(5, 4), rows.below(4, 5), weight=rows.positive(5))
for shape in ((6, 4), (1, 2), (2, 4, 3)):
    index = rows.below(shape[1], shape[0], *shape[2:])
    right = np.moveaxis(np.eye(shape[1], dtype=np.float32)[index], -1, 1)
    rows.add("categorical_hinge", {}, categorical_hinge, rows.normal(*shape), index)
    rows.add("categorical_hinge", {}, categorical_hinge, rows.normal(*shape), right, constant=TARGET)
rows.add("categorical_hinge", {"axis": -1}, last(categorical_hinge), rows.normal(2, 3, 4), rows.below(4, 2, 3))
rows.add("categorical_hinge", {}, categorical_hinge, rows.normal(5, 4), rows.below(4, 5), weight=rows.positive(5))

# --- labels ----------------------------------------------------------------------------------------------------


def multi_label_margin(a: T, b: T) -> T:
    """Of labels that are there or not, in the form of PyTorch: their indices, ended by -1."""
    flat, there = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]) > 0
    found = torch.full(there.shape, -1)
    for row, labels in enumerate(there):
        index = labels.nonzero()[:, 0]
        found[row, : len(index)] = index
    return f.multilabel_margin_loss(flat, found, **NONE).reshape(a.shape[:-1])


for shape in ((5, 4), (3, 1), (2, 3, 4)):
    rows.add("multi_label_soft_margin", {}, lambda a, b: f.multilabel_soft_margin_loss(a, b, **NONE),
             rows.normal(*shape, scale=2), rows.labels(*shape), constant=TARGET)  # fmt: skip
    rows.add("multi_label_margin", {}, multi_label_margin, rows.normal(*shape), rows.labels(*shape), constant=TARGET)
rows.add("multi_label_soft_margin", {"class_weight": WEIGHTS}, lambda a, b: f.multilabel_soft_margin_loss(
    a, b, weight=torch.tensor(WEIGHTS).double()), rows.normal(5, 4), rows.labels(5, 4), constant=TARGET)  # fmt: skip
rows.add("multi_label_soft_margin", {}, lambda a, b: f.multilabel_soft_margin_loss(a, b, **NONE), rows.normal(5, 4),
         rows.labels(5, 4), weight=rows.positive(5), constant=TARGET)  # fmt: skip
rows.add("multi_label_margin", {}, multi_label_margin, rows.normal(5, 4), rows.labels(5, 4), weight=rows.positive(5),
         constant=TARGET)  # fmt: skip

rows.write()
