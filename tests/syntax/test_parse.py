"""What texts mean as trees; that every tree can be written and read back is in test_round_trip.py."""

from __future__ import annotations

from typing import Any

import pytest

from dslc.diagnostics import Diagnostics
from dslc.render import render_all
from dslc.source import Source
from dslc.syntax import parse, tree
from tests.conftest import SPECS
from tests.syntax.writing import text_of

DIGITS = (SPECS / "digits.dl").read_text(encoding="utf-8")

RESIDUAL = """
block Residual(channels, stride = 1) {
  input  x: [N, C, H, W]
  main = x -> Conv(channels, kernel = 3, stride = stride, bias = false) -> BatchNorm -> Relu
           -> Conv(channels, kernel = 3, bias = false) -> BatchNorm
  skip = x
  if stride != 1 or C != channels {
    skip = x -> Conv(channels, kernel = 1, stride = stride, bias = false) -> BatchNorm
  }
  output main + skip -> Relu
}
"""


def read(text: str) -> tuple[Any, ...]:
    diagnostics = Diagnostics()
    file = parse(Source("x.dl", text), diagnostics)
    assert not diagnostics, render_all(diagnostics)
    return file.declarations


def expression(text: str) -> Any:
    return read(f"param a: int = {text}")[0].default


def train(text: str) -> Any:
    return read(f"train t {{ {text} }}")[0].body


def shape(text: str) -> str:
    """The expression with parentheses around every operand that is no single word."""
    return text_of(expression(text))


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.dl")), ids=lambda path: path.stem)
def test_the_example_specs_parse(path: Any) -> None:
    assert read(path.read_text(encoding="utf-8"))


def test_a_whole_spec() -> None:
    declarations = read(DIGITS)
    assert {"Param", "Data", "Block", "Train"} >= {type(d).__name__ for d in declarations} >= {"Data", "Block", "Train"}


def test_a_block() -> None:
    (block,) = read(RESIDUAL)
    assert (block.kind, block.name) == ("block", "Residual")
    assert [(f.name, f.default and f.default.value) for f in block.formals] == [("channels", None), ("stride", 1)]
    x, main, skip, condition, output = block.body
    assert (x.type.element, [d.id for d in x.type.dims]) == (None, ["N", "C", "H", "W"])
    layers = []
    flow = main.value
    while isinstance(flow, tree.Pipe):
        layer = flow.layer.function if isinstance(flow.layer, tree.Call) else flow.layer
        assert isinstance(layer, tree.Name)
        layers.append(layer.id)
        flow = flow.flow
    assert layers[::-1] == ["Conv", "BatchNorm", "Relu", "Conv", "BatchNorm"]
    assert flow.id == skip.value.id == "x"
    assert text_of(condition.condition) == "(stride != 1) or (C != channels)"
    assert (len(condition.body), condition.otherwise) == (1, ())
    assert output.name is None
    assert text_of(output.value) == "(main + skip) -> Relu"


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a / b // c % d @ e", "(((a / b) // c) % d) @ e"),
        ("-a ** b", "- (a ** b)"),
        ("a ** -b ** c", "a ** (- (b ** c))"),
        ("-a * b", "(- a) * b"),
        ("not a == b", "not (a == b)"),
        ("not a and b or c", "((not a) and b) or c"),
        ("a or b and c < d + e", "a or (b and (c < (d + e)))"),
        ("a + b -> f -> g", "((a + b) -> f) -> g"),
        ("a or b -> f", "(a or b) -> f"),
        ("(a, b) -> f(c)", "(a, b) -> f(c)"),
        ("if a then b -> f else c + d", "if a then b -> f else (c + d)"),
        ("if a then b else if c then d else e", "if a then b else (if c then d else e)"),
        ("if a then if b then c else d else e", "if a then if b then c else d else e"),
        ("a then b then c", "(a then b) then c"),
        ("a then if b then c else d", "a then (if b then c else d)"),
        ("x[:, 0].y(z)[..., none]", "((x[:, 0]).y(z))[..., none]"),
        ("x[a:b:c, ::2, ]", "x[a:b:c, ::2]"),
        ("-x.y(1)", "- (x.y(1))"),
        ("x -> a.b(c, d = e,)", "x -> a.b(c, d = e)"),
    ],
)
def test_precedence(text: str, grouped: str) -> None:
    def plain(written: str) -> str:
        return written.replace(" ", "")

    assert expression(text) == expression(grouped)
    if "[" not in text:
        assert plain(shape(text)).replace("(", "").replace(")", "") == plain(grouped).replace("(", "").replace(")", "")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1_000", 1000), ("2.5", 2.5), ("1e-3", 0.001), ("1E3", 1000.0), ("70%", 0.7), ("12.5%", 0.125),
     ("1_0.2_5", 10.25), ("9223372036854775808", 2**63), ("1e-400", 0.0), ("15%", 0.15), ("1e2%", 1.0)],
)  # fmt: skip
def test_numbers(text: str, value: float) -> None:
    number = expression(text)
    assert number == tree.Number(number.span, value)
    assert type(number.value) is type(value)


@pytest.mark.parametrize("text", ["7 % 3", "7%3", "7%x", "7%(3)", "7 %3", "x % 2", "x%2", "7 % -3", "x %(2)"])
def test_remainder(text: str) -> None:
    assert expression(text).operator == "%"


@pytest.mark.parametrize("text", ["70%", "70% - 1", "70%, ", "[70%]", "f(70%)", "70%\n"])
def test_percentages(text: str) -> None:
    assert "0.7" in text_of(expression(f"f({text})"))


def test_strings() -> None:
    assert expression(r'"a \"b\" \\ \n\t # c"').value == 'a "b" \\ \n\t # c'


