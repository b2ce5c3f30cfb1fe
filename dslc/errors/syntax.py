"""E01xx: what is wrong with the text of a spec before any name means anything."""

from __future__ import annotations

from dslc.diagnostics import register

UNEXPECTED = register(
    "E0101",
    "something stands where it cannot",
    "A word, number or sign stands where the language expects something else. The message says what was being "
    "written and what should follow; the hint shows how the statement is written.",
    wrong="param size int = 3",
    right="param size: int = 3",
)
UNKNOWN_STATEMENT = register(
    "E0102",
    "unknown statement",
    "Each kind of block has statements of its own: 'source', 'field' in 'data'; 'input', 'output', 'name = ...' in "
    "'model' and 'block', 'state' in 'cell'; 'minimize', 'epochs' in 'train'. A file itself holds declarations only: "
    "'import', 'param', 'data', 'block', 'cell', 'model', 'train'. The word found here starts none of those.",
    wrong="model M {\n  input x: float32[N, 4]\n  outputs y = x -> Relu\n}",
    right="model M {\n  input x: float32[N, 4]\n  output y = x -> Relu\n}",
)
UNCLOSED = register(
    "E0103",
    "a bracket is never closed",
    "Every '(', '[' and '{' needs its partner. The message points at the one that was opened and at the place where "
    "its partner is missed at the latest; the true place often lies between the two.",
    wrong="model M {\n  input x: float32[N, 4]\n  output y = x -> Dense(2\n}",
    right="model M {\n  input x: float32[N, 4]\n  output y = x -> Dense(2)\n}",
)
UNOPENED = register(
    "E0104",
    "a closing bracket has no partner",
    "A ')', ']' or '}' stands where nothing is open, or where a bracket of another kind is open. Remove it, or open "
    "the one that it should close.",
    wrong="model M {\n  input x: float32[N, 4)\n  output y = x\n}",
    right="model M {\n  input x: float32[N, 4]\n  output y = x\n}",
)
MISSING_COMMA = register(
    "E0105",
    "a comma is missing",
    "Arguments, list items, dimensions and the entries of 'split' are separated by commas. Two of them stand side by "
    "side here.",
    wrong="model M {\n  input x: float32[N, 3, 8, 8]\n  output y = x -> Conv(8 kernel = 3)\n}",
    right="model M {\n  input x: float32[N, 3, 8, 8]\n  output y = x -> Conv(8, kernel = 3)\n}",
)
BAD_PIPE = register(
    "E0106",
    "what stands right of '->' is not a layer",
    "'->' applies a layer to what flows in from the left, so on its right stands a name, a member or a call: "
    "'x -> Dense(2)'. It binds loosest of all: to go on computing with the result, put the pipe in parentheses.",
    wrong="model M {\n  input x: float32[N, 4]\n  output y = x -> Dense(2) + 1\n}",
    right="model M {\n  input x: float32[N, 4]\n  output y = (x -> Dense(2)) + 1\n}",
)
PIPE_AFTER_ELSE = register(
    "E0107",
    "a pipe after 'else' needs parentheses",
    "'if c then a else b -> f' could mean that f is applied to b alone or to the whole choice. Parentheses say which.",
    wrong="model M(deep = true) {\n  input x: float32[N, 4]\n  output y = if deep then x else x -> Relu\n}",
    right="model M(deep = true) {\n  input x: float32[N, 4]\n  output y = if deep then x else (x -> Relu)\n}",
)
BAD_STRING = register(
    "E0108",
    "a string is not written as it should be",
    "A string stands in double quotes and ends on the line it began on. Inside it, a backslash starts one of "
    '\\", \\\\, \\n and \\t; paths are written with forward slashes on every system.',
    wrong='param name: string = "adam',
    right='param name: string = "adam"',
)
BAD_CHARACTER = register(
    "E0109",
    "a character that the language does not use",
    "Outside of strings and comments a spec consists of words, numbers, strings and the language's signs. Control "
    "characters, and those that change the direction of writing, are refused everywhere, since they make a text read "
    "differently from what it says.",
    wrong="param a: int = 3;",
    right="param a: int = 3",
)
BAD_NUMBER = register(
    "E0110",
    "a number is not written as it should be",
    "Numbers are written 1, 1_000, 2.5, 1e-3 or 70%. Whole numbers fit in 64 bits, others in a double; a decimal point "
    "has digits on both sides.",
    wrong="param rate: float = .5",
    right="param rate: float = 0.5",
)
TOO_DEEP = register(
    "E0111",
    "nested too deeply",
    "Brackets, conditions, signs and blocks stand in each other more deeply than the limit 'nesting' allows. Name "
    "intermediate results, or raise the limit with --limit nesting=N if the text is made by a program.",
)
RESERVED = register(
    "E0112",
    "a reserved word cannot be a name",
    "Most keywords may serve as names, but these always mean themselves: if, then, else, and, or, not, true, false, "
    "none.",
    wrong="model M {\n  input x: float32[N, 4]\n  none = x -> Relu\n  output y = none\n}",
    right="model M {\n  input x: float32[N, 4]\n  nothing = x -> Relu\n  output y = nothing\n}",
)
MISSING_EXPRESSION = register(
    "E0113",
    "an expression is missing",
    "After a sign such as '=', '+' or '->', or a word such as 'using', something with a value must follow.",
    wrong="param a: int =",
    right="param a: int = 3",
)
CHAINED_COMPARISON = register(
    "E0114",
    "comparisons cannot be chained",
    "'a < b < c' is not read as in mathematics by most languages, so this one refuses it. Join two comparisons with "
    "'and'.",
    wrong="param fits: bool = 0 < 1 < 2",
    right="param fits: bool = 0 < 1 and 1 < 2",
)
WRONG_SIGN = register(
    "E0115",
    "one sign stands for another",
    "'=' gives a name its value, ':' precedes a type, '==' compares.",
    wrong="param a = 3",
    right="param a: int = 3",
)
TOO_LARGE = register(
    "E0116",
    "the spec is too large",
    "A spec file may be no larger than the limit 'spec_bytes'. Data belongs in a data file that the spec names.",
)
BAD_LIMIT = register(
    "E0117",
    "a limit is not understood",
    "Limits are given as --limit key=value with a positive whole number: nesting, loop_iterations, graph_nodes, "
    "tensor_elements, spec_bytes.",
    exit_code=2,
)
TOO_MANY = register(
    "E0118",
    "too many syntax errors",
    "After so many errors the rest is more likely to confuse than to help. Mend the first ones and check again.",
)
