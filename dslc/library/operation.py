"""Layers and functions: words that are applied to tensors.

Both are an :class:`Operation`: a type rule (what comes out, checked when the spec is compiled) and an emission
(the ONNX that computes it). The type that the emission really has is checked against the rule.

Operands are the parameters of ``type`` beside ``self``: ``def type(self, x, y=None)`` takes one tensor and
perhaps a second one; ``def type(self, *parts)`` takes any number. Options are the fields.
A layer takes its operands from the flow (``x -> Dense(3)``, ``(a, b) -> Attention``) and may own variables.
A function takes them as arguments, before its options, by position or by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

import numpy as np

from dslc.dimensions import symbols_of
from dslc.library.checks import compute, need_float
from dslc.library.word import FUNCTIONS, INITIALIZERS, LAYERS, Word, option, options_of, per_word, word_decorator
from dslc.types import Dimension, ElementType, Shape, TensorType

if TYPE_CHECKING:
    from dslc.graph import Builder, Tensor
    from dslc.graph.random import Randomness

    Tensors: TypeAlias = Tensor | tuple[Tensor, ...]

__all__ = [
    "Context",
    "Function",
    "IndexUse",
    "Initializer",
    "Layer",
    "OfFloats",
    "Operation",
    "Role",
    "Scale",
    "Types",
    "Variable",
    "function",
    "initializer",
    "layer",
    "operands_of",
    "option",
    "word_of_symbol",
]

Types = TensorType | tuple[TensorType, ...]
T = TypeVar("T")


class Initializer(Word):
    """How a parameter starts."""

    @classmethod
    def coerce(cls, value: Any) -> Any:
        """Return the initializer that a number, or a word of another family with its name, stands for."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return INITIALIZERS["constant"](value=float(value))
        if not isinstance(value, Initializer) and isinstance(value, Word) and value.name in INITIALIZERS:
            word = INITIALIZERS[value.name]
            return word(**{option.name: getattr(value, option.name) for option in options_of(word)})
        return value

    def sample(self, generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Draw an array (float64; the caller casts). Fans are those of the variable, see :class:`Variable`."""
        raise NotImplementedError


initializer = word_decorator("initializer", INITIALIZERS)


class Role(Enum):
    """What a variable is for; decides what regularizers and optimizers do with it."""

    KERNEL = "kernel"
    """A weight that ``l2`` and ``l1`` count."""
    EMBEDDING = "embedding"
    """A table; counted by ``l2`` and ``l1`` too."""
    BIAS = "bias"
    SCALE = "scale"
    """Scales and shifts of normalization layers."""
    STATISTIC = "statistic"
    """A running statistic: state that no optimizer touches."""

    @property
    def regularized(self) -> bool:
        return self in (Role.KERNEL, Role.EMBEDDING)


@dataclass(frozen=True)
class Variable:
    """A tensor that a layer owns. Fans default to those of a kernel of shape (in, out)."""

    name: str
    shape: Shape
    initializer: Initializer
    role: Role
    fan_in: Dimension | None = None
    fan_out: Dimension | None = None
    element: ElementType = ElementType.FLOAT32
    norm_of: Variable | None = None
    """The variable of the same layer that it starts as the norms of, over the axes where it has size one."""


@dataclass(frozen=True)
class IndexUse:
    """An operand of integers that pick from ``count`` things; any other than 0 to count - 1 ends the run.

    The operand itself is checked, whatever the operation does: it need not look after that. One of floats, a target of
    two classes, lies from 0 to 1; that is checked of what follows from the data.
    """

    operand: int
    """Its place among the operands."""
    count: Dimension
    what: str
    """What there is to pick from, after the word's name: ``has 4 rows``."""
    ignored: int | None = None
    """A value beside these that stands for none."""
    looks_up: bool = True
    """Whether Gather or GatherElements takes it, which fail on indices that are too large."""
    signs: bool = False
    """Whether it is -1 or 1 in place of an index, floats that say on which of two sides something is."""


@dataclass
class Context:
    """What an operation has at hand while it emits itself.

    ``context["weight"]`` is its variable of that name. Where ``training`` holds, it behaves as in
    training (dropout, batch statistics). ``site`` tells one application from all others.
    """

    builder: Builder
    training: bool = False
    differentiated: bool = True
    """Whether gradients may be taken of what it emits, also of a frozen layer; if not, any operator will do."""
    variables: Mapping[str, Tensor] = field(default_factory=dict)
    updates: dict[str, Tensor] = field(default_factory=dict)
    """New values of running statistics, by variable name; filled by the emission."""
    site: str = ""
    randomness: Randomness | None = None

    def __getitem__(self, name: str) -> Tensor:
        return self.variables[name]

    def uniform(self, type: TensorType) -> Tensor:
        """Draw from [0, 1), anew each step, reproducibly from the seed, the step and the site."""
        assert self.randomness is not None
        return self.randomness.uniform(type, self.site)

    def normal(self, type: TensorType) -> Tensor:
        """Draw from the standard normal distribution, as :meth:`uniform` does."""
        assert self.randomness is not None
        return self.randomness.normal(type, self.site)

    def chance(self, type: TensorType, probability: float) -> Tensor:
        """Draw 1 with that probability and 0 otherwise, as :meth:`uniform` does."""
        assert self.randomness is not None
        return self.randomness.chance(type, self.site, probability)

    def dropped(self, x: Tensor, rate: float, parts: Shape | None = None) -> Tensor:
        """Return x with elements at zero with that probability and others larger by as much, so that the mean stays.

        ``parts`` is a shape that broadcasts to x, where all of a part become zero, or none.
        """
        kept = self.chance(x.type if parts is None else x.type.with_shape(parts), 1 - rate)
        return x * (kept * (1 / (1 - rate)))


class Scale(Enum):
    """What numbers say of classes; losses and metrics take one of them."""

    LOGIT = "logits"
    PROBABILITY = "probabilities"
    LOGARITHM = "logarithms of probabilities"


class Operation(Word):
    """A layer or a function."""

    leading: ClassVar[tuple[str, ...]] = ()
    """Options that stand before the operands where they are given by position: ``einsum("ij->ji", x)``."""
    rest: ClassVar[str | None] = None
    """The option, a list, that takes all further arguments given by position: ``Reshape(1, 8, 8)``."""
    keywords: ClassVar[str | None] = None
    """The option that takes keyword arguments of any name, as pairs: ``rearrange(x, "(h d) -> h d", h = 4)``."""
    symbol: ClassVar[str | None] = None
    """The operator that means it: ``+``, ``and``; see :func:`word_of_symbol`."""
    random: ClassVar[bool] = False
    """Whether it may draw random numbers, see :meth:`draws`."""
    differentiable: ClassVar[bool] = True
    """Whether a gradient goes back through it."""
    of_shapes: ClassVar[bool] = False
    """Whether its result follows from the operands' shapes alone, whatever they hold."""
    carries: ClassVar[bool] = False
    """Whether its results are its operands' numbers, or lie between them: chosen, placed or shaped anew, averaged."""
    result_scale: ClassVar[Scale | None] = None
    """What its results say of classes, if that is known."""
    elementwise: ClassVar[bool] = False
    """Whether each element of a result hangs on nothing but those at its place, smaller operands repeated."""
    local: ClassVar[bool] = False
    """Whether entries along axes of its operands that stay are kept apart, see :meth:`joined_axes`."""
    rearranges: ClassVar[bool] = False
    """Whether its result has all elements of its one operand and no others, in any shape, order and type."""
    additive: ClassVar[bool] = False
    """Whether, of one operand, its result for a sum is the sum of those for the summands."""
    converts: ClassVar[bool] = False
    """Whether its result is its operand in another element type."""
    selects: ClassVar[bool] = False
    """Whether it takes each element of its second operand where its first holds, and of its third elsewhere."""
    divides: ClassVar[bool] = False
    """Whether it divides by its second operand: whole numbers by 0 end the run."""
    tells_missing: ClassVar[bool] = False
    """Whether it is made for NaN, so that none is lost in silence where that becomes a truth or a whole number."""
    hides_missing: ClassVar[Sequence[int]] = ()
    """The operands whose NaN a result may not show though it is floating-point."""
    wraps: ClassVar[bool] = True
    """Whether a whole number that it computes may leave its type; those of words with ``carries`` don't."""
    wraps_exactly: ClassVar[bool] = False
    """Whether a whole number that it computes is exact, but for whole turns where it leaves its type."""

    operators: ClassVar[Sequence[str]] = ()
    """Those of its ONNX operators that not every runtime has for its types, see :mod:`.kernels`."""
    formula: ClassVar[Callable[..., Any]]
    """What computes it, where that takes nothing but the operands; else :meth:`emit` says how."""

    def type(self, *operands: TensorType) -> Types:
        """Return the result's type; raise a Problem where the operands do not fit."""
        raise NotImplementedError

    def variables(self, *operands: TensorType) -> Sequence[Variable]:
        """Return the tensors that it owns when it is first applied to such operands."""
        return ()

    def emit(self, context: Context, *operands: Tensor) -> Tensors:
        """Build the nodes that compute it."""
        result: Tensors = type(self).formula(*operands)
        return result

    def joined_axes(self, *operands: TensorType) -> Sequence[int]:
        """Return the axes of the first operand along which a result hangs on several entries, though the axis stays."""
        return ()

    def keeps_apart(self, operands: Sequence[TensorType], symbol: str) -> bool:
        """Return whether entries of axes whose size has a symbol stay apart from one another.

        Of a word that says nothing of itself none are taken to: it is refused where examples must stay apart.
        """
        if not (self.elementwise or self.local) and type(self).joined_axes is Operation.joined_axes:
            return not any(symbol in operand.symbols for operand in operands)
        return not any(symbol in symbols_of(operands[0].shape[axis]) for axis in self.joined_axes(*operands))

    def reordered(self, x: TensorType) -> tuple[Shape, Sequence[int]] | None:
        """Return the shape that x is cut into and the order that its axes are put in, if that, joined, is the result.

        None of a word that neither cuts nor joins axes.
        """
        return None

    def concatenates(self, *operands: TensorType) -> int | None:
        """Return the axis along which the result is the operands, one behind the other."""
        return None

    def bounds(self, *ranges: tuple[int, int]) -> tuple[int, int] | None:
        """Return the least and the greatest number, given those of operands of whole numbers; None: not known."""
        return None

    def sample(self, *operands: TensorType) -> Dimension | None:
        """Return how many values each variance is taken of in training; None where none is taken."""
        return None

    def indexes(self, *operands: TensorType) -> Sequence[IndexUse]:
        """Return which operands are indices, and of what."""
        return ()

    def draws(self, training: bool) -> bool:
        """Return whether it draws random numbers: a layer in training, a function always."""
        return self.random and (training or self.family == "function")

    def multiply_adds(self, *operands: TensorType) -> Dimension:
        """Return how many multiply-add operations one application takes; element-wise work is not counted."""
        return 0


class OfFloats(Operation):
    """An operation on floating-point numbers, element by element unless it says otherwise."""

    elementwise = True

    def type(self, x: TensorType) -> TensorType:
        need_float(self.name, x)
        return x


class Layer(Operation):
    """An operation that is configured on the right of ``->``."""

    @classmethod
    def filled(cls, given: dict[str, T]) -> list[T]:
        """Return its operands, in order, where some are given by name: what is left out in between may be filled in."""
        return list(given.values())

    outputs_axis: ClassVar[int | None] = None
    """The axis of its variable ``weight`` that its outputs lie along; None: it has none, or that is not one axis."""


class Function(Operation):
    """An operation of tensors that owns nothing."""

    spreads: ClassVar[tuple[int, ...]] = ()
    """The operands in whose place a number stands for a tensor of it, of the shape of the first one."""
    of_networks: ClassVar[bool] = False
    """Whether it is applied to a network's kernels and embeddings where it is given the network."""
    of_tensor: ClassVar[str | None] = None
    """What means the same of any tensor, for hints."""

    of_numbers: ClassVar[Callable[..., Any] | None] = None
    """What computes it of compile-time numbers; None: it is not for numbers, or an operator of the language."""

    @classmethod
    def number(cls, *values: Any) -> Any:
        """Compute it for compile-time numbers."""
        assert cls.of_numbers is not None, cls.name
        return compute(cls.name, cls.of_numbers, *values)


layer = word_decorator("layer", LAYERS)
function = word_decorator("function", FUNCTIONS)


@dataclass(frozen=True)
class OperandSpec:
    """One tensor that an operation takes. ``variadic`` ones take any number, at least one."""

    name: str
    required: bool
    variadic: bool


@per_word
def operands_of(word: type[Any]) -> tuple[OperandSpec, ...]:
    """Return the operands of an operation, read off the signature of its ``type`` method."""
    parameters = list(inspect.signature(word.type).parameters.values())[1:]
    return tuple(OperandSpec(p.name, p.default is p.empty, p.kind is p.VAR_POSITIONAL) for p in parameters)


def word_of_symbol(symbol: str, operands: int) -> type[Function]:
    """Return the function that an operator means: ``("-", 2)`` is ``subtract``, ``("-", 1)`` ``negative``."""
    return next(word for word in FUNCTIONS.values() if word.symbol == symbol and len(operands_of(word)) == operands)