def test_names_are_compared_in_one_normal_form() -> None:
    assert expression("e\u0301tape") == expression("\u00e9tape")
    assert expression("隐藏层").id == "隐藏层"
    assert expression("संख्या").id == "संख्या"


def test_spans() -> None:
    (declaration,) = read("  param a: int = f((x + 1) * y).z")
    member = declaration.default
    product = member.target.arguments[0].value
    assert declaration.span.text == "param a: int = f((x + 1) * y).z"
    assert declaration.name_span.text == "a"
    assert (member.span.text, member.name_span.text) == ("f((x + 1) * y).z", "z")
    assert (product.span.text, product.left.span.text) == ("(x + 1) * y", "(x + 1)")


def test_doc_comments_belong_to_what_follows() -> None:
    text = """
    # no doc
    ## one
    # between
    ## two

    param a: int = 3  ## no doc of b
    param b: int = 4
    ## of M
    model M {
      ## of x
      input x: float32[N]
      y = x  # plain
      ## of out
      output out = y
    }
    """
    a, b, model = read(text)
    assert (a.doc, b.doc, model.doc) == ("one\ntwo", None, "of M")
    assert (model.body[0].doc, model.body[2].doc) == ("of x", "of out")


def test_types() -> None:
    (model,) = read("model M { input a: float32[N, 2 * T, _, ...] input b: bool[N] = none input c: int64 input d: [] }")
    a, b, c, d = model.body
    assert [type(d).__name__ for d in a.type.dims] == ["Name", "Binary", "Wildcard", "Ellipsis_"]
    assert b.default == tree.Constant(b.span, None)
    assert (c.type.element, c.type.dims, d.type.element, d.type.dims) == ("int64", None, None, ())


def test_bindings_and_unpacking() -> None:
    (model,) = read("model M { y, state = x -> LSTM(64, return_state = true) output = 3 output output = 4 output y }")
    first, second, third, fourth = model.body
    assert [target.name for target in first.targets] == ["y", "state"]
    assert (type(second), second.targets[0].name) == (tree.Bind, "output")
    assert (third.name, fourth.name) == ("output", None)


def test_domains() -> None:
    a, b, c = read("param a: int = 1 in {1, 2,} param b: float = 1 in -1 .. x.y param c: float = 1 in log 1e-5..1e-1")
    assert [item.value for item in a.domain.items] == [1, 2]
    assert (text_of(b.domain), b.domain.log) == ("- 1 .. x.y", False)
    assert (text_of(c.domain), c.domain.log) == ("log 1e-05 .. 0.1", True)


@pytest.mark.parametrize("kind", ["csv", "npz", "npy", "idx", "parquet", "jsonl", "images", "text", "gym"])
def test_sources(kind: str) -> None:
    (data,) = read(f'data d {{ source {kind}("p") source train = {kind}(image = "p") split validation = 10% }}')
    assert [(s.name, s.value.function.id) for s in data.body[:2]] == [(None, kind), ("train", kind)]


def test_split_options_and_a_comma_at_the_end() -> None:
    text = 'data d { split train = 70%, test = 30%, seed = 1, by = label, field x: int64 = column("x") }'
    split, field = read(text)[0].body
    assert [entry.name for entry in split.entries] == ["train", "test", "seed", "by"]
    assert field.name == "x"


def test_objectives() -> None:
    plain, named = train(
        'minimize f(x) using Adam() minimize d = loss over a, b.c, "*.bias", using Adam(lr = 1) '
        "over Net using SGD() using S"
    )
    assert (plain.name, [g.paths for g in plain.groups]) == (None, [None])
    assert named.name == "d"
    assert [None if g.paths is None else list(map(text_of, g.paths)) for g in named.groups] == [
        ["a", "b.c", '"*.bias"'], ["Net"], None
    ]  # fmt: skip


def test_training_statements() -> None:
    statements = train(
        "epochs 30 batch 64, shuffle = false, drop_last = true evaluate every 500 steps steps 10_000 "
        "stop when stalled(validation.loss, epochs = 5) keep lowest validation.loss clip value 0.5 average ema(0.999) "
        'freeze Face.backbone, teacher seed 7 net b = onnx("f.onnx") load "w.safetensors"'
    )
    assert [type(statement).__name__ for statement in statements] == [
        "Epochs", "Batch", "Evaluate", "Steps", "StopWhen", "Keep", "Clip", "Average", "Freeze", "Seed", "Net", "Load",
    ]  # fmt: skip
    assert [option.name for option in statements[1].options] == ["shuffle", "drop_last"]
    assert (statements[5].mode, statements[6].mode) == ("lowest", "value")


def test_what_is_loaded() -> None:
    plain, both, left, let = train(
        'load "a" load "b" only Net.h, "*.bias" except "*.head.*", load "c" except only, Net.except let a, b = f(x)'
    )
    assert (plain.only, plain.excluded) == (None, ())
    assert [list(map(text_of, both.only)), list(map(text_of, both.excluded))] == [["Net.h", '"*.bias"'], ['"*.head.*"']]
    assert (left.only, list(map(text_of, left.excluded))) == (None, ["only", "Net.except"])
    assert [target.name for target in let.targets] == ["a", "b"]
    assert len(train("let only = 1 let except = 2 metric only = except")) == 3


def test_layout_means_nothing() -> None:
    assert read(" ".join(line.split("#")[0] for line in RESIDUAL.splitlines())) == read(RESIDUAL)
    assert read(RESIDUAL.replace("\n", "\r\n")) == read(RESIDUAL)
    assert read(RESIDUAL.replace(" ", "\n")) == read(RESIDUAL)
