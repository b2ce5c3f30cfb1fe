"""What a row of the tables beside this file says."""


from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Real:
    """float32 drawn from [low, high)."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        return np.asarray(self.low + (self.high - self.low) * generator.random(self.shape), np.float32)


@dataclass(frozen=True)
class Whole:
    """Integers drawn from [low, high)."""

    shape: tuple[int, ...]
    low: int = -9
    high: int = 9
    element: str = "int64"

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        return (self.low + np.floor((self.high - self.low) * generator.random(self.shape))).astype(self.element)


@dataclass(frozen=True)
class Truth:
    """Booleans."""

    shape: tuple[int, ...]

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        return generator.random(self.shape) < 0.5


@dataclass(frozen=True)
class Given:
    """These values."""

    values: Any
    element: str = "float32"

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        return np.array(self.values, self.element)


Operand = Real | Whole | Truth | Given


@dataclass(frozen=True)
class Row:
    """``torch(t, p, *operands)`` is PyTorch's result, a tensor or several, for t = torch and p the variables.

    Of a layer in training, the new running statistics follow the result.
    """

    word: str
    operands: tuple[Operand, ...]
    torch: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Operand] = field(default_factory=dict)
    training: bool = False
    gradient: bool = True
    note: str = ""

    @property
    def id(self) -> str:
        return "-".join([self.word, *([self.note] if self.note else []), *(["training"] if self.training else [])])

    def draw(self) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """The operands and the variables."""
        generator = np.random.default_rng(zlib.crc32(self.id.encode()))
        operands = [operand.draw(generator) for operand in self.operands]
        return operands, {name: variable.draw(generator) for name, variable in self.variables.items()}

    def cotangent(self, index: int, shape: tuple[int, ...]) -> np.ndarray:
        """What result ``index`` is multiplied with before everything is summed and differentiated."""
        return Real(shape).draw(np.random.default_rng(zlib.crc32(f"{self.id}/{index}".encode())))


