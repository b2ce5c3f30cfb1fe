"""Store what penalties on weights give, as ``tests/library/data/losses/weights.json``.

python tools/oracles/losses_of_weights.py        (with PyTorch 2; only results are stored)

elastic is scikit-learn's formula, and orthogonality the paper's.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import torch
from torch import Tensor as T

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.oracles.loss_rows import Rows

rows = Rows("weights")
SHAPES: tuple[tuple[int, ...], ...] = ((3, 4), (5, 2), (4, 2, 2, 1), (1, 1))


def elastic(*weights: T, ratio: float = 0.5) -> T:
    return torch.stack([ratio * w.abs().sum() + (1 - ratio) / 2 * w.pow(2).sum() for w in weights]).sum()


def orthogonality(*weights: T) -> T:
    total = torch.zeros(()).double()
    for weight in weights:
        w = weight.flatten(1)
        w = w if w.shape[0] <= w.shape[1] else w.T
        total = total + (w @ w.T - torch.eye(len(w))).pow(2).sum()
    return total


for shape in SHAPES:
    for ratio in (0.5, 0.0, 1.0):
        rows.add("elastic", {"ratio": ratio}, partial(elastic, ratio=ratio), rows.normal(*shape))
    rows.add("orthogonality", {}, orthogonality, rows.normal(*shape))
rows.add("elastic", {}, elastic, *(rows.normal(*shape) for shape in SHAPES))
rows.add("orthogonality", {}, orthogonality, *(rows.normal(*shape) for shape in SHAPES))

rows.write()
