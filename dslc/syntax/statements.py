"""What may be stated where, for messages and for finding the next statement after an error."""

from __future__ import annotations

from enum import Enum

from dslc.syntax.tokens import RESERVED_WORDS, Token

__all__ = ["FORMS", "KEYWORDS", "Level", "begins_declaration", "begins_statement"]


class Level(Enum):
    """The kinds of statement list; each value is the grammar's name for one statement of it."""

    FILE = "declaration"
    BODY = "body_statement"
    DATA = "data_statement"
    TRAIN = "train_statement"


FORMS: dict[Level, dict[str, str]] = {
    Level.FILE: {
        "import": 'import "blocks.dl" as blocks',
        "param": "param hidden: int = 128 in {64, 128}",
        "data": "data digits { ... }",
        "block": "block Residual(channels, stride = 1) { ... }",
        "cell": "cell Memory(units) { ... }",
        "model": "model Net(hidden = 128) { ... }",
        "train": "train run { ... }",
    },
    Level.BODY: {
        "input": "input image: float32[N, 64]",
        "state": "state h: [N, units] = zeros",
        "output": "output logits = h -> Dense(10)",
        "layer": "layer embed = Embedding(1000, 64)",
        "parameter": "parameter cls: float32[1, 1, 64] = normal(0.02)",
        "for": "for i in range(4) { ... }",
        "if": "if stride != 1 { ... } else { ... }",
    },
    Level.DATA: {
        "source": 'source csv("data/train.csv")',
        "field": 'field label: int64 = column("digit")',
        "split": "split train = 80%, test = 20%, seed = 1",
        "augment": "augment image = image -> flip(axis = -1)",
    },
    Level.TRAIN: {
        "data": "data digits",
        "net": "net student = Net(hidden = 32)",
        "let": "let logits = Net(image)",
        "load": 'load "weights.safetensors"',
        "minimize": "minimize cross_entropy(logits, label) using Adam(lr = 1e-3)",
        "metric": "metric accuracy = accuracy(logits, label)",
        "output": "output probability = softmax(logits)",
        "epochs": "epochs 30",
        "steps": "steps 10_000",
        "batch": "batch 64, shuffle = false",
        "evaluate": "evaluate every 500 steps",
        "stop": "stop when validation.loss < 0.05",
        "keep": "keep best validation.accuracy",
        "clip": "clip norm 1.0",
        "accumulate": "accumulate 4",
        "average": "average ema(0.999)",
        "freeze": "freeze teacher, Net.embed",
        "seed": "seed 7",
    },
}

KEYWORDS: dict[Level, tuple[str, ...]] = {level: tuple(forms) for level, forms in FORMS.items()}


def begins_declaration(words: list[Token], at: int) -> bool:
    """Whether a whole declaration seems to begin here, such as ``train run {``, not a binding such as ``train = 1``."""
    kind = words[at].type
    if kind.lower() not in KEYWORDS[Level.FILE] or at + 2 >= len(words):
        return False
    second, third = words[at + 1], words[at + 2]
    if kind == "IMPORT":
        return second.type == "STRING"
    is_block = kind in {"BLOCK", "CELL", "MODEL"}
    follow = {"LBRACE", "LPAR"} if is_block else {"COLON"} if kind == "PARAM" else {"LBRACE"}
    return second.is_wordlike and third.type in follow


def begins_statement(words: list[Token], at: int, level: Level) -> bool:
    """Whether a statement of a level seems to begin here."""
    word, following = words[at], words[min(at + 1, len(words) - 1)]
    if level is Level.BODY and word.is_wordlike and str(word) not in RESERVED_WORDS:
        while following.type == "COMMA" and at + 3 < len(words) and words[at + 2].is_wordlike:
            at += 2
            following = words[at + 1]
        if following.type == "EQUAL":
            return True
    if word.type.lower() not in KEYWORDS[level]:
        return False
    return following.type not in {"EQUAL", "COMMA", "RPAR", "RSQB", "DOT", "COLON"}
