from __future__ import annotations

from pathlib import Path

import pytest

from dslc.diagnostics import Problem
from dslc.engine.machine import has_unlike_cores, physical_cores, places_of_workers, thread_count


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSLC_THREADS", raising=False)
    assert thread_count() == physical_cores() >= 1
    monkeypatch.setenv("DSLC_THREADS", "3")
    assert thread_count() == 3
    assert thread_count(5) == 5
    for wrong in ("0", "-1", "two", "1.5", "9999999"):
        monkeypatch.setenv("DSLC_THREADS", wrong)
        with pytest.raises(Problem, match="E0611"):
            thread_count()


def test_threads_that_fill_all_cores_have_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3, 6, 7}, raising=False)
    monkeypatch.setattr("dslc.engine.machine._core", lambda cpu: ("0", str(cpu % 4)))
    assert places_of_workers(4) == [[1], [2, 6], [3, 7]]
    assert places_of_workers(3) == places_of_workers(5) == []
    monkeypatch.delattr("os.sched_getaffinity")
    assert places_of_workers(4) == []


def test_unlike_cores_are_told_by_their_capacity_or_their_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dslc.engine.machine.DEVICES", tmp_path)
    assert not has_unlike_cores()
    for cpu, capacity in enumerate(("1024", "1024", "446")):
        assert not has_unlike_cores()
        folder = tmp_path / f"system/cpu/cpu{cpu}"
        folder.mkdir(parents=True)
        (folder / "cpu_capacity").write_text(f"{capacity}\n")
    assert has_unlike_cores()
    (folder / "cpu_capacity").write_text("1024\n")
    assert not has_unlike_cores()
    (tmp_path / "cpu_atom").mkdir()
    assert has_unlike_cores()
