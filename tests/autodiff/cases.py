"""One row per way of using an operator: what to differentiate, at which shapes.

Shapes may hold the symbols N and H, known only at run time; they are checked at N = 3 and H = 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from dslc import graph as g
from dslc.graph import Tensor
from dslc.types import FLOAT32, INT64, Dimension, symbol
from dslc.windows import Windows

N, H = symbol("N"), symbol("H")
SIZES = {"N": 3, "H": 7}

Draw = Callable[[np.random.Generator, "tuple[int, ...]"], np.ndarray]


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.standard_normal(shape)


def positive(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.uniform(0.5, 2.0, shape)


def index(limit: int, least: int = 0) -> Draw:
    return lambda random, shape: random.integers(least, limit, shape)


def order(axis: int, limit: Dimension) -> Draw:
    """Along an axis, indices of which none repeats."""

    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        whole = [int(limit) if number == axis else size for number, size in enumerate(shape)]
        return np.take(random.random(whole).argsort(axis), range(shape[axis]), axis)

    return draw


def coin(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.integers(0, 2, shape).astype(bool)


@dataclass(frozen=True)
class Case:
    """A function of real tensors (``shapes``), then of others (``others``), whose result is ``operator``'s."""

    operator: str
    function: Callable[..., Tensor | Sequence[Tensor]]
    shapes: tuple[tuple[Dimension, ...], ...]
    draw: Draw = normal
    others: tuple[tuple[tuple[Dimension, ...], Draw], ...] = ()
    step: float = 1e-5

    @property
    def name(self) -> str:
        return f"{self.operator}-{'-'.join('x'.join(map(str, shape)) or 'scalar' for shape in self.shapes)}"


def unary(operator: str, function: Callable[[Tensor], Tensor], draw: Draw = normal, step: float = 1e-5) -> list[Case]:
    return [Case(operator, function, (s,), draw, step=step) for s in ((2, 3), (), (1,), (0, 3), (N, 2))]


def binary(operator: str, draw: Draw = normal) -> list[Case]:
    return [Case(operator, lambda a, b: g.binary(operator, a, b), pair, draw) for pair in BROADCASTS]


def on(
    operator: str, *rows: tuple[Callable[..., Tensor | Sequence[Tensor]], Iterable[tuple[Dimension, ...]]]
) -> list[Case]:
    return [Case(operator, function, tuple(shapes)) for function, shapes in rows]


def clip(x: Tensor, *limits: Tensor | float | None) -> Tensor:
    """The operator itself; ``g.clip`` writes it otherwise in float64."""
    given = [None if limit is None else x.builder.as_tensor(limit, x.element) for limit in limits]
    return x.builder.node("Clip", [x, *given], [x.type])


