"""Files that change while they are read, room for temporary data, and standard input."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from dslc.data import opening, scratch
from dslc.data.opening import open_inputs, open_table
from dslc.data.readers import array_files, csv_table
from dslc.data.readers.array_headers import Layout, read_npy_header
from dslc.data.readers.csv_records import Records
from dslc.data.scratch import MEMORY, Spool
from dslc.library.word import SOURCES, Texts
from tests.data.conftest import Findings

if sys.platform != "win32":
    import resource


def test_the_hash_is_of_the_bytes_that_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    old = b"a\n" + b"1\n" * 300_000
    path.write_bytes(old)

    class Replacing(Records):
        def __iter__(self) -> Iterator[list[Sequence[str]]]:
            for number, block in enumerate(super().__iter__()):
                if not number:
                    (tmp_path / "new.csv").write_bytes(b"a\n" + b"2\n" * 300_000)
                    (tmp_path / "new.csv").replace(path)
                yield block

    monkeypatch.setattr(csv_table, "Records", Replacing)
    table = open_table(SOURCES["csv"](path="t.csv"), [tmp_path])
    assert set(table.read("a").tolist()) == {1}
    assert table.fingerprints == {"t.csv": {"size": len(old), "sha256": hashlib.sha256(old).hexdigest()}}


@pytest.mark.parametrize("later", [
    "a,b\n7,x\n2,y\n", "a,b\n1,x\n", "a,b\n1,x\n2,y\n3,z\n", "a\n1\n2\n", "", "a,b\n1\n2,y\n", "b,a\n1,x\n2,y\n",
])  # fmt: skip
def test_a_second_pass_over_a_file_that_changed(tmp_path: Path, findings: Findings, later: str) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")
    table = open_table(SOURCES["csv"](path="t.csv"), [tmp_path])
    assert table.text("a").strings().tolist() == ["1", "2"]
    (tmp_path / "t.csv").write_text(later)
    assert findings(lambda: table.text("a")) == ["E0428: 't.csv' was changed while it was read"]


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_do_not_change_behind_our_back(tmp_path: Path, save: Callable[..., None]) -> None:
    """What is larger than memory is copied as well: a mapped file that is cut would end the process by SIGBUS."""
    rows = 500_000  # more than one piece
    save(tmp_path / "t.npz", a=np.ones(rows), f=np.asfortranarray(np.ones((rows, 2))))
    np.save(tmp_path / "t.npy", np.ones(rows))
    whole = {name: (tmp_path / name).read_bytes() for name in ("t.npz", "t.npy")}
    tables = [
        open_table(SOURCES["npz"](path="t.npz"), [tmp_path]),
        open_table(SOURCES["npy"](files=(("a", "t.npy"),)), [tmp_path]),
    ]
    for name in whole:
        os.truncate(tmp_path / name, 10)
    for table, (name, content) in zip(tables, whole.items(), strict=True):
        assert table.read("a").sum() == rows
        assert table.fingerprints == {name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    assert tables[0].read("f").sum() == 2 * rows


@pytest.mark.parametrize("name", ["t.npz", "t.npy"])
def test_arrays_that_are_cut_while_they_are_read(
    tmp_path: Path, findings: Findings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "t.npz", a=np.ones(3_000_000))
    np.save(tmp_path / "t.npy", np.ones(3_000_000))
    kept = Spool.write

    def cut(spool: Spool, piece: bytes) -> None:
        os.truncate(tmp_path / name, 10_000)
        kept(spool, piece)

    monkeypatch.setattr(Spool, "write", cut)
    source = SOURCES["npz"](path=name) if name == "t.npz" else SOURCES["npy"](files=(("a", name),))
    monkeypatch.setattr(scratch, "MEMORY", 0)
    (told,) = findings(lambda: open_table(source, [tmp_path]))
    assert told.startswith("E0428: 't.npz' was changed" if name == "t.npz" else "E0406: 't.npy' ends early")


def test_an_npz_that_changes_behind_its_hash(
    tmp_path: Path, findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "t.npz", a=np.ones(1000))
    np.savez(tmp_path / "new.npz", a=np.zeros(1000))
    kept = read_npy_header

    def replace(file: IO[bytes], name: str) -> Layout:
        (tmp_path / "t.npz").write_bytes((tmp_path / "new.npz").read_bytes())
        return kept(file, name)

    monkeypatch.setattr(array_files, "read_npy_header", replace)
    (told,) = findings(lambda: open_table(SOURCES["npz"](path="t.npz"), [tmp_path]))
    assert told == "E0428: 't.npz' was changed while it was read"


CUTTING = """
import os, sys, threading, time
from pathlib import Path
from dslc.cli import main
def cut():
    while not Path("run/metrics.jsonl").is_file():  # the first epoch was written
        time.sleep(0.001)
    os.truncate("x.npy", 100)
