"""Specs of any size, each of one kind of thing, many times over."""

from __future__ import annotations

from collections.abc import Callable

Part = Callable[[int], str]
DATA = 'data d {{\n  source csv("d.csv")\n{}  split train = 70%, validation = 30%\n}}\n'
FIELDS = '  field x: float32[4] = columns("p*")\n  field y: int64 = column("y")\n'
TRAIN = "train t {{\n  data d\n  let v = Net(x)\n  minimize cross_entropy(v, y) using Adam\n{}  epochs 1\n}}\n"
PLAIN, WIDE, IMAGE = "input x: float32[N, 4]", "input x: float32[N, T]", "input x: float32[N, 3, H, W]"


def model(output: str = "x", body: str = "", head: str = PLAIN, name: str = "Net") -> str:
    return f"model {name} {{\n  {head}\n{body}\n  output y = {output}\n}}\n"


def model_body(text: str) -> str:
    return model("x", "  h = x\n" + text)


def trained(text: str) -> str:
    return DATA.format(FIELDS) + model("x -> Dense(3)") + TRAIN.format(text)


KINDS: dict[str, tuple[Part, Callable[[str], str]]] = {
    "sum": (lambda _: " + x", lambda text: model("x" + text)),
    "mixed expression": (lambda i: f" * {i} + exp(x) - x / 2", lambda text: model("x" + text)),
    "pipe": (lambda _: " -> Dense(4)", lambda text: model("x" + text)),
    "arguments": (lambda _: ", x", lambda text: model(f"concat(x{text})")),
    "dimensions": (lambda _: " + T", lambda text: model(head=f"input x: float32[N{text}]")),
    "brackets": (lambda _: " + " + "(" * 150 + "x" + ")" * 150, lambda text: model("x" + text)),
    "lists": (lambda i: f"  a{i} = {'[' * 150}1{']' * 150}\n", model_body),
    "layers": (lambda _: "  h = h -> Dense(4) -> Relu\n", model_body),
    "declared layers": (lambda i: f"  layer l{i} = Dense(4)\n  h = h -> l{i}\n", model_body),
    "parameters": (lambda i: f"  parameter w{i}: float32[4] = zeros\n", model_body),
    "outputs": (lambda i: f"  output y{i} = x -> Dense(3)\n", model_body),
    "functions": (lambda i: f"  a{i} = mean(exp(x), axis = 1) + sum(x)\n", model_body),
    "loops": (lambda _: "  for i in range(2) { h = x -> Dense(4) }\n", model_body),
    "slices": (lambda i: f"  a{i} = x[:, {i % 4}:T]\n", lambda text: model("x", text, WIDE)),
    "pads": (lambda _: "  h = pad(h, [0, 0, 1, 0])\n", lambda text: model("x", "  h = x\n" + text, WIDE)),
    "convolutions": (lambda _: "  h = h -> Conv(4, kernel = 3)\n", lambda text: model("x", "  h = x\n" + text, IMAGE)),
    "inputs": (lambda i: f"  input x{i}: float32[N, T{i} * 2 + 1]\n", lambda text: model("x0", text, "")),
    "models": (lambda i: model("x -> Dense(4) -> Relu", name=f"M{i}"), str),
    "blocks": (lambda i: f"block B{i} {{\n  input x: [N, C]\n  output x -> Dense(C)\n}}\n", lambda text: text + model()),
    "params": (lambda i: f"param p{i}: int = {f'p{i - 1} + 1' if i else 1}\n", lambda text: text + model()),
    "fields": (lambda i: f'  field f{i}: float32 = standardize(column("c{i}") / 3)\n', DATA.format),
    "lets": (lambda i: f"  let v{i} = v + {i}\n", trained),
    "metrics": (lambda i: f"  metric m{i} = accuracy(v, y)\n", trained),
    "networks": (lambda i: f"  net n{i} = Net\n", trained),
    "applications": (lambda i: f"  let v{i} = Net(x)\n", trained),
    "shipped outputs": (lambda i: f"  output o{i} = softmax(v)\n", trained),
    "objectives": (lambda i: f"  minimize mean(v * {i}) using SGD\n", trained),
    "trains": (lambda i: TRAIN.format("").replace("train t", f"train t{i}"),
               lambda text: DATA.format(FIELDS) + model("x -> Dense(3)") + text),
    "unknown names": (lambda i: f"  {'ab' * 20}{i} = {'ab' * 19}ac{i}\n", model_body),
    "unknown layers": (lambda i: f"  a{i} = x -> Densee{i}(4)\n", model_body),
    "unknown options": (lambda i: f"  a{i} = x -> Dense(4, unitz = {i})\n", model_body),
    "misfits": (lambda i: f"  a{i} = x @ x\n", model_body),
    "syntax errors": (lambda i: f"model M{i} {{ input x float32[N] }}\n", str),
    "comments": (lambda i: f"# a comment, {i}\n", lambda text: text + model()),
    "text": (lambda _: "ab ", lambda text: model(f'x -> Dense("{text}")')),
}  # fmt: skip


def large_spec(kind: str, size: int) -> str:
    """Return a spec of nearly that many bytes."""
    part, whole = KINDS[kind]
    texts, left, number = list[str](), size - len(whole("")), 0
    while len(text := part(number)) <= left:
        texts.append(text)
        left -= len(text)
        number += 1
    return whole("".join(texts))