BROADCASTS = (
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((1, 3), (2, 1)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((4, 1, 3), (2, 1)),
    ((0, 3), (3,)),
    ((2, 0), (1, 1)),
    ((N, 4), (4,)),
    ((N, 4), (N, 1)),
    ((1,), (N, 4)),
    ((1, 1), (N, H)),
)

ELEMENTWISE = [
    *binary("Add"),
    *binary("Sub"),
    *binary("Mul"),
    *binary("Div", positive),
    *binary("Pow", positive),
    *binary("Max"),
    *binary("Min"),
    *on("Mul", (lambda x: x * x, [(2, 3)])),
    *(Case("Pow", lambda x, n=n: x**n, ((2, 3),), positive) for n in (0.0, 1.0, 2.0, 3.0, 0.5, -1.5)),
    *(Case("Pow", lambda x, n=n: x**n, ((2, 3),)) for n in (2.0, 3.0)),
    *on("Pow", (lambda x: 2.0**x, [(2, 3)])),
    *unary("Neg", lambda x: -x),
    *unary("Abs", g.absolute),
    *unary("Reciprocal", g.reciprocal, positive),
    *unary("Sqrt", g.sqrt, positive),
    *unary("Identity", g.identity),
    *unary("Cast", lambda x: g.cast(x, FLOAT32), step=1e-1),
    *unary("Exp", g.exp),
    *unary("Log", g.log, positive),
    *unary("Sin", g.sin),
    *unary("Cos", lambda x: g.unary("Cos", x)),  # g.cos writes the sine for float64
    *unary("Tanh", g.tanh),
    *unary("Sigmoid", g.sigmoid),
    *unary("Softplus", lambda x: g.unary("Softplus", x)),
    *unary("Erf", g.erf),
    *unary("Relu", g.relu),
    *(case for a in (0.0, 0.25, 1.0, 1.5, -0.5) for case in unary("LeakyRelu", partial(g.leaky_relu, alpha=a))),
    *unary("HardSigmoid", partial(g.hard_sigmoid, alpha=0.4, beta=0.55)),
    *(case for a in (1.0, 0.5) for case in unary("Elu", partial(g.elu, alpha=a))),
    *unary("Clip", lambda x: clip(x, -0.5, 0.5)),
    *on(
        "Clip",
        (lambda x: clip(x, None, 0.5), [(5,)]),
        (lambda x: clip(x, 0.5), [(5,)]),
        (lambda x, low: clip(x, low, 3.0), [(4, 5), ()]),
        (lambda x, high: clip(x, -3.0, high), [(4, 5), ()]),
    ),
    *(
        Case("Where", lambda a, b, c: g.where(c, a, b), shapes[:2], others=((shapes[2], coin),))
        for shapes in (
            ((2, 3), (2, 3), (2, 3)),
            ((), (2, 3), (3,)),
            ((2, 1), (1, 3), (2, 3)),
            ((3,), (), (2, 1)),
            ((0, 3), (3,), (1, 3)),
            ((N, 3), (), (N, 1)),
        )
    ),
    Case("Where", lambda a, c: g.where(c, a, -10.0), ((2, 4, 4),), others=(((4, 4), coin),)),
]

AXES = (
    ((2, 3), None, False),
    ((2, 3), [0], True),
    ((2, 3, 4), [1], False),
    ((2, 3, 4), [-1, 0], False),
    ((1, 3), [0], False),
    ((N, 4), [0], True),
    ((N, 4), None, False),
    ((N, H, 2), [1], False),
)

REDUCTIONS = [
    *(
        Case(name, lambda x, reduce=reduce, axes=axes, keep=keep: reduce(x, axes, keep), (shape,))
        for name, reduce in (
            ("ReduceSum", g.reduce_sum),
            ("ReduceMean", g.reduce_mean),
            ("ReduceMax", g.reduce_max),
            ("ReduceMin", g.reduce_min),
        )
        for shape, axes, keep in AXES
    ),
    *on("ReduceSum", (lambda x: g.reduce_sum(x, [0]), [(0, 3)]), (lambda x: g.reduce_sum(x, [1]), [(0, 3)])),
    *(
        Case(name, lambda x, f=f, axis=axis: f(x, axis), (shape,))
        for name, f in (("Softmax", g.softmax), ("LogSoftmax", g.log_softmax))
        for shape, axis in (((2, 3), -1), ((2, 3), 0), ((2, 1), 1), ((0, 3), 1), ((N, H, 2), 1), ((2, 3, 4, 2), 2))
    ),
    *(
        Case("TopK", lambda x, k=k: g.top_k(x, k)[0], (shape,))
        for shape, k in (((5,), 2), ((2, 4), 4), ((N, 4), 1), ((2, 3, 4), 3))
    ),
    *(
        Case("CumSum", lambda x, axis=axis: g.cumulative_sum(x, axis), (shape,))
        for shape, axis in (((5,), 0), ((2, 1), 1), ((N, H), 1), ((2, 3, 4), -2), ((0, 3), 1))
    ),
    Case(
        "CumSum",
        lambda x: x.builder.node("CumSum", [x, x.builder.constant(1, INT64)], [x.type], {"exclusive": 1, "reverse": 1}),
        ((2, 4),),
    ),
]


LINEAR = [
    *(
        Case("MatMul", g.matmul, pair)
        for pair in (
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 4)),
            ((5, 2, 3), (3, 4)),
            ((5, 2, 3), (3,)),
            ((3,), (5, 3, 4)),
            ((2, 3), (5, 3, 4)),
            ((5, 2, 3), (5, 3, 4)),
            ((6, 1, 2, 3), (5, 3, 4)),
            ((1, 2, 3), (5, 3, 4)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
            ((1, 1), (1, 1)),
            ((N, 3), (3, 4)),
            ((N, H, 3), (3, 4)),
            ((N, 2, H, 3), (N, 2, 3, H)),
            ((N, H, 3), (3,)),
        )
    ),
    *(
        Case("MatMul", lambda *xs, e=e: g.einsum(e, *xs), shapes)
        for e, shapes in (
            ("ij,jk->ik", ((2, 3), (3, 4))),
            ("bid,bjd->bij", ((2, 3, 4), (2, 5, 4))),
            ("ij,kj->", ((2, 3), (4, 3))),
            ("ijk,j->k", ((2, 3, 4), (3,))),
            ("bhqd,bhkd->bhqk", ((N, 2, H, 3), (N, 2, H, 3))),
        )
    ),
]

