"""Store what PyTorch computes for every row of ``tests/library/cases/``, in float32 and in float64.

python tools/oracles/layers.py [FAMILY ...]        (with PyTorch 2; only results are stored; without a name, of all)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.library.cases import FAMILIES, ROWS  # noqa: E402
from tests.library.cases.rows import Row  # noqa: E402


def results(row: Row, float: torch.dtype = torch.float32) -> dict[str, np.ndarray]:
    """The results, and the gradients by operands and variables of the sum of results times cotangents."""

    def tensor(array: np.ndarray) -> torch.Tensor:
        value = torch.tensor(array)
        return value.to(float).requires_grad_() if value.is_floating_point() else value

    arrays, variables = row.draw()
    operands, weights = [tensor(a) for a in arrays], {name: tensor(a) for name, a in variables.items()}
    returned: Any = row.torch(torch, weights, *operands)
    outputs = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    stored = {f"y{i}": y.detach().numpy() for i, y in enumerate(outputs)}
    if row.gradient:
        loss = sum((y * tensor(row.cotangent(i, tuple(y.shape)))).sum() for i, y in enumerate(outputs) if y.grad_fn)
        loss.backward()
        for name, leaf in [*((f"x{i}", x) for i, x in enumerate(operands)), *weights.items()]:
            if leaf.requires_grad and leaf.grad is not None:
                stored[f"d{name}"] = leaf.grad.numpy()
    return stored


def main() -> None:
    names = [row.id for row in ROWS]
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    torch.manual_seed(0)
    for family in sys.argv[1:] or FAMILIES:
        rows = FAMILIES[family]
        for name, float in (("words", torch.float32), ("words64", torch.float64)):
            found: dict[str, Any] = {f"{row.id}|{key}": y for row in rows for key, y in results(row, float).items()}
            if float is torch.float64:  # whole numbers and truths are in the other file
                found = {key: value for key, value in found.items() if value.dtype == np.float64}
            path = ROOT / f"tests/library/data/{name}/{family}.npz"
            path.parent.mkdir(exist_ok=True)
            np.savez_compressed(path, **found)
            print(f"{path.name}: {len(rows)} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
