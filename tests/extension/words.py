"""Words that a package outside of dslc may add. docs/extending.md shows them, and importing this module files them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Any

from dslc import graph as g
from dslc.graph import Tensor
from dslc.library.fits.statistics import Array, fit_median
from dslc.library.fits.step import Call, FittedStep, fit
from dslc.library.functions.activations import Activation, activation
from dslc.library.losses.mean import ElementwiseLoss
from dslc.library.operation import Context
from dslc.library.optimizers.optimizer import Optimizer, Slot, Update, optimizer
from dslc.library.schedules.schedule import Schedule
from dslc.library.sources.source import DataSource, source
from dslc.library.statistic import loss, metric
from dslc.library.word import option
from dslc.types import TensorType


@activation
class Bent(Activation):
    """x and half the height of a hyperbola above it: steeper for positive x, and smooth."""

    aliases = {"bentidentity": "with width = 1"}
    width: float = option("How wide the bend is.", default=1.0, above=0)

    def emit(self, context: Context, x: Tensor) -> Tensor:
        return x + (g.sqrt(x * x + self.width**2) - self.width) * 0.5


@loss
class quartic(ElementwiseLoss):
    """The mean of (prediction - target) ** 4."""

    def value(self, prediction: Tensor, target: Tensor) -> Tensor:
        square = (prediction - target) * (prediction - target)
        return square * square


@metric
class within(ElementwiseLoss):
    """The share of predictions that lie no further than a tolerance from their target."""

    direction, differentiable = "highest", False
    tolerance: float = option("How far that is.", default=0.5, minimum=0)

    def value(self, prediction: Tensor, target: Tensor) -> Tensor:
        return g.cast(g.less_equal(g.absolute(prediction - target), self.tolerance), prediction.element)


@optimizer
class RootSGD(Optimizer):
    """Steps along the gradient over a running root of its mean square, one number for each parameter."""

    lr: float | Schedule = option("Learning rate.", default=1e-2, minimum=0)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        return {"square": Slot(shape=(), first=1.0)}

    def update(self, u: Update, weight: Tensor, gradient: Tensor, slots: Mapping[str, Tensor]) -> Any:
        square = slots["square"] * 0.9 + g.reduce_mean(gradient * gradient) * 0.1
        return weight - gradient / (g.sqrt(square) + 1e-8) * u.value(self.lr), {"square": square}


@source
class blanks(DataSource):
    """Columns of numbers with blanks in between; the first line names them."""

    suffixes, flat = (".dat",), True
    path: str = option("The file.")

    def read(self, file: IO[bytes]) -> Mapping[str, Any]:
        names, *rows = (line.decode().split() for line in file)
        columns = (list(map(float, column)) for column in zip(*rows, strict=True))
        return dict(zip(names, columns, strict=True))


@fit
class centred(FittedStep):
    """The distance from the median of the training split."""

    constants, undoes = ("median",), True

    def fitted(self, values: Array, rows: Array | None, over: Sequence[int]) -> Mapping[str, Array]:
        return {"median": fit_median(values, rows, over)}

    def apply(self, call: Call, x: Any, constants: Mapping[str, Any]) -> Any:
        return call("subtract", x, constants["median"])

    def undone(self, call: Call, y: Any, constants: Mapping[str, Any]) -> Any:
        return call("add", y, constants["median"])
