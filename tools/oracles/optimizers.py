"""Store what PyTorch's optimizers do, as ``tests/library/data/optimizers.json``.

Run it where PyTorch is installed: ``python tools/oracles/optimizers.py``. Everything is computed in float64 from
float32 gradients, so that it is the truth that float32 results are held against.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

DATA = Path(__file__).parents[2] / "tests" / "library" / "data"
STEPS = 20
SLOTS = {
    "SGD": {"momentum_buffer": "momentum"},
    "Adam": {"exp_avg": "first_moment", "exp_avg_sq": "second_moment", "max_exp_avg_sq": "second_moment_peak"},
    "RMSprop": {"square_avg": "mean_square", "grad_avg": "mean", "momentum_buffer": "momentum"},
}
SLOTS["AdamW"] = SLOTS["Adam"]


def run(name: str, options: dict[str, Any], weight: np.ndarray, gradients: np.ndarray) -> dict[str, Any]:
    """Return the weight after each step, and the optimizer's state at the end."""
    parameter = torch.nn.Parameter(torch.tensor(weight, dtype=torch.float64))
    optimizer = getattr(torch.optim, name)([parameter], **options)
    weights = []
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        weights.append(parameter.detach().tolist())
    state = {ours: optimizer.state[parameter][theirs].tolist()
             for theirs, ours in SLOTS[name].items() if theirs in optimizer.state[parameter]}  # fmt: skip
    return {"word": name, "options": options, "weights": weights, "state": state}


def optimizers() -> dict[str, Any]:
    generator = np.random.default_rng(4)
    weight = generator.standard_normal(6).astype(np.float32)
    gradients = (generator.standard_normal((STEPS, 6)) * 10 ** generator.uniform(-3, 1, 6)).astype(np.float32)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("SGD", {}),
        ("SGD", {"lr": 0.1, "weight_decay": 0.01}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("Adam", {}),
        ("Adam", {"lr": 0.1, "betas": [0.5, 0.9], "eps": 1e-3, "weight_decay": 0.1}),
        ("Adam", {"lr": 0.1, "amsgrad": True}),
        ("Adam", {"lr": 0.1, "betas": [0.0, 0.99]}),
        ("AdamW", {}),
        ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "betas": [0.8, 0.95]}),
        ("AdamW", {"lr": 0.1, "amsgrad": True}),
        ("RMSprop", {}),
        ("RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 1e-2, "weight_decay": 0.1}),
        ("RMSprop", {"momentum": 0.9}),
        ("RMSprop", {"alpha": 0.9, "centered": True}),
        ("RMSprop", {"alpha": 0.9, "centered": True, "momentum": 0.5, "weight_decay": 0.1}),
    ]
    rows = [run(name, options, weight, gradients) for name, options in cases]
    return {"weight": weight.tolist(), "gradients": gradients.tolist(), "rows": rows}


DATA.mkdir(parents=True, exist_ok=True)
(DATA / "optimizers.json").write_text(json.dumps(optimizers()) + "\n", encoding="utf-8")
