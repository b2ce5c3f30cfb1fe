"""Store what losses of regions give, as ``tests/library/data/losses/regions.json``.

python tools/oracles/losses_of_regions.py        (with PyTorch 2; only results are stored)

dice, jaccard and tversky are MONAI's formulas (its ``batch`` is ``per_example = false``), of one region or of several;
lovasz_softmax and lovasz_hinge are those of the paper's code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as f
from torch import Tensor as T

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.oracles.loss_rows import Rows

rows = Rows("regions")
Options = dict[str, Any]
options: Options
shape: tuple[int, ...]
OPTIONS: tuple[Options, ...] = ({}, {"per_example": False}, {"smooth": 1.0}, {"smooth": 0.5, "per_example": False})

# --- overlaps --------------------------------------------------------------------------------------------------


def regions(a: T, b: T, axis: int | None = None, ignore_index: int = -100) -> tuple[T, T, T]:
    """Return what is predicted and true, and what counts, as [N, regions, positions]."""
    if b.is_floating_point():
        parts = (a.sigmoid(), b, torch.ones_like(b))
        if axis is None:
            p, t, m = (x.flatten(1)[:, None] for x in parts)
        else:
            p, t, m = (x.movedim(axis, 1).flatten(2) if x.ndim > 2 else x[..., None] for x in parts)
        return p, t, m
    a = a.movedim(1 if axis is None else axis, 1)
    valid = (b != ignore_index)[:, None].double()
    true = f.one_hot(b * (b != ignore_index), a.shape[1]).movedim(-1, 1) * valid
    shape = (a.shape[0], a.shape[1], -1)
    return (a.softmax(1) * valid).reshape(shape), true.reshape(shape), valid.expand_as(true).reshape(shape)


Score = Callable[..., T]


def overlap(
    score: Score, a: T, b: T, *weight: T, per_example: bool = True, smooth: float = 1e-5, axis: int | None = None,
    ignore_index: int = -100,
) -> T:  # fmt: skip
    p, t, _ = regions(a, b, axis, ignore_index)
    sums = [x.sum(2) for x in (p * t, p, t)]
    if not per_example:
        each = weight[0] if weight else torch.ones(len(a)).double()
        sums = [(x * each[:, None]).sum(0) for x in sums]
    return (1 - score(*sums, smooth)).mean(-1)


def dice(both: T, predicted: T, true: T, s: float) -> T:
    return (2 * both + s) / (predicted + true + s)


def jaccard(both: T, predicted: T, true: T, s: float) -> T:
    return (both + s) / (predicted + true - both + s)


def tversky(both: T, predicted: T, true: T, s: float, alpha: float = 0.5, beta: float = 0.5) -> T:
    return (both + s) / (both + alpha * (predicted - both) + beta * (true - both) + s)


SCORES: dict[str, Score] = {"dice": dice, "jaccard": jaccard, "tversky": tversky}
for word, score in SCORES.items():
    for options in OPTIONS:
        whole = partial(overlap, score, **options)
        for shape in ((3, 4), (2, 1, 3), (2, 3, 2, 2)):
            rows.add(word, options, whole, rows.normal(*shape), rows.labels(*shape), constant=(1,))
        rows.add(word, {**options, "axis": 1}, partial(overlap, score, axis=1, **options), rows.normal(2, 3, 2),
                 rows.labels(2, 3, 2), constant=(1,))  # fmt: skip
        for shape in ((3, 4), (2, 3, 2), (2, 3, 2, 2)):
            rows.add(word, options, whole, rows.normal(*shape), rows.below(shape[1], shape[0], *shape[2:]))
        rows.add(word, {**options, "ignore_index": 1}, partial(overlap, score, ignore_index=1, **options),
                 rows.normal(2, 3, 4), rows.below(3, 2, 4))  # fmt: skip
    rows.add(word, {"axis": -1}, partial(overlap, score, axis=-1), rows.normal(2, 4, 3), rows.below(3, 2, 4))
    rows.add(
        word, {}, partial(overlap, score), rows.normal(3, 4), rows.labels(3, 4), weight=rows.positive(3), constant=(1,)
    )
    rows.add(word, {"per_example": False}, partial(overlap, score, per_example=False), rows.normal(3, 4, 2),
             rows.below(4, 3, 2), rows.positive(3), constant=(2,))  # fmt: skip
    rows.add(word, {}, partial(overlap, score), rows.normal(2, 4), np.zeros((2, 4), np.float32), constant=(1,))
    rows.add(word, {}, partial(overlap, score), np.full((2, 4), -60, np.float32), np.zeros((2, 4), np.float32),
             constant=(1,))  # fmt: skip
rows.add("tversky", {"alpha": 0.3, "beta": 0.7}, partial(overlap, partial(tversky, alpha=0.3, beta=0.7)),
         rows.normal(3, 4), rows.labels(3, 4), constant=(1,))  # fmt: skip

# --- Lovasz's extension ------------------------------------------------------------------------------------------


def slopes(true: T) -> T:
    """``lovasz_grad`` of the paper's code, of a sorted vector."""
    total = true.sum()
    wrong = 1 - (total - true.cumsum(0)) / (total + (1 - true).cumsum(0))
    return torch.cat([wrong[:1], wrong[1:] - wrong[:-1]])


