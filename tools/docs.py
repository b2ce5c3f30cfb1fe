"""Write the pages of ``docs/`` that are made from the code: ``reference/*.md``, ``errors.md`` and ``cli.md``.

What they say stands in one place each: a word's docstring and options, a code's declaration, a command's module.

Usage: ``python tools/docs.py`` (``--check`` writes nothing and fails if a page would change)
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import NoneType
from typing import Any

import dslc.errors
import dslc.library
from dslc.cli.commands import GROUPS, Command, command_named
from dslc.diagnostics import CODES, Code, Diagnostics
from dslc.library.fits.step import FittedStep
from dslc.library.operation import Function, Initializer, Layer, Operation, operands_of
from dslc.library.optimizers.optimizer import Optimizer
from dslc.library.schedules.schedule import Schedule
from dslc.library.sources.source import DataSource
from dslc.library.std import standard_files, standard_source
from dslc.library.word import (
    FITS,
    FUNCTIONS,
    INITIALIZERS,
    LAYERS,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    REQUIRED,
    SCHEDULES,
    SOURCES,
    Option,
    Texts,
    Word,
    options_of,
)
from dslc.rewrite.passes import PASSES
from dslc.syntax import parse, tree
from dslc.types import ElementType, Symbolic

DOCS = Path(__file__).resolve().parents[1] / "docs"
GENERATED = "<!-- Made by `make docs` from the code; change the docstrings there. -->"

FAMILIES = {
    "E01": "Syntax", "E02": "Names and arguments", "E03": "Types and shapes", "E04": "Data", "E05": "Training",
    "E06": "Environment", "W": "Warnings",
}  # fmt: skip
EXITS = {
    1: "1, the spec is wrong", 2: "2, the command line is wrong", 3: "3, data or a file is missing or broken",
    4: "4, the run failed",
}  # fmt: skip
KINDS: dict[Any, str] = {
    int: "whole number", float: "number", bool: "true or false", str: "text", tuple: "list", NoneType: "`none`",
    Texts: "text or list", Symbolic: "dimension",
    ElementType: "element type", Initializer: "[initializer](initializers.md)",
    Schedule: "[schedule](schedules.md)", Optimizer: "optimizer", Layer: "layer",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """A page of the reference: an introduction, and words in sections."""

    title: str
    intro: str
    words: dict[str, type[Word]]
    """Those of several modules in one section for each, named by its docstring."""


def pages() -> dict[str, Page]:
    """Return the pages of the reference, by file name."""
    return {
        "layers.md": Page(
            "Layers",
            "A layer stands on the right of `->`, with its options in parentheses: `x -> Dense(10)`. Options are "
            "given by name, or by position in the order of the table. `N` is the batch.",
            LAYERS,
        ),
        "functions.md": Page(
            "Functions",
            "A function is called with its operands, tensors or numbers, and then its options: `softmax(x, axis = "
            "1)`. It may also stand in a pipe: `x -> softmax(axis = 1)`. Where an operator means the same, it is "
            "shown beside the name.",
            {name: word for name, word in FUNCTIONS.items() if name not in LOSSES | METRICS},
        ),
        "losses.md": Page(
            "Losses",
            "A loss is a function; it can be part of any expression that is minimized, and is a metric too, except "
            "for those that compare the examples of a batch. The "
            "prediction and the target never broadcast against each other. `weight` is a number for each example.",
            LOSSES,
        ),
        "metrics.md": Page(
            "Metrics",
            "A metric is measured over a whole split, and is exact whatever the batches are. Every "
            "[loss](losses.md) that looks at each example by itself is a metric too, and so is arithmetic over them. "
            "Logits of two classes may be one "
            "number per example, with 0 as the threshold.",
            METRICS,
        ),
        "optimizers.md": Page(
            "Optimizers",
            "An optimizer stands behind `using`: `minimize mse(y, target) using Adam(lr = 1e-3)`. Where the table "
            "says so, a number may be a [schedule](schedules.md).",
            OPTIMIZERS,
        ),
        "schedules.md": Page(
            "Schedules",
            "A schedule is a value that changes with the number of updates done. `a then b` runs one after the "
            "other: `Adam(lr = warmup(500) then cosine(1e-3, 1e-5))`; all but the last need `steps`. They stand in "
            "arithmetic, with `step` and `epoch`: `SGD(lr = 0.1 * 0.5 ** (epoch // 10))`.",
            SCHEDULES,
        ),
        "initializers.md": Page(
            "Initializers",
            "How a parameter starts: `Dense(10, init = he_normal)`, `parameter scale: float32[8] = ones`. "
            "`fan_in` and `fan_out` are the numbers of inputs that one output sees, and of outputs that one input "
            "reaches.",
            INITIALIZERS,
        ),
        "steps.md": Page(
            "Fitted steps",
            "A step of a field takes constants from the training split, which the run keeps: `field price: float32 = "
            'standardize(log(column("price")))`. Its options are given by name, one without a default by position '
            "behind what it works on. `original(prediction, price)` undoes `standardize` and `minmax`.",
            FITS,
        ),
        "sources.md": Page(
            "Sources",
            'Where the examples of a `data` block come from: `source csv("data/iris.csv")`. Paths are tried '
            "beside the spec, then in each `--data` folder, then in those of the environment variable "
            "`DSLC_DATA`; they never leave these folders.",
            SOURCES,
        ),
    }


# --- Words -----------------------------------------------------------------------------------------


def literal(value: Any) -> str:
    """Write a value as a spec would."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\t", "\\t").replace('"', '\\"') + '"'
    if isinstance(value, float):
        return repr(value).replace("e-0", "e-")
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, ElementType):
        return value.value
    if isinstance(value, Word):
        values = {o: getattr(value, o.name) for o in options_of(type(value))}
        changed = [f"{o.name} = {literal(found)}" for o, found in values.items() if found != o.default]
        return f"{value.name}({', '.join(changed)})" if changed else value.name
    return str(value)


