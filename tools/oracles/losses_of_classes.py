"""Store what losses of classes, and of distributions over them, give, as ``tests/library/data/losses/classes.json``.

python tools/oracles/losses_of_classes.py        (with PyTorch 2; only results are stored)

binary_focal is torchvision's formula, and focal the paper's; distillation is made of PyTorch's kl_div.
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

rows = Rows("classes")
NONE = {"reduction": "none"}
WEIGHTS = [0.5, 2.0, 1.0, 0.25]
Options = dict[str, Any]
shape: tuple[int, ...]
options: Options


def last(loss: Loss) -> Loss:
    """Return a loss whose logits have the classes on the last axis."""
    return lambda a, b: loss(a.transpose(1, -1), b.transpose(1, -1) if b.is_floating_point() else b)


# --- the right class's likelihood ----------------------------------------------------------------------------


def focal(a: T, b: T, *, gamma: float = 2.0, class_weight: Any = None, ignore_index: int = -100) -> T:
    weight = torch.ones(a.shape[1]).double() if class_weight is None else torch.tensor(class_weight).double()
    log_p = a.log_softmax(1)
    cost = -((1 - log_p.exp()) ** gamma) * log_p
    if b.is_floating_point():
        return (b * weight.reshape(-1, *[1] * (a.ndim - 2)) * cost).sum(1)
    valid = b != ignore_index
    index = b * valid
    counted = weight[index] * valid
    return (cost.gather(1, index[:, None])[:, 0] * counted).sum() / counted.sum()


def nll(a: T, b: T, *, class_weight: Any = None, ignore_index: int = -100) -> T:
    weight = None if class_weight is None else torch.tensor(class_weight).double()
    if b.is_floating_point():
        return -(a * b * (1 if weight is None else weight.reshape(-1, *[1] * (a.ndim - 2)))).sum(1)
    return f.nll_loss(a, b, weight=weight, ignore_index=ignore_index)


for word, loss, scale in (("nll", nll, 1.0), ("focal", focal, 2.0)):
    for options in ({}, {"class_weight": WEIGHTS}, {"ignore_index": 2}, {"ignore_index": 2, "class_weight": WEIGHTS}):
        whole = lambda a, b, o=options, w=loss: w(a, b, **o)  # noqa: E731
        for shape in ((6, 4), (2, 4, 3)):
            logits = rows.normal(*shape, scale=scale)
            logits = logits if word == "focal" else np.log(rows.distribution(*shape))
            rows.add(word, options, whole, logits, rows.below(4, shape[0], *shape[2:]))
            if "ignore_index" not in options:
                rows.add(word, options, whole, logits, rows.distribution(*shape), constant=(1,))
    rows.add(word, {"axis": -1}, last(loss), np.log(rows.distribution(2, 3, 4, axis=2)), rows.below(4, 2, 3))
    rows.add(word, {}, loss, np.log(rows.distribution(5, 4)), np.array([0, -100, 3, 1, -100]))
    rows.add(word, {}, loss, np.log(rows.distribution(5, 4)), rows.distribution(5, 4), weight=rows.positive(5))
log_p = np.log(rows.distribution(3, 4, 2))
rows.add("nll", {}, lambda a, b: f.nll_loss(a, b, **NONE), log_p, rows.below(4, 3, 2), weight=rows.positive(3, 2))
for gamma in (0.0, 0.5, 1.0, 3.0):
    rows.add("focal", {"gamma": gamma}, lambda a, b, g=gamma: focal(a, b, gamma=g), rows.normal(5, 4), rows.below(4, 5))
rows.add("focal", {}, focal, rows.normal(4, 4, scale=30), rows.below(4, 4))

# --- two classes ---------------------------------------------------------------------------------------------


def binary_focal(a: T, b: T, *, alpha: float | None = 0.25, gamma: float = 2.0) -> T:
    p = torch.sigmoid(a)
    p_t = p * b + (1 - p) * (1 - b)
    value = f.binary_cross_entropy_with_logits(a, b, **NONE) * (1 - p_t) ** gamma
    return value if alpha is None else value * (alpha * b + (1 - alpha) * (1 - b))


for shape in ((7,), (4, 1), (2, 2, 3)):
    for options in ({}, {"alpha": None}, {"alpha": 0.9, "gamma": 0.5}, {"gamma": 1.0}, {"gamma": 0.0}):
        rows.add("binary_focal", options, lambda a, b, o=options: binary_focal(a, b, **o), rows.normal(*shape, scale=2),
                 rows.labels(*shape), constant=(1,))  # fmt: skip
rows.add("binary_focal", {}, binary_focal, rows.normal(4, 3), rows.labels(4, 3), weight=rows.positive(4), constant=(1,))
rows.add("binary_focal", {}, binary_focal, np.array([-90, -30, 0, 30, 90], np.float32),
         np.array([0, 1, 1, 1, 0], np.float32), constant=(1,))  # fmt: skip

# --- distributions -------------------------------------------------------------------------------------------


def distillation(a: T, b: T, temperature: float = 2.0) -> T:
    student, teacher = (a / temperature).log_softmax(1), (b / temperature).softmax(1)
    return f.kl_div(student, teacher, **NONE).sum(1) * temperature**2


for shape in ((6, 4), (1, 2), (2, 4, 3)):
    for temperature in (2.0, 1.0, 4.0):
        rows.add("distillation", {"temperature": temperature}, lambda a, b, v=temperature: distillation(a, b, v),
                 rows.normal(*shape, scale=3), rows.normal(*shape, scale=3))  # fmt: skip
rows.add("distillation", {"axis": -1}, last(distillation), rows.normal(2, 3, 4), rows.normal(2, 3, 4))
rows.add("distillation", {}, distillation, rows.normal(4, 3), rows.normal(4, 3), weight=rows.positive(4))
rows.add("distillation", {}, distillation, rows.normal(4, 3, scale=100), rows.normal(4, 3))

rows.write()
