"""Recurrent layers: a state that goes along a sequence, step by step.

Their parameters are PyTorch's, by name, shape and order of gates: ``weight_ih_l0`` (gates * units, features), and
``_reverse`` behind the names of those that go along the sequence from its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from dslc import graph as g
from dslc.errors.matching import WRONG_COUNT
from dslc.errors.types import COMBINATION
from dslc.library.checks import agree, need_float, need_integer, need_rank, same_elements, weight_size
from dslc.library.initializers import uniform, zeros
from dslc.library.operation import Context, IndexUse, Initializer, Layer, Role, Types, Variable, layer, option
from dslc.library.recurrence import exchanged, recur
from dslc.types import INT64, Dimension, Shape, TensorType

if TYPE_CHECKING:
    from dslc.graph import Tensor

    States: TypeAlias = Sequence[Tensor]
    Cell: TypeAlias = Callable[[States, States], States]
    Along: TypeAlias = tuple[Tensor, list[States]]
    """What is given on the way, steps first, and the final states of each direction."""

Given = TypeVar("Given", TensorType, "Tensor")


@dataclass(frozen=True)
class _Pass:
    """One layer in one direction."""

    place: int
    """Among all passes, as PyTorch orders their states."""
    layer: int
    reverse: bool
    features: Dimension
    """Of what flows in."""

    @property
    def suffix(self) -> str:
        """What the names of its parameters end in."""
        return f"_l{self.layer}{'_reverse' * self.reverse}"


@dataclass(frozen=True, kw_only=True)
class _Recurrent(Layer):
    """What the recurrent layers share; they differ in what they do in a step."""

    random = True
    gates: ClassVar[Sequence[int]]
    """In the order of ONNX's operator, by their places in PyTorch's."""
    states: ClassVar[int] = 1
    """How many tensors are carried."""

    units: int = option("Size of the state.", minimum=1)
    layers: int = option("How many there are; each goes along what the one before it gives.", default=1, minimum=1)
    bidirectional: bool = option(
        "Go along from both ends, with weights for each, and join both results on the last axis?", default=False
    )
    last: bool = option("Return the last layer's final state, [N, units], in place of the sequence?", default=False)
    return_state: bool = option("Return the final states of all layers behind that?", default=False)
    dropout: float = option(
        "In training, the probability that an element of what a layer hands on to the next becomes zero.",
        default=0.0, minimum=0, below=1,
    )  # fmt: skip
    bias: bool = option("Add biases?", default=True)
    init: Initializer | None = option(
        "How the weights start, the biases at zero; none: all of them uniform within 1 / sqrt(units) of 0.",
        default=None,
    )

    @property
    def _output(self) -> int:
        """The size of what one direction gives."""
        return self.units

    @property
    def _directions(self) -> int:
        return 1 + self.bidirectional

    def _passes(self, features: Dimension) -> Iterator[_Pass]:
        for place in range(self.layers * self._directions):
            number, reverse = divmod(place, self._directions)
            yield _Pass(place, number, bool(reverse), features if not number else self._directions * self._output)

    def _state_types(self, x: TensorType) -> list[TensorType]:
        """Return the types of the states of all passes."""
        passes = self.layers * self._directions
        several = (passes,) if passes > 1 else ()
        return [x.with_shape((x.shape[0], *several, size)) for size in (self._output, self.units)[: self.states]]

    @staticmethod
    def _told_apart(given: Sequence[Given | None]) -> tuple[list[Given], Given | None]:
        """Tell the states at the start from the lengths, the one operand of whole numbers, which comes last."""
        found = [each for each in given if each is not None]
        lengths = found.pop() if found and not found[-1].element.is_float else None
        return found, lengths

    # --- types --------------------------------------------------------------------------------------

    def _type(self, x: TensorType, *given: TensorType | None) -> Types:
        need_float(self.name, x)
        need_rank(self.name, x, 3, 3, "[N, T, features]")
        weight_size(self.name, x, 2, "each feature")
        if self.dropout and self.layers == 1:
            raise COMBINATION(
                f"{self.name}: dropout acts between layers, and there is one",
                hint=f"a layer behind it drops what it gives: -> Dropout({self.dropout:g})",
            )
        starts, lengths = self._told_apart(given)
        if lengths is not None:
            of = f"{self.name}, for its lengths,"
            need_integer(of, lengths)
            need_rank(of, lengths, 1, 1, "[N]")
            agree(self.name, lengths.shape[0], x.shape[0], "the numbers of lengths and of sequences")
        expected = self._state_types(x)
        if starts and len(starts) != len(expected):
            raise WRONG_COUNT(f"{self.name} starts from {len(expected)} states, or from none, and is given one")
        for start, wanted in zip(starts, expected, strict=False):
            same_elements(self.name, x, start)
            if start.rank != wanted.rank:
                raise COMBINATION(f"{self.name} of {x} starts from states {wanted}, and is given {start}")
            for found, size in zip(start.shape, wanted.shape, strict=True):
                agree(f"{self.name} of {x} starts from states {wanted}, and is given {start}", found, size, "sizes")
        on_the_way = x.shape[: 1 if self.last else 2]
        result = x.with_shape((*on_the_way, self._directions * self._output))
        return (result, *expected) if self.return_state else result

    def joined_axes(self, x: TensorType, *given: TensorType) -> Sequence[int]:
        return (1,)

    def indexes(self, x: TensorType, *given: TensorType) -> Sequence[IndexUse]:
        if self._told_apart(given)[1] is None:
            return ()
        return [IndexUse(len(given), x.shape[1] + 1, f"goes along at most {x.shape[1]} steps", looks_up=False)]

    def draws(self, training: bool) -> bool:
        return training and self.dropout > 0

    def variables(self, x: TensorType, *given: TensorType) -> Sequence[Variable]:
        found: list[Variable] = []
        rows, spread = len(self.gates) * self.units, 1 / math.sqrt(self.units)
        for one in self._passes(x.shape[2]):
            shapes: dict[str, Shape] = {"weight_ih": (rows, one.features), "weight_hh": (rows, self._output)}
            if self.bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if self._output != self.units:
                shapes["weight_hr"] = (self._output, self.units)
            for name, shape in shapes.items():
                role = Role.KERNEL if len(shape) == 2 else Role.BIAS
                init = self.init if role is Role.KERNEL or self.init is None else zeros()
                found.append(Variable(
                    name + one.suffix, shape, init or uniform(low=-spread, high=spread), role,
                    fan_in=shape[-1], fan_out=shape[0], element=x.element,
                ))  # fmt: skip
        return found

    def multiply_adds(self, x: TensorType, *given: TensorType) -> Dimension:
        kernels = (v.shape for v in self.variables(x, *given) if v.role is Role.KERNEL)
        return x.shape[0] * x.shape[1] * sum(rows * columns for rows, columns in kernels)

    # --- emission -----------------------------------------------------------------------------------

    def emit(self, context: Context, x: Tensor, *given: Tensor | None) -> Any:
        starts, lengths = self._told_apart(given)
        if lengths is not None:
            lengths = g.cast(lengths, INT64)
        passes, sequence = list(self._passes(x.shape[2])), exchanged(x)
        along = self._by_operator if self._is_standard(context) else self._by_steps
        ends: list[States] = []
        for number in range(self.layers):
            if number and self.draws(context.training):
                assert context.randomness is not None
                keep = 1 - self.dropout
                kept = context.randomness.chance(sequence.type, f"{context.site}/{number}", keep)
                sequence = sequence * (kept * (1 / keep))
            here = passes[number * self._directions :][: self._directions]
            first = [_part(starts, one.place, len(passes)) for one in here]
            on_the_way = number < self.layers - 1 or not self.last
            sequence, finals = along(context, here, sequence, first, lengths, on_the_way=on_the_way)
            ends += finals
        result = g.concat([h for h, *_ in ends[-self._directions :]], -1) if self.last else exchanged(sequence)
        return (result, *map(_joined, zip(*ends, strict=True))) if self.return_state else result

    def _by_steps(
        self, context: Context, passes: Sequence[_Pass], x: Tensor, first: Sequence[States], lengths: Tensor | None,
        *, on_the_way: bool,
    ) -> Along:  # fmt: skip
        """Go along in each direction; what does not hang on the state is computed for all steps at once."""
        outputs: list[Tensor] = []
        ends: list[States] = []
        for one, start in zip(passes, first, strict=True):
            states = start or [
                g.full(x, 0, x.type.with_shape((x.shape[1], size)))
                for size in (self._output, self.units)[: self.states]
            ]
            cell, inputs = self._cell(context, one, x @ context["weight_ih" + one.suffix].mT)

            def step(before: States, now: States, cell: Cell = cell) -> tuple[States, States]:
                after = cell(before, now)
                return after, after[:1] if on_the_way else ()

            found, end = recur(step, inputs, states, reverse=one.reverse, lengths=lengths, steps_first=True)
            outputs += found
            ends.append(end)
        return g.concat(outputs, -1) if on_the_way else x, ends

    def _cell(self, context: Context, one: _Pass, projected: Tensor) -> tuple[Cell, States]:
        """Return what maps the states and the inputs of a step to the next states, and the inputs of all steps.

        ``projected`` is the product of what flows in with its weights, for all steps.
        """
        raise NotImplementedError

    def _is_standard(self, context: Context) -> bool:
        """Whether ONNX's operator may compute it, which is fast everywhere and has no gradient."""
        builder, (element,) = context.builder, {v.element for v in context.variables.values()}
        return not context.differentiated and not builder.target.lacks(self.name, element)

    def _by_operator(
        self, context: Context, passes: Sequence[_Pass], x: Tensor, first: Sequence[States], lengths: Tensor | None,
        *, on_the_way: bool, **attributes: Any,
    ) -> Along:  # fmt: skip
        """Do the same by ONNX's operator of this name."""
        names = [["weight_ih"], ["weight_hh"], *([["bias_ih", "bias_hh"]] if self.bias else [])]
        weights = [[[context[name + one.suffix] for name in each] for one in passes] for each in names]
        y, ends = g.recurrent(self.name, x, weights, self.gates, first, lengths, self.states, **attributes)
        if lengths is not None:
            ends = [
                _kept_without_steps(*both, lengths) if both[1] else both[0] for both in zip(ends, first, strict=True)
            ]
        if not on_the_way:
            return x, list(ends)
        joined = (*x.shape[:2], len(passes) * self.units)
        return g.squeeze(y, [1]) if len(passes) == 1 else g.reshape(g.transpose(y, (0, 2, 1, 3)), joined), list(ends)


