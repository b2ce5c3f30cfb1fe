"""Section 6 of the language: blocks, loops, sharing, and the names of parameters."""

from __future__ import annotations

import pytest

from dslc.library.initializers import constant
from tests.check.checking import elaborated, parameters_of, program_of


def net(body: str, before: str = "", inputs: str = "input x: float32[N, 4]") -> str:
    return f"{before}\nmodel Net {{\n  {inputs}\n{body}\n}}\n"


NAMES = [
    ("output y = x -> Dense(2)", ["y.dense.weight", "y.dense.bias"]),
    ("h = x -> Dense(4) -> Dense(4)\noutput y = h", ["h.dense.weight", "h.dense.bias", "h.dense_2.weight", "h.dense_2.bias"]),
    ("h = x -> LayerNorm\nh = h -> LayerNorm\noutput y = h",
     ["h.layer_norm.weight", "h.layer_norm.bias", "h.layer_norm_2.weight", "h.layer_norm_2.bias"]),
    ("for i in range(2) { x = x -> Dense(4, bias = false) }\noutput y = x", ["x.0.dense.weight", "x.1.dense.weight"]),
    ("for i in [5, 6] { x = x -> Dense(4, bias = false) }\noutput y = x", ["x.0.dense.weight", "x.1.dense.weight"]),
    ("for i in range(2) { for j in range(3, 5) { x = x -> Dense(4, bias = false) } }\noutput y = x",
     ["x.0.3.dense.weight", "x.0.4.dense.weight", "x.1.3.dense.weight", "x.1.4.dense.weight"]),
    ("layer d = Dense(4, bias = false)\nh = x -> d -> Relu -> d\noutput y = h", ["d.weight"]),
    ("parameter p: float32[4] = zeros\noutput y = x + p", ["p"]),
    ("a = concat(x -> Dense(1, bias = false), x -> Dense(2, bias = false), axis = 1)\noutput y = a",
     ["a.dense.weight", "a.dense_2.weight"]),
    ("if 1 > 2 { h = x -> Dense(3, bias = false) } else { h = x -> Dense(5, bias = false) }\noutput y = h", ["h.dense_2.weight"]),
    ("a, b = (x -> Dense(4, bias = false), x)\noutput y = a + b", ["a.dense.weight"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), NAMES, ids=[str(i) for i in range(len(NAMES))])
def test_names_of_parameters(body: str, expected: list[str]) -> None:
    assert parameters_of(net(body)) == [f"Net.{path}" for path in expected]


def test_a_block_names_what_it_applies_by_what_is_bound() -> None:
    block = "block MLPBlock(n) {\n  input x: [N, C]\n  hidden = x -> Dense(n, bias = false)\n  output hidden -> Dense(C, bias = false)\n}\n"
    text = net(
        "h = x\nfor i in range(2) { h = h -> MLPBlock(8) }\nlayer b = MLPBlock(3)\noutput y = h -> b -> b", block
    )
    inner = ["hidden.dense.weight", "output.dense.weight"]
    outer = ["Net.h.0.mlp_block", "Net.h.1.mlp_block", "Net.b"]
    assert parameters_of(text) == [f"{path}.{name}" for path in outer for name in inner]


def test_names_do_not_depend_on_layout_or_on_the_rest_of_the_file() -> None:
    body = "h = x -> Dense(4) -> Dense(4)\noutput y = h -> Dense(2)"
    twin = "block Twin {\n  input x: [N, C]\n  h = x -> Dense(4) -> Dense(4)\n  output h -> Dense(2)\n}\n"
    spread = body.replace("->", "\n  # a comment\n  ->")
    expected = parameters_of(net(body))
    assert parameters_of(net(spread, before=twin)) == expected
    assert parameters_of(net(body, before="param a: int = 3\n\n" + twin.replace("Twin", "Other"))) == expected


def test_two_blocks_with_one_text_keep_their_own_names() -> None:
    block = "block {} {{\n  input x: [N, C]\n  output x -> Dense(C, bias = false)\n}}\n"
    text = net("h = x -> A\noutput y = h -> B", block.format("A") + block.format("B"))
    assert parameters_of(text) == ["Net.h.a.output.dense.weight", "Net.y.b.output.dense.weight"]


def test_shared_weights_are_tied() -> None:
    body = "layer embed = Embedding(10, 4)\nh = ids -> embed\noutput y = h @ transpose(embed.weight)"
    outputs, elaboration = elaborated(net(body, inputs="input ids: int64[N, T]"))
    assert str(outputs["y"].type) == "float32[N, T, 10]"
    assert list(elaboration.parameters) == ["Net.embed.weight"]


def test_a_name_is_bound_anew() -> None:
    outputs, _ = elaborated(net("h = x -> Dense(3)\nh = h -> Dense(5)\noutput y = h"))
    assert str(outputs["y"].type) == "float32[N, 5]"


def test_names_bound_before_a_loop_or_branch_may_be_bound_anew_in_it() -> None:
    body = "h = x\nfor i in range(3) { if i == 1 { h = h -> Dense(7 + i) } else if i == 2 { h = h -> Dense(5) } }\noutput y = h"
    outputs, _ = elaborated(net(body))
    assert str(outputs["y"].type) == "float32[N, 5]"


def test_outputs_and_members() -> None:
    outputs, _ = elaborated(net("output a = x -> Dense(3)\noutput b = a -> Softmax"))
    assert {name: str(value.type) for name, value in outputs.items()} == {"a": "float32[N, 3]", "b": "float32[N, 3]"}


def test_arguments_and_defaults() -> None:
    block = "block B(a, b = a + 1, c = size) {\n  input x: [N, C]\n  output x -> Dense(a + b + c)\n}\nparam size: int = 100\n"
    for call, units in [("B(1)", 103), ("B(1, 5)", 106), ("B(1, c = 0)", 3), ("B(b = 1, a = 2, c = 3)", 6)]:
        outputs, _ = elaborated(net(f"output y = x -> {call}", block))
        assert str(outputs["y"].type) == f"float32[N, {units}]"


def test_recursion_with_an_end() -> None:
    block = (
        "block Down(n) {\n  input x: [N, C]\n  h = x\n  if n > 0 { h = x -> Dense(n) -> Down(n - 1) }\n  output h\n}\n"
    )
    outputs, elaboration = elaborated(net("output y = x -> Down(3)", block))
    assert str(outputs["y"].type) == "float32[N, 1]"
    assert len(elaboration.parameters) == 6


BLOCKS = "param size: int = 3\n\nblock Residual(c) {\n  input x: [N, C]\n  output x -> Dense(c) -> Dense(C)\n}\n"


@pytest.mark.parametrize(
    ("imported", "used"), [('import "blocks.dl"', "Residual(size)"), ('import "blocks.dl" as b', "b.Residual(b.size)")]
)
def test_imports(imported: str, used: str) -> None:
    assert len(parameters_of(f"{imported}\n" + net(f"output y = x + (x -> {used})"), blocks=BLOCKS)) == 4


def test_a_file_imported_on_two_ways_is_read_once() -> None:
    main = 'import "a.dl"\nimport "b.dl"\n' + net("output y = x -> Residual(size)")
    program = program_of(main, a='import "blocks.dl"\n', b='import "blocks.dl"\n', blocks=BLOCKS)
    assert len(program.sources) == 4


@pytest.mark.parametrize("written", ["constant(0.7)", "0.7", "constant(value = 0.7)", "7 / 10"])
def test_a_parameter_starts_from_a_number_or_the_constant(written: str) -> None:
    """`constant` is a schedule too; what it stands for is decided by where it stands."""
    _, elaboration = elaborated(
        f"model Net {{\n  input x: float32[N, 4]\n  parameter s: float32[4] = {written}\n  output y = x * s\n}}"
    )
    (record,) = elaboration.parameters.values()
    initializer = record.variable.initializer
    assert isinstance(initializer, constant)
    assert initializer.value == 0.7
