"""A table of optimizers with options, and the gradients that each follows: 50 updates of four parameters in one group.

``tests/library/data/updates.npz`` holds what PyTorch, or the code of the optimizer's authors, makes of them in float64,
written by ``tools/oracles/updates.py``. Nothing here needs either to be importable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

STEPS = 50
KEPT = (1, 2, 10, STEPS)
"""The updates after which weights are compared; the state is after the last one."""
SHAPES = {"vector": (5,), "tall": (4, 3), "wide": (2, 5), "stack": (2, 3, 2)}


@dataclass(frozen=True)
class Row:
    word: str
    options: dict[str, Any] = field(default_factory=dict)
    """Options by their names here; a nested optimizer is (word, options)."""
    curvature: float = 0.0
    """How many weights the gradients have in them, for rules that would run away along gradients of their own."""
    close: float = 1e-5
    """How near float32 comes, relative to the largest number of a tensor."""
    closest: float = 1e-10
    """How near float64 does."""

    @property
    def id(self) -> str:
        return f"{self.word}({', '.join(f'{name}={value}' for name, value in self.options.items())})"


def first_weights() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    return {name: generator.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def gradients() -> list[dict[str, np.ndarray]]:
    """Gradients with a direction and noise, of sizes over three decades; one is always 0, and some are at times."""
    generator = np.random.default_rng(8)
    mean = {name: generator.standard_normal(shape) for name, shape in SHAPES.items()}
    scale = {name: 10 ** generator.uniform(-2, 1, shape) for name, shape in SHAPES.items()}
    found = []
    for step in range(STEPS):
        drawn = {name: mean[name] + generator.standard_normal(shape) for name, shape in SHAPES.items()}
        these = {name: (drawn[name] * scale[name]).astype(np.float32) for name in SHAPES}
        these["vector"][4] = 0
        these["tall"][1] *= step % 7 != 3
        found.append(these)
    return found


ROWS = [
    Row("SGD", {"lr": 0.01, "momentum": 0.9}),
    Row("Adam"),
    Row("AdamW"),
    Row("RMSprop"),
    Row("ASGD"),
    Row("ASGD", {"lr": 0.05, "lambd": 0.1, "alpha": 0.5, "t0": 10.0, "weight_decay": 0.1}),
    Row("Rprop"),
    Row("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.5)}),
    Row("Adagrad"),
    Row("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    Row("Adadelta"),
    Row("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1}),
    Row("Ftrl"),
    Row("Ftrl", {"lr": 0.1, "learning_rate_power": -0.7, "initial_accumulator_value": 0.5, "l1": 0.3, "l2": 0.1}),
    Row("Ftrl", {"lr": 0.1, "l1": 2.0, "l2_shrinkage": 0.1, "beta": 0.5}),
    Row("Adamax"),
    Row("Adamax", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.1}),
    Row("NAdam"),
    Row("NAdam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.1, "momentum_decay": 0.1}),
    Row("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    Row("RAdam"),
    Row("RAdam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.1}),
    Row("RAdam", {"lr": 0.1, "betas": (0.9, 0.5)}),
    Row("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    Row("Lion"),
    Row("Lion", {"lr": 0.01, "betas": (0.5, 0.9), "weight_decay": 0.1}),
    Row("Adan"),
    Row("Adan", {"lr": 0.1, "betas": (0.9, 0.5, 0.95), "eps": 1e-2, "weight_decay": 0.1}),
    Row("Adan", {"lr": 0.1, "weight_decay": 0.1, "no_prox": True}),
    Row("LARS"),
    Row("LARS", {"lr": 0.5, "trust_coeff": 0.1, "eps": 0.1, "weight_decay": 0.1, "momentum": 0.9}),
    Row("LARS", {"trust_coeff": 0.01, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    Row("LARS", {"trust_coeff": 0.01, "momentum": 0.9, "nesterov": True}),
    Row("LAMB"),
    Row("LAMB", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.3}),
    Row("LAMB", {"weight_decay": 0.0}),
    Row("Adafactor"),
    Row("Adafactor", {"lr": 0.1, "beta2_decay": -0.5, "eps1": 0.3, "eps2": 2.0, "d": 1.2, "weight_decay": 0.1}),
    Row("Muon"),
    Row(
        "Muon", {"lr": 0.1, "weight_decay": 0.0, "momentum": 0.5, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"}
    ),
    Row(
        "Muon",
        {"lr": 0.1, "ns_coefficients": (2.0, -1.5, 0.5), "ns_steps": 3, "eps": 50.0, "others": ("SGD", {"lr": 0.1})},
    ),
    Row("Muon", {"lr": 0.1, "others": ("NAdam", {"lr": 0.1})}),
    Row("ScheduleFreeSGD", {"lr": 0.1}),
    Row(
        "ScheduleFreeSGD",
        {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1, "warmup_steps": 7, "r": 1.5, "weight_lr_power": 1.0},
    ),
    Row("ScheduleFreeAdamW"),
    Row("ScheduleFreeAdamW", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1, "warmup_steps": 10}),
    Row("ScheduleFreeAdamW", {"lr": 0.1, "warmup_steps": 70, "r": 0.5, "weight_lr_power": 0.0}),
    Row("Prodigy", curvature=10.0, close=3e-5, closest=3e-9),
    Row(
        "Prodigy",
        {"lr": 0.5, "betas": (0.8, 0.99), "eps": 1e-2, "weight_decay": 0.1, "d0": 1e-3, "d_coef": 2.0},
        curvature=10.0,
        close=3e-5,
        closest=3e-9,
    ),
    Row(
        "Prodigy",
        {"beta3": 0.9, "weight_decay": 0.1, "decouple": False, "d0": 1e-4, "growth_rate": 1.3},
        curvature=10.0,
        close=1e-4,
        closest=3e-9,
    ),
    Row(
        "Prodigy",
        {"use_bias_correction": True, "safeguard_warmup": True, "lr": 0.3, "d0": 1e-3},
        curvature=10.0,
        close=3e-5,
        closest=3e-9,
    ),
    Row("Lookahead", {"inner": ("SGD", {"lr": 0.1, "momentum": 0.9})}),
    Row("Lookahead", {"inner": ("Adam", {"lr": 0.1}), "k": 3, "alpha": 0.8}),
    Row("SAM", {"inner": ("Adam", {"lr": 0.1}), "rho": 0.1, "adaptive": True}),
    Row("Lookahead", {"inner": ("NAdam", {"lr": 0.1})}),
    Row("Lookahead", {"inner": ("Muon", {"lr": 0.1}), "k": 1}),
]
