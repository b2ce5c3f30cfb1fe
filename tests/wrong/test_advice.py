"""Code that explanations and hints show can be written: it parses, and its words and options are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dslc.check.core.words import REGISTRIES
from dslc.diagnostics import CODES, Code, Diagnostics
from dslc.library.operation import Operation, operands_of
from dslc.library.word import options_of
from dslc.source import Source
from dslc.syntax import parse, tree

HERE = Path(__file__).parent
HINTS = sorted({
    line.partition("= hint: ")[2]
    for path in [*HERE.rglob("*.txt"), *(HERE.parent / "baddata" / "expected").glob("*.txt")]
    for line in path.read_text(encoding="utf-8").splitlines() if "= hint: " in line
})  # fmt: skip
FORMS = (
    "{}", "data d {{ {} }}", "model M {{ {} }}", "train t {{ {} }}", "train t {{ minimize x {} }}",
    "model M {{ output y = {} }}", "model M {{ input x: {} }}", "model M {{ output y = x[{}] }}", "train t {{ load \"w\" {} }}",
    "model M {{ output y = f({}) }}", "data d {{ split {} }}", "train t {{ minimize x using {} }}",
    "model M {{ {} {{ }} }}",
)  # fmt: skip
"""Where a piece of code may stand."""
CONTEXT = {
    "column", "columns", "standardize", "minmax", "impute", "category", "is_missing", "past", "future", "classes",
    "original", "range", "len", "int", "stalled", "ema", "datetime", "f", "g", "loss", "net", "onnx",
}  # fmt: skip
"""What is known in its place only, and what stands for any function."""
CODE = re.compile(r"[(=\[]|->")
"""What tells code from a word of the language."""
SHOWN_AS_WRONG = {"if c then a else b -> f"}
NOT_THE_LANGUAGE = re.compile(r"--|iconv|dslc |np\.|CSV UTF|runs/|[*?]$|^\W+$|^\[\.\.\.\]$|\.csv$|val_")


def pieces(text: str) -> Iterator[str]:
    """Code in a text: in backticks, in quotes if it is more than a word, and calls that stand bare."""
    rest = text
    for piece in re.findall(r"`([^`]+)`", text):
        rest = rest.replace(f"`{piece}`", " ")
        if CODE.search(piece):
            yield piece
    for piece in re.findall(r"(?<!\w)'([^']+)'(?!\w)", rest):
        rest = rest.replace(f"'{piece}'", " ")
        if CODE.search(piece):
            yield piece
    yield from re.findall(r"(?<![\w.])[a-z_]\w*\((?:[^()]|\([^()]*\))*\)", rest)
    told = re.search(r"(?:write|add|for example|call it|apply it|declare it as|tensors flow in): (.+)$", text)
    if told and not re.search(r", in its true|, and |; |  for ", told[1]):
        yield from told[1].split("  or: ")


def parsed(piece: str) -> tree.File | None:
    """Read a piece where it may stand; ``...`` stands for anything."""
    text = re.sub(r"\{ \.\.\. \}", "{ }", piece)
    text = re.sub(
        r"(?<=[(=] )\.\.\.|(?<=\()\.\.\.|(?<=minimize )\.\.\.|(?<=using )\.\.\.|(?<=: )\.\.\.", "x", text
    ).replace("...,", "x,")
    for form in FORMS:
        found = Diagnostics()
        file = parse(Source("advice.dl", form.format(text)), found)
        if not len(found):
            return file
    return None


def calls(node: object) -> Iterator[tree.Call]:
    if isinstance(node, tree.Call):
        yield node
    children = (
        node if isinstance(node, tuple) else vars(node).values() if isinstance(node, (tree.Node, tree.File)) else ()
    )
    for child in children:
        yield from calls(child)


def faults(text: str) -> list[str]:
    """What of the code in a text could not be written."""
    found: list[str] = []
    for piece in pieces(text):
        if NOT_THE_LANGUAGE.search(piece) or piece in SHOWN_AS_WRONG:
            continue
        file = parsed(piece)
        if file is None:
            found.append(f"does not parse: {piece}")
            continue
        for call in calls(file.declarations):
            name = call.function.span.text
            word = next((registry[name] for registry in REGISTRIES if name in registry), None)
            if word is None:
                if name not in CONTEXT and not name[0].isupper() and "." not in name:
                    found.append(f"no word {name}: {piece}")
                continue
            takes = {option.name for option in options_of(word)}
            takes |= {spec.name for spec in operands_of(word)} if issubclass(word, Operation) else set()
            free = bool(getattr(word, "keywords", None))
            found += [
                f"no option {a.name}: {piece}" for a in call.arguments if a.name and not free and a.name not in takes
            ]
    return found


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.id)
def test_explanations(code: Code) -> None:
    assert faults(code.explanation) == []


@pytest.mark.parametrize("hint", HINTS)
def test_hints(hint: str) -> None:
    assert faults(hint) == []


def test_faults_are_found() -> None:
    assert faults("fill it with `imputed(x)`") == ["no word imputed: imputed(x)"]
    assert faults("write: x -> Dense(2, size = 3)") == ["no option size: x -> Dense(2, size = 3)"]
    assert faults("try mean(x, dim = 1) instead") == ["no option dim: mean(x, dim = 1)"]
    assert faults("add `batch = = 3`") == ["does not parse: batch = = 3"]
