"""E037x: how tensors meet what a spec declares about them."""

from __future__ import annotations

from dslc.diagnostics import Basis, register

WRONG_TYPE = register(
    "E0370", "a tensor does not have the declared type",
    "The element type or the shape differs from what was declared. A symbol stands for one dimension: its first "
    "mention introduces it, and every later one must agree.",
    wrong="block B {\n  input x: [N, 3]\n  output x -> Relu\n}\nmodel Net {\n  input  x: float32[N, 4]\n"
          "  output y = x -> B\n}",
    right="block B {\n  input x: [N, 4]\n  output x -> Relu\n}\nmodel Net {\n  input  x: float32[N, 4]\n"
          "  output y = x -> B\n}",
    basis=Basis.SIZES,
)  # fmt: skip
BAD_TYPE = register(
    "E0371", "this is not a type",
    "A type is an element type by its NumPy name, such as float32, int64 or bool, and a shape in brackets, whose "
    "dimensions are whole numbers, symbols in capital letters, or expressions of them.",
    wrong="model Net {\n  input  x: float[N, 4]\n  output y = x -> Relu\n}",
    right="model Net {\n  input  x: float32[N, 4]\n  output y = x -> Relu\n}",
)  # fmt: skip
SHARED_MISFIT = register(
    "E0372", "a shared layer does not fit this input",
    "A layer that is applied twice shares its parameters, whose shapes the first application settled. The second input "
    "would need others.",
    wrong="model Net {\n  input  x: float32[N, 1, 8, 8]\n  layer c = Conv(32, kernel = 3)\n  h = x -> c\n"
          "  output y = h -> c\n}",
    right="model Net {\n  input  x: float32[N, 1, 8, 8]\n  h = x -> Conv(32, kernel = 3)\n"
          "  output y = h -> Conv(32, kernel = 3)\n}",
    basis=Basis.SIZES,
)  # fmt: skip
WRONG_COUNT = register(
    "E0373", "a wrong number of tensors",
    "A layer, block or network takes a certain number of tensors. Several are given as a tuple: `(a, b) -> Layer`.",
    wrong="model Net {\n  input  x: float32[N, 4]\n  output y = (x, x) -> Dense(2)\n}",
    right="model Net {\n  input  x: float32[N, 4]\n  output y = x -> Dense(2)\n}",
)  # fmt: skip
NOT_A_TENSOR = register(
    "E0374", "a tensor is needed here",
    "What flows through layers and what is put out, minimized or measured are tensors.",
    wrong='model Net {\n  input  x: float32[N, 4]\n  output y = "x" -> Relu\n}',
    right="model Net {\n  input  x: float32[N, 4]\n  output y = x -> Relu\n}",
)  # fmt: skip
UNDECIDED = register(
    "E0375", "this depends on a size that is known at run time only",
    "Symbols stand for sizes that are free until run time. Whether the shapes fit would depend on them, and dslc "
    "promises that a checked spec fits.",
    wrong="model Net {\n  input  x: float32[N, T]\n  parameter p: float32[T] = zeros\n  output y = x + p\n}",
    right="model Net {\n  input  x: float32[N, 7]\n  parameter p: float32[7] = zeros\n  output y = x + p\n}",
    basis=Basis.SIZES,
)  # fmt: skip
BAD_LITERAL = register(
    "E0376", "a number does not fit the tensor's element type",
    "A number in an expression with a tensor takes the tensor's element type; a fraction does not fit whole numbers. "
    "Convert the tensor with `cast(x, float32)` first.",
    wrong="model Net {\n  input  x: int64[N, 4]\n  output y = x + 0.5\n}",
    right="model Net {\n  input  x: int64[N, 4]\n  output y = cast(x, float32) + 0.5\n}",
)  # fmt: skip
