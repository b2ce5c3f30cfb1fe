"""Building ONNX graphs from typed tensors.

A :class:`Builder` owns one graph; a :class:`Tensor` is a value of it with its exact type. The functions of
:mod:`dslc.graph.ops` make nodes; each derives its result's type, so every value is typed from birth and no shape
inference is needed. Types are kept with the values (:func:`type_of`).

Names: a node's outputs are named ``<scope>/<operator>``, counted where that repeats (``graph`` outside of any
scope), so that no name of the spec is one of theirs; graph inputs, state and outputs bear the names that the artifacts
promise.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import add, mul
from typing import TypeAlias

import numpy as np
import onnx_ir as ir

from dslc.dimensions import bounds, symbols_of
from dslc.graph.values import Attribute, add_initializer, attribute_of, constant_value, onnx_type, stamp, type_of
from dslc.targets import Target
from dslc.targets.cpu import CPU
from dslc.types import BOOL, INT64, Dimension, ElementType, Shape, Symbolic, TensorType, broadcast, broadcast_types

__all__ = [
    "DEFAULT_OPSET", "IR_VERSION", "Builder", "Operand", "Tensor", "binary", "constant_of", "dimensions_of", "joined",
    "matmul", "normal_axis", "onnx_type", "transpose", "type_of",
]  # fmt: skip

DEFAULT_OPSET = 18
"""The set of the standard operators that graphs are built in, whatever their target's."""
IR_VERSION = 8
"""The file format that belongs to it."""

Number = int | float | bool
Operand: TypeAlias = "Tensor | int | float | bool"


def constant_of(tensor: Tensor) -> np.ndarray | None:
    """Return what :func:`constant_value` does, of a tensor."""
    return constant_value(tensor.value)


def dimensions_of(tensor: Tensor) -> Shape:
    """Return the dimensions that an int64 operand made by :meth:`Builder.shape` stands for."""
    constant = constant_of(tensor)
    dimensions: Shape = tensor.value.meta["dimensions"] if constant is None else tuple(constant.tolist())
    return dimensions


Method: TypeAlias = "Callable[[Tensor, Operand], Tensor]"


def _both_ways(operator: str) -> tuple[Method, Method]:
    """Return the methods for a tensor on the left and on the right of a Python operator."""
    return lambda self, other: binary(operator, self, other), lambda self, other: binary(operator, other, self)


