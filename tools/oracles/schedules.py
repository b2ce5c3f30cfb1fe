"""Store what PyTorch's schedules do, as ``tests/library/data/schedules.json``.

Run it where PyTorch is installed: ``python tools/oracles/schedules.py``. What PyTorch has no scheduler for is its
``LambdaLR`` of the formula of the tool that has it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler as schedulers

DATA = Path(__file__).parents[2] / "tests" / "library" / "data"


def values_of(base: float, make: Any, steps: int) -> list[float]:
    """Return the learning rate that each of the first steps sees."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = make(optimizer)
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def transformers(warmup: int, timescale: int) -> Any:
    """Return transformers' ``get_inverse_sqrt_schedule`` behind its warmup."""
    return lambda step: 1 / math.sqrt((step + timescale - warmup) / timescale)


class AboveLR:
    """A scheduler of PyTorch's whose values lie higher by a constant, which it has no option for."""

    def __init__(self, optimizer: Any, inner: Any, above: float) -> None:
        self.optimizer, self.inner, self.above = optimizer, inner, above
        optimizer.param_groups[0]["lr"] += above

    def step(self) -> None:
        self.optimizer.param_groups[0]["lr"] -= self.above
        self.inner.step()
        self.optimizer.param_groups[0]["lr"] += self.above


class OverLR:
    """A scheduler that PyTorch lets no further than its end."""

    def __init__(self, inner: Any, steps: int) -> None:
        self.inner, self.left = inner, steps - 1

    def step(self) -> None:
        if self.left > 0:
            self.inner.step()
            self.left -= 1


