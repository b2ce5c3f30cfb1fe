"""Trees for property tests: a maker of random ones, and the plainest text that reads as one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Literal, TypeVar

from dslc.source import Source, Span
from dslc.syntax import tree

AT = Span(Source("made", ""), 0, 0)
T = TypeVar("T")

WORDS = [
    "x", "image", "N", "隐藏层", "_", "étape", "data", "input", "output", "batch", "label", "step", "steps", "epochs",
    "source", "norm", "best", "in", "log", "as", "over", "using", "model", "train", "layer", "for", "value", "seed",
    "cell", "state",
]  # fmt: skip
PLAIN = ["a", "Net", "teacher"]
NUMBERS = [0, 1, 64, 2**63, 0.7, 1e-3, 2.5, 1e300, 5e-324]
STRINGS = ["", "a.csv", "n t (h d) -> n h t d", "p*", 'a "quoted" \\ part', "# no comment", "two\nlines\t", "汉字 é"]
BINARY = ["or", "and", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "@", "**"]
DOCS = [None, None, "what it is", "two\nlines"]


class Maker:
    """Makes random trees; each choice is one of the dice's, so that Hypothesis can shrink them."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice

    def one(self, choices: list[T]) -> T:
        return self.dice.choice(choices)

    def maybe(self, make: Callable[[], T]) -> T | None:
        return make() if self.one([True, False]) else None

    def some(self, make: Callable[[], T], least: int = 0, most: int = 3) -> tuple[T, ...]:
        return tuple(make() for _ in range(self.dice.randint(least, most)))

    def name(self) -> str:
        return self.one(WORDS)

    def target(self) -> tree.Target:
        return tree.Target(AT, self.name())

    def doc(self) -> str | None:
        return self.one(DOCS)

    def string(self) -> tree.String:
        return tree.String(AT, self.one(STRINGS))

    def number(self) -> tree.Number:
        return tree.Number(AT, self.one(NUMBERS))

    def path(self, starts: list[str] = WORDS) -> Any:
        path: Any = tree.Name(AT, self.one(starts))
        for _ in range(self.one([0, 0, 1, 2])):
            path = tree.Member(AT, path, self.one([*WORDS, "if", "none"]), AT)
        return path

    def arguments(self, depth: int) -> tuple[tree.Argument, ...]:
        return self.some(lambda: tree.Argument(AT, self.maybe(self.name), self.expression(depth)))

    def expression(self, depth: int = 3) -> Any:
        leaves: list[Callable[[], Any]] = [
            lambda: tree.Name(AT, self.name()),
            self.number,
            self.string,
            lambda: tree.Constant(AT, self.one([True, False, None])),
        ]
        if depth == 0:
            return self.one(leaves)()

        def inner() -> Any:
            return self.expression(depth - 1)

        def index() -> Any:
            part = tree.Slice(AT, self.maybe(inner), self.maybe(inner), self.maybe(inner))
            return self.one([part, tree.Ellipsis_(AT), inner()])

        compounds: list[Callable[[], Any]] = [
            lambda: tree.Unary(AT, self.one(["-", "not"]), inner()),
            lambda: tree.Binary(AT, self.one(BINARY), inner(), inner()),
            lambda: tree.Conditional(AT, inner(), inner(), inner()),
            lambda: tree.Pipe(AT, inner(), self.one([self.path(), self.call(depth - 1)])),
            lambda: tree.Then(AT, inner(), inner()),
            lambda: tree.Call(AT, inner(), self.arguments(depth - 1)),
            lambda: tree.Member(AT, inner(), self.name(), AT),
            lambda: tree.Index(AT, inner(), self.some(index, 1)),
            lambda: tree.ListOf(AT, self.some(inner)),
            lambda: tree.TupleOf(AT, self.some(inner, 1)),
        ]
        return self.one([*leaves, *compounds])()

    def call(self, depth: int) -> tree.Call:
        return tree.Call(AT, self.path(), self.arguments(depth))

    def dimension(self) -> Any:
        expression = self.expression(2)
        return self.one(
            [tree.Wildcard(AT), tree.Ellipsis_(AT), expression if expression != tree.Name(AT, "_") else self.number()]
        )

    def type(self) -> tree.TypeOf:
        element = self.one([None, "float32", "int"])
        dims = self.some(self.dimension)
        return tree.TypeOf(AT, element, dims if element is None else self.one([dims, None]))

    def output(self, named: bool) -> tree.Output:
        name = self.name() if named else self.maybe(self.name)
        return tree.Output(AT, name, AT, self.expression(), self.doc())

    def body_statement(self, depth: int = 2) -> Any:
        def body() -> tuple[Any, ...]:
            return self.some(lambda: self.body_statement(depth - 1))

        simple: list[Callable[[], Any]] = [
            lambda: tree.Input(AT, self.name(), AT, self.type(), self.maybe(self.expression), self.doc()),
            lambda: tree.State(AT, self.name(), AT, self.type(), self.expression()),
            lambda: self.output(named=False),
            lambda: tree.Bind(AT, self.some(self.target, 1), self.expression()),
            lambda: tree.LayerDeclaration(AT, self.name(), AT, self.expression()),
            lambda: tree.ParameterDeclaration(AT, self.name(), AT, self.type(), self.expression()),
        ]
        nested: list[Callable[[], Any]] = [
            lambda: tree.For(AT, self.target(), self.expression(), body()),
            lambda: tree.If(AT, self.expression(), body(), body()),
        ]
        return self.one(simple + nested * (depth > 0))()

    def entries(self) -> tuple[tree.Argument, ...]:
        return self.some(lambda: tree.Argument(AT, self.one(["train", "by", "x"]), self.expression()), 1)

    def data_statement(self) -> Any:
        statements: list[Callable[[], Any]] = [
            lambda: tree.SourceStatement(AT, self.maybe(self.name), AT, self.call(2)),
            lambda: tree.Field(AT, self.name(), AT, self.type(), self.expression(), self.doc()),
            lambda: tree.Split(AT, self.entries()),
            lambda: tree.Augment(AT, self.some(self.target, 1), self.expression()),
        ]
        return self.one(statements)()

    def paths(self) -> Any:
        rest = self.some(lambda: self.one([self.path(PLAIN), self.string()]), 0, 2)
        return (self.one([self.path(), self.string()]), *rest)

    def group(self) -> tree.Group:
        return tree.Group(AT, self.maybe(self.paths), self.expression())

    def train_statement(self) -> Any:
        named = self.one([tree.Net, tree.Metric])
        valued = self.one(
            [tree.Epochs, tree.Steps, tree.Evaluate, tree.StopWhen, tree.Accumulate, tree.Average, tree.Seed]
        )
        statements: list[Callable[[], Any]] = [
            lambda: tree.UseData(AT, self.name(), AT),
            lambda: named(AT, self.name(), AT, self.expression()),
            lambda: valued(AT, self.expression()),
            lambda: tree.Let(AT, self.some(self.target, 1), self.expression()),
            lambda: tree.Load(AT, self.string(), self.maybe(self.paths), self.maybe(self.paths) or ()),
            lambda: tree.Minimize(AT, self.maybe(self.name), AT, self.expression(), self.some(self.group, 1)),
            lambda: self.output(named=True),
            lambda: tree.Batch(AT, self.expression(), self.maybe(self.entries) or ()),
            lambda: tree.Keep(AT, self.one(["best", "lowest", "highest"]), self.expression()),
            lambda: tree.Clip(AT, self.one(["norm", "value"]), self.expression()),
            lambda: tree.Freeze(AT, self.paths()),
        ]
        return self.one(statements)()

    def bound(self) -> Any:
        return self.one([self.number(), self.path(PLAIN), tree.Unary(AT, "-", self.number())])

    def domain(self) -> Any:
        interval = tree.Interval(AT, self.bound(), self.bound(), self.one([True, False]))
        return self.one([tree.Choice(AT, self.some(self.expression, 1)), interval])

    def formal(self) -> tree.Formal:
        return tree.Formal(AT, self.name(), self.maybe(self.expression))

    def declaration(self) -> Any:
        name = self.name()
        kind: Literal["block", "cell", "model"] = self.one(["block", "cell", "model"])
        declarations: list[Callable[[], Any]] = [
            lambda: tree.Import(AT, self.string(), self.maybe(self.name)),
            lambda: tree.Param(AT, name, AT, self.type(), self.expression(), self.maybe(self.domain), self.doc()),
            lambda: tree.Data(AT, name, AT, self.some(self.data_statement), self.doc()),
            lambda: tree.Block(AT, kind, name, AT, self.some(self.formal), self.some(self.body_statement), self.doc()),
            lambda: tree.Train(AT, name, AT, self.some(self.train_statement, most=5), self.doc()),
        ]
        return self.one(declarations)()


