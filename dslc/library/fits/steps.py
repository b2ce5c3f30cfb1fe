"""The steps of the language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dslc.diagnostics import Problem
from dslc.errors import objectives
from dslc.library.fits.statistics import Array, fit_mean, fit_median, fit_minmax, fit_standardize
from dslc.library.fits.step import Call, Coding, FittedStep, Over, fit, over_option
from dslc.library.word import option
from dslc.types import TensorType


@dataclass(frozen=True, kw_only=True)
class _Affine(FittedStep):
    """``(x - shift) / scale``; the constants are named in that order."""

    undoes = True
    statistics: ClassVar[Callable[..., tuple[Array, Array]]]
    """What finds the constants."""
    over: Over = over_option()

    def fitted(self, values: Array, rows: Array | None, over: Sequence[int]) -> Mapping[str, np.ndarray]:
        return dict(zip(self.constants, type(self).statistics(values, rows, over), strict=True))

    def apply(self, call: Call, x: Any, constants: Mapping[str, Any]) -> Any:
        shift, scale = (constants[name] for name in self.constants)
        return call("divide", call("subtract", x, shift), scale)

    def undone(self, call: Call, y: Any, constants: Mapping[str, Any]) -> Any:
        shift, scale = (constants[name] for name in self.constants)
        return call("add", call("multiply", y, scale), shift)


@fit
class standardize(_Affine):
    """Mean 0 and standard deviation 1 over the training split, each element by itself."""

    constants, statistics = ("mean", "scale"), fit_standardize


@fit
class minmax(_Affine):
    """From 0 to 1 over the training split, each element by itself."""

    constants, statistics = ("low", "range"), fit_minmax


@fit
class impute(FittedStep):
    """What is missing filled in: by the training split's mean or median of each element, or by a number."""

    constants = ("fill",)
    usage = 'impute(x, "mean")'
    fill: str | float = option('What to put in: "mean", "median", or a number.')
    over: Over = over_option()

    def __post_init__(self) -> None:
        if self.over is not None and not isinstance(self.fill, str):
            raise objectives.BAD_FITTED(
                f"impute puts {self.fill:g} everywhere, so there is nothing to take over axes", hint="leave 'over' out"
            )

    @classmethod
    def refuse(cls, option: str, value: Any) -> str | None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = option != "fill" or number or value in ("mean", "median")
        return None if fits else 'impute puts in "mean", "median" or a number'

    @classmethod
    def refuse_text(cls, column: str) -> Problem | None:
        return objectives.BAD_FITTED(
            f"the column '{column}' is text, and impute fills in numbers",
            hint=f'a missing text is a category of its own: category(column("{column}"), missing = true)',
        )

    @classmethod
    def check(cls, x: TensorType) -> None:
        if not x.element.is_float:
            raise objectives.BAD_FITTED(f"only numbers can be missing, and this is {x.element}")

    def known(self) -> Mapping[str, float]:
        return {} if isinstance(self.fill, str) else {"fill": self.fill}

    def fitted(self, values: Array, rows: Array | None, over: Sequence[int]) -> Mapping[str, np.ndarray]:
        return {"fill": (fit_mean if self.fill == "mean" else fit_median)(values, rows, over)}

    def apply(self, call: Call, x: Any, constants: Mapping[str, Any]) -> Any:
        return call("where", call("is_missing", x), constants["fill"], x)


@fit
class category(Coding):
    """The values of one column, of numbers or texts, numbered: sorted values of the training split become 0 to K-1."""

    unknown: bool = option(
        "Do values that training did not see share the number K, instead of being an error?", default=False
    )
    missing: bool = option("Is the missing value one more, the last of the K?", default=False)
