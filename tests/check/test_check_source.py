"""A spec is checked from strings: no file is opened, and nothing of the process is left changed."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from dslc.errors.names import IMPORT_FAILED
from dslc.pipeline import check_source
from dslc.source import Source, Span

FILES = {
    "blocks.dl": 'import "deeper/more.dl" as more\n'
    "block Twice(n) {\n  input x: [N, C]\n  output x -> more.Once(n) -> more.Once(n)\n}\n",
    "deeper/more.dl": "block Once(n) {\n  input x: [N, C]\n  output x -> Dense(n) -> Relu\n}\n",
}
SPEC = """\
import "blocks.dl"
param width: int = 8
data points {
  source csv("points.csv")
  field x: float32[4] = standardize(columns("x*"))
  field kind: int64 = category(column("kind"))
  split train = 80%, test = 20%
}
model Net(kinds) {
  input x: float32[N, 4]
  h = x
  for i in range(2) { h = h -> Twice(width) }
  output logits = h -> Dense(kinds)
}
train kinds {
  data points
  net net = Net(classes(kind))
  minimize cross_entropy(net(x), kind) using Adam(lr = warmup(100) then cosine(1e-3, 1e-5))
  metric accuracy = accuracy(net(x), kind)
  load "weights.safetensors"
  epochs 10
}
"""
WRONG = SPEC.replace("-> Dense(kinds)", "-> Dens(kinds, 3").replace('import "blocks.dl"', 'import "gone.dl"')


def load(path: str, span: Span) -> Source:
    if path not in FILES:
        raise IMPORT_FAILED(f"there is no file '{path}'").at(span)
    return Source(path, FILES[path])


def codes(text: str) -> list[str]:
    return [finding.code.id for finding in check_source(Source("main.dl", text), load).findings]


def test_imports_come_from_the_loader() -> None:
    checked = check_source(Source("main.dl", SPEC), load)
    assert list(checked.findings) == []
    assert checked.program.paths == ("main.dl", "blocks.dl", "deeper/more.dl")
    assert list(checked.trains) == ["kinds"]
    assert codes(WRONG) == ["E0213", "E0103"]


PROOF = """
import gc, locale, os, random, signal, sys, threading, warnings
import numpy as np
from tests.check.test_check_source import SPEC, WRONG, codes

def settings():
    return [
        sys.getrecursionlimit(), sys.getswitchinterval(), threading.stack_size(), threading.active_count(),
        sys.get_int_max_str_digits() if hasattr(sys, "get_int_max_str_digits") else 0, sys.gettrace(), sys.getprofile(),
        gc.isenabled(), gc.get_threshold(), gc.callbacks[:], os.getcwd(), dict(os.environ), list(sys.path),
        list(sys.meta_path), locale.setlocale(locale.LC_ALL), warnings.filters[:], np.geterr(), np.get_printoptions(),
        random.getstate(), str(np.random.get_state()), [signal.getsignal(n) for n in signal.valid_signals()],
        sys.excepthook, sys.stdout, sys.stderr, sorted(sys.modules),
    ]

limit = sys.getrecursionlimit()
codes(SPEC), codes(WRONG)  # what is imported late is imported now
seen, watching = [], False
sys.addaudithook(lambda event, arguments: seen.append((event, str(arguments))) if watching else None)
for collecting in (True, False):
    gc.enable() if collecting else gc.disable()
    before = settings()
    watching = True
    found = codes(SPEC), codes(WRONG)
    watching = False
    assert found == ([], ["E0213", "E0103"]), found
    assert [was for was, now in zip(before, settings()) if was != now] == []
    assert (sys.getrecursionlimit(), gc.isenabled()) == (limit, collecting)
quiet = {"object.__getattr__", "object.__setattr__", "compile", "exec", "sys._getframe", "builtins.id", "code.__new__"}
print([event for event in seen if event[0] not in quiet])
"""


def test_no_file_is_opened_and_the_process_is_left_as_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", PROOF], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"


DEEP = "".join(
    ["block B0 {\n  input x: [N, C]\n  output x -> Relu\n}\n"]
    + [f"block B{i} {{\n  input x: [N, C]\n  output {'(' * 40}x -> B{i - 1}{')' * 40}\n}}\n" for i in range(1, 150)]
    + ["model Net {\n  input x: float32[N, 4]\n  output y = x -> B149\n}\n"]
)


def test_deep_specs_in_several_threads_leave_the_limit_of_recursion() -> None:
    before = sys.getrecursionlimit()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(codes, [DEEP, SPEC, DEEP, WRONG, SPEC] * 4)) == [[], [], [], ["E0213", "E0103"], []] * 4
    assert sys.getrecursionlimit() == before


def test_a_loader_that_fails_leaves_the_limit_of_recursion() -> None:
    def fail(path: str, span: Span) -> Source:
        raise KeyError(path)

    before = sys.getrecursionlimit()
    with pytest.raises(KeyError):
        check_source(Source("main.dl", SPEC), fail)
    assert sys.getrecursionlimit() == before