def text_of(node: Any) -> str:
    """Write a node so that it reads back as itself: every operand in parentheses, one statement a line."""
    return _WRITERS[type(node)](node)


def _all(nodes: Any, separator: str = ", ") -> str:
    return separator.join(map(text_of, nodes))


def _string(node: tree.String) -> str:
    text = node.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{text}"'


def _operand(node: Any) -> str:
    bare = isinstance(node, (tree.Name, tree.Number, tree.String, tree.Constant, tree.ListOf, tree.TupleOf))
    return text_of(node) if bare else f"({text_of(node)})"


def _optional(before: str, node: Any) -> str:
    return "" if node is None else before + text_of(node)


def _type(node: tree.TypeOf) -> str:
    return (node.element or "") + ("" if node.dims is None else f"[{_all(node.dims)}]")


def _doc(node: Any) -> str:
    return "" if node.doc is None else "".join(f"\n## {line}" for line in node.doc.split("\n")) + "\n"


def _braces(nodes: Any) -> str:
    return "{\n" + _all(nodes, "\n") + "\n}"


def _input(n: tree.Input) -> str:
    return f"{_doc(n)}input {n.name}: {_type(n.type)}{_optional(' = ', n.default)}"


def _output(n: tree.Output) -> str:
    # In parentheses, since `output a = ...` could also be the unnamed output a.
    return f"{_doc(n)}output {f'{n.name} = ' if n.name else ''}{_operand(n.value)}"


