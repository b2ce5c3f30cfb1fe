"""Statistics: functions that reduce over examples, which losses and metrics are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum
from typing import ClassVar, Protocol, TypeAlias, TypeVar

from dslc import graph as g
from dslc.library.operation import Context, Function, Scale, operands_of
from dslc.library.word import FUNCTIONS, LOSSES, METRICS, word_decorator
from dslc.types import ElementType, TensorType

__all__ = ["EXAMPLES", "SUM", "Accumulators", "Alike", "Statistic", "Typed", "loss", "metric"]


Accumulators: TypeAlias = "dict[str, g.Tensor]"
"""What is kept of batches, by name."""


class Alike(Enum):
    """What a target of the shape of its logits says."""

    SHARES = "a probability of each class"
    LABELS = "of each label whether an example has it"


class Typed(Hashable, Protocol):
    """What stands for a tensor while no graph is there: equal if and only if it is the same tensor."""

    @property
    def type(self) -> TensorType:
        """Its type."""


T = TypeVar("T", bound=Typed)

EXAMPLES, SUM = "examples", "sum"
"""How the values of several batches are joined, see :meth:`Statistic.weighting`."""


class Statistic(Function):
    """A function that reduces over examples, taken apart so that it is exact over a split in any batches.

    ``value = finish(merge(accumulate(batch 1), accumulate(batch 2), ...))``; in a single batch it is
    ``finish(accumulate(batch))``. Counts are int64, everything else float32 inside a batch; the compiler
    carries float accumulators in float64 across batches. Of one that :attr:`collects`, merging is joining rows, which
    stay as they are.
    """

    local = True
    direction: ClassVar[str | None] = None
    """``"highest"`` or ``"lowest"`` is better; what ``keep best`` goes by."""
    averages: ClassVar[bool] = False
    """Whether it is a mean of which the accumulator "weight" is the divisor, see :meth:`example_weights`."""
    collects: ClassVar[bool] = False
    """Whether its accumulators are rows, which batches are joined along the first axis of; ``finish`` is given all.

    For what no tensor of a bounded size stands for, a median or a rank. They lie in memory until then.
    """
    undefined: ClassVar[str | None] = None
    """When its value is not a number though all that it is given is finite, in words."""
    thresholds: ClassVar[bool] = False
    """Whether it looks at nothing of its first operand's numbers but their signs, or which is the greatest."""
    shift_free: ClassVar[bool] = False
    """Whether it is the same where a number is added to all of its first operand."""
    reads: ClassVar[Alike | None] = None
    """What a target of the first operand's own shape says, where others hold class indices.

    Such words have an option ``axis``, on which the classes are; None: on axis 1.
    """

    def takes(self, *operands: TensorType) -> Scale | None:
        """Return what its first operand says of classes: given anything else, its value means nothing."""
        return None

    def over_examples(self, *operands: TensorType) -> bool:
        """Return whether it reduces over the first axis, so that it can and must be taken apart."""
        return True

    def has_columns(self, *operands: TensorType) -> bool:
        """Return whether its accumulators have several columns each, and its value is a number all the same."""
        return False

    def compares(self, *operands: TensorType) -> bool:
        """Return whether what an example adds hangs on the others of its batch: over several it is a mean of batches'.

        Such a one can be minimized, and its figure over a split is that mean, of these batches. It is no metric, and
        does not add up to one large batch.
        """
        return False

    def accumulate(self, *operands: g.Tensor) -> Accumulators:
        """Return the accumulators of one batch, whose operands are float32 or float64 where they are floats."""
        raise NotImplementedError

    def of_batch(self, *operands: g.Tensor) -> Accumulators:
        """Return the accumulators of one batch, of float16 in float32: its numbers end where sums and counts go on."""
        half = ElementType.FLOAT16
        wide = (g.cast(o, ElementType.FLOAT32) if o.element is half else o for o in operands)
        return self.accumulate(*wide)

    def weighting(self, operands: Sequence[Typed]) -> Hashable:
        """Return by which weights the values of several batches are averaged, given the operands.

        :data:`EXAMPLES` where every example counts alike, :data:`SUM` where the values add up; None where they are
        joined in another way. Anything else stands for weights that vary, whose sum in a batch is the accumulator
        "weight": statistics with equal answers have weights that differ by a constant factor at most.
        """
        return None

    @classmethod
    def weight_place(cls) -> int | None:
        """Return the place among its operands of what examples are weighted by, if it takes that."""
        names = [operand.name for operand in operands_of(cls)]
        return names.index("weight") if "weight" in names else None

    def weighed_by(self, operands: Sequence[T]) -> Sequence[T]:
        """Return those of its operands that decide how much each example counts: the weight, where it is given."""
        place = self.weight_place()
        return () if place is None else operands[place : place + 1]

    @property
    def adds_up(self) -> bool:
        """Whether its accumulators of several batches are the sums of those of each, see :meth:`merge`."""
        return type(self).merge is Statistic.merge and not self.collects

    @property
    def ignored(self) -> int | None:
        """The target that does not count, where nothing else makes weights differ that are not given."""
        return None

    def example_weights(self, element: ElementType, *operands: g.Tensor) -> g.Tensor:
        """Return how much each example counts (N,), up to a constant factor, where :meth:`weighting` says they vary.

        The operands are those that :meth:`weighed_by` names, and ``element`` is the first operand's type.
        """
        raise NotImplementedError

    def merge(self, total: Accumulators, batch: Accumulators) -> Accumulators:
        """Join two sets of accumulators; the sums of both unless overridden. All-zero ones are neutral.

        One that :attr:`collects` is not asked.
        """
        return {name: total[name] + batch[name] for name in total}

    def finish(self, accumulators: Accumulators, element: ElementType) -> g.Tensor:
        """Return the value, in the element type of the result; accumulators may be float32 or float64."""
        raise NotImplementedError

    def emit(self, context: Context, *operands: g.Tensor) -> g.Tensor:
        result = self.type(*(o.type for o in operands))
        assert isinstance(result, TensorType)
        return self.finish(self.of_batch(*operands), result.element)


loss = word_decorator("function", FUNCTIONS, LOSSES)
metric = word_decorator("function", FUNCTIONS, METRICS)
