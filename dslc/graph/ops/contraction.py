"""Sums of products along axes, made of matrix products: Einstein's summation, and maps of one axis.

Runtimes fuse transposes and factors into MatMul but not into Einsum, which not all of them have; and gradients follow
from those of the parts.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dslc.graph.builder import Tensor, matmul, normal_axis, transpose
from dslc.graph.ops.reductions import reduce_sum
from dslc.graph.ops.shaping import reshape, unsqueeze
from dslc.types import Dimension, element_count

__all__ = ["along_axis", "einsum"]


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Einstein summation with an explicit result, ``"bid,bjd->bij"``: one letter per axis, none twice in a term.

    Operands are contracted from the left to the right, two at a time.
    """
    inputs, output = equation.replace(" ", "").split("->")
    first, *terms = inputs.split(",")
    result, letters = operands[0], first
    for number, (term, operand) in enumerate(zip(terms, operands[1:], strict=True)):
        later = terms[number + 1 :]
        needed = {*output, *"".join(later)}
        kept = "".join(dict.fromkeys(c for c in letters + term if c in needed)) if later else output
        result, letters = _contracted(result, letters, operand, term, kept), kept
    return _arranged(*_summed(result, letters, output), output)


def along_axis(x: Tensor, matrix: np.ndarray | Tensor, axis: int) -> Tensor:
    """Multiply the matrix with each vector along an axis."""
    axis, rows = normal_axis(axis, x.rank), matrix.shape[0]
    if axis == x.rank - 1:
        return matmul(x, matrix.mT if isinstance(matrix, Tensor) else x.builder.constant(matrix.T, x.element))
    before, behind = x.shape[:axis], x.shape[axis + 1 :]
    x = reshape(x, (*before, x.shape[axis], element_count(behind)))
    matrix = matrix if isinstance(matrix, Tensor) else x.builder.constant(matrix, x.element)
    return reshape(matmul(matrix, x), (*before, rows, *behind))


def _contracted(a: Tensor, a_letters: str, b: Tensor, b_letters: str, output: str) -> Tensor:
    """Contract two operands."""
    a, a_letters = _summed(a, a_letters, output + b_letters)
    b, b_letters = _summed(b, b_letters, output + a_letters)
    both = [c for c in a_letters if c in b_letters]
    summed = [c for c in both if c not in output]
    if not summed:
        return _spread(a, a_letters, output) * _spread(b, b_letters, output)
    sizes = dict(zip(a_letters + b_letters, a.shape + b.shape, strict=True))
    batch = [c for c in output if c in both]
    left, right = ([c for c in output if c in letters and c not in both] for letters in (a_letters, b_letters))
    if left and right and output.index(right[0]) < output.index(left[0]):  # more likely what comes out is in order
        a, a_letters, left, b, b_letters, right = b, b_letters, right, a, a_letters, left
    a = _arranged(a, a_letters, [*batch, *left, *summed])
    b = _arranged(b, b_letters, [*batch, *summed, *right])

    def merged(*groups: Iterable[str]) -> list[Dimension]:
        return [*(sizes[c] for c in batch), *(element_count(sizes[c] for c in group) for group in groups)]

    if batch or len(left) < 2 or len(summed) > 1:  # else a stack of rows times a matrix, which MatMul takes as it is
        a = reshape(a, merged(left, summed))
    product = matmul(a, reshape(b, merged(summed, right)))
    product = reshape(product, [sizes[c] for c in (*batch, *left, *right)])
    return _arranged(product, [*batch, *left, *right], output)


def _summed(x: Tensor, letters: str, kept: Iterable[str]) -> tuple[Tensor, str]:
    """Sum over the axes whose letters are not kept."""
    kept = set(kept)
    axes = [axis for axis, letter in enumerate(letters) if letter not in kept]
    return reduce_sum(x, axes) if axes else x, "".join(c for c in letters if c in kept)


def _arranged(x: Tensor, letters: Iterable[str], order: Iterable[str]) -> Tensor:
    """Bring the axes into an order."""
    known = list(letters)
    return transpose(x, [known.index(letter) for letter in order])


def _spread(x: Tensor, letters: str, output: str) -> Tensor:
    """Bring the axes into the order of the output, with size one where x has none."""
    x = _arranged(x, letters, [c for c in output if c in letters])
    missing = [axis for axis, letter in enumerate(output) if letter not in letters]
    return unsqueeze(x, missing) if missing else x