def signature(word: type[Word]) -> str:
    """Return how a word is written, every default spelled out."""
    options: list[str] = []
    leading: list[str] = []
    for option in options_of(word):
        shown = option.name if option.required else f"{option.name} = {literal(option.default)}"
        if option.name == getattr(word, "rest", None):
            shown = f"{option.name}..."
        if option.name in (getattr(word, "keywords", None), "files"):
            shown = 'column = "path", ...' if issubclass(word, DataSource) else "name = size, ..."
        (leading if option.name in getattr(word, "leading", ()) else options).append(shown)
    if issubclass(word, FittedStep):
        return f"{word.name}({', '.join(['x', *options])})"
    if not issubclass(word, Operation):
        return f"{word.name}({', '.join(options)})" if options else word.name
    operands = [o.name + "..." * o.variadic + " = none" * (not o.required) for o in operands_of(word)]
    if issubclass(word, Layer):
        flow = operands[0] if len(operands) == 1 else f"({', '.join(operands)})"
        return f"{flow} -> {word.name}" + (f"({', '.join(options)})" if options else "")
    return f"{word.name}({', '.join([*leading, *operands, *options])})"


def kinds(option: Option) -> str:
    """Name the kinds of values that an option takes."""
    if option.choices is not None:
        names = [f"`{literal(choice)}`" for choice in option.choices] + ["`none`"] * (NoneType in option.kinds)
        return ", ".join(names).replace("|", "\\|")
    taken = [k for k in option.kinds if k is not Symbolic]  # a whole number may always be a dimension
    if int in taken and float in taken:
        taken.remove(int)
    return " or ".join(dict.fromkeys(KINDS[kind] for kind in taken))


def limits(option: Option) -> str:
    """Name the range of an option."""
    bounds = {"at least": option.minimum, "above": option.above, "at most": option.maximum, "below": option.below}
    return ", ".join(f"{text} {bound:g}" for text, bound in bounds.items() if bound is not None)


def described(word: type[Word], level: int) -> Iterator[str]:
    """Yield the section of a word."""
    yield f"{'#' * level} {heading(word)}"
    yield ""
    yield f"```text\n{signature(word)}\n```"
    yield ""
    if issubclass(word, DataSource) and not word.available:
        yield "*Part of the language, not of this version: using it is an error that says so.*"
        yield ""
    yield word.doc().replace("``", "`")
    yield ""
    options = options_of(word)
    if options:
        yield "| option | is | default | range | meaning |"
        yield "| --- | --- | --- | --- | --- |"
    for option in options:
        default = "required" if option.default is REQUIRED else f"`{literal(option.default)}`".replace("|", "\\|")
        name = "any name" if option.name in (getattr(word, "keywords", None), "files") else f"`{option.name}`"
        yield f"| {name} | {kinds(option)} | {default} | {limits(option)} | {option.doc} |"
    if options:
        yield ""


