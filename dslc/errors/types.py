"""E03xx: types and shapes. E0301 to E0329 are raised by the type rules of the library's words."""

from __future__ import annotations

from dslc.diagnostics import Basis, register


def _model(output: str, *inputs: str) -> str:
    return "".join(["model M {\n", *(f"  input  {i}\n" for i in inputs), f"  output y = {output}\n}}"])


BROADCAST = register(
    "E0301",
    "shapes do not broadcast",
    "Element-wise operations line shapes up from the right, as NumPy does: two dimensions fit if they are equal or one "
    "of them is 1. A symbol fits only itself and 1, because whether it equals a number is known at run time alone. "
    "Insert axes of size one with `x[:, none]` or `unsqueeze`, or reorder axes with `transpose`.",
    wrong=_model("x + ones_like(x[:, 0])", "x: float32[N, 4]"),
    right=_model("x + ones_like(x[:, 0])[:, none]", "x: float32[N, 4]"),
    basis=Basis.SIZES,
)
ELEMENTS_DIFFER = register(
    "E0302",
    "element types differ",
    "Tensors of different element types are never mixed silently, so that no precision is lost unseen. Convert one of "
    "them with `cast(x, float32)`. Numbers written in the spec adopt the tensor's type by themselves.",
    wrong=_model("x * mask", "x: float32[N, 4]", "mask: bool[N, 4]"),
    right=_model("x * cast(mask, float32)", "x: float32[N, 4]", "mask: bool[N, 4]"),
    basis=Basis.TYPES,
)
ELEMENT = register(
    "E0303",
    "the element type does not fit",
    "Each operation is defined for some element types: exponentials, layers and losses for floating-point numbers, "
    "`and` and `or` for booleans, look-ups for integers. Convert with `cast(x, float32)` or another type.",
    wrong=_model("exp(x)", "x: int64[N, 4]"),
    right=_model("exp(cast(x, float32))", "x: int64[N, 4]"),
    basis=Basis.TYPES,
)
RANK = register(
    "E0304",
    "the number of axes does not fit",
    "Layers expect axes with a meaning: `Conv` and the pools take [N, C, ...] with one to three spatial axes, "
    "`BatchNorm` has channels on axis 1, a matrix product needs at least one axis on both sides. Add axes with "
    "`unsqueeze` or `Reshape`, merge them with `Flatten`.",
    wrong=_model("x -> Conv(8, kernel = 3)", "x: float32[N, 64]"),
    right=_model("x -> Reshape(1, 8, 8) -> Conv(8, kernel = 3)", "x: float32[N, 64]"),
    basis=Basis.TYPES,
)
AXIS = register(
    "E0305",
    "there is no such axis",
    "Axes count from 0, the batch axis, or from the end with negative numbers: -1 is the last. Of a tensor of rank r, "
    "-r to r - 1 exist, each to be named once.",
    wrong=_model("softmax(x, axis = 2)", "x: float32[N, 4]"),
    right=_model("softmax(x, axis = 1)", "x: float32[N, 4]"),
    basis=Basis.TYPES,
)
SIZE = register(
    "E0306",
    "sizes do not fit",
    "Two dimensions that must agree do not, or one does not divide another: the inner dimensions of a matrix product, "
    "the axes beside the one that `concat` joins, the sum of the sizes of `split`, channels and groups of `Conv`.",
    wrong=_model("x -> Conv(8, kernel = 3, groups = 4)", "x: float32[N, 6, 8, 8]"),
    right=_model("x -> Conv(8, kernel = 3, groups = 2)", "x: float32[N, 6, 8, 8]"),
    basis=Basis.SIZES,
)
RESHAPE = register(
    "E0307",
    "the number of elements would change",
    "A reshape keeps all elements in their order, so the product of the dimensions must stay. One dimension may be -1: "
    "it becomes what is left, which must divide evenly. `Reshape` gives the shape of one example, without the batch "
    "axis.",
    wrong=_model("x -> Reshape(3, 8, 8)", "x: float32[N, 64]"),
    right=_model("x -> Reshape(1, 8, 8)", "x: float32[N, 64]"),
    basis=Basis.SIZES,
)
UNDECIDED = register(
    "E0308",
    "this depends on a size known at run time only",
    "Whether the shapes fit depends on the value of a symbol, which is free until run time. The compiler accepts only "
    "what fits for every value. Write the dimension as a number, or in terms that make the agreement visible, such as "
    "`[N, 2 * T]` in place of `[N, S]`.",
    wrong=_model('rearrange(x, "n (a b) -> n a b", a = 2)', "x: float32[N, T]"),
    right=_model('rearrange(x, "n (a b) -> n a b", a = 2)', "x: float32[N, 2 * T]"),
    basis=Basis.SIZES,
)
BAD_PATTERN = register(
    "E0309",
    "the pattern is not understood",
    "`einsum` takes one letter per axis, operands separated by commas, `->` and the axes of the result. `rearrange` "
    "takes names separated by spaces, in parentheses where one axis is several, on both sides of `->`; every name "
    "stands once on each side, and sizes that can't be inferred are given as arguments: `h = 4`.",
    wrong=_model('rearrange(x, "n (a b) -> n a b")', "x: float32[N, 6]"),
    right=_model('rearrange(x, "n (a b) -> n a b", a = 2)', "x: float32[N, 6]"),
    basis=Basis.TYPES,
)
WINDOW = register(
    "E0310",
    "the window does not fit",
    "A convolution's or a pool's window, dilation included, must fit into the axis it moves along with its padding. "
    'Use a smaller kernel or stride before this layer, or padding = "same".',
    wrong=_model("x -> MaxPool(5)", "x: float32[N, 3, 4, 4]"),
    right=_model("x -> MaxPool(4)", "x: float32[N, 3, 4, 4]"),
    basis=Basis.SIZES,
)
BAD_INDEX = register(
    "E0311",
    "this index does not fit",
    "Indexing takes integers, slices `a:b:step` with a positive step, `none` for a new axis, `...` for the axes not "
    "named, and one tensor of integers. Integers must lie within the axis; more indices than axes can't be.",
    wrong=_model("x[:, 4]", "x: float32[N, 4]"),
    right=_model("x[:, 3]", "x: float32[N, 4]"),
    basis=Basis.SIZES,
)
COMBINATION = register(
    "E0312",
    "the arguments do not go together",
    "Each argument is allowed by itself, but not with the others or with this input: a list with another number of "
    "entries than there are axes, a lower limit above the upper one, two dimensions of -1.",
    wrong=_model("x -> Conv(8, kernel = [3, 3, 3])", "x: float32[N, 3, 8, 8]"),
    right=_model("x -> Conv(8, kernel = [3, 3])", "x: float32[N, 3, 8, 8]"),
    basis=Basis.TYPES,
)
NOT_COMPUTABLE = register(
    "E0313",
    "this has no value",
    "A computation with numbers that happens when the spec is compiled has no result: a division by zero, the root of "
    "a negative number, a number beyond 64 bits, arithmetic with text.",
    wrong=_model("x * sqrt(-1)", "x: float32[N, 4]"),
    right=_model("x * sqrt(2)", "x: float32[N, 4]"),
    basis=Basis.TYPES,
)
UNKNOWN_SIZE = register(
    "E0314",
    "a weight's size would depend on a size known at run time only",
    "The shapes of parameters are fixed when the spec is compiled, so the axes they belong to must be numbers: the "
    "last axis of what `Dense` is applied to, the channels of what `Conv` or a norm is applied to. A symbol may stand "
    "for the batch and for axes that no parameter spans.",
    wrong=_model("x -> Dense(3)", "x: float32[N, T]"),
    right=_model("x -> Dense(3)", "x: float32[N, 16]"),
    basis=Basis.SIZES,
)
EMPTY = register(
    "E0315",
    "an axis would be empty",
    "Every axis of a tensor has at least one entry, and a symbol stands for a size of at least one. A mean over nothing "
    "has no value, and runtimes don't agree on what happens to tensors without elements, so that one that is always "
    "empty is refused: a slice that takes nothing, a part of size 0, padding that crops all there is.",
    wrong=_model("x[:, 2:2]", "x: float32[N, 4]"),
    right=_model("x[:, 2:3]", "x: float32[N, 4]"),
    basis=Basis.SIZES,
)
ONE_VALUE = register(
    "E0390",
    "a normalization over one value",
    "The mean of one value is itself and its variance 0, so that nothing of it is left. `BatchNorm` takes both of each "
    "channel over the examples of a batch and the positions: with one position, a batch must hold several examples in "
    "training. `LayerNorm` takes them over the axes that it normalizes. Choose a larger batch (`accumulate` does not "
    "make one), or normalize over more.",
    wrong=_model("x -> LayerNorm", "x: float32[N, 4, 1]"),
    right=_model("x -> LayerNorm(axes = [-2, -1])", "x: float32[N, 4, 1]"),
    basis=Basis.SIZES,
)
