"""Einstein sums against NumPy's, in float64."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dslc import graph as g
from dslc.graph import Builder
from dslc.types import FLOAT64, TensorType, symbol
from tests.autodiff.harness import finish, runner

EQUATIONS = [
    "ij,jk->ik", "ij,jk->ki", "ij,kj->", "ijk->ki", "ijk,j->k", "i,j,k->ijk", "i,i->", "ij->ji", "ab,cd->dbca",
    "bid,bjd->bij", "bjd,bid->bij", "bhqd,bhkd->bhqk", "bqhd,bkhd->bhqk", "bhqk,bhkd->bqhd", "abc,cde,ef->abdf",
    "abx,aby,ab->xy", "ijkl,klm->ijm", "ijkl,lkm->mji", "ij,ij->ij", "ij,ij->j", ",ij->ji", "ijz,jk->ik",
]  # fmt: skip


def computed(equation: str, operands: list[np.ndarray], symbols: str = "") -> tuple[np.ndarray, list[str]]:
    builder = Builder("einsum")
    inputs, names = equation.split("->", maxsplit=1)[0].split(","), []
    tensors = []
    for number, (term, operand) in enumerate(zip(inputs, operands, strict=True)):
        shape = tuple(symbol(c.upper()) if c in symbols else size for c, size in zip(term, operand.shape, strict=True))
        tensors.append(builder.input(f"x{number}", TensorType(FLOAT64, shape)))
    result = g.einsum(equation, *tensors)
    names = [node.op_type for node in builder.graph]
    return runner(finish(builder, {"y": result}))({f"x{i}": operand for i, operand in enumerate(operands)})[0], names


def drawn(equation: str, size: int | None = None) -> list[np.ndarray]:
    random = np.random.default_rng(zlib.crc32(equation.encode()))
    sizes = {c: size if size is not None else 2 + ord(c) % 3 for c in equation if c.isalpha()}
    return [random.standard_normal([sizes[c] for c in term]) for term in equation.split("->", maxsplit=1)[0].split(",")]


@pytest.mark.parametrize("symbols", ["", "b", "bi"])
@pytest.mark.parametrize("equation", EQUATIONS)
def test_equations(equation: str, symbols: str) -> None:
    operands = drawn(equation)
    found, names = computed(equation, operands, symbols)
    np.testing.assert_allclose(found, np.einsum(equation, *operands), rtol=1e-12, atol=1e-12)
    assert "Einsum" not in names


def test_axes_without_elements() -> None:
    for equation in ("ij,jk->ik", "bid,bjd->bij", "ij->ji"):
        operands = drawn(equation, 0)
        np.testing.assert_array_equal(computed(equation, operands)[0], np.einsum(equation, *operands))


def test_products_are_taken_as_they_lie() -> None:
    """Attention takes one transpose, of inner axes, which runtimes fuse into the product."""
    q, k = drawn("bhqd,bhkd->bhqk")
    assert computed("bhqd,bhkd->bhqk", [q, k])[1] == ["Transpose", "MatMul"]
    assert computed("bhqk,bhkd->bhqd", [np.zeros((2, 3, 4, 5)), np.zeros((2, 3, 5, 6))])[1] == ["MatMul"]
    assert computed("ntc,cd->ntd", [np.zeros((2, 3, 4)), np.zeros((4, 5))])[1] == ["MatMul"]


@given(st.data())
def test_any_equation(data: st.DataObject) -> None:
    orders = data.draw(st.lists(st.permutations("abcd"), min_size=1, max_size=3))
    terms = ["".join(order[: data.draw(st.integers(0, 4))]) for order in orders]
    output = "".join(data.draw(st.permutations(sorted({*"".join(terms)}))))
    equation = f"{','.join(terms)}->{output[: data.draw(st.integers(0, len(output)))]}"
    operands = drawn(equation)
    np.testing.assert_allclose(computed(equation, operands)[0], np.einsum(equation, *operands), rtol=1e-12, atol=1e-12)
