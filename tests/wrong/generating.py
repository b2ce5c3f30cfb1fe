"""Specs made of pieces of the grammar that are right one by one, and odd ones in between; each from its own dice."""

from __future__ import annotations

from random import Random

NUMBERS = ["0", "1", "2", "3", "4", "8", "-1", "0.5", "1e-3", "70%", "1e30", "9_000_000_000", "2 ** 40", "8 / 2", "7 // 2", "N", "T", "k", "k + 1"]
NAMES = ["x", "h", "y", "w", "label", "a", "b", "missing", "N", "T", "k", "training"]
LAYERS = ["Dense(4)", "Dense(k)", "Relu", "Flatten", "Reshape(2, -1)", "Reshape(8 / 2)", "Dropout(0.1)", "BatchNorm", "LayerNorm", "Softmax(axis = -1)",
          "Conv(4, kernel = 3)", "Conv(4, kernel = [4.0, 3])", "MaxPool(2)", "AveragePool(2, stride = 1, padding = \"same\")", "GlobalAveragePool",
          "Embedding(10, 4)", "B", "B(2)", "l", "Misspelt(3)", "relu", "GRU(4)", "LSTM(4)", "MultiHeadAttention(heads = 2)", "Gelu", "GroupNorm(2)"]  # fmt: skip
FUNCTIONS = ["mean", "sum", "exp", "log", "abs", "relu", "softmax", "max", "min", "sqrt", "transpose", "squeeze", "detach", "positions", "zeros_like",
             "normal_like", "cast", "concat", "stack", "split", "pad", "gather", "where", "einsum", "rearrange", "one_hot", "reshape", "expand", "var", "argmax",
             "range", "len", "int", "classes", "original", "column", "nothing", "clip", "unsqueeze", "index", "matmul", "cross_entropy", "mse", "l2"]  # fmt: skip
TYPES = ["float32[N, 4]", "float32[N, T, 4]", "int64[N]", "float32[N, 3, 8, 8]", "float16[N, 4]", "float64[N, T]", "bool[N, 4]", "[N, C]", "float32", "[..., C]",
         "float32[N, 0]", "float32[N, 2 * T + 1]", "int64[N, T]", "string[N]", "float32[2 ** 40]", "float32[N, T // 2, k]", "uint8[N, 2]", "[_, 4]"]  # fmt: skip
OPTIMIZERS = ["Adam", "SGD(lr = 0.1)", "Adam(lr = cosine(1e-3))", "AdamW(weight_decay = 0.1)", "SGD(lr = warmup(5) then constant(0.1))", "RMSprop(lr = 0)", "M", "Nothing"]
LOSSES = ["mean(v)", "mse(v, label)", "cross_entropy(v, label)", "mean(v ** 2) + 1e-3 * l2(M)", "sum(v) / N", "mean(v[1:])", "mean(v, axis = 0)", "huber(v, label)",
          "binary_cross_entropy(v, label)", "v", "mean(M(x)) + mean(M(x))", "accuracy(v, label)"]  # fmt: skip