threading.Thread(target=cut, daemon=True).start()
sys.exit(main(["train", "spec.dl", "-o", "run", "--threads", "1"]))
"""
SPEC = """
data d {
  source npy(x = "x.npy", y = "y.npy")
  field x: float32[1024] = column("x")
  field y: float32 = column("y")
  split train = 100%
}
model Net { input x: float32[N, 1024] output y = (x -> Dense(1))[:, 0] }
train t { data d let v = Net(x) minimize mse(v, y) using SGD(lr = 0.001) epochs 3 batch 1024 }
"""


@pytest.mark.slow
def test_a_large_file_that_is_cut_while_training(tmp_path: Path) -> None:
    rows = (MEMORY >> 12) + 1000
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (rows, 1024)}
    )  # of a file with a hole for its values
    (tmp_path / "x.npy").write_bytes(header.getvalue())
    os.truncate(tmp_path / "x.npy", len(header.getvalue()) + rows * 4096)
    np.save(tmp_path / "y.npy", np.ones(rows, np.float32))
    (tmp_path / "spec.dl").write_text(SPEC)
    done = subprocess.run(
        [sys.executable, "-c", CUTTING], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert (tmp_path / "x.npy").stat().st_size == 100


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """Let files be no larger than that."""
    assert sys.platform != "win32"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no bounds on files")
def test_a_full_disk_for_temporary_files(tmp_path: Path, findings: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "t.npz", a=np.arange(100_000))
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 100_000)
    small = open_table(SOURCES["csv"](path="t.csv"), [tmp_path])
    monkeypatch.setattr(scratch, "MEMORY", 0)
    with no_room(50_000):
        for action in (
            lambda: open_table(SOURCES["npz"](path="t.npz"), [tmp_path]),
            lambda: open_table(SOURCES["csv"](path="t.csv"), [tmp_path]),
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
    table = open_inputs(Path("-"), SOURCES["csv"](path="t.csv", delimiter=";", missing=Texts(["-9"])))
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
    source = SOURCES["csv"](path="", delimiter=";", decimal=",", missing=Texts(["?"]))
    table = open_inputs(tmp_path / "n.csv", source)
    assert table.read("a").tolist() == [1.5]
    assert np.isnan(table.read("b")).all()
    (tmp_path / "n.data").write_text("a;b\n1,5;?\n")
    assert open_inputs(tmp_path / "n.data", source).read("a").tolist() == [1.5]
    np.savez(tmp_path / "n.npz", a=np.ones(3))
    assert open_inputs(tmp_path / "n.npz", source).names == ("a",)
    np.save(tmp_path / "new.npy", np.ones(3))
    np.save(tmp_path / "labels.npy", np.ones(3))
    pair = SOURCES["npy"](files=(("image", "images.npy"), ("label", "labels.npy")))
    assert open_inputs(tmp_path / "labels.npy", pair).names == ("label",)
    assert open_inputs(tmp_path / "new.npy", pair, needed=["image"]).names == ("image",)
    assert open_inputs(tmp_path / "new.npy", SOURCES["npy"](files=(("x", ""),))).names == ("x",)
    assert findings(lambda: open_inputs(tmp_path / "new.npy", pair)) == [
        "E0411: 'new.npy' holds one array, and the run reads image, label | give an npz whose keys are image, label"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_inputs_that_never_end_are_refused(tmp_path: Path, findings: Findings) -> None:
    os.mkfifo(tmp_path / "p.csv")
    (tmp_path / "z.csv").symlink_to("/dev/zero")
    for name in ("p.csv", "z.csv"):
        (told,) = findings(open_inputs, tmp_path / name)
        hint = "csv is read from standard input where the file is called -"
        assert told == f"E0404: '{tmp_path / name}' is a pipe or a device, not a file | {hint}"
