"""Store what losses that compare examples give, as ``tests/library/data/losses/batches.json``.

python tools/oracles/losses_of_batches.py        (with PyTorch 2; only results are stored)

info_nce is PyTorch's cross entropy of cosines, and circle the paper's formula for each example.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as f
from torch import Tensor as T

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.oracles.loss_rows import Rows

rows = Rows("batches")
options: dict[str, Any]


def info_nce(a: T, b: T, temperature: float = 0.1, normalize: bool = True, symmetric: bool = False) -> T:
    if normalize:
        a, b = f.normalize(a, dim=-1), f.normalize(b, dim=-1)
    if b.ndim == 3:
        return f.cross_entropy(
            torch.einsum("nd,nkd->nk", a, b) / temperature, torch.zeros(len(a)).long(), reduction="none"
        )
    logits, own = a @ b.T / temperature, torch.arange(len(a))
    value = f.cross_entropy(logits, own, reduction="none")
    return (value + f.cross_entropy(logits.T, own, reduction="none")) / 2 if symmetric else value


def circle(a: T, b: T, margin: float = 0.25, gamma: float = 256.0) -> T:
    a = f.normalize(a, dim=-1)
    cosine = a @ a.T
    found = []
    for i in range(len(a)):
        alike = (b == b[i]) & (torch.arange(len(a)) != i)
        p, n = cosine[i][alike], cosine[i][b != b[i]]
        if len(p) and len(n):
            near = gamma * (1 + margin - p.detach()).clamp_min(0) * (1 - margin - p)
            far = gamma * (n.detach() + margin).clamp_min(0) * (n - margin)
            found.append(f.softplus(near.logsumexp(0) + far.logsumexp(0)))
        else:
            found.append(a.sum() * 0)
    return torch.stack(found)


for options in ({}, {"temperature": 1.0}, {"normalize": False, "temperature": 2.0}, {"symmetric": True}):
    for shape in ((5, 3), (1, 4), (4, 1)):
        rows.add("info_nce", options, partial(info_nce, **options), rows.normal(*shape), rows.normal(*shape))
    if "symmetric" not in options:
        for size in (1, 3):
            rows.add("info_nce", options, partial(info_nce, **options), rows.normal(4, 3), rows.normal(4, size, 3))
rows.add("info_nce", {}, info_nce, rows.normal(5, 3), rows.normal(5, 3), weight=rows.positive(5))
rows.add("info_nce", {}, info_nce, rows.normal(5, 3), rows.normal(5, 2, 3), weight=rows.positive(5))
for options in ({"gamma": 4.0}, {"gamma": 8.0, "margin": 0.4}, {}):
    for shape in ((8, 4), (5, 3), (1, 4)):
        rows.add("circle", options, partial(circle, **options), rows.normal(*shape), rows.below(3, shape[0]))
rows.add("circle", {"gamma": 4.0}, partial(circle, gamma=4.0), rows.normal(6, 3), np.array([4, -1, 4, 900, -1, 4]),
         weight=rows.positive(6))  # fmt: skip
rows.add("circle", {"gamma": 4.0}, partial(circle, gamma=4.0), rows.normal(3, 2), np.zeros(3, np.int64))

rows.write()