def _minimize(n: tree.Minimize) -> str:
    return f"minimize {f'{n.name} = ' if n.name else ''}{_operand(n.value)} {_all(n.groups, ' ')}"


def _param(n: tree.Param) -> str:
    return f"{_doc(n)}param {n.name}: {_type(n.type)} = {text_of(n.default)}{_optional(' in ', n.domain)}"


def _block(n: tree.Block) -> str:
    return f"{_doc(n)}{n.kind} {n.name}({_all(n.formals)}) {_braces(n.body)}"


_WRITERS: dict[type, Any] = {
    tree.Number: lambda n: repr(n.value),
    tree.String: _string,
    tree.Constant: lambda n: {True: "true", False: "false", None: "none"}[n.value],
    tree.Name: lambda n: n.id,
    tree.ListOf: lambda n: f"[{_all(n.items)}]",
    tree.TupleOf: lambda n: f"({_all(n.items)}{',' if len(n.items) == 1 else ''})",
    tree.Unary: lambda n: f"{n.operator} {_operand(n.operand)}",
    tree.Binary: lambda n: f"{_operand(n.left)} {n.operator} {_operand(n.right)}",
    tree.Conditional: lambda n: f"if {_operand(n.condition)} then {text_of(n.value)} else {_operand(n.otherwise)}",
    tree.Pipe: lambda n: f"{_operand(n.flow)} -> {text_of(n.layer)}",
    tree.Then: lambda n: f"{_operand(n.first)} then {_operand(n.second)}",
    tree.Argument: lambda n: f"{n.name} = {text_of(n.value)}" if n.name else text_of(n.value),
    tree.Call: lambda n: f"{_path_or_operand(n.function)}({_all(n.arguments)})",
    tree.Member: lambda n: (
        f"{f'({text_of(n.target)})' if isinstance(n.target, tree.Number) else _path_or_operand(n.target)}.{n.name}"
    ),
    tree.Slice: lambda n: f"{_optional('', n.start)}:{_optional('', n.stop)}{_optional(':', n.step)}",
    tree.Ellipsis_: lambda n: "...",
    tree.Wildcard: lambda n: "_",
    tree.Index: lambda n: f"{_operand(n.target)}[{_all(n.items)}]",
    tree.TypeOf: _type,
    tree.Choice: lambda n: f"{{{_all(n.items)}}}",
    tree.Interval: lambda n: f"{'log ' if n.log else ''}{text_of(n.low)} .. {text_of(n.high)}",
    tree.Input: _input,
    tree.Output: _output,
    tree.State: lambda n: f"state {n.name}: {_type(n.type)} = {text_of(n.value)}",
    tree.Target: lambda n: n.name,
    tree.Bind: lambda n: f"{_all(n.targets)} = {text_of(n.value)}",
    tree.LayerDeclaration: lambda n: f"layer {n.name} = {text_of(n.value)}",
    tree.ParameterDeclaration: lambda n: f"parameter {n.name}: {_type(n.type)} = {text_of(n.value)}",
    tree.For: lambda n: f"for {n.variable.name} in {text_of(n.iterable)} {_braces(n.body)}",
    tree.If: lambda n: (
        f"if {_operand(n.condition)} {_braces(n.body)}" + (f" else {_braces(n.otherwise)}" if n.otherwise else "")
    ),
    tree.SourceStatement: lambda n: f"source {f'{n.name} = ' if n.name else ''}{text_of(n.value)}",
    tree.Field: lambda n: f"{_doc(n)}field {n.name}: {_type(n.type)} = {text_of(n.value)}",
    tree.Split: lambda n: f"split {_all(n.entries)}",
    tree.Augment: lambda n: f"augment {_all(n.targets)} = {text_of(n.value)}",
    tree.UseData: lambda n: f"data {n.name}",
    tree.Net: lambda n: f"net {n.name} = {text_of(n.value)}",
    tree.Let: lambda n: f"let {_all(n.targets)} = {text_of(n.value)}",
    tree.Load: lambda n: (
        f"load {text_of(n.path)}"
        + (f" only {_all(n.only)}" if n.only else "")
        + (f" except {_all(n.excluded)}" if n.excluded else "")
    ),
    tree.Group: lambda n: f"{f'over {_all(n.paths)} ' if n.paths else ''}using {text_of(n.optimizer)}",
    tree.Minimize: _minimize,
    tree.Metric: lambda n: f"metric {n.name} = {text_of(n.value)}",
    tree.Epochs: lambda n: f"epochs {text_of(n.value)}",
    tree.Steps: lambda n: f"steps {text_of(n.value)}",
    tree.Batch: lambda n: f"batch {_all([n.value, *n.options])}",
    tree.Evaluate: lambda n: f"evaluate every {text_of(n.every)} steps",
    tree.StopWhen: lambda n: f"stop when {text_of(n.condition)}",
    tree.Keep: lambda n: f"keep {n.mode} {text_of(n.value)}",
    tree.Clip: lambda n: f"clip {n.mode} {text_of(n.limit)}",
    tree.Accumulate: lambda n: f"accumulate {text_of(n.batches)}",
    tree.Average: lambda n: f"average {text_of(n.value)}",
    tree.Freeze: lambda n: f"freeze {_all(n.paths)}",
    tree.Seed: lambda n: f"seed {text_of(n.value)}",
    tree.Import: lambda n: f"import {text_of(n.path)}" + (f" as {n.alias}" if n.alias else ""),
    tree.Param: _param,
    tree.Formal: lambda n: n.name + _optional(" = ", n.default),
    tree.Data: lambda n: f"{_doc(n)}data {n.name} {_braces(n.body)}",
    tree.Block: _block,
    tree.Train: lambda n: f"{_doc(n)}train {n.name} {_braces(n.body)}",
}


def _path_or_operand(node: Any) -> str:
    return text_of(node) if isinstance(node, tree.Member) and _is_path(node) else _operand(node)


def _is_path(node: Any) -> bool:
    while isinstance(node, tree.Member):
        node = node.target
    return isinstance(node, tree.Name)