class Tensor:
    """A typed value of a graph under construction, with NumPy's operators."""

    __slots__ = ("builder", "type", "value")
    __array_priority__ = 1000

    def __init__(self, builder: Builder, value: ir.Value) -> None:
        self.builder = builder
        self.value = value
        self.type = type_of(value)

    @property
    def shape(self) -> Shape:
        """The shape of its type."""
        return self.type.shape

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return self.type.rank

    @property
    def element(self) -> ElementType:
        """Its element type."""
        return self.type.element

    __add__, __radd__ = _both_ways("Add")
    __sub__, __rsub__ = _both_ways("Sub")
    __mul__, __rmul__ = _both_ways("Mul")
    __truediv__, __rtruediv__ = _both_ways("Div")
    __pow__, __rpow__ = _both_ways("Pow")

    def __neg__(self) -> Tensor:
        return self.builder.node("Neg", [self], [self.type])

    def __matmul__(self, other: Tensor) -> Tensor:
        return matmul(self, other)

    @property
    def mT(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The tensor with its last two axes exchanged."""
        return transpose(self, (*range(self.rank - 2), self.rank - 1, self.rank - 2))

    def __repr__(self) -> str:
        return f"<{self.value.name}: {self.type}>"


class Builder:
    """Builds one ONNX graph, for a target."""

    def __init__(self, name: str, target: Target = CPU) -> None:
        self.target = target
        self.graph = ir.Graph([], [], nodes=[], opset_imports={"": DEFAULT_OPSET}, name=name)
        self.graph.meta["target"] = target
        self._counts: dict[str, int] = {}
        self._scope: list[str] = []
        self._origin: str | None = None
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Tensor] = {}
        self._symbols: dict[str, tuple[Tensor, int]] = {}
        self._known: dict[Hashable, Tensor] = {}
        self._open = self.graph

    # --- graphs in the graph --------------------------------------------------------------------

    def body(self, name: str) -> ir.Graph:
        """Return an empty graph for an attribute of a node; see :meth:`into`."""
        graph = ir.Graph([], [], nodes=[], name=self.unique("/".join([*self._scope[-1:], name])))
        graph.meta.update(target=self.target, root=self.graph)
        return graph

    @contextmanager
    def into(self, graph: ir.Graph) -> Iterator[None]:
        """Build what follows inside of a graph in the graph, its inputs and outputs as well.

        It may take what is known outside; what is made there is known there only. Constants belong to the whole.
        """
        before = self._open, self._known, self._symbols
        self._open, self._known, self._symbols = graph, {}, dict(self._symbols)
        try:
            yield
        finally:
            self._open, self._known, self._symbols = before

    def once(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """Return what ``make`` builds, which it does once in each graph."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    # --- names and places -------------------------------------------------------------------

    @contextmanager
    def scope(self, name: str, origin: str | None = None) -> Iterator[None]:
        """Name what is built inside after ``name``; remember ``origin``, its place in the spec."""
        before = self._origin
        self._scope.append(name)
        self._origin = origin or before
        try:
            yield
        finally:
            self._scope.pop()
            self._origin = before

    def unique(self, name: str) -> str:
        """Return the name, counted from its second use on."""
        count = self._counts.get(name, 0)
        self._counts[name] = count + 1
        return name if count == 0 else self.unique(f"{name}_{count + 1}")

    # --- values --------------------------------------------------------------------------------

    def input(self, name: str, type: TensorType, doc: str | None = None) -> Tensor:
        """Add a graph input. A symbol first met in its shape is read from it at run time."""
        name = self._own(name)
        value = ir.Value(doc_string=doc)
        stamp(value, name, type)
        self._open.inputs.append(value)
        tensor = Tensor(self, value)
        for axis, dimension in enumerate(type.shape):
            if isinstance(dimension, Symbolic) and str(dimension) in symbols_of(dimension):
                self._symbols.setdefault(str(dimension), (tensor, axis))
        return tensor

    def _own(self, name: str) -> str:
        """Return the name of an input or output: as it is, or inside of a graph in the graph one of its own."""
        if self._open is not self.graph:
            return self.unique("/".join([*self._scope[-1:], name]))
        self._counts[name] = self._counts.get(name, 0) + 1
        return name

    def parameter(self, name: str, array: np.ndarray) -> Tensor:
        """Add a weight that lives inside the graph."""
        self._counts[name] = self._counts.get(name, 0) + 1
        return Tensor(self, add_initializer(self.graph, name, array))

    def constant(self, value: np.ndarray | Number | Sequence[int], element: ElementType | None = None) -> Tensor:
        """Return a constant; equal ones are stored once."""
        array = np.asarray(value, dtype=element.numpy if element else None)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            text = f"constant/{array.item()}" if array.ndim == 0 else "constant/array"
            self._constants[key] = Tensor(self, add_initializer(self.graph, self.unique(text), array.copy()))
            self._constants[key].value.meta["constant"] = True
        return self._constants[key]

    def node(
        self,
        operator: str,
        operands: Sequence[Tensor | None],
        types: Sequence[TensorType],
        attributes: Mapping[str, Attribute] | None = None,
    ) -> Tensor:
        """Add a node with one output of the given type; see :meth:`nodes` for several."""
        return self.nodes(operator, operands, types, attributes)[0]

    def nodes(
        self,
        operator: str,
        operands: Sequence[Tensor | None],
        types: Sequence[TensorType],
        attributes: Mapping[str, Attribute] | None = None,
    ) -> tuple[Tensor, ...]:
        """Add a node; return its outputs, which have the given types."""
        name = self.unique("/".join([*(self._scope[-1:] or ["graph"]), operator]))
        node = ir.Node(
            "",
            operator,
            [operand.value if operand is not None else None for operand in operands],
            [attribute_of(key, value) for key, value in (attributes or {}).items()],
            num_outputs=len(types),
            name=name,
        )
        if self._origin:
            node.metadata_props["origin"] = self._origin
        for index, (value, type) in enumerate(zip(node.outputs, types, strict=True)):
            stamp(value, name if index == 0 else f"{name}:{index}", type)
        self._open.append(node)
        return tuple(Tensor(self, value) for value in node.outputs)

    def add(self, nodes: Sequence[ir.Node]) -> None:
        """Take in nodes that were made for another graph."""
        self._open.extend(nodes)

    def as_tensor(self, operand: Operand, element: ElementType) -> Tensor:
        """Return a tensor as it is, a number as a constant of the element type."""
        return operand if isinstance(operand, Tensor) else self.constant(operand, element)

    # --- shapes at run time --------------------------------------------------------------------

    def size(self, dimension: Dimension) -> Tensor:
        """Return the run-time value of an axis' size as int64[1]: 0 where an expression of it would be negative."""
        value = self.dimension(dimension)
        if bounds(dimension)[0] >= 0:
            return value
        return self.node("Max", [value, self.constant([0], INT64)], [value.type])

    def dimension(self, dimension: Dimension) -> Tensor:
        """Return the run-time value of an expression of sizes as int64[1]."""
        if isinstance(dimension, int):
            return self.constant([dimension], INT64)
        return self.once(dimension, lambda: self._computed(dimension))

    def _computed(self, dimension: Symbolic) -> Tensor:
        def factors(atoms: Sequence[object], coefficient: int) -> Iterator[Tensor]:
            yield from (self._atom(dimension, atom) for atom in atoms)
            if coefficient != 1 or not atoms:
                yield self.constant([coefficient], INT64)

        return reduce(add, (reduce(mul, factors(*term)) for term in dimension.terms.items()))

    def _atom(self, dimension: Symbolic, atom: object) -> Tensor:
        operator = getattr(atom, "operator", "")
        if not operator:
            tensor, axis = self._symbols[str(atom)]
            return self.node("Shape", [tensor], [TensorType(INT64, (1,))], {"start": axis, "end": axis + 1})
        operands = dimension.operands(atom)  # type: ignore[arg-type]
        numerator, divisor = map(self.dimension, operands)
        if operator == "//" and bounds(operands[0])[0] < 0:  # ONNX divides toward zero
            numerator = numerator - self.node("Mod", [numerator, divisor], [TensorType(INT64, (1,))])
        return self.node("Div" if operator == "//" else "Mod", [numerator, divisor], [TensorType(INT64, (1,))])

    def shape(self, shape: Sequence[Dimension], *, signed: bool = False) -> Tensor:
        """Return the run-time value of a shape as int64[rank]; ``signed``: of numbers that may be negative."""
        if all(isinstance(d, int) for d in shape):
            return self.constant(np.array(shape, np.int64))
        parts = [self.dimension(d) if signed else self.size(d) for d in shape]
        type = TensorType(INT64, (len(shape),))
        result = parts[0] if len(parts) == 1 else self.node("Concat", parts, [type], {"axis": 0})
        result.value.meta["dimensions"] = tuple(shape)
        return result

    # --- results -------------------------------------------------------------------------------

    def output(self, name: str, tensor: Tensor, doc: str | None = None) -> None:
        """Make a tensor a graph output of that name.

        What is an input, a weight, a constant, an output already or made outside is passed on by an Identity, since
        ONNX gives a value one name only.
        """
        value = tensor.value
        if value.is_graph_output() or value.producer() is None or value.graph is not self._open:
            value = self.node("Identity", [tensor], [tensor.type]).value
        value.name = self._own(name)
        value.doc_string = doc
        self._open.outputs.append(value)

    def model(self, *, doc: str | None = None, metadata: Mapping[str, str] | None = None) -> ir.Model:
        """Return the finished model."""
        from dslc.version import __version__

        model = ir.Model(
            self.graph, ir_version=IR_VERSION, producer_name="dslc", producer_version=__version__, doc_string=doc
        )
        model.metadata_props.update(metadata or {})
        return model


# --- what the operators of tensors are made of ---------------------------------------------------

COMPARISONS = frozenset({"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"})


def joined(*operands: Operand) -> tuple[Builder, list[Tensor]]:
    """Return the builder of operands, and these with numbers as constants of the tensors' element type."""
    first = next((o for o in operands if isinstance(o, Tensor) and o.element is not BOOL), None)
    first = first or next(o for o in operands if isinstance(o, Tensor))
    return first.builder, [first.builder.as_tensor(o, first.element) for o in operands]


def binary(operator: str, left: Operand, right: Operand) -> Tensor:
    """Apply an ONNX operator of two broadcast operands of one element type; one may be a number."""
    builder, operands = joined(left, right)
    elements = {o.element for o in operands}
    if len(elements) > 1:
        raise TypeError(f"{operator} of {operands[0].type} and {operands[1].type}")
    result = broadcast_types(*(o.type for o in operands))
    return builder.node(operator, operands, [result.with_element(BOOL) if operator in COMPARISONS else result])


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """NumPy's matrix product: (..., m, k) @ (..., k, n), with vectors as NumPy has them."""
    if a.rank == 1 and b.rank == 1:
        shape: Shape = ()
    elif a.rank == 1:
        shape = (*b.shape[:-2], b.shape[-1])
    elif b.rank == 1:
        shape = a.shape[:-1]
    else:
        shape = (*broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    return a.builder.node("MatMul", [a, b], [a.type.with_shape(shape)])


def normal_axis(axis: int, rank: int) -> int:
    """Return the axis counted from the front."""
    if not -rank <= axis < rank:
        raise IndexError(f"axis {axis} of a tensor of rank {rank}")
    return axis % rank


def transpose(x: Tensor, permutation: Sequence[int]) -> Tensor:
    """Reorder the axes: axis i of the result is axis permutation[i] of x."""
    permutation = [normal_axis(a, x.rank) for a in permutation]
    if permutation == list(range(x.rank)):
        return x
    return x.builder.node("Transpose", [x], [x.type.with_shape(x.shape[a] for a in permutation)], {"perm": permutation})
