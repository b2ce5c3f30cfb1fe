"""Rows of losses: what PyTorch gives for them, with the gradient by every operand that has one."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

FOLDER = Path(__file__).parents[2] / "tests" / "library" / "data" / "losses"
Loss = Callable[..., torch.Tensor]
Array = np.ndarray


class Rows:
    """The rows of one file below ``tests/library/data/losses/``, with operands drawn from its own generator.

    Values are computed in float64 from float32 operands, so that they are the truth that a result is held against.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.generator = np.random.default_rng(zlib.crc32(name.encode()))
        self.rows: list[dict[str, Any]] = []

    def add(
        self, word: str, options: Mapping[str, Any], loss: Loss, *operands: Array, weight: Array | None = None,
        constant: tuple[int, ...] = (), tables: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        """Store one case.

        ``loss`` maps tensors to each position's loss where there is a weight, or to any tensor, whose mean is taken.
        No gradient is taken by integers, and by the operands at the places ``constant``. Those at the places ``tables``
        have no entry for each example.
        """
        tensors = [torch.tensor(o, dtype=torch.float64 if o.dtype.kind == "f" else torch.int64) for o in operands]
        wanted = [i for i, o in enumerate(operands) if o.dtype.kind == "f" and i not in constant]
        for place in wanted:
            tensors[place].requires_grad_()
        value = loss(*tensors)
        if weight is not None:
            each = torch.tensor(weight, dtype=torch.float64).reshape(*weight.shape, *[1] * (value.ndim - weight.ndim))
            value = (value * each).sum() / each.expand_as(value).sum()
        value = value.mean()
        value.backward()
        stored = [*operands] if weight is None else [*operands, weight]
        gradients = {place: tensors[place].grad for place in wanted}
        self.rows.append({
            "word": word, "options": dict(options), **({"tables": tables} if tables else {}),
            "operands": [{"element": o.dtype.name, "shape": o.shape, "values": o.ravel().tolist()} for o in stored],
            "value": value.item(),
            "gradients": {str(i): grad.ravel().tolist() for i, grad in gradients.items() if grad is not None},
        })  # fmt: skip

    def write(self) -> None:
        """Write the file."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        text = "[\n" + ",\n".join(map(json.dumps, self.rows)) + "\n]\n"
        (FOLDER / f"{self.name}.json").write_text(text, encoding="utf-8")

    # --- operands ----------------------------------------------------------------------------------------

    def normal(self, *shape: int, scale: float = 1.0) -> Array:
        """Return numbers from a normal distribution."""
        return (self.generator.standard_normal(shape) * scale).astype(np.float32).round(4)

    def positive(self, *shape: int) -> Array:
        """Return numbers from 0.2 to 2."""
        return self.generator.uniform(0.2, 2, shape).astype(np.float32).round(4)

    def below(self, count: int, *shape: int) -> Array:
        """Return whole numbers from 0 on."""
        return self.generator.integers(0, count, shape)

    def labels(self, *shape: int) -> Array:
        """Return zeros and ones, as floats."""
        return self.generator.integers(0, 2, shape).astype(np.float32)

    def signs(self, *shape: int) -> Array:
        """Return -1 and 1, as floats."""
        return self.labels(*shape) * 2 - 1

    def distribution(self, *shape: int, axis: int = 1) -> Array:
        """Return probabilities."""
        found = self.positive(*shape)
        return (found / found.sum(axis, keepdims=True)).astype(np.float32)
