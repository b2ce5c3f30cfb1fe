"""Store what losses of real values give, as ``tests/library/data/losses/values.json``.

python tools/oracles/losses_of_values.py        (with PyTorch 2; only results are stored)

PyTorch has smooth_l1, poisson_nll and gaussian_nll. log_cosh is Keras's formula, quantile and tweedie are
scikit-learn's (the latter but for what does not hang on the prediction), gamma_nll is PyTorch's distribution of shape
1, and mixture_nll its mixture of normal distributions.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as f
from torch import Tensor as T

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.oracles.loss_rows import Rows

rows = Rows("values")
SHAPES: tuple[tuple[int, ...], ...] = ((5,), (3, 2), (2, 1, 3))
EXTREME = np.array([-1e4, -60, -1e-3, 0, 1e-3, 60, 1e4], np.float32)
ZERO = np.zeros(7, np.float32)

# --- errors ------------------------------------------------------------------------------------------------


def log_cosh(a: T, b: T) -> T:
    error = a - b
    return error + f.softplus(-2 * error) - np.log(2)


def pinball(a: T, b: T, q: float | list[float]) -> T:
    error = (b[..., None] if isinstance(q, list) else b) - a
    levels = torch.tensor(q, dtype=torch.float64)
    return torch.maximum(levels * error, (levels - 1) * error)


for shape in SHAPES:
    for beta in (1.0, 0.3, 0.0):
        rows.add("smooth_l1", {"beta": beta}, lambda a, b, v=beta: f.smooth_l1_loss(a, b, beta=v),
                 rows.normal(*shape), rows.normal(*shape))  # fmt: skip
    rows.add("log_cosh", {}, log_cosh, rows.normal(*shape, scale=3), rows.normal(*shape))
    for q in (0.5, 0.9, [0.1, 0.5, 0.9], [0.25]):
        last = (len(q),) if isinstance(q, list) else ()
        rows.add("quantile", {"q": q}, lambda a, b, v=q: pinball(a, b, v), rows.normal(*shape, *last),
                 rows.normal(*shape))  # fmt: skip
rows.add("smooth_l1", {}, lambda a, b: f.smooth_l1_loss(a, b, reduction="none"), rows.normal(5, 4), rows.normal(5, 4),
         weight=rows.positive(5))  # fmt: skip
rows.add("smooth_l1", {}, f.smooth_l1_loss, EXTREME, ZERO)
rows.add("log_cosh", {}, log_cosh, rows.normal(5, 4), rows.normal(5, 4), weight=rows.positive(5, 4))
rows.add("log_cosh", {}, log_cosh, EXTREME, ZERO)
rows.add("quantile", {"q": [0.2, 0.7]}, lambda a, b: pinball(a, b, [0.2, 0.7]), rows.normal(5, 4, 2), rows.normal(5, 4),
         weight=rows.positive(5, 4))  # fmt: skip
rows.add("quantile", {}, lambda a, b: pinball(a, b, 0.5), rows.normal(5, 1), rows.normal(5, 1), weight=rows.positive(5))

# --- likelihoods -------------------------------------------------------------------------------------------


def gamma_nll(a: T, b: T, log_input: bool = True, eps: float = 1e-8) -> T:
    mean = a.exp() if log_input else a + eps
    return -torch.distributions.Gamma(1.0, 1 / mean).log_prob(b)


def tweedie(a: T, b: T, power: float = 1.5, log_input: bool = True, eps: float = 1e-8) -> T:
    mean = a.exp() if log_input else a + eps
    return mean ** (2 - power) / (2 - power) - b * mean ** (1 - power) / (1 - power)


def mixture(logits: T, mean: T, deviation: T, target: T) -> T:
    parts: torch.distributions.Distribution = torch.distributions.Normal(mean, deviation)
    if mean.ndim > logits.ndim:
        parts = torch.distributions.Independent(parts, 1)
    whole = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=logits), parts)
    return -whole.log_prob(target)


for shape in SHAPES:
    counts = rows.below(7, *shape).astype(np.float32)
    for full in (False, True):
        rows.add("poisson_nll", {"full": full}, lambda a, b, v=full: f.poisson_nll_loss(a, b, full=v),
                 rows.normal(*shape), counts, constant=(1,))  # fmt: skip
    options = {"log_input": False, "eps": 1e-3}
    rows.add("poisson_nll", options, lambda a, b, o=options: f.poisson_nll_loss(a, b, **o), rows.positive(*shape),
             counts, constant=(1,))  # fmt: skip
    rows.add("gamma_nll", {}, gamma_nll, rows.normal(*shape), rows.positive(*shape))
    rows.add("gamma_nll", options, lambda a, b, o=options: gamma_nll(a, b, **o), rows.positive(*shape),
             rows.positive(*shape))  # fmt: skip
    for power in (1.5, 1.1):
        rows.add("tweedie", {"power": power}, lambda a, b, v=power: tweedie(a, b, v), rows.normal(*shape), counts)
    rows.add("tweedie", options, lambda a, b, o=options: tweedie(a, b, **o), rows.positive(*shape), counts)
    for full in (False, True):
        rows.add("gaussian_nll", {"full": full}, lambda a, b, c, v=full: f.gaussian_nll_loss(a, b, c, full=v),
                 rows.normal(*shape), rows.normal(*shape), rows.positive(*shape))  # fmt: skip
    rows.add("mixture_nll", {}, mixture, rows.normal(*shape, 3), rows.normal(*shape, 3), rows.positive(*shape, 3),
             rows.normal(*shape))  # fmt: skip
each = {"reduction": "none"}
rows.add("poisson_nll", {}, lambda a, b: f.poisson_nll_loss(a, b, **each), rows.normal(5, 4), rows.positive(5, 4),
         weight=rows.positive(5))  # fmt: skip
rows.add("gamma_nll", {}, gamma_nll, rows.normal(5, 4), rows.positive(5, 4), weight=rows.positive(5))
rows.add("tweedie", {}, tweedie, rows.normal(5, 4), rows.positive(5, 4), weight=rows.positive(5))
for shared in ((5,), (5, 1)):
    rows.add("gaussian_nll", {}, f.gaussian_nll_loss, rows.normal(5, 4), rows.normal(5, 4), rows.positive(*shared))
rows.add("gaussian_nll", {"eps": 0.5}, lambda a, b, c: f.gaussian_nll_loss(a, b, c, eps=0.5), rows.normal(9),
         rows.normal(9), rows.positive(9) / 2)  # fmt: skip
rows.add("gaussian_nll", {}, lambda a, b, c: f.gaussian_nll_loss(a, b, c, **each), rows.normal(5, 4), rows.normal(5, 4),
         rows.positive(5, 4), weight=rows.positive(5))  # fmt: skip
rows.add("mixture_nll", {}, mixture, rows.normal(4, 3), rows.normal(4, 3, 2), rows.positive(4, 3, 2), rows.normal(4, 2))
rows.add("mixture_nll", {}, mixture, rows.normal(4, 1), rows.normal(4, 1), rows.positive(4, 1), rows.normal(4))
rows.add("mixture_nll", {}, mixture, rows.normal(4, 2, 3), rows.normal(4, 2, 3), rows.positive(4, 2, 3),
         rows.normal(4, 2), weight=rows.positive(4))  # fmt: skip
rows.add("mixture_nll", {}, mixture, rows.normal(4, 3), rows.normal(4, 3, scale=40), rows.positive(4, 3),
         rows.normal(4))  # fmt: skip

rows.write()
