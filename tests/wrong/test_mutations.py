"""Good specs with random mutations: whatever comes of one, it is checked soon and without a traceback."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dslc.limits import Limits
from dslc.pipeline import Options, check_spec
from dslc.render import render_all
from tests.conftest import SPECS

HERE = Path(__file__).parent
GOOD = [
    path.read_text(encoding="utf-8") for path in [*sorted(SPECS.glob("*.dl")), *sorted((HERE / "good").glob("*.dl"))]
]
PIECES = [re.findall(r"\w+|\s+|\"[^\"]*\"|->|\*\*|//|\.\.|[^\w\s]", text) for text in GOOD]
WORDS = sorted({piece for pieces in PIECES for piece in pieces if not piece.isspace()})
ODD = ["0", "-1", "1e300", "1_000_000_000_000", "0.5", "none", "true", '""', '"x"', "[]", "[1, [2]]", "()", "_", "...", "N", "T", "->",
       "(", ")", "[", "]", "{", "}", "=", ",", "%", "@", "if", "for", "x", "range(9)", "then", "\x00", "é", "Dense", "softmax", "Adam"]  # fmt: skip
LIMITS = Limits(loop_iterations=1000, graph_nodes=20_000)


def mutate(random: random.Random) -> str:
    """A good spec with one to four pieces deleted, doubled, swapped or replaced."""
    pieces = list(random.choice(PIECES))
    for _ in range(random.randint(1, 4)):
        at, other = (random.randrange(len(pieces)) for _ in range(2))
        match random.randrange(7):
            case 0:
                del pieces[at]
            case 1:
                pieces.insert(other, pieces[at])
            case 2:
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case 3:
                pieces[at] = random.choice(WORDS)
            case 4:
                pieces.insert(at, random.choice(ODD))
            case 5:
                pieces[at] = random.choice(ODD)
            case 6:
                numbers = [i for i, piece in enumerate(pieces) if piece.isdigit()] or [at]
                pieces[random.choice(numbers)] = random.choice(ODD)
        if not pieces:
            break
    text = "".join(pieces)
    if random.random() < 0.3:
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice("\"'#%$(){}[]<>=-+*/.,:;\n\x07é1aN_") + text[at + random.randint(0, 2) :]
    return text


def check_mutation(random: random.Random, folder: Path) -> None:
    text = mutate(random)
    path = folder / "spec.dl"
    path.write_text(text, encoding="utf-8")
    start = time.process_time()
    found = check_spec(path, Options(limits=LIMITS)).findings
    shown = render_all(found)
    assert time.process_time() - start < 10, text
    assert "Traceback" not in shown
    assert all(d.span is not None for d in found), text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutations")


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_mutations_are_checked_soon_and_without_a_traceback(folder: Path, random: random.Random) -> None:
    check_mutation(random, folder)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_ten_thousand_mutations(folder: Path, random: random.Random) -> None:
    check_mutation(random, folder)
