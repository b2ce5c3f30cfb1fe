"""Optimizers: update rules as in their papers, with PyTorch 2's formulas and defaults.

An optimizer says which state it keeps for each parameter and how one update follows from a gradient. What depends
on no parameter (bias corrections, products of hyper-parameters) is computed once per step, on scalars, and the
element-wise passes over parameters and state are as few as the formula allows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypeVar

from dslc import graph as g
from dslc.errors import losses as errors
from dslc.library.schedules.chains import check_complete
from dslc.library.schedules.curves import constant
from dslc.library.schedules.schedule import FigureSchedule, Moment, Schedule
from dslc.library.word import OPTIMIZERS, Word, word_decorator
from dslc.types import FLOAT32, FLOAT64, ElementType, Shape, TensorType

__all__ = [
    "Kept", "Member", "Optimizer", "Scalar", "Slot", "Update", "Updated", "check_betas", "common", "optimizer",
    "refuse_perturbing",
]  # fmt: skip

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


@dataclass(frozen=True)
class Member:
    """A parameter of a group, as one update finds it."""

    path: str
    u: Update
    """The update of parameters of its element type."""
    weight: g.Tensor
    gradient: g.Tensor
    slots: Kept

    def scope(self, optimizer: Optimizer) -> AbstractContextManager[None]:
        """Name what is built inside after the parameter and its optimizer."""
        return self.u.builder.scope(f"{self.path}/{optimizer.name}")


def common(members: Sequence[Member]) -> Update:
    """Return the update in whose type a group computes what its members share: float64 where one of them has it."""
    return next((member.u for member in members if member.u.element is FLOAT64), members[0].u)


class Optimizer(Word):
    """An update rule. Gradients have the parameter's element type and shape."""

    lr: float | Schedule
    weight_decay: float | Schedule
    perturbs: ClassVar[bool] = False
    """Whether gradients are taken a second time, away from the parameters: where :meth:`perturbed` says."""
    alone: ClassVar[bool] = False
    """Whether it keeps how far parameters have come by its steps, so that nothing else may move them."""

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, Schedule):
                check_complete(value)

    @property
    def evaluated(self) -> str | None:
        """The slot that is evaluated and ships in the place of the parameter, None: the parameter itself is."""
        return None

    def slots(self, weight: TensorType) -> Mapping[str, Slot]:
        """Return the state tensors that are kept for a parameter of this type, by name."""
        return {}

    def shared(self) -> Mapping[str, Slot]:
        """Return the state tensors that a group's parameters have in common, by name; each says its shape."""
        return {}

    def update(self, u: Update, weight: g.Tensor, gradient: g.Tensor, slots: Kept) -> Updated:
        """Return the parameter after the update, and its state: a tensor of the same type for each slot."""
        raise NotImplementedError

    def updates(self, members: Sequence[Member], shared: dict[str, g.Tensor]) -> Iterator[Updated]:
        """Yield what :meth:`update` returns, of all members of a group in turn.

        To be overridden where they have something in common. ``shared`` holds that state, in the type of
        :func:`common`, and by the end its successors.
        """
        for member in members:
            with member.scope(self):
                yield self.update(member.u, member.weight, member.gradient, member.slots)

    def perturbed(self, weights: Sequence[g.Tensor], gradients: Sequence[g.Tensor]) -> list[g.Tensor]:
        """Return where the gradients of a group's update are taken, given those at the parameters."""
        raise NotImplementedError

    def schedules(self) -> Iterator[tuple[str, Schedule]]:
        """Yield the schedules among its hyper-parameters and those of optimizers within, each with its name."""
        for name, value in vars(self).items():
            if isinstance(value, Schedule):
                yield name, value
            elif isinstance(value, Optimizer):
                yield from value.schedules()

    def decayed(self, u: Update, weight: g.Tensor, gradient: g.Tensor) -> g.Tensor:
        """Return the gradient of the objective plus ``weight_decay / 2 * sum(weight ** 2)``."""
        if self.weight_decay == 0.0:
            return gradient
        return gradient + weight * u.value(self.weight_decay)

    def shrunk(self, u: Update, weight: g.Tensor) -> g.Tensor:
        """Return the weight after a decay apart from the gradient, ``weight * (1 - lr * weight_decay)``."""
        if self.weight_decay == 0.0:
            return weight
        return weight * u.once((self, "kept"), lambda: 1.0 - u.value(self.lr) * u.value(self.weight_decay))


def check_betas(word: Optimizer, betas: tuple[float, ...], example: str = "[0.9, 0.999]") -> None:
    """Refuse decays of moments that are not as many as in the example, or no decays."""
    count = example.count(",") + 1
    if len(betas) != count or not all(0 <= beta < 1 for beta in betas):
        number = {2: "two", 3: "three"}[count]
        raise errors.WRONG_COUNT(
            f"'betas' takes {number} numbers, each at least 0 and below 1", hint=f"{word.name}(betas = {example})"
        )


def refuse_perturbing(word: Optimizer, inner: Optimizer) -> None:
    """Refuse an optimizer within another one that has gradients taken away from the parameters."""
    if inner.perturbs:
        raise errors.CONTRADICTION(
            f"{inner.name} says where gradients are taken, and {word.name} around it would not know",
            hint=f"put it outside: {inner.name}({word.name}(...))",
        )


optimizer = word_decorator("optimizer", OPTIMIZERS)