def _part(starts: States, place: int, passes: int) -> States:
    """Return the states at which a pass starts, of those of all passes; none if there are none."""
    if passes == 1:
        return starts
    return [g.squeeze(g.slice_(start, [place], [place + 1], [1], [1]), [1]) for start in starts]


def _kept_without_steps(ends: States, starts: States, lengths: Tensor) -> list[Tensor]:
    """Return the final states, of a row without steps those at the start: the runtime's operators leave 0 there."""
    has_steps = g.unsqueeze(g.greater(lengths, 0), [1])
    return [g.where(has_steps, end, start) for end, start in zip(ends, starts, strict=True)]


def _joined(states: States) -> Tensor:
    """Join the final states of all passes on axis 1, if there are several."""
    return states[0] if len(states) == 1 else g.concat([g.unsqueeze(state, [1]) for state in states], 1)


@layer
class RNN(_Recurrent):
    """The plain recurrent layer: h = tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh) in each step.

    From [N, T, features] to [N, T, units], the state after each step; h, that before the first one, is 0 unless it
    flows in too. States are [N, units]; of several layers and directions [N, layers * directions, units], the
    directions of the first layer first. With ``lengths``, integers [N], a row ends after so many steps: what is given
    beyond them is 0, and the final state is that of its own end. Parameters have PyTorch's names, shapes and order.

    Elman, Finding Structure in Time, 1990.
    """

    aliases = {"simplernn": "and gives the whole sequence unless last = true"}
    gates = (0,)
    activation: str = option("What the state goes through.", default="tanh", choices=("tanh", "relu"))

    def type(self, x: TensorType, h: TensorType | None = None, lengths: TensorType | None = None) -> Types:
        return self._type(x, h, lengths)

    def _cell(self, context: Context, one: _Pass, projected: Tensor) -> tuple[Cell, States]:
        weight = context["weight_hh" + one.suffix].mT
        if self.bias:
            projected = projected + (context["bias_ih" + one.suffix] + context["bias_hh" + one.suffix])
        bent = g.relu if self.activation == "relu" else g.tanh
        return lambda states, inputs: [bent(inputs[0] + states[0] @ weight)], [projected]

    def _by_operator(self, *given: Any, **more: Any) -> Along:
        return super()._by_operator(*given, activations=[self.activation.capitalize()] * self._directions, **more)


