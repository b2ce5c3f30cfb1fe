from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from dslc.data import Table, open_table
from dslc.diagnostics import Failure, Problem
from dslc.library.word import SOURCES

Open = Callable[..., Table]


@pytest.fixture
def open_text(tmp_path: Path) -> Open:
    """Write a csv file and open it: ``open_text("a,b\\n1,2\\n", delimiter=";", memory=0)``."""

    def opened(text: str | bytes, *, memory: int = 1 << 28, packed: bool = False, **options: object) -> Table:
        content = text.encode() if isinstance(text, str) else text
        (tmp_path / "t.csv").write_bytes(gzip.compress(content) if packed else content)
        return open_table(SOURCES["csv"](path="t.csv", **options), [tmp_path], memory=memory)

    return opened


@pytest.fixture
def findings() -> Callable[[Callable[[], object]], list[str]]:
    """Call something that must fail, and return 'CODE: message' (and ' | hint') of every finding."""

    def told(action: Callable[[], object]) -> list[str]:
        try:
            action()
        except Problem as problem:
            found = (problem.diagnostic,)
        except Failure as failure:
            found = failure.diagnostics
        else:
            raise AssertionError("no error was found")
        return [f"{d.code.id}: {d.message}" + (f" | {d.hint}" if d.hint else "") for d in found]

    return told