SHAPING = [
    *on(
        "Reshape",
        (lambda x: g.reshape(x, (3, 2)), [(2, 3)]),
        (lambda x: g.reshape(x, ()), [(1, 1)]),
        (lambda x: g.reshape(x, (0, 5)), [(0, 3)]),
        (lambda x: g.reshape(x, (N * 4,)), [(N, 4)]),
        (lambda x: g.reshape(x, (N * H, 2)), [(N, H, 2)]),
    ),
    *on(
        "Transpose",
        (lambda x: g.transpose(x, (1, 0)), [(2, 3)]),
        (lambda x: g.transpose(x, (2, 0, 1)), [(2, 3, 4)]),
        (lambda x: g.transpose(x, (1, 2, 3, 0)), [(N, 1, 0, 4)]),
    ),
    *on(
        "Expand",
        (lambda x: g.expand(x, (2, 3)), [(3,)]),
        (lambda x: g.expand(x, (4, 2, 3)), [(2, 1)]),
        (lambda x: g.expand(x, (N, 3)), [()]),
        (lambda x: g.expand(x, (N, H, 3)), [(N, 1, 3)]),
        (lambda x: g.expand(x, (0, 3)), [(1, 3)]),
    ),
    *on("Squeeze", (lambda x: g.squeeze(x, [1]), [(2, 1, 3)]), (lambda x: g.squeeze(x, [0, -1]), [(1, N, 1)])),
    *on("Unsqueeze", (lambda x: g.unsqueeze(x, [0, 2]), [(2, 3)]), (lambda x: g.unsqueeze(x, [-1]), [(N,)])),
    *on(
        "Concat",
        (lambda a, b: g.concat([a, b], 0), [(2, 3), (1, 3)]),
        (lambda a, b, c: g.concat([a, b, c], -1), [(2, 3), (2, 0), (2, 1)]),
        (lambda a, b: g.concat([a, b], 1), [(N, H, 2), (N, 3, 2)]),
        (lambda a: g.concat([a, a], 0), [(2, 3)]),
    ),
    *on(
        "Split",
        (lambda x: g.split(x, [1, 2, 3], 1), [(2, 6)]),
        (lambda x: g.split(x, [2, 0], 0), [(2, 6)]),
        (lambda x: g.split(x, [1, 3], 0)[1], [(4, 2)]),
        (lambda x: g.split(x, [H, 2], 1), [(N, H + 2)]),
    ),
    *on(
        "Slice",
        (lambda x: g.slice_(x, [1], [3], [0], [1]), [(4, 2)]),
        (lambda x: g.slice_(x, [1, 0], [6, 3], [1, 0], [2, 1]), [(3, 7)]),
        (lambda x: g.slice_(x, [0], [8], [0], [3]), [(8,)]),
        (lambda x: g.slice_(x, [2], [8], [0], [3]), [(8,)]),
        (lambda x: g.slice_(x, [1], [7], [0], [2]), [(9,)]),
        (lambda x: g.slice_(x, [2], [2], [0], [1]), [(4, 2)]),
        (lambda x: g.slice_(x, [1], [H], [1], [1]), [(N, H)]),
        (lambda x: g.slice_(x, [H - 2], [H], [1], [1]), [(N, H)]),
        (lambda x: g.slice_(x, [0], [H], [1], [2]), [(N, H)]),
    ),
    *on(
        "Pad",
        (lambda x: g.pad(x, [1, 0], [0, 2]), [(2, 3)]),
        (lambda x: g.pad(x, [1], [2], value=5.0), [(3,)]),
        (lambda x: g.pad(x, [0, 1], [0, H]), [(N, 2)]),
        (lambda x: g.pad(x, [0, 1, 2], [0, 2, 0], mode="reflect"), [(2, 3, 4)]),
        (lambda x: g.pad(x, [0, 3], [0, 2], mode="reflect"), [(N, H)]),
        (lambda x: g.pad(x, [0, 1], [0, 1], mode="reflect"), [(2, 2)]),
        (lambda x: g.pad(x, [0, 1, 2], [0, 2, 0], mode="edge"), [(2, 3, 4)]),
        (lambda x: g.pad(x, [0, 3], [0, 2], mode="edge"), [(N, H)]),
        (lambda x: g.pad(x, [2, 5], [0, 1], mode="edge"), [(N, 1)]),
        (lambda x: g.pad(g.pad_around(x, [0, 1, 2], [0, 3, 0]), [1, 0, 0], [0, 0, 1]), [(2, 3, 4)]),
    ),
    *(
        Case("Gather", lambda x, i, axis=axis: g.gather(x, i, axis), (shape,), others=((indices, index(3, -3)),))
        for shape, axis, indices in (
            ((3, 2), 0, (5,)),
            ((3, 2), 0, (2, 2)),
            ((2, 3), 1, (4,)),
            ((2, 3, 2), 1, (2, 3)),
            ((3,), 0, (4,)),
            ((3, 2), 0, (0,)),
            ((3, 2), 0, ()),
            ((N, 3), 1, (2,)),
            ((3, 2), 0, (N, H)),
            ((2000, 2), 0, (5,)),
            ((2, 2000), 1, (2, 2)),
            ((H, 2), 0, (5,)),
            ((2, H), 1, (N, 2)),
        )
    ),
    *(
        Case("Gather", lambda x, i=i, axis=axis: g.gather(x, x.builder.constant(np.array(i)), axis), (shape,))
        for i, axis, shape in (
            (1, 0, (3, 2)),
            (-1, 1, (2, 3)),
            ([2, 0, 1], 0, (3, 2)),
            ([0, 0], 1, (2, 3)),
            (2, 1, (N, H)),
            (-1, 1, (N, H)),
        )
    ),
    *(
        Case(
            "GatherElements",
            lambda x, i, axis=axis: g.gather_elements(x, i, axis),
            (shape,),
            others=((indices, index(3, -3)),),
        )
        for shape, axis, indices in (
            ((3, 2), 0, (5, 2)),
            ((2, 3), 1, (2, 1)),
            ((2, 3), 1, (1, 1)),
            ((2, 3), -1, (2, 4)),
            ((N, 3), 1, (N, 1)),
            ((N, 3, 2), 1, (N, 1, 2)),
            ((N, H), 1, (N, 1)),
        )
    ),
    *(
        Case(
            "ScatterElements",
            lambda x, u, i, axis=axis: g.scatter_elements_add(x, i, u, axis),
            (shape, indices),
            others=((indices, index(3)),),
        )
        for shape, axis, indices in (((3, 2), 0, (5, 2)), ((2, 3), 1, (2, 1)), ((N, 3), 1, (N, 4)))
    ),
    *(
        Case(
            "ScatterElements",
            lambda x, u, i, axis=axis: g.scatter_elements(x, i, u, axis),
            (shape, indices),
            others=((indices, order(axis, shape[axis])),),
        )
        for shape, axis, indices in (((4, 2), 0, (3, 2)), ((2, 3), 1, (2, 3)), ((N, 5), 1, (N, 2)))
    ),
]