def extension(errors: T, true: T) -> T:
    largest, order = torch.sort(errors, 0, descending=True)
    return torch.dot(largest.relu(), slopes(true[order]))


def lovasz_softmax(a: T, b: T, *, classes: str = "present", axis: int = 1, ignore_index: int = -100) -> T:
    p, t, valid = regions(a, b, axis, ignore_index)
    found = []
    for probabilities, true, counts in zip(p, t, valid, strict=True):
        costs = []
        for c in range(len(true)):
            here = counts[c] > 0
            if classes == "all" or true[c].sum() > 0:
                costs.append(extension((true[c] - probabilities[c]).abs()[here], true[c][here]))
        found.append(torch.stack(costs).mean() if costs else a.sum() * 0)
    return torch.stack(found)


def lovasz_hinge(a: T, b: T, axis: int | None = None) -> T:
    _, t, _ = regions(a, b, axis)
    scores = (a.flatten(1)[:, None] if axis is None else a.movedim(axis, 1).flatten(2)) if a.ndim > 2 else a[:, None]
    scores = scores if axis is None or a.ndim > 2 else a[..., None]
    return torch.stack([
        torch.stack([extension(1 - s * (2 * y - 1), y) for s, y in zip(one, true, strict=True)]).mean()
        for one, true in zip(scores, t, strict=True)
    ])  # fmt: skip


LOVASZ: tuple[Options, ...] = ({}, {"classes": "all"}, {"ignore_index": 1}, {"ignore_index": 1, "classes": "all"})
for options in LOVASZ:
    whole = partial(lovasz_softmax, **options)
    for shape in ((2, 3, 7), (1, 2, 1), (2, 3, 2, 3)):
        rows.add("lovasz_softmax", options, whole, rows.normal(*shape), rows.below(shape[1], shape[0], *shape[2:]))
rows.add("lovasz_softmax", {"axis": -1}, partial(lovasz_softmax, axis=-1), rows.normal(2, 5, 3), rows.below(3, 2, 5))
rows.add("lovasz_softmax", {}, lovasz_softmax, rows.normal(3, 2, 5), rows.below(2, 3, 5), weight=rows.positive(3))
rows.add("lovasz_softmax", {}, lovasz_softmax, rows.normal(2, 2, 3), np.array([[0, -100, 1], [-100, -100, -100]]))
for shape in ((3, 6), (2, 1, 3), (2, 3, 2, 2)):
    rows.add("lovasz_hinge", {}, lovasz_hinge, rows.normal(*shape), rows.labels(*shape), constant=(1,))
rows.add("lovasz_hinge", {"axis": 1}, partial(lovasz_hinge, axis=1), rows.normal(2, 3, 4), rows.labels(2, 3, 4),
         constant=(1,))  # fmt: skip
rows.add("lovasz_hinge", {}, lovasz_hinge, rows.normal(3, 6), rows.labels(3, 6), weight=rows.positive(3), constant=(1,))
rows.add("lovasz_hinge", {}, lovasz_hinge, rows.normal(2, 6), np.zeros((2, 6), np.float32), constant=(1,))

rows.write()