@layer
class GRU(_Recurrent):
    """The gated recurrent unit, as cuDNN and PyTorch have it: the reset gate acts behind the product with the state.

    In each step, of products and biases as in [RNN](#rnn): r and z are sigmoids, n = tanh(that of x + r * that of h),
    and h = (1 - z) * n + z * h. Shapes, ``lengths`` and names are those of RNN; the gates of the weights are r, z, n.

    Cho et al., Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, 2014.
    """

    gates = (1, 0, 2)

    def type(self, x: TensorType, h: TensorType | None = None, lengths: TensorType | None = None) -> Types:
        return self._type(x, h, lengths)

    def _cell(self, context: Context, one: _Pass, projected: Tensor) -> tuple[Cell, States]:
        weight, bias = context["weight_hh" + one.suffix].mT, None
        if self.bias:
            projected = projected + context["bias_ih" + one.suffix]
            bias = context["bias_hh" + one.suffix]

        def cell(states: States, inputs: States) -> States:
            (h,), (of_x,) = states, inputs
            of_h = h @ weight if bias is None else h @ weight + bias
            (r, z, n), (rh, zh, nh) = (g.split(gates, [self.units] * 3, -1) for gates in (of_x, of_h))
            new = g.tanh(n + g.sigmoid(r + rh) * nh)
            return [new + g.sigmoid(z + zh) * (h - new)]

        return cell, [projected]

    def _by_operator(self, *given: Any, **more: Any) -> Along:
        return super()._by_operator(*given, linear_before_reset=1, **more)


