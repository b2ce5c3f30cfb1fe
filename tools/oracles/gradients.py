"""What PyTorch's gradients are at kinks and ties; writes tests/autodiff/data/gradients.npz.

Needs torch (2.13 made the stored values): ``python tools/oracles/gradients.py``. Keys are ``<case>/<array>``; the
inputs are stored too, so that the tests draw nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

KINKS = torch.tensor([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0])
OTHERS = torch.tensor([-2.0, 1.0, 0.0, 0.0, 0.5, 0.0, 3.0])

POINTWISE = {
    "relu": torch.relu,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.25),
    "elu": functional.elu,
    "elu_half": lambda x: functional.elu(x, 0.5),
    "abs": torch.abs,
    "clip": lambda x: torch.clamp(x, -1.0, 1.0),
    "clip_below": lambda x: torch.clamp(x, min=0.0),
    "sqrt": lambda x: torch.sqrt(torch.clamp(x, min=0.25)),
    "square": lambda x: x**2,
    "power_zero": lambda x: x**0.0,
    "cube": lambda x: x**3,
}
PAIRS = {
    "max": torch.maximum,
    "min": torch.minimum,
    "power": lambda a, b: torch.pow(a.abs(), b.abs()),
}
REDUCTIONS = {
    "amax": lambda x: torch.amax(x, 1),
    "amin": lambda x: torch.amin(x, 1),
    "amax_all": torch.amax,
}
POOLS = {  # input shape, kernel, strides, padding; padding is symmetric in PyTorch
    "tiles": ((2, 3, 6, 8), (2, 2), (2, 2), (0, 0)),
    "tiles_with_rest": ((2, 3, 7, 9), (2, 2), (2, 2), (0, 0)),
    "overlap": ((2, 2, 8, 8), (3, 3), (2, 2), (0, 0)),
    "resnet": ((2, 2, 8, 7), (3, 3), (2, 2), (1, 1)),
    "dense": ((1, 2, 6, 5), (3, 2), (1, 1), (1, 1)),
    "gaps": ((1, 2, 9, 8), (2, 2), (3, 4), (0, 1)),
    "line": ((2, 2, 9), (3,), (2,), (1,)),
    "volume": ((1, 2, 4, 5, 6), (2, 2, 3), (2, 1, 2), (0, 1, 1)),
}


def pool_input(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Many ties, as behind a ReLU: three quarters zeros, the rest of a few values; some windows all negative."""
    random = np.random.default_rng(sum(map(ord, name)))
    values = random.integers(-3, 3, shape).clip(0) - (random.random(shape) < 0.1)
    return torch.tensor(values, dtype=torch.float32)


def derivatives(function: Callable[..., torch.Tensor], *operands: torch.Tensor) -> dict[str, np.ndarray]:
    leaves = [operand.clone().requires_grad_() for operand in operands]
    y = function(*leaves)
    seed = torch.arange(1.0, y.numel() + 1).reshape(y.shape)
    gradients = torch.autograd.grad(y, leaves, seed)
    arrays = {f"x{i}": operand for i, operand in enumerate(operands)} | {"y": y.detach(), "seed": seed}
    arrays |= {f"gradient{i}": gradient for i, gradient in enumerate(gradients)}
    return {name: np.asarray(array) for name, array in arrays.items()}


def main() -> None:
    ties = torch.tensor([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0], [0.0, -1.0, -1.0, 5.0]])
    cases = {name: derivatives(function, KINKS) for name, function in POINTWISE.items()}
    cases |= {name: derivatives(function, KINKS, OTHERS) for name, function in PAIRS.items()}
    cases |= {name: derivatives(function, ties) for name, function in REDUCTIONS.items()}
    for name, (shape, kernel, strides, padding) in POOLS.items():
        pool = getattr(functional, f"max_pool{len(kernel)}d")
        cases[f"pool_{name}"] = derivatives(
            lambda x, pool=pool, k=kernel, s=strides, p=padding: pool(x, k, s, p), pool_input(name, shape)
        ) | {"window": np.array([kernel, strides, padding])}
    flat: dict[str, Any] = {f"{case}/{name}": array for case, arrays in cases.items() for name, array in arrays.items()}
    path = Path(__file__).parents[2] / "tests" / "autodiff" / "data" / "gradients.npz"
    np.savez_compressed(path, **flat)


if __name__ == "__main__":
    main()
