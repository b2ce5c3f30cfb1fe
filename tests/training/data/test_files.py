"""Files that change while they are read, room for temporary data, and standard input."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from dslc.library import sources
from dslc.training.data import csv_table, open_inputs, open_table, opening
from dslc.training.data.csv_records import Records

Findings = Callable[[Callable[[], object]], list[str]]


def test_the_hash_is_of_the_bytes_that_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    old = b"a\n" + b"1\n" * 300_000
    path.write_bytes(old)

    class Replacing(Records):
        def __iter__(self) -> Iterator[list[tuple[str, ...]]]:
            for number, block in enumerate(super().__iter__()):
                if not number:
                    (tmp_path / "new.csv").write_bytes(b"a\n" + b"2\n" * 300_000)
                    (tmp_path / "new.csv").replace(path)
                yield block

    monkeypatch.setattr(csv_table, "Records", Replacing)
    table = open_table(sources.csv(path="t.csv"), [tmp_path])
    assert set(table.read("a").tolist()) == {1}
    assert table.fingerprints == {"t.csv": {"size": len(old), "sha256": hashlib.sha256(old).hexdigest()}}


@pytest.mark.parametrize("later", [
    "a,b\n7,x\n2,y\n", "a,b\n1,x\n", "a,b\n1,x\n2,y\n3,z\n", "a\n1\n2\n", "", "a,b\n1\n2,y\n", "b,a\n1,x\n2,y\n",
])  # fmt: skip
def test_a_second_pass_over_a_file_that_changed(tmp_path: Path, findings: Findings, later: str) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")
    table = open_table(sources.csv(path="t.csv"), [tmp_path])
    assert table.text("a").strings().tolist() == ["1", "2"]
    (tmp_path / "t.csv").write_text(later)
    assert findings(lambda: table.text("a")) == ["E0428: 't.csv' was changed while it was read"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_do_not_change_behind_our_back(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "t.npz", a=np.ones(1000))
    np.save(tmp_path / "t.npy", np.ones(1000))
    tables = [
        open_table(sources.npz(path="t.npz"), [tmp_path]),
        open_table(sources.npy(files=(("a", "t.npy"),)), [tmp_path]),
    ]
    for name in ("t.npz", "t.npy"):
        os.truncate(tmp_path / name, 10)
    for table in tables:
        assert table.read("a").sum() == 1000


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """Let files be no larger than that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_for_temporary_files(tmp_path: Path, findings: Findings) -> None:
    np.savez_compressed(tmp_path / "t.npz", a=np.arange(100_000))
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 100_000)
    small = open_table(sources.csv(path="t.csv"), [tmp_path])
    object.__setattr__(small, "memory", 0)
    with no_room(50_000):
        for action in (
            lambda: open_table(sources.npz(path="t.npz"), [tmp_path], memory=0),
            lambda: open_table(sources.csv(path="t.csv"), [tmp_path], memory=0),
            lambda: small.read("a"),
        ):
            (told,) = findings(action)
            assert told.startswith("E0426: there is no room for ")
            assert told.endswith("| set TMPDIR to a folder on a disk with room")


def given(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_standard_input(tmp_path: Path, findings: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given(monkeypatch, b"a;b\n1;-9\n007;x\n")
    table = open_inputs(Path("-"), sources.csv(path="t.csv", delimiter=";", missing="-9"))
    assert table.read("b").tolist() == ["", "x"]
    assert table.select(["a"]).text("a").strings().tolist() == ["1", "007"]
    del table
    assert not list(tmp_path.iterdir())
    given(monkeypatch, b"")
    assert findings(lambda: open_inputs(Path("-"))) == ["E0405: 'standard input' is empty"]
    given(monkeypatch, b"a\n" + b"1\n" * 2**20)
    monkeypatch.setattr(opening, "STREAM_LIMIT", 1 << 20)
    assert findings(lambda: open_inputs(Path("-"))) == ["E0429: standard input holds more than 1 MiB"]
    assert not list(tmp_path.iterdir())


def test_inputs_are_read_by_the_options_of_the_source(tmp_path: Path, findings: Findings) -> None:
    (tmp_path / "n.csv").write_text("a;b\n1,5;?\n")
    source = sources.csv(path="", delimiter=";", decimal=",", missing="?")
    table = open_inputs(tmp_path / "n.csv", source)
    assert table.read("a").tolist() == [1.5]
    assert np.isnan(table.read("b")).all()
    (tmp_path / "n.data").write_text("a;b\n1,5;?\n")
    assert open_inputs(tmp_path / "n.data", source).read("a").tolist() == [1.5]
    np.savez(tmp_path / "n.npz", a=np.ones(3))
    assert open_inputs(tmp_path / "n.npz", source).names == ("a",)
    np.save(tmp_path / "new.npy", np.ones(3))
    np.save(tmp_path / "labels.npy", np.ones(3))
    pair = sources.npy(files=(("image", "images.npy"), ("label", "labels.npy")))
    assert open_inputs(tmp_path / "labels.npy", pair).names == ("label",)
    assert open_inputs(tmp_path / "new.npy", pair, needed=["image"]).names == ("image",)
    assert open_inputs(tmp_path / "new.npy", sources.npy(files=(("x", ""),))).names == ("x",)
    assert findings(lambda: open_inputs(tmp_path / "new.npy", pair)) == [
        "E0411: 'new.npy' holds one array, and the run reads image, label | give an npz whose keys are image, label"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_inputs_that_never_end_are_refused(tmp_path: Path, findings: Findings) -> None:
    os.mkfifo(tmp_path / "p.csv")
    (tmp_path / "z.csv").symlink_to("/dev/zero")
    for name in ("p.csv", "z.csv"):
        (told,) = findings(lambda name=name: open_inputs(tmp_path / name))  # type: ignore[misc]
        hint = "csv is read from standard input where the file is called -"
        assert told == f"E0404: '{tmp_path / name}' is a pipe or a device, not a file | {hint}"
