"""Fixes: each with what it is told by and what it does; of all wrong specs; and of good ones that were broken."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dslc.errors.names import IMPORT_FAILED
from dslc.fixing import Mended, mend
from dslc.limits import Limits
from dslc.pipeline import Options, check_source
from dslc.render import render_changes
from dslc.source import Source, Span
from dslc.syntax import format_source
from tests.conftest import mostly_alike
from tests.wrong.breaking import BREAKING
from tests.wrong.test_mutations import GOOD, LIMITS, mutate
from tests.wrong.test_wrong_specs import CASES, HERE, name_of

DATA = """\
data d {{
  source csv("d.csv")
  field x: float32[4] = columns("x*")
  field price: float32 = column("price")
  field label: int64 = column("label")
  split train = 80%, validation = 20%
  {data}
}}
"""
REST = """\
block B(n) {{
  input x: [N, C]
  output x -> Dense(n) -> Relu
}}
model Net(n = 8) {{
  input x: float32[N, 4]
  h = x -> B(n)
  {body}
  output y = h -> Dense(1)
}}
train t {{
  data d
  minimize {loss} using {optimizer}
  {train}
  epochs 3
}}
"""
USUAL = {
    "data": "", "body": "", "loss": "mse(squeeze(Net(x), axis = 1), price)", "optimizer": "Adam(lr = 1e-3)", "train": "",
}  # fmt: skip


def spec(**parts: str) -> str:
    return (DATA + REST).format(**USUAL | parts)


def refuse(path: str, span: Span) -> Source:
    raise IMPORT_FAILED(f"there is no file '{path}'").at(span)


def mended(text: str, limits: Limits = LIMITS) -> Mended:
    return mend(Source("main.dl", text), refuse, Options(limits=limits))


def text_of(found: Mended, text: str) -> str:
    return found.after["main.dl"].text if found.after else text


FIXES = [
    # words and signs
    ("data", "field z: float32 = column('z')", 'write "z"', 'field z: float32 = column("z")'),
    ("data", 'field z: float32 = column("z)', "a string ends with '\"' on the line it began on", 'field z: float32 = column("z")'),
    ("data", "field z: float32 = column(“z”)", 'strings stand in double quotes: "..."', 'field z: float32 = column("z")'),
    ("body", "h = h → Relu", "write '->'", "h = h -> Relu"),
    ("body", "h = h * 2;", "statements need no ';' behind them: remove it", "h = h * 2"),
    ("body", "h = h × 2", "write '*'", "h = h * 2"),
    ("body", "h = h ^ 2", "powers are written with '**'", "h = h ** 2"),
    ("body", "h = h\u00a0* 2", "write a space", "h = h * 2"),
    ("body", "if n > 2 && n < 9 { h = h * 2 }", "write 'and'", "if n > 2 and n < 9 { h = h * 2 }"),
    ("body", "if n > 2||n < 9 { h = h * 2 }", "write 'or' for logic; layers are applied with '->'",
     "if n > 2 or n < 9 { h = h * 2 }"),
    ("body", "h = where(~(h > 0), 0, h)", "write 'not'", "h = where(not (h > 0), 0, h)"),
    ("body", "h = h -> Dropout(.5)", "write 0.5", "h = h -> Dropout(0.5)"),
    ("body", "h = 5. * h", "write 5.0", "h = 5.0 * h"),
    ("body", "h = h * 1__000_", "an underscore stands between two digits, as in 1_000", "h = h * 1_000"),
    # brackets
    ("body", "h = h -> Dense(8", "a ')' is missing", "h = h -> Dense(8)"),
    ("body", "h = h -> Dense(8, init = normal(0.02)", "a ')' is missing", "h = h -> Dense(8, init = normal(0.02))"),
    ("body", "h = h -> Dense(8]", "write ')'", "h = h -> Dense(8)"),
    ("body", "h = h -> Dense(8))", "remove it", "h = h -> Dense(8)"),
    ("body", "h = h -> Dense(8) + h", "write (h -> Dense(8)) + h", "h = (h -> Dense(8)) + h"),
    ("body", "k = [1, 2, 3][0]\n  h = h -> Relu[:, 0:4]", "write (h -> Relu)[...]", "k = [1, 2, 3][0]\n  h = (h -> Relu)[:, 0:4]"),
    # statements
    ("train", "metrc error = mae(squeeze(Net(x), axis = 1), price)", "did you mean 'metric'?",
     "metric error = mae(squeeze(Net(x), axis = 1), price)"),
    ("train", "batch = 32", "for example: batch 64, shuffle = false", "batch 32"),
    ("train", "batch: 32", "for example: batch 64, shuffle = false", "batch 32"),
    ("train", "batch_size 32", "write: batch 64", "batch 32"),
    ("train", "random_state 7", "write: seed 7", "seed 7"),
    ("train", "clipnorm 1.0", "write: clip norm 1.0", "clip norm 1.0"),
    ("train", "let z: Net(x)", "for example: let logits = Net(image)", "let z = Net(x)"),
    ("body", "let h = h -> Relu", "a binding has no keyword: name = ...", "h = h -> Relu"),
    ("body", "h: h -> Relu", "write h = ...", "h = h -> Relu"),
    ("body", "h = h => Relu", "for example: x -> Dense(10) -> Relu", "h = h -> Relu"),
    ("body", "if n = 3 { h = h -> Relu }", "to compare, write '=='", "if n == 3 { h = h -> Relu }"),
    ("body", "if 1 < n < 9 { h = h -> Relu }", "join two comparisons with 'and': a < b and b < c",
     "if 1 < n and n < 9 { h = h -> Relu }"),
    ("body", "if n > 2 { h = h -> Relu } elif n > 1 { h = h * 2 }", "write: else if condition { ... }",
     "if n > 2 { h = h -> Relu } else if n > 1 { h = h * 2 }"),
    ("body", "for i in 3 { h = h -> Relu }", "write: for i in range(3)", "for i in range(3) { h = h -> Relu }"),
    # arguments
    ("body", "h = h -> Dropout(rate: 0.5)", "write rate = ...", "h = h -> Dropout(rate = 0.5)"),
    ("body", "h = h -> Dense(8 bias = false)", "write ','", "h = h -> Dense(8, bias = false)"),
    ("optimizer", "Adam(learning_rate = 1e-3)", "here it is called 'lr': a number or a schedule", "Adam(lr = 1e-3)"),
    ("optimizer", "Adam(lr = 1e-3, epz = 1e-8)", "did you mean 'eps'?", "Adam(lr = 1e-3, eps = 1e-8)"),
    ("body", 'k = reshape(h, [-1, 1, n]) -> MaxPool(2, padding = "smae")', "did you mean 'same'?",
     'k = reshape(h, [-1, 1, n]) -> MaxPool(2, padding = "same")'),
    # names
    ("body", "h = h -> ReLU", "here it is called 'Relu'", "h = h -> Relu"),
    ("body", "h = h -> fc(8)", "here it is called 'Dense'", "h = h -> Dense(8)"),
    ("body", "h = h -> Dense(8, bias = False)", "write false", "h = h -> Dense(8, bias = false)"),
    ("body", "h = torch.exp(h)", "words of the library have no prefix: exp", "h = exp(h)"),
    ("body", "h = Dense(h, 8)", "write h -> Dense(8)", "h = h -> Dense(8)"),
    ("body", "h = Dense(h, 8) + h", "write h -> Dense(8)", "h = (h -> Dense(8)) + h"),
    ("data", 'field z: float = column("z")', "write float32", 'field z: float32 = column("z")'),
    ("train", "stop when stalled(val_loss, epochs = 5)", "here it is called 'validation.loss'",
     "stop when stalled(validation.loss, epochs = 5)"),
    ("train", "stop when stalled(validation.los, epochs = 5)", "did you mean 'validation.loss'?",
     "stop when stalled(validation.loss, epochs = 5)"),
    ("train", "output y = Net(x).y", "the only output of a network is the tensor itself: leave '.y' away", "output y = Net(x)"),
    ("loss", "mse(Net(x), prise)", "did you mean 'price'?", "mse(squeeze(Net(x), axis = 1), price)"),
    ("loss", "mse(Net(x), price)", "take the axis of size one away from the prediction: squeeze(y, axis = 1)",
     "mse(squeeze(Net(x), axis = 1), price)"),
    ("loss", "mse(squeeze(Net(x), axis = 1), price[:, none])", "take the axis of size one away from the target: squeeze(y, axis = 1)",
     "mse(squeeze(Net(x), axis = 1), squeeze(price[:, none], axis = 1))"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "wrong", "hint", "right"), FIXES, ids=[row[1] for row in FIXES])
def test_a_fix_does_what_its_hint_says(part: str, wrong: str, hint: str, right: str) -> None:
    text = spec(**{part: wrong})
    findings = list(check_source(Source("main.dl", text), refuse).findings)
    assert hint in [finding.hint for finding in findings if finding.fix]
    found = mended(text)
    assert text_of(found, text) == spec(**{part: right})
    assert list(found.left.findings) == []


UNCERTAIN = [
    ("body", "h = (h + 1 * 2\n  h = h -> Relu"),  # where does it end?
    ("body", "h = h -> Dense(max(2, 8)\n  h = h -> Relu"),  # Dense(max(2), 8)?
    ("body", "h = h + 1) * 2"),
    ("body", "h = max(h 1)"),  # a sign may be missing
    ("body", "h = h * hs"),  # too short a name
    ("body", "k1 = 2\n  h = h * k2"),
    ("body", "conv1 = h\n  h = conv2"),
    ("body", "h = h -> Dropout2d(0.5)"),
    ("body", "h = h -> Dropout(keep_prob = 0.5)"),
    ("body", "h = if n > 2 then h else h -> Relu"),  # which of two?
    ("train", "keep best train.loss + validation.loss"),
    ("data", 'field z: float32 = column("z a)'),
    ("loss", "r2_score(Net(x), price)"),
]


@pytest.mark.parametrize(("part", "wrong"), UNCERTAIN)
def test_what_may_be_meant_otherwise_is_left(part: str, wrong: str) -> None:
    text = spec(**{part: wrong})
    assert mended(text).after == {}


def test_a_fix_that_brings_other_errors_is_not_made() -> None:
    text = spec(body="h = h -> Dens(8, 1, 2, 3, 4)")
    found = mended(text)
    assert found.after == {}
    assert [d.code.id for d in found.left.findings] == ["E0202"]


def test_fixes_that_help_are_made_beside_one_that_does_not() -> None:
    more = "  h = h -> Dens(8)\n" * 20
    found = mended(spec(body=f"h = h -> Dens(8, 1, 2, 3, 4)\n{more}"))
    assert [d.code.id for d in found.left.findings] == ["E0202"]
    assert text_of(found, "").count("Dense(8)") == 20


def test_a_fix_is_made_if_what_it_uncovers_can_be_mended_too() -> None:
    text = spec(body="h = h -> Dens(units = 8", optimizer="Adm(learning_rate = True)")
    found = mended(text.replace("True", "1e-3"))
    assert list(found.left.findings) == []
    assert mended(text).after == {}  # true is no rate, and nothing is known of what is inside the model before that


def test_a_name_with_another_spelling_that_looks_the_same() -> None:
    text = spec(body="café = h\n  h = cafe\u0301")
    assert list(mended(text).left.findings) == []


# --- the wrong specs -------------------------------------------------------------------------------


def test_fixes_of_the_wrong_specs(golden: Callable[[str, Path], None]) -> None:
    """Every wrong spec that has some, with what they change and how many errors are left."""
    told = []
    for path in CASES:
        text = path.read_text(encoding="utf-8")
        options = {key: value for key, _, value in (
            line.removeprefix("# --set ").partition("=") for line in text.splitlines() if line.startswith("# --set ")
        )}  # fmt: skip
        limits = Limits().with_overrides(re.findall(r"^# --limit (.*)$", text, re.MULTILINE))

        def load(name: str, span: Span, folder: Path = path.parent) -> Source:
            if not (folder / name).is_file():
                return refuse(name, span)
            return Source(name, (folder / name).read_text(encoding="utf-8"))

        found = mend(Source(path.name, text), load, Options(settings=options, limits=limits))
        changes = "".join(render_changes(found.before[name], after) for name, after in found.after.items())
        left = sum(d.severity == "error" for d in found.left.findings)
        if changes:
            lines = [
                line for line in changes.splitlines() if line.startswith(("+", "-")) and line[:3] not in ("+++", "---")
            ]
            told.append("\n".join([f"{name_of(path)}: {left} left", *lines]))
    golden("\n\n".join(told) + "\n", HERE / "fixes.txt")


# --- good specs, broken ------------------------------------------------------------------------------

FORMS = spec(
    body="skip = h\n  h = (h -> Dense(n)) + skip\n  if 1 < n and n < 9 { h = h -> Relu }\n"
    "  for i in range(n) { h = h -> Relu }\n  z = h -> Gelu\n  h = (z -> Dense(n)) * 0.5",
    train="batch 32\n  metric error = rmse(squeeze(Net(x), axis = 1), price)\n  output z = Net(x)\n  seed 7",
)
ALWAYS = set(BREAKING) - {
    "misspelt",
    "foreign",
    "no closing bracket",
    "no closing bracket inside",
    "a bracket too many",
}
"""Kinds that have a repair wherever they are."""


def check_broken(kind: str, random: random.Random) -> bool:
    """Break a good spec; whether it is mended: to what it was, or not at all."""
    text = random.choice([*GOOD, FORMS])
    broken = BREAKING[kind](text, random)
    if broken is None or broken == text:
        text, broken = FORMS, BREAKING[kind](FORMS, random)
    assert broken is not None
    found = mended(broken)
    if not found.after or any(d.severity == "error" for d in found.left.findings):
        return not any(d.severity == "error" for d in check_source(Source("main.dl", broken), refuse).findings)
    assert format_source(found.after["main.dl"]) == format_source(Source("main.dl", text)), broken
    return True


@pytest.mark.parametrize("kind", mostly_alike(list(BREAKING), 12))
def test_what_was_broken_is_mended_to_what_it_was(kind: str) -> None:
    made = [check_broken(kind, random.Random(f"{kind} {number}")) for number in range(12)]
    assert all(made) if kind in ALWAYS else any(made)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_mutations_are_mended_or_left(random: random.Random) -> None:
    text = mutate(random)
    before = check_source(Source("main.dl", text), refuse, Options(limits=LIMITS)).findings
    found = mended(text)
    if not any(finding.fix for finding in before):
        assert found.after == {}
    errors = [sum(d.severity == "error" for d in findings) for findings in (before, found.left.findings)]
    assert errors[1] < errors[0] if found.after else errors[0] == errors[1]
    assert mended(text_of(found, text)).after == {}