def convolution(
    strides: Sequence[int], dilations: Sequence[int], before: Sequence[int], after: Sequence[int], groups: int = 1
) -> Callable[..., Tensor]:
    return lambda x, w, b=None: g.conv(
        x, w, b, Windows.of(w.shape[2:], strides, dilations, before, after), groups=groups
    )


def transposed(
    strides: Sequence[int],
    dilations: Sequence[int],
    before: Sequence[int],
    after: Sequence[int],
    extra: Sequence[int],
    groups: int = 1,
) -> Callable[..., Tensor]:
    def apply(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        windows = Windows.of(w.shape[2:], strides, dilations, before, after)
        spatial = [n + e for n, e in zip(windows.covered(x.shape[2:]), extra, strict=True)]
        shape = (x.shape[0], w.shape[1] * groups, *spatial)
        return g.conv_transpose(x, w, b, windows, output_padding=extra, groups=groups, shape=shape)

    return apply


def pool(
    kind: Callable[..., Tensor],
    size: Sequence[int],
    strides: Sequence[int],
    before: Sequence[int],
    after: Sequence[int],
    *,
    dilations: Sequence[int] = (),
    **more: bool,
) -> Callable[[Tensor], Tensor]:
    return lambda x: kind(x, Windows.of(size, strides, dilations, before, after), **more)


WINDOWS = [
    *on(
        "Conv",
        (convolution([1], [1], [0], [0]), [(2, 3, 5), (4, 3, 2), (4,)]),
        (convolution([2], [2], [1], [0]), [(2, 2, 8), (3, 2, 3), (3,)]),
        (convolution([1], [1], [3], [3]), [(1, 1, 3), (1, 1, 2)]),
        (convolution([1, 1], [1, 1], [1, 1], [1, 1]), [(2, 3, 4, 5), (2, 3, 3, 3), (2,)]),
        (convolution([1, 1], [1, 1], [0, 0], [0, 0]), [(2, 3, 4, 5), (2, 3, 1, 1)]),
        (convolution([2, 2], [1, 1], [0, 0], [0, 0]), [(2, 3, 5, 4), (2, 3, 1, 1)]),
        (convolution([2, 3], [1, 2], [1, 0], [0, 2]), [(2, 2, 7, 9), (6, 2, 3, 2)]),
        (convolution([2, 3], [1, 2], [1, 0], [0, 2], 2), [(2, 4, 7, 9), (6, 2, 3, 2), (6,)]),
        (convolution([1, 2], [1, 1], [1, 1], [1, 1], 4), [(2, 4, 5, 5), (4, 1, 3, 3)]),
        (convolution([1, 1], [2, 1], [2, 1], [2, 1], 2), [(1, 4, 6, 5), (4, 2, 3, 3)]),
        (convolution([1, 2, 1], [1, 1, 1], [0, 1, 0], [0, 0, 1]), [(1, 2, 3, 5, 3), (2, 2, 2, 2, 2), (2,)]),
        (convolution([1, 2], [1, 1], [1, 1], [1, 1]), [(2, 16, 4, 5), (3, 16, 3, 3)]),
        (convolution([1, 1], [1, 2], [0, 1], [1, 1], 2), [(N, 32, H, 5), (4, 16, 2, 3)]),
        (convolution([1, 1], [1, 1], [1, 1], [1, 1]), [(N, 2, H, H), (3, 2, 3, 3), (3,)]),
        (convolution([2, 2], [1, 1], [1, 1], [1, 1]), [(N, 2, H, 6), (3, 2, 3, 3), (3,)]),
        (convolution([1, 1], [1, 1], [1, 1], [1, 1]), [(N, 8, 3, 4), (4, 8, 3, 3), (4,)]),
        (convolution([1, 1], [1, 1], [1, 1], [1, 1]), [(N, 8, 2, 3), (8, 8, 3, 3)]),
        (convolution([1, 1], [2, 1], [2, 0], [2, 0]), [(2, 4, 5, 6), (3, 4, 3, 2)]),
        (convolution([1, 1], [1, 1], [0, 0], [0, 0]), [(N, 3, 7, 8), (2, 3, 3, 3), (2,)]),
        (convolution([1, 1], [1, 2], [0, 0], [0, 0]), [(2, 3, 6, 9), (2, 3, 2, 3)]),
        (convolution([1, 1], [1, 1], [2, 2], [1, 2]), [(2, 4, 3, 4), (2, 4, 2, 3)]),
        (convolution([1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]), [(2, 4, 3, 4, 3), (2, 4, 3, 3, 3)]),
        (convolution([1, 1, 1], [1, 1, 1], [1, 0, 1], [1, 0, 1]), [(N, 6, 2, 3, 2), (6, 6, 3, 2, 3)]),
        (convolution([2], [1], [0], [0]), [(N, 2, H + 1), (3, 2, 2)]),
        (convolution([2, 2], [1, 1], [1, 1], [1, 1]), [(N, 2, 6, 7), (3, 2, 3, 3), (3,)]),
        (convolution([2, 2], [1, 2], [0, 1], [1, 2], 2), [(2, 4, 5, 8), (6, 2, 3, 3)]),
        (convolution([3, 3], [1, 1], [0, 2], [0, 0]), [(2, 2, 8, 7), (3, 2, 2, 4)]),
    ),
    *on(
        "ConvTranspose",
        (transposed([2], [1], [0], [0], [0]), [(2, 3, 4), (3, 2, 2)]),
        (transposed([2, 2], [1, 1], [1, 1], [1, 1], [1, 1]), [(2, 3, 3, 4), (3, 2, 3, 3)]),
        (transposed([1, 3], [2, 1], [1, 0], [0, 1], [0, 2], 2), [(2, 4, 3, 3), (4, 2, 2, 3)]),
        (transposed([2, 2], [1, 1], [0, 0], [0, 0], [0, 0]), [(N, 2, H, H), (2, 3, 2, 2)]),
        (transposed([1], [3], [0], [0], [2]), [(2, 2, 4), (2, 3, 3)]),
        (transposed([2, 1], [1, 2], [1, 0], [0, 1], [1, 0], 2), [(N, 4, H, 3), (4, 3, 3, 2), (6,)]),
        (transposed([3, 1, 2], [1, 1, 1], [0, 0, 1], [1, 0, 1], [2, 0, 1]), [(1, 2, 2, 3, 2), (2, 2, 2, 1, 3), (2,)]),
    ),
    *on(
        "MaxPool",
        (pool(g.max_pool, [2], [2], [0], [0]), [(2, 2, 6)]),
        (pool(g.max_pool, [2, 2], [2, 2], [0, 0], [0, 0]), [(2, 3, 4, 6)]),
        (pool(g.max_pool, [2, 2], [2, 2], [0, 0], [0, 0]), [(2, 3, 5, 7)]),
        (pool(g.max_pool, [3, 3], [2, 2], [1, 1], [1, 1]), [(2, 2, 6, 7)]),
        (pool(g.max_pool, [3, 2], [1, 1], [1, 0], [0, 1]), [(1, 2, 5, 4)]),
        (pool(g.max_pool, [2, 3], [3, 4], [0, 1], [1, 0]), [(1, 2, 7, 9)]),
        (pool(g.max_pool, [2, 1], [3, 3], [0, 0], [0, 0]), [(N, 2, 7, 9)]),
        (pool(g.max_pool, [2, 2, 2], [2, 1, 2], [0, 0, 0], [0, 0, 0]), [(1, 2, 4, 3, 5)]),
        (pool(g.max_pool, [1, 1], [1, 1], [0, 0], [0, 0]), [(1, 2, 4, 3)]),
        (pool(g.max_pool, [2, 2], [2, 2], [0, 0], [0, 0]), [(N, 2, 6, 4)]),
        (pool(g.max_pool, [2, 2], [2, 2], [0, 0], [0, 0]), [(N, 2, H, H + 1)]),
        (pool(g.max_pool, [3, 3], [2, 2], [1, 1], [1, 1]), [(N, 2, H, H + 1)]),
        (pool(g.max_pool, [2, 2], [2, 2], [0, 0], [0, 0]), [(0, 2, 4, 4)]),
        (pool(g.max_pool, [3, 2], [1, 2], [1, 0], [1, 0], dilations=[2, 3]), [(2, 2, 7, 8)]),
        (pool(g.max_pool, [2, 2], [2, 1], [2, 1], [3, 1], dilations=[5, 2]), [(N, 2, H, 5)]),
        (pool(g.max_pool, [3, 3], [2, 2], [0, 0], [1, 1]), [(2, 2, 6, 6)]),
    ),
    *on(
        "AveragePool",
        (pool(g.average_pool, [2], [2], [0], [0]), [(2, 2, 6)]),
        (pool(g.average_pool, [2, 2], [2, 2], [0, 0], [0, 0]), [(2, 3, 5, 4)]),
        (pool(g.average_pool, [3, 2], [2, 1], [1, 1], [1, 0]), [(2, 3, 6, 4)]),
        (pool(g.average_pool, [3, 2], [2, 1], [1, 1], [1, 0], count_include_pad=False), [(2, 3, 6, 4)]),
        (pool(g.average_pool, [3, 3], [1, 1], [1, 1], [1, 1], count_include_pad=False), [(N, 2, H, 5)]),
        (pool(g.average_pool, [2, 2], [2, 2], [0, 0], [0, 0]), [(N, 2, H, 6)]),
        (pool(g.average_pool, [3, 3], [2, 2], [0, 1], [1, 2], count_include_pad=False), [(2, 2, 6, 5)]),
        (pool(g.average_pool, [2, 2, 2], [2, 2, 1], [0, 0, 0], [0, 0, 0]), [(1, 2, 4, 3, 5)]),
    ),
]


def always(answer: bool) -> Draw:
    return lambda random, shape: np.array(answer)


def shared(x: Tensor, w: Tensor, c: Tensor) -> Sequence[Tensor]:
    """Both branches take what is made outside; one of their results is a value that they take, as it is."""
    h, last = x @ w, g.exp(w)

    def then() -> list[Tensor]:
        y = g.tanh(h) * g.reduce_sum(h, [0], keepdims=True)
        return [y * y, last]

    return g.branch(c, then, lambda: [g.relu(h * 3.0), g.exp(g.sin(w)) * w])


def nested(x: Tensor, c: Tensor) -> Tensor:
    """A choice in a choice, by what is made in the outer one, of that and of what is outside."""
    around = x * 2.0

    def then() -> tuple[Tensor, ...]:
        t = g.sin(around)
        is_large = g.greater(g.reduce_sum(t * t), 1e-3)
        (y,) = g.branch(is_large, lambda: [g.exp(t) * g.softplus(x * t)], lambda: [t])
        return (y * g.cos(y),)

    (result,) = g.branch(c, then, lambda: [around])
    return result * around


def one_sided(x: Tensor, w: Tensor, c: Tensor) -> Sequence[Tensor]:
    """Each branch takes another; a result without a gradient, and integers that the gradient takes."""

    def then() -> list[Tensor]:
        order = g.argmax(x, 1)
        return [g.reduce_sum(x * g.one_hot(order, 3, x), [1]), g.floor(x)]

    return g.branch(c, then, lambda: [g.reduce_sum(g.expand(w, x.shape), [1]), x * 0.0])


CONTROL = [
    Case("If", function, shapes, others=(((), always(answer)),))
    for answer in (True, False)
    for function, shapes in (
        (shared, ((2, 3), (3, 4))),
        (shared, ((N, 3), (3, 4))),
        (nested, ((2, 3),)),
        (nested, ((N, 2),)),
        (one_sided, ((N, 3), (3,))),
    )
]

CASES = [*ELEMENTWISE, *REDUCTIONS, *LINEAR, *SHAPING, *WINDOWS, *CONTROL]
