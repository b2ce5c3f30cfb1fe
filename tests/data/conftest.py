from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dslc.data import scratch
from dslc.data.opening import open_table
from dslc.data.table import Table
from dslc.diagnostics import Diagnostic, Failure, Problem
from dslc.library.word import SOURCES

Open = Callable[..., Table]
"""Opens a text as a csv file, see :func:`open_text`."""
Findings = Callable[..., list[str]]
"""What is said where something fails, see :func:`findings`."""


@pytest.fixture(params=[0, 1 << 28])
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let columns of more than so many bytes live in temporary files."""
    monkeypatch.setattr(scratch, "MEMORY", request.param)
    return int(request.param)


@pytest.fixture
def open_text(tmp_path: Path) -> Open:
    """Write a csv file and open it: ``open_text("a,b\\n1,2\\n", delimiter=";")``."""

    def opened(text: str | bytes, *, packed: bool = False, **options: Any) -> Table:
        content = text.encode() if isinstance(text, str) else text
        (tmp_path / "t.csv").write_bytes(gzip.compress(content) if packed else content)
        return open_table(SOURCES["csv"](path="t.csv", **options), [tmp_path])

    return opened


@pytest.fixture
def findings() -> Findings:
    """Call something (with arguments) that must fail, and return 'CODE: message' (and ' | hint') of every finding."""

    def told(action: Callable[..., object], *given: object) -> list[str]:
        try:
            action(*given)
        except Problem as problem:
            found: tuple[Diagnostic, ...] = (problem.diagnostic,)
        except Failure as failure:
            found = failure.diagnostics
        else:
            raise AssertionError("no error was found")
        return [f"{d.code.id}: {d.message}" + (f" | {d.hint}" if d.hint else "") for d in found]

    return told
