"""Store what losses of embeddings give, as ``tests/library/data/losses/embeddings.json``.

python tools/oracles/losses_of_embeddings.py        (with PyTorch 2; only results are stored)

cosine_embedding and triplet are PyTorch's own; contrastive, center and arcface are the papers' formulas.
"""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as f
from torch import Tensor as T

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.oracles.loss_rows import Loss, Rows

rows = Rows("embeddings")
NONE = {"reduction": "none"}
Options = dict[str, Any]
options: Options
shape: tuple[int, ...]
whole: Loss
SHAPES: tuple[tuple[int, ...], ...] = ((5, 3), (4, 1), (2, 3, 4))

# --- pairs -------------------------------------------------------------------------------------------------


def in_rows(loss: Loss) -> Loss:
    """Return a loss of [N, ..., D] that PyTorch has of [N, D] only."""

    def whole(*operands: T) -> T:
        rank = operands[0].ndim
        flat = (o.reshape(-1, o.shape[-1]) if o.ndim == rank else o.reshape(-1) for o in operands)
        return loss(*flat).reshape(operands[0].shape[:-1])

    return whole


def contrastive(a: T, b: T, c: T, margin: float = 1.0, eps: float = 1e-6) -> T:
    apart = f.pairwise_distance(a, b, eps=eps)
    return c * apart**2 / 2 + (1 - c) * (margin - apart).clamp_min(0) ** 2 / 2


for options in ({}, {"margin": 0.3}):
    cosine = in_rows(lambda a, b, c, o=options: f.cosine_embedding_loss(a, b, c, **o, **NONE))
    for shape in SHAPES:
        rows.add("cosine_embedding", options, cosine, rows.normal(*shape), rows.normal(*shape), rows.signs(*shape[:-1]),
                 constant=(2,))  # fmt: skip
    rows.add("cosine_embedding", options, cosine, rows.normal(5, 3), rows.normal(5, 3), rows.signs(5),
             weight=rows.positive(5), constant=(2,))  # fmt: skip
rows.add("cosine_embedding", {}, f.cosine_embedding_loss, np.zeros((2, 3), np.float32), rows.normal(2, 3),
         rows.signs(2), constant=(2,))  # fmt: skip
for options in ({}, {"margin": 2.5}, {"eps": 1e-2}):
    for shape in SHAPES:
        rows.add("contrastive", options, lambda a, b, c, o=options: contrastive(a, b, c, **o), rows.normal(*shape),
                 rows.normal(*shape), rows.labels(*shape[:-1]), constant=(2,))  # fmt: skip
rows.add("contrastive", {"margin": 3.0}, lambda a, b, c: contrastive(a, b, c, 3.0), rows.normal(5, 3),
         rows.normal(5, 3), rows.labels(5), weight=rows.positive(5), constant=(2,))  # fmt: skip

# --- triples -----------------------------------------------------------------------------------------------

DISTANCES: dict[str, Loss] = {
    "cosine": lambda a, b: 1 - f.cosine_similarity(a, b, dim=-1),
    "squared": lambda a, b: ((a - b) ** 2).sum(-1),
}
for options in ({}, {"margin": 0.2}, {"p": 1.0}, {"p": 3.0}, {"eps": 1e-2}, {"swap": True}, {"p": 1.0, "swap": True}):
    whole = partial(f.triplet_margin_loss, **options, **NONE)
    for shape in SHAPES:
        rows.add("triplet", options, whole, rows.normal(*shape), rows.normal(*shape), rows.normal(*shape))
for distance, function in DISTANCES.items():
    for swap in (False, True):
        whole = partial(f.triplet_margin_with_distance_loss, distance_function=function, swap=swap, **NONE)
        rows.add("triplet", {"distance": distance, "swap": swap}, whole, rows.normal(5, 3), rows.normal(5, 3),
                 rows.normal(5, 3))  # fmt: skip
rows.add("triplet", {}, partial(f.triplet_margin_loss, **NONE), rows.normal(5, 3), rows.normal(5, 3),
         rows.normal(5, 3), weight=rows.positive(5))  # fmt: skip

# --- classes -----------------------------------------------------------------------------------------------


def center(a: T, b: T, c: T) -> T:
    return ((a - c[b]) ** 2).sum(-1) / 2


def arcface(a: T, b: T, c: T, radius: float = 64.0, margin: float = 0.5) -> T:
    cosine = f.normalize(a, dim=-1) @ f.normalize(c, dim=-1).T
    own = cosine.gather(-1, b[..., None])
    turned = torch.cos(torch.acos(own) + margin)
    harder = torch.where(own > math.cos(math.pi - margin), turned, own - margin * math.sin(margin))
    logits = torch.where(f.one_hot(b, c.shape[0]) > 0, harder, cosine) * radius
    return -logits.log_softmax(-1).gather(-1, b[..., None])[..., 0]


for shape in ((5, 3), (4, 6), (2, 3, 4)):
    target, table = rows.below(4, *shape[:-1]), rows.normal(4, shape[-1])
    rows.add("center", {}, center, rows.normal(*shape), target, table, tables=(2,))
    for options in ({"radius": 4.0}, {"radius": 4.0, "margin": 1.0}, {"radius": 2.0, "margin": 0.0}):
        whole = partial(arcface, **options)
        rows.add("arcface", options, whole, rows.normal(*shape), target, table, tables=(2,))
table = rows.normal(4, 3)
rows.add("center", {}, center, rows.normal(5, 3), np.zeros(5, np.int64), table, weight=rows.positive(5), tables=(2,))
rows.add("arcface", {}, arcface, rows.normal(5, 3), rows.below(4, 5), table, tables=(2,))
rows.add("arcface", {"radius": 4.0}, partial(arcface, radius=4.0), rows.normal(5, 3), rows.below(4, 5), table,
         weight=rows.positive(5), tables=(2,))  # fmt: skip
rows.add("arcface", {"radius": 4.0}, partial(arcface, radius=4.0), -table, np.arange(4), table + 0.1,
         tables=(2,))  # fmt: skip

rows.write()