def plateau(options: dict[str, Any], history: list[float]) -> list[float]:
    """Return the learning rate after each figure."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=options["start"])
    named = {k: v for k, v in options.items() if k != "start"}
    scheduler = schedulers.ReduceLROnPlateau(optimizer, **named)
    values = []
    for figure in history:
        scheduler.step(figure)
        values.append(optimizer.param_groups[0]["lr"])
    return values


def schedules() -> dict[str, Any]:
    total = 60
    rows = [
        {"word": word, "options": options, "total": total, "values": values_of(base, make, total)}
        for word, options, base, make in (
            ("constant", {"value": 0.3}, 0.3, lambda o: schedulers.ConstantLR(o, factor=1.0)),
            ("step", {"start": 0.5, "every": 7, "factor": 0.3}, 0.5, lambda o: schedulers.StepLR(o, 7, 0.3)),
            ("exponential", {"start": 0.5, "factor": 0.93}, 0.5, lambda o: schedulers.ExponentialLR(o, 0.93)),
            ("linear", {"start": 0.4, "end": 0.1, "steps": 25}, 0.4,
             lambda o: schedulers.LinearLR(o, 1.0, 0.25, total_iters=25)),
            ("linear", {"start": 0.4, "end": 0.1}, 0.4,
             lambda o: schedulers.LinearLR(o, 1.0, 0.25, total_iters=total)),
            ("cosine", {"start": 0.4, "end": 0.01}, 0.4, lambda o: schedulers.CosineAnnealingLR(o, total, 0.01)),
            ("warmup", {"steps": 10, "then": 0.2}, 0.2,
             lambda o: schedulers.LambdaLR(o, lambda step: min(1.0, step / 10))),
            ("polynomial", {"start": 0.4, "steps": 25}, 0.4, lambda o: schedulers.PolynomialLR(o, 25)),
            ("polynomial", {"start": 0.4, "power": 2.5}, 0.4, lambda o: schedulers.PolynomialLR(o, total, 2.5)),
            ("polynomial", {"start": 0.5, "end": 0.1, "power": 0.5, "steps": 30}, 0.4,
             lambda o: AboveLR(o, schedulers.PolynomialLR(o, 30, 0.5), 0.1)),
            *(("inverse_sqrt", {"start": 0.4, **({"timescale": scale} if scale != 10_000 else {})}, 0.4,
               lambda o, scale=scale: schedulers.LambdaLR(o, transformers(0, scale))) for scale in (10, 10_000)),
            ("inverse_time", {"start": 0.4, "rate": 0.5, "every": 7}, 0.4,
             lambda o: schedulers.LambdaLR(o, lambda step: 1 / (1 + 0.5 * step / 7))),
            ("inverse_time", {"start": 0.4, "rate": 0.5, "every": 7, "staircase": True}, 0.4,
             lambda o: schedulers.LambdaLR(o, lambda step: 1 / (1 + 0.5 * (step // 7)))),
            ("inverse_time", {"start": 0.4, "rate": 0.02}, 0.4,
             lambda o: schedulers.LambdaLR(o, lambda step: 1 / (1 + 0.02 * step))),
            ("piecewise", {"values": [0.4, 0.2, 0.1], "boundaries": [9, 31]}, 0.4,
             lambda o: schedulers.MultiStepLR(o, [9, 31], 0.5)),
            ("piecewise", {"values": [0.4, 0.7, 0.1], "boundaries": [9, 31]}, 0.4,  # Keras: step <= boundary
             lambda o: schedulers.LambdaLR(o, lambda step: (0.4 if step <= 8 else 0.7 if step <= 30 else 0.1) / 0.4)),
            *(("one_cycle", {"peak": 0.4, **({"steps": steps} if steps != total else {}), **options}, 0.4,
               lambda o, options=options, steps=steps:
               OverLR(schedulers.OneCycleLR(o, 0.4, total_steps=steps, **options), steps))
              for options in ({}, {"anneal_strategy": "linear", "pct_start": 0.45}, {"three_phase": True},
                              {"pct_start": 0.0}, {"div_factor": 5.0, "final_div_factor": 100.0})
              for steps in (25, total)),
            *(("cyclic", {"start": 0.1, "peak": 0.4, **options}, 0.1, lambda o, options=options: schedulers.CyclicLR(
                o, 0.1, 0.4, options.get("up", 2000), options.get("down"), options.get("mode", "triangular"),
                options.get("gamma", 1.0), cycle_momentum=False))
              for options in ({}, {"up": 7}, {"up": 5, "down": 9, "mode": "triangular2"},
                              {"up": 5, "down": 1, "mode": "exp_range", "gamma": 0.95})),
            *(("cosine_restarts", {"start": 0.4, "every": every, **options}, 0.4,
               lambda o, every=every, options=options: schedulers.CosineAnnealingWarmRestarts(
                   o, every, options.get("factor", 1), options.get("end", 0.0)))
              for every, options in ((7, {}), (4, {"factor": 2, "end": 0.05}), (1, {"factor": 3}), (3, {"factor": 2}))),
        )
    ]  # fmt: skip
    generator = np.random.default_rng(2)
    history = (np.exp(-np.arange(40) / 6) + generator.uniform(0, 0.05, 40)).round(4).tolist()
    plateaus = [
        {"word": "plateau", "options": options, "history": figures, "values": plateau(options, figures)}
        for options, figures in (
            ({"start": 0.1, "patience": 2}, history),
            ({"start": 0.1, "patience": 1, "factor": 0.5, "cooldown": 3, "min_lr": 0.004}, history),
            ({"start": 0.1, "patience": 2, "mode": "max", "threshold": 0.02, "threshold_mode": "abs"},
             [1 - x for x in history]),
            ({"start": 0.1, "patience": 1, "mode": "max"}, [-x for x in history]),
            ({"start": 1e-7, "patience": 0, "factor": 0.5}, history),
        )
    ]  # fmt: skip
    return {"rows": rows, "plateaus": plateaus}


DATA.mkdir(parents=True, exist_ok=True)
(DATA / "schedules.json").write_text(json.dumps(schedules()) + "\n", encoding="utf-8")
