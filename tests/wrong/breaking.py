"""Mistakes that have one certain repair, made in good specs at random."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from dslc.library.word import FUNCTIONS, LAYERS, OPTIMIZERS
from dslc.syntax.statements import KEYWORDS

WORDS = sorted({*LAYERS, *FUNCTIONS, *OPTIMIZERS, *(word for words in KEYWORDS.values() for word in words)})
Breaking = Callable[[str, random.Random], "str | None"]
FOREIGN = {
    "Dense": "FullyConnected", "MaxPool": "MaxPooling2D", "AveragePool": "AvgPool2d", "Relu": "ReLU", "mse": "MSELoss",
    "concat": "cat", "lr": "learning_rate", "units": "out_features", "rate": "p", "true": "True", "false": "False",
    "float32": "float", "int64": "int", "validation": "val", "kernel": "kernel_size", "clip": "clamp", "BatchNorm": "BatchNorm2d",
    "stride": "strides", "weight_decay": "WeightDecay", "softmax": "Softmax", "binary_cross_entropy": "BCEWithLogitsLoss",
}  # fmt: skip


def code(text: str) -> str:
    """Blank comments and strings out, so that places in the code can be looked for."""
    return re.sub(r'"[^"\n]*"|#[^\n]*', lambda m: " " * len(m[0]), text)


def at_one(pattern: str, by: str | Callable[[re.Match[str]], str], *, strings: bool = False) -> Breaking:
    def broken(text: str, random: random.Random) -> str | None:
        found = list(re.finditer(pattern, text if strings else code(text)))
        if not found:
            return None
        chosen = random.choice(found)
        new = by(chosen) if callable(by) else chosen.expand(by)
        return text[: chosen.start()] + new + text[chosen.end() :]

    return broken


def misspelt(text: str, random: random.Random) -> str | None:
    """A word of the language with a letter dropped, doubled, or changed places with the next."""
    found = [m for m in re.finditer(r"[A-Za-z_]{5,}", code(text)) if m[0] in WORDS]
    if not found:
        return None
    word = random.choice(found)
    at = random.randrange(1, len(word[0]) - 1)
    a, b = word[0][at], word[0][at + 1]
    new = random.choice(["", a + a, b + a])
    end = at + (2 if new == b + a else 1)
    return text[: word.start()] + word[0][:at] + new + word[0][end:] + text[word.end() :]


def foreign(text: str, random: random.Random) -> str | None:
    """A word of another tool with the same meaning."""
    found = [m for m in re.finditer(r"\w+", code(text)) if m[0] in FOREIGN]
    if not found:
        return None
    word = random.choice(found)
    return text[: word.start()] + FOREIGN[word[0]] + text[word.end() :]


BREAKING: dict[str, Breaking] = {
    "misspelt": misspelt,
    "foreign": foreign,
    "no closing bracket": at_one(r"[)\]](?=\n)", ""),
    "no closing bracket inside": at_one(r"[)\]]", ""),
    "another bracket": at_one(r"\)", "]"),
    "a bracket too many": at_one(r"\)(?=\n)", "))"),
    "no closing brace": at_one(r"\n\}(?=\n|$)", ""),
    "a brace too many": at_one(r"\n\}(?=\n|$)", "\n}\n}"),
    "no closing quote": at_one(r'"(?=[)\]]*\n)', "", strings=True),
    "other quotes": at_one(r'"([\w./*]+)"', r"'\1'", strings=True),
    "another arrow": at_one("->", lambda m: random.choice(["=>", "→"])),
    "semicolon": at_one(r"(?<=[\w)])\n", ";\n"),
    "no comma": at_one(r",(?= \w+ = )", ""),
    "colon for equals": at_one(r"(?<=[(,]) ?(\w+) =(?= )", r"\1:"),
    "statement with equals": at_one(r"\n  (epochs|batch|steps|seed) (?=\d)", r"\n  \1 = "),
    "statement of elsewhere": at_one(
        r"\n  (epochs|batch|steps|seed) (?=\d)",
        lambda m: (
            "\n  "
            + {"epochs": "num_epochs", "batch": "batch_size", "steps": "iterations", "seed": "manual_seed"}[m[1]]
            + " "
        ),
    ),
    "keyword of bindings": at_one(r"(?<=\n  )(?=[a-z]+ = )", "let "),
    "no zero": at_one(r"\b0\.(?=\d)", "."),
    "no parentheses around a pipe": at_one(r"\((\w+ -> [\w() ]+)\)(?= [-+*/])", r"\1"),
    "no squeeze": at_one(r"squeeze\(([\w()]+), axis = 1\)", r"\1"),
    "for a number": at_one(r"(?<= in )range\((\d+|\w+)\)", r"\1"),
    "called layer": at_one(r"= (\w+) -> ([A-Z]\w+)(?=\n)", r"= \2(\1)"),
    "chained": at_one(r"(\w+) < (\w+) and \2 < ", r"\1 < \2 < "),
}
