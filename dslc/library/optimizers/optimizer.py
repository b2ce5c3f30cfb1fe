"""Optimizers: update rules as in their papers, with PyTorch 2's formulas and defaults.

An optimizer says which state it keeps for each parameter and how one update follows from a gradient. What depends
on no parameter (bias corrections, products of hyper-parameters) is computed once per step, on scalars, and the
element-wise passes over parameters and state are as few as the formula allows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from dslc import graph as g
from dslc.library.schedules.chains import check_complete
from dslc.library.schedules.curves import constant
from dslc.library.schedules.schedule import FigureSchedule, Moment, Schedule
from dslc.library.word import OPTIMIZERS, Word, word_decorator
from dslc.types import FLOAT32, ElementType, Shape, TensorType

__all__ = ["Kept", "Optimizer", "Scalar", "Slot", "Update", "Updated", "optimizer"]

Scalar: TypeAlias = "float | g.Tensor"
Kept: TypeAlias = "Mapping[str, g.Tensor]"
Updated: TypeAlias = "tuple[g.Tensor, dict[str, g.Tensor]]"
T = TypeVar("T")


@dataclass
class Update:
    """One update of parameters of one element type: which one it is, and the values of hyper-parameters in it."""

    builder: g.Builder
    step: g.Tensor
    """Updates done before this one, an int64 scalar."""
    total: g.Tensor | None = None
    """Updates in the whole training, an int64 scalar; needed by schedules whose ``needs_total`` holds."""
    host: Mapping[FigureSchedule, g.Tensor] = field(default_factory=dict)
    """The scalar of each schedule that the host drives, see :meth:`Schedule.host_values`."""
    element: ElementType = FLOAT32
    """The parameters' element type, in which scalars are computed."""
    _known: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what was computed for the key before, or compute it now."""
        if key not in self._known:
            self._known[key] = compute()
        known: T = self._known[key]
        return known

    @property
    def done(self) -> g.Tensor:
        """The number of updates before this one, in the parameters' type (float32: exact to 2 ** 24)."""
        return self.once("done", lambda: g.cast(self.step, self.element))

    @property
    def count(self) -> g.Tensor:
        """This update's number, from 1, in the parameters' type (float32: exact to 2 ** 24)."""
        return self.once("count", lambda: g.cast(self.step + 1, self.element))

    def value(self, hyper: float | Schedule) -> Scalar:
        """Return a hyper-parameter's value in this update: a number, or a scalar of the parameters' type."""
        if not isinstance(hyper, Schedule):
            return float(hyper)
        if isinstance(hyper, constant):
            return float(hyper.value)
        return self.once(hyper, lambda: self._evaluate(hyper))

    def _evaluate(self, schedule: Schedule) -> Scalar:
        remaining: Scalar = 1.0
        if schedule.needs_total:
            total = self.total
            assert total is not None
            remaining = self.once("total", lambda: g.maximum(g.cast(total, self.element), 1.0))
        host = {driven: g.cast(scalar, self.element) for driven, scalar in self.host.items()}
        value = schedule.formula(Moment(self.done, remaining, host))
        return value if isinstance(value, g.Tensor) else float(value)


@dataclass(frozen=True)
class Slot:
    """A state tensor that an optimizer keeps for a parameter, by default one like it that starts from 0."""

    shape: Shape | None = None
    """Its shape, any; None: the parameter's."""
    element: ElementType | None = None
    """Its element type; None: the parameter's."""
    first: float | None = 0.0
    """What it starts from everywhere; None: from the parameter's own first values, whose shape it must have."""

    def type(self, weight: TensorType) -> TensorType:
        """Return its type for a parameter of this type."""
        return TensorType(self.element or weight.element, weight.shape if self.shape is None else self.shape)


class Optimizer(Word):
    """An update rule. Gradients have the parameter's element type and shape."""

    lr: float | Schedule
    weight_decay: float | Schedule

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, Schedule):
                check_complete(value)

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        """Return the state tensors that are kept for a parameter of this type, by name."""
        return {}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        """Return the parameter after the update, and its state: a tensor of the same type for each slot."""
        raise NotImplementedError

    def decayed(self, u: Update, weight: g.Tensor, gradient: g.Tensor) -> g.Tensor:
        """Return the gradient of the objective plus ``weight_decay / 2 * sum(weight ** 2)``."""
        if self.weight_decay == 0.0:
            return gradient
        return gradient + weight * u.value(self.weight_decay)


optimizer = word_decorator("optimizer", OPTIMIZERS)