class Generator:
    """Writes specs; what it says is right more often than not."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice

    def one(self, *choices: str) -> str:
        return self.dice.choice(choices)

    def index(self) -> str:
        part = self.one(":", "::2", "1:", ":-1", "-1:0", "100:", "none", "...", "0", "-1", f":{self.number()}", f"{self.number()}:{self.number()}", self.number())
        return part if self.dice.random() < 0.6 else f":, {part}"

    def number(self) -> str:
        return self.one(*NUMBERS)

    def expression(self, depth: int = 3) -> str:
        if depth == 0 or self.dice.random() < 0.15:
            return self.one(*NAMES, *NAMES, self.number(), '"text"', "true", "none")
        inner = [self.expression(depth - 1) for _ in range(3)]
        options = f"axis = {self.number()}", f"[{self.number()}, {self.number()}]", f"{inner[2]}"
        return self.one(
            f"{inner[0]} -> {self.one(*LAYERS)}", f"{inner[0]} -> {self.one(*LAYERS)} -> {self.one(*LAYERS)}", f"x -> {self.one(*LAYERS)}",
            f"{self.one(*FUNCTIONS)}({inner[0]})", f"{self.one(*FUNCTIONS)}({inner[0]}, {self.one(*options)})",
            f"{self.one(*FUNCTIONS)}({inner[0]}, {inner[1]}, {self.one(*options)})",
            f"({inner[0]}) {self.one('+', '-', '*', '/', '//', '%', '@', '**', '==', '<', 'and', 'or')} ({inner[1]})", f"-({inner[0]})",
            f"({inner[0]})[{self.index()}]", f"x[{self.index()}]", f"if {self.one('training', 'k > 1', 'true', inner[0])} then ({inner[1]}) else ({inner[2]})",
            f"[{inner[0]}, {inner[1]}]", f"({inner[0]}, {inner[1]})", f"({inner[0]}).{self.one('weight', 'shape', 'y')}", f"cast({inner[0]}, {self.one('float32', 'int64', 'bool')})",
            f"pad({inner[0]}, [{self.number()}, {self.number()}])", f"mean({inner[0]}, axis = {self.number()})", f"reshape({inner[0]}, [{self.number()}, -1])",
        )  # fmt: skip

    def statement(self, depth: int = 2) -> str:
        name = self.one("h", "a", "b", "x")
        if depth and self.dice.random() < 0.2:
            body = self.statement(depth - 1)
            return self.one(f"for i in range({self.number()}) {{ {body} }}", f"if {self.one('k > 1', 'training', 'true')} {{ {body} }} else {{ {name} = x }}", f"for i in [1, 2] {{ {body} }}")
        return self.one(
            f"{name} = {self.expression()}", f"{name} = {self.expression()}", f"{name} = x -> {self.one(*LAYERS)}", f"layer l = {self.one(*LAYERS)}",
            f"parameter w: {self.one(*TYPES)} = {self.one('zeros', 'normal(0.02)', '0.5', 'N', 'constant(0.7)', 'Dense')}", f"a, b = {self.expression()}",
        )  # fmt: skip

    def body(self, kind: str) -> str:
        statements = "\n  ".join(self.statement() for _ in range(self.dice.randint(0, 4)))
        output = self.expression(2) if self.dice.random() < 0.5 else self.one("h", "x -> Dense(4)", "x * w", "x")
        named = "output y = " if kind == "model" else "output "
        return f"  input x: {self.one(*TYPES)}\n  h = x\n  {statements}\n  {named}{output}\n"

    def spec(self) -> str:
        parts = [f"param k: {self.one('int', 'int', 'float', 'bool')} = {self.one('2', '3', self.number())}", f"block B(n = 1) {{\n{self.body('block')}}}", f"model M {{\n{self.body('model')}}}"]
        if self.dice.random() < 0.6:
            parts += [self.data(), self.train()]
        self.dice.shuffle(parts)
        return "\n".join(parts)

    def data(self) -> str:
        field = self.one('columns("p*")', 'columns("p*") / 16', 'standardize(columns("p*"))', 'minmax(column("p1"))', self.expression(2), 'impute(column("p1"), "mean")', 'transpose(columns("p*"))')
        label = self.one('column("label")', 'category(column("label"))', 'cast(column("label"), int64)', self.expression(1))
        split = self.one("train = 70%, validation = 30%", "train = 100%", f"train = {self.number()}, test = {self.number()}", "train = 50%, validation = 25%, test = 25%, by = label")
        return f'data d {{\n  source csv("d.csv")\n  field x: {self.one("float32[4]", "float32[2, 2]", "int64[4]", "float32", "float32[3]")} = {field}\n  field label: {self.one("int64", "float32")} = {label}\n  split {split}\n}}'

    def train(self) -> str:
        settings = " ".join(
            self.one(f"batch {self.number()}", f"accumulate {self.number()}", "clip norm 1.0", f"clip value {self.number()}", "average ema(0.9)", f"seed {self.number()}",
                     "stop when train.loss < 0.1", "keep best validation.loss", f"evaluate every {self.number()} steps", "freeze M", 'metric m = accuracy(v, label)', "output o = v", "metric m = mean(v)")
            for _ in range(self.dice.randint(0, 3))
        )  # fmt: skip
        length = self.one("epochs 1", "epochs 2", "steps 3", f"epochs {self.number()}", f"steps {self.number()}")
        return f"train t {{\n  data d\n  let v = {self.one('M(x)', 'M(x)', 'M(x)[:, 0]', self.expression(1))}\n  minimize {self.one(*LOSSES)} using {self.one(*OPTIMIZERS)}\n  {length}\n  {settings}\n}}"