def reference(page: Page) -> Iterator[str]:
    """Yield a page of the reference, block by block."""
    yield f"{GENERATED}\n\n# {page.title}\n"
    yield f"{page.intro}\n"
    yield ", ".join(f"[{name}](#{anchor(word)})" for name, word in sorted(page.words.items())) + "\n"
    words = sorted(page.words.values(), key=lambda word: word.__module__)
    modules = dict.fromkeys(word.__module__ for word in words)
    for module in modules:
        if len(modules) > 1:
            yield f"## {section(module)}\n"
        for word in words:
            if word.__module__ == module:
                yield from described(word, 3 if len(modules) > 1 else 2)


def section(module: str) -> str:
    """Return the title of a module: the first sentence of its docstring."""
    first = (import_module(module).__doc__ or module).partition("\n")[0]
    return re.split(r"[.:]( |$)", first)[0].replace("``", "`")


def heading(word: type[Word]) -> str:
    """Return a word's name, with the operator that means the same."""
    symbol = word.symbol if issubclass(word, Function) else None
    return f"{word.name} (`{symbol}`)" if symbol else word.name


def anchor(word: type[Word]) -> str:
    """Return the anchor that Markdown renderers give to a word's heading: letters, digits, hyphens."""
    return re.sub(r"[^\w -]", "", heading(word)).replace(" ", "-").lower()


# --- Blocks ----------------------------------------------------------------------------------------


def blocks_page() -> Iterator[str]:
    """Yield the page of the blocks that come with dslc, file by file."""
    yield f"{GENERATED}\n\n# Blocks\n"
    yield (
        'These are written in the language itself, in the file of each heading: `import "std/vision.dl"`, or `import '
        '"std/vision.dl" as vision` and `x -> vision.Residual(64)`. A file of that path beside the spec goes before '
        "that of dslc, and a run keeps a copy of what its spec imports.\n"
    )
    for path in standard_files():
        source = standard_source(path)
        assert source is not None
        yield f"## {path}\n\n{source.text.partition(chr(10))[0].removeprefix('# ')}\n"
        for block in parse(source, Diagnostics()).declarations:
            if isinstance(block, tree.Block):
                inputs = [statement for statement in block.body if isinstance(statement, tree.Input)]
                flow = ", ".join(statement.name for statement in inputs)
                formals = ", ".join(re.sub(r"\s*,\s*}", "}", " ".join(f.span.text.split())) for f in block.formals)
                formals = formals.replace("{ ", "{")
                call = f"{f'({flow})' if len(inputs) > 1 else flow} -> {block.name}" + f"({formals})" * bool(formals)
                types = ", ".join(f"`{statement.span.text}`" for statement in inputs)
                yield f"### {block.name}\n\n```text\n{call}\n```\n\n{block.doc}\n\n{types}\n"


# --- Errors ----------------------------------------------------------------------------------------


def all_codes() -> list[Code]:
    """Return every code, in order; they are registered when their modules are imported."""
    for module in iter_modules(dslc.errors.__path__, "dslc.errors."):
        import_module(module.name)
    return [CODES[id] for id in sorted(CODES)]


def errors_page() -> Iterator[str]:
    """Yield the error index, block by block."""
    codes = all_codes()
    yield f"{GENERATED}\n\n# Errors and warnings\n"
    yield (
        "Every finding has a code that never changes its meaning; `dslc explain E0301` shows what stands here. A "
        "command that meets an error ends with the exit code given here; warnings do not change it. `dslc check --fix` "
        "mends in the file what has one certain repair: a misspelt word, a bracket that can stand in one place only, a "
        "word of another tool that means the same.\n"
    )
    for title in FAMILIES.values():
        yield f"- [{title}](#{title.lower().replace(' ', '-')})"
    for prefix, title in FAMILIES.items():
        yield f"\n## {title}\n"
        yield "| code | says | exit code |\n| --- | --- | --- |"
        chosen = [code for code in codes if code.id.startswith(prefix)]
        for code in chosen:
            ends = "" if code.severity == "warning" else EXITS[code.exit_code]
            yield f"| [{code.id}](#{code.id.lower()}) | {code.title} | {ends} |"
        for code in chosen:
            yield f"\n### {code.id}\n\n**{code.title[0].upper()}{code.title[1:]}.** {code.explanation}"
            for name, text in (("Wrong", code.wrong), ("Right", code.right)):
                if text:
                    yield f"\n{name}:\n\n```text\n{text.strip()}\n```"