@layer
class LSTM(_Recurrent):
    """Long short-term memory: a cell c beside the state h, which gates let in, keep and let out.

    In each step, of products and biases as in [RNN](#rnn): i, f and o are sigmoids, c = f * c + i * tanh(g), and
    h = o * tanh(c). Shapes, ``lengths`` and names are those of RNN, of both states; the gates of the weights are
    i, f, g, o.

    Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; Gers et al., Learning to Forget, 2000.
    """

    gates, states = (0, 3, 1, 2), 2
    projection: int | None = option(
        "Size to which h is brought in each step, by a product with weight_hr; none: it stays. (Sak et al., 2014)",
        default=None, minimum=1,
    )  # fmt: skip

    @property
    def _output(self) -> int:
        return self.projection or self.units

    def type(
        self, x: TensorType, h: TensorType | None = None, c: TensorType | None = None, lengths: TensorType | None = None
    ) -> Types:
        if self.projection is not None and self.projection >= self.units:
            raise COMBINATION(f"{self.name}: projection = {self.projection} must be less than units = {self.units}")
        return self._type(x, h, c, lengths)

    def _cell(self, context: Context, one: _Pass, projected: Tensor) -> tuple[Cell, States]:
        weight = context["weight_hh" + one.suffix].mT
        smaller = None if self.projection is None else context["weight_hr" + one.suffix].mT
        if self.bias:
            projected = projected + (context["bias_ih" + one.suffix] + context["bias_hh" + one.suffix])

        def cell(states: States, inputs: States) -> States:
            h, c = states
            i, f, new, o = g.split(inputs[0] + h @ weight, [self.units] * 4, -1)
            c = g.sigmoid(f) * c + g.sigmoid(i) * g.tanh(new)
            h = g.sigmoid(o) * g.tanh(c)
            return [h if smaller is None else h @ smaller, c]

        return cell, [projected]

    def _is_standard(self, context: Context) -> bool:
        return self.projection is None and super()._is_standard(context)
