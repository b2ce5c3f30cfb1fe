"""E02xx: names, arguments and compile-time values."""

from __future__ import annotations

from dslc.diagnostics import Basis, register

_CELL = (
    "cell Sum {{\n  input  x: [N, D]\n  state  h: [N, D] = zeros\n  {}\n  output h\n}}\n"
    "model Net {{\n  input  x: float32[N, T, 4]\n  output y = x -> Sum\n}}"
)
_NET = "model Net {{\n  input  x: float32[N, 4]\n  output y = {}\n}}"

UNKNOWN_NAME = register(
    "E0201", "unknown name",
    "A value of this name is not in scope. Values are params, the arguments and inputs of a block or model, names "
    "bound further up, data fields and `let`s. Names are case-sensitive.",
    wrong=_NET.format("z -> Dense(2)"), right=_NET.format("x -> Dense(2)"),
)  # fmt: skip
UNKNOWN_LAYER = register(
    "E0202", "nothing of this name can be applied",
    "Behind `->`, `layer` and `net` stands a layer of the library, a block, a model or a function; in front of "
    "parentheses, a function. The name found here is none of these.",
    wrong=_NET.format("x -> Dence(2)"), right=_NET.format("x -> Dense(2)"),
)  # fmt: skip
UNKNOWN_ARGUMENT = register(
    "E0203", "unknown argument",
    "The layer, function or block takes no argument of this name.",
    wrong=_NET.format("x -> Dense(2, bais = false)"), right=_NET.format("x -> Dense(2, bias = false)"),
)  # fmt: skip
MISSING_ARGUMENT = register(
    "E0204", "an argument is missing",
    "An argument without a default was not given.",
    wrong=_NET.format("x -> Dense"), right=_NET.format("x -> Dense(2)"),
)  # fmt: skip
WRONG_KIND = register(
    "E0205", "an argument is of the wrong kind",
    "The argument takes another kind of value: a whole number instead of a fraction, say, or a text.",
    wrong=_NET.format('x -> Dense("two")'), right=_NET.format("x -> Dense(2)"),
)  # fmt: skip
OUT_OF_RANGE = register(
    "E0206", "a value outside its range",
    "The argument, or the param, has limits, and the value lies outside.",
    wrong=_NET.format("x -> Dropout(1.5)"), right=_NET.format("x -> Dropout(0.5)"),
)  # fmt: skip
TOO_MANY_ARGUMENTS = register(
    "E0207", "too many arguments",
    "More arguments stand in the parentheses, by position, than there are to take them.",
    wrong=_NET.format("x -> Relu(1)"), right=_NET.format("x -> Relu"),
)  # fmt: skip
GIVEN_TWICE = register(
    "E0208", "an argument is given twice",
    "The same argument is given twice, by position and by name or by name twice.",
    wrong=_NET.format("x -> Dense(2, units = 3)"), right=_NET.format("x -> Dense(3)"),
)  # fmt: skip
DUPLICATE = register(
    "E0209", "a name is declared twice",
    "Two declarations of one file (with what it imports), two fields of one data set, or two statements of one block "
    "bear the same name.",
    wrong="param a: int = 1\nparam a: int = 2", right="param a: int = 1\nparam b: int = 2",
)  # fmt: skip
SHADOWED = register(
    "E0210", "a name hides another one",
    "A block's own arguments, inputs, bindings and loop variables, and the fields and `let`s of `train`, hide a param "
    "or an imported file of the same name. Where the block uses the name for both (before it is bound, outside of the "
    "loop or branch, in a setting of `train`), a reader could not tell which is meant, so one of them must be renamed. "
    "Layers and networks hide nothing.",
    wrong="param h: int = 2\nmodel Net {\n  input  x: float32[N, 4]\n  h = x -> Dense(h)\n  output y = h\n}",
    right="param h: int = 2\nmodel Net(h = h) {\n  input  x: float32[N, 4]\n  output y = x -> Dense(h)\n}",
)  # fmt: skip
NOT_APPLICABLE = register(
    "E0211", "this cannot be used so",
    "A value stands where something to apply is needed, or the reverse: layers are applied with `x -> Layer`, "
    "functions are called with `f(x)`, networks in `train` are called with their inputs.",
    wrong=_NET.format("Relu(x)"), right=_NET.format("x -> Relu"),
)  # fmt: skip
UNKNOWN_MEMBER = register(
    "E0212", "no member of this name",
    "Members are read from networks with several outputs (`net(x).logits`), from layers (`embed.weight`) and from "
    "imported files (`blocks.Residual`). What stands before the dot has no such member.",
    wrong=_NET.format("x.logits"), right=_NET.format("x"),
)  # fmt: skip
IMPORT_FAILED = register(
    "E0213", "a file cannot be imported",
    "An imported file is found beside the importing one and lies under the folder of the first file. It exists, is "
    "UTF-8 text, and does not import itself, directly or through others.",
    wrong='import "missing.dl"',
)  # fmt: skip
BAD_PARAM = register(
    "E0214", "a param does not fit its declaration",
    "A param has the type int, float, bool or string; its default and the value set on the command line are of that "
    "type and inside its domain.",
    wrong="param size: int = 2.5", right="param size: int = 2",
)  # fmt: skip
BAD_SETTING = register(
    "E0226", "a value set on the command line does not fit",
    "`--set name=value` gives a param another value for one command. It is of the param's type (a whole number, a "
    "number, true or false, or any text) and inside the domain that the spec declares.",
    exit_code=2,
)  # fmt: skip
TRAIN_NOT_CHOSEN = register(
    "E0227", "which train block is meant is not clear",
    "Compiling and training work on one train block. Where a spec has several, `--train NAME` chooses one of them.",
    exit_code=2,
)  # fmt: skip
UNKNOWN_PARAM = register(
    "E0215", "no param of this name",
    "`--set name=value` sets a param that the spec declares.",
    exit_code=2,
)  # fmt: skip
BAD_ARITHMETIC = register(
    "E0216", "this cannot be computed",
    "Compile-time arithmetic works on numbers, comparisons on values of one kind, `and`, `or` and `not` on booleans. "
    "Results beyond 64 bits and division by zero are errors.",
    wrong=_NET.format("x -> Dense(4 // 0)"), right=_NET.format("x -> Dense(4 // 2)"),
)  # fmt: skip
NOT_KNOWN_YET = register(
    "E0217", "this is not known when the spec is compiled",
    "`if`, `for` and configuration are decided when the spec is compiled, so they may look at params, arguments and "
    "dimensions that are numbers, not at tensors or at symbols, which get their values at run time.",
    wrong="model Net {\n  input x: float32[N, T]\n  y = x\n  if T > 3 {\n    y = x -> Relu\n  }\n  output y = y\n}",
    right="model Net {\n  input x: float32[N, 4]\n  y = x\n  if 4 > 3 {\n    y = x -> Relu\n  }\n  output y = y\n}",
)  # fmt: skip
LIMIT_REACHED = register(
    "E0218", "the spec asks for more than its limits allow",
    "Limits keep a hostile or mistaken spec from eating the machine: the number of loop iterations, of graph nodes, "
    "the elements of one tensor, the depth of nesting. Each can be raised with `--limit key=value`.",
    wrong="model Net {\n  input x: float32[N, 4]\n  for i in range(1000000000000) {\n    x = x -> Relu\n  }\n"
          "  output y = x\n}",
    right="model Net {\n  input x: float32[N, 4]\n  for i in range(10) {\n    x = x -> Relu\n  }\n  output y = x\n}",
)  # fmt: skip
BAD_INDEX = register(
    "E0219", "this index does not fit",
    "Lists are indexed with a whole number within their length, tensors with whole numbers, slices, `none` and "
    "tensors of whole numbers, at most one per axis.",
    wrong=_NET.format("x[:, 0.5]"), right=_NET.format("x[:, 0]"),
    basis=Basis.SIZES,
)  # fmt: skip
BAD_UNPACKING = register(
    "E0220", "the names on the left do not fit what is on the right",
    "`a, b = ...` needs something with exactly as many parts; one name cannot hold several tensors.",
    wrong="model Net {\n  input x: float32[N, 4]\n  a, b = x -> Relu\n  output y = a\n}",
    right="model Net {\n  input x: float32[N, 4]\n  a = x -> Relu\n  output y = a\n}",
)  # fmt: skip
MISSING_STATEMENT = register(
    "E0221", "a statement is missing",
    "A model, a block and a cell need at least one `input` and one `output`, a cell a `state` as well; `data` needs a `source` and a `field`; `train` "
    "needs `data`, `minimize` and one of `epochs` and `steps`.",
    wrong="model Net {\n  input x: float32[N, 4]\n}", right=_NET.format("x -> Relu"),
)  # fmt: skip
REPEATED_STATEMENT = register(
    "E0222", "a statement stands twice",
    "This statement may stand once in its block.",
    wrong="data d {\n  source csv(\"a.csv\")\n  field x: float32 = column(\"x\")\n"
          "  split train = 80%, test = 20%\n  split train = 50%, test = 50%\n}",
)  # fmt: skip
MISPLACED_STATEMENT = register(
    "E0223", "a statement stands in the wrong place",
    "Inputs, outputs, `layer` and `parameter` have their places: inputs, and the states of a cell, stand at the top level "
    "of a block; an unnamed output is the only output of a block, and models name theirs.",
    wrong="model Net {\n  input x: float32[N, 4]\n  output x -> Relu\n}", right=_NET.format("x -> Relu"),
)  # fmt: skip
UNKNOWN_DECLARATION = register(
    "E0224", "no declaration of this name",
    "A data set, model or train block of this name is not in the file, nor in what it imports.",
    wrong="train t {\n  data missing\n  minimize mean(x) using Adam\n  epochs 1\n}",
)  # fmt: skip
NOT_AVAILABLE = register(
    "E0225", "the language knows this, this version does not do it yet",
    "The form is part of the language and is checked as far as that goes, but what it asks for is not built in this "
    "version of dslc.",
    wrong="data d {\n  source csv(\"d.csv\")\n  field x: float32[4] = past(column(\"x\"), 4)\n  split train = 100%\n}",
)  # fmt: skip
BAD_INPUT = register(
    "E0232", "an input that can't be left away",
    "An input with the default `none` may be left away where a block or a model is applied; its name is `none` then, which an `if` "
    "asks for when the spec is compiled. Such inputs stand behind all others, and a cell has none of them, since what "
    "flows in is cut into steps.",
    wrong="model Net {\n  input scale: float32[N, 4] = none\n  input x: float32[N, 4]\n  output y = x\n}",
    right="model Net {\n  input x: float32[N, 4]\n  input scale: float32[N, 4] = none\n  y = x\n  if scale != none {\n"
    "    y = x * scale\n  }\n  output y = y\n}",
)  # fmt: skip
BAD_CELL = register(
    "E0231", "a cell that cannot go along a sequence",
    "A cell is applied to every step of a sequence, and what a state is bound to last is what the next step finds there. "
    "So each state is bound again, to a tensor of its own type; its shape follows from the inputs above it, with the "
    "examples on the first axis; and it starts from a number, `zeros`, `ones`, or from a tensor that is the same at every "
    "step. Running statistics have no place in a cell. `reverse`, `lengths`, `last` and `return_state` are options of "
    "every cell.",
    wrong=_CELL.format("y = x + h"), right=_CELL.format("h = x + h"),
)  # fmt: skip
TOO_MANY = register(
    "E0228", "too many mistakes",
    "After so many mistakes no more are looked for. Mend the first ones, of which many others may follow, and check again.",
)  # fmt: skip
UNUSED_BLOCK = register(
    "W0201", "this is not checked",
    "A block is checked where it is applied, since its shapes and arguments come from there; a model with arguments "
    "that have no defaults, where a `net` makes one. Nothing applies this one, so only its syntax was checked.",
)  # fmt: skip