# --- The command line --------------------------------------------------------------------------------

CLI_OUTRO = """\
## For programs

What is meant for people goes to standard error, so standard output holds results only. With `--json`:

- `check` prints an array of `code`, `severity`, `message`, `file`, `line`, `column`, `end_line`, `end_column`,
  `labels`, `hint` and `fix`, `[]` if nothing was found; with `--fix`, of what is left. Places count from 1, in
  characters. `fix` is an array of edits to be made together, each a place and the `text` to stand there in place of
  what does; `[]` where no repair is certain.
- `eval` prints `split`, `examples`, `loss` and `metrics`; with several objectives `loss` maps their names to values.
  Where a metric is a table of classes that have names, `classes` has these by metric; `train` prints them too.

`metrics.jsonl` in a run has a line per evaluation: `epoch`, `step`, `batch`, `train.loss`, `validation.loss`,
`validation.accuracy`, ...

## Exit codes

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | the spec is wrong |
| 2 | the command line is wrong |
| 3 | data or a file is missing or broken |
| 4 | the run failed |
| 70 | dslc has made a mistake |
| 130 | interrupted |
| 141 | whoever read the output has gone, as `head` does |

## Environment

| variable | meaning |
| --- | --- |
| `DSLC_DATA` | folders to look for data in, after those of `--data` |
| `DSLC_THREADS` | threads to compute with, where `--threads` says nothing |
| `DSLC_SPIN` | 0 lets idle threads sleep: faster where other programs want the cores as well, else slower |
| `DSLC_SUBNORMALS` | 1 keeps numbers below 1e-38, which slow training down; 0, the default, takes them as zero |
| `DSLC_DEBUG` | 1 adds a traceback to the report of a mistake of dslc itself |
"""


def command_line() -> Iterator[str]:
    """Yield the page of the commands, block by block."""
    yield f"{GENERATED}\n\n# The command line\n"
    yield "`dslc COMMAND --help` says the same as this page.\n"
    yield "| command | does |\n| --- | --- |"
    for group in GROUPS.values():
        for name, summary in group.items():
            yield f"| [`dslc {name}`](#dslc-{name}) | {summary} |"
    for name in (name for group in GROUPS.values() for name in group):
        yield ""
        yield from command_section(name, command_named(name))
    yield "\n## Passes\n"
    yield (
        "`--passes` chooses what is done to the graphs without changing what they compute: `all`, the default; "
        "`none`; `NAME` adds a pass, `-NAME` takes one away, in the order of the list. A run is resumed with the "
        "passes that it was begun with, because the last bits of its results may hang on them. Those marked * take "
        "more steps that are faster on ONNX Runtime; they are left out of models that are shipped, which keep the "
        "forms that other runtimes know to fuse.\n"
    )
    yield "| pass | does |\n| --- | --- |"
    for one in PASSES.values():
        yield f"| `{one.name}`{' *' if one.for_training else ''} | {one.doc} |"
    yield f"\n{CLI_OUTRO}"


def command_section(name: str, command: Command) -> Iterator[str]:
    """Yield the section of a command: what it does, what it takes."""
    parser = ArgumentParser(add_help=False)
    command.add_arguments(parser)
    yield f"## dslc {name}\n\n{(command.__doc__ or '').strip()}\n"
    yield "| | |\n| --- | --- |"
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list
        value = action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper()
        takes = [] if action.nargs == 0 else [f"[{value}]" if action.nargs == "?" else str(value)]
        options = [", ".join(action.option_strings)] if action.option_strings else []
        written = " ".join([*options, *takes, *["..."] * (action.nargs == "+")])
        yield f"| `{written.replace('|', chr(92) + '|')}` | {action.help} |"


# --- Files -----------------------------------------------------------------------------------------


def generated() -> dict[Path, str]:
    """Return the text of every generated page."""
    found = {DOCS / "reference" / name: reference(page) for name, page in pages().items()}
    found[DOCS / "reference" / "blocks.md"] = blocks_page()
    found |= {DOCS / "errors.md": errors_page(), DOCS / "cli.md": command_line()}
    return {path: joined(blocks) for path, blocks in found.items()}


def joined(blocks: Iterable[str]) -> str:
    return "\n".join(blocks).rstrip("\n") + "\n"


def main(arguments: list[str]) -> int:
    stale = {p: t for p, t in generated().items() if not p.exists() or p.read_text(encoding="utf-8") != t}
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(DOCS.parent)} is out of date; run: make docs", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
