from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

from dslc.diagnostics import Problem
from dslc.errors.environment import DAMAGED_CHECKPOINT
from dslc.storage.checkpoints import FORMAT, Checkpoint, Checkpoints, decode, encode, read_checkpoint
from dslc.storage.entries import Entry
from dslc.storage.files import write_atomically

TENSORS = {
    "w": np.arange(12, dtype=np.float32).reshape(3, 4),
    "transposed": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "step": np.array(7, np.int64),
    "flag": np.array(True),
    "empty": np.zeros((0, 3), np.float16),
}
META = {"epoch": 3, "order": {"position": 128}, "hash": "ab" * 32, "history": [0.5, float("inf")], "text": 'ü "quoted"'}
DATA = b"".join(encode(Checkpoint(7, TENSORS, META)))


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path / "run" / "checkpoints").save(7, TENSORS, META)
    found = read_checkpoint(path)
    # JSON has no infinity: it comes back as the text that Entry.number() takes for it
    assert (found.step, found.meta) == (7, META | {"history": [0.5, "Infinity"]})
    assert Entry(found.meta["history"][1], "", DAMAGED_CHECKPOINT).number() == float("inf")
    assert found.tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert found.tensors[name].shape == array.shape, name
        assert found.tensors[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found.tensors[name], array)
    assert [entry.name for entry in path.parent.iterdir()] == ["step-0000000007.safetensors"]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_any_changed_byte_is_detected(position: int, change: int) -> None:
    damaged = bytearray(DATA)
    damaged[position] ^= change
    with pytest.raises(ValueError):
        decode(bytes(damaged))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(DATA) - 1))
def test_any_truncation_is_detected(length: int) -> None:
    with pytest.raises(ValueError):
        decode(DATA[:length])


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=9))
def test_anything_appended_is_detected(more: bytes) -> None:
    with pytest.raises(ValueError):
        decode(DATA + more)


def test_another_version_is_refused_by_its_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dslc.storage.checkpoints.FORMAT", FORMAT + 1)
    path = Checkpoints(tmp_path).save(1, TENSORS, {})
    monkeypatch.undo()
    with pytest.raises(Problem, match=r"E0608: .*has format 3, and this version of dslc reads format 2"):
        read_checkpoint(path)


def test_a_foreign_safetensors_file_is_no_checkpoint(tmp_path: Path) -> None:
    save_file({"w": TENSORS["w"]}, tmp_path / "w.safetensors")
    with pytest.raises(Problem, match="E0608"):
        read_checkpoint(tmp_path / "w.safetensors")
    with pytest.raises(Problem, match="E0608"):
        read_checkpoint(tmp_path / "absent.safetensors")


def test_the_newest_whole_one_is_used_and_the_damaged_are_named(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest() == (None, [])
    paths = [checkpoints.save(step, {"w": np.full(3, step)}, {}) for step in (5, 50, 500)]
    paths[2].write_bytes(paths[2].read_bytes()[:-5])
    paths[1].write_bytes(b"")
    found, warnings = checkpoints.latest()
    assert found is not None
    assert found.step == 5
    assert [w.code.id for w in warnings] == ["W0601", "W0601"]
    assert [path.name in w.message for path, w in zip((paths[2], paths[1]), warnings, strict=True)] == [True, True]
    paths[0].write_bytes(save({"w": np.zeros(1)}))
    assert checkpoints.latest()[0] is None
    assert len(checkpoints.latest()[1]) == 3


def test_the_last_few_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.best() is None
    for step in range(1, 8):
        checkpoints.save(step, {"w": np.full(3, step)}, {})
        if step == 2:
            checkpoints.save_best(Checkpoint(step, {"w": np.full(3, step)}, {}))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["best.safetensors", *(f"step-{step:010d}.safetensors" for step in (5, 6, 7))]
    best = checkpoints.best()
    assert best is not None
    assert best.step == 2
    (tmp_path / "best.safetensors").write_bytes(b"damaged")
    with pytest.raises(Problem, match="E0608"):
        checkpoints.best()


def test_a_half_written_file_is_ignored_and_removed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, TENSORS, {})
    half = tmp_path / ".dslc-0123456789abcdef.partial"
    half.write_bytes(DATA[:100])
    found, warnings = checkpoints.latest()
    assert found is not None
    assert (found.step, warnings) == (1, [])
    checkpoints.save(3, TENSORS, {})
    assert not half.exists()


def test_a_writer_killed_at_any_instant_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    program = (
        "import sys, itertools, numpy as np; from pathlib import Path\n"
        "from dslc.storage.checkpoints import Checkpoint, Checkpoints\n"
        "checkpoints = Checkpoints(Path(sys.argv[1]))\n"
        "for step in itertools.count(1):\n"
        "    tensors = {'w': np.full(100_000, step)}\n"
        "    checkpoints.save_best(Checkpoint(step, tensors, {}))\n"
        "    checkpoints.save(step, tensors, {})\n"
        "    print(step, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(4):
            done = int(writer.stdout.readline())
        writer.kill()
    found, warnings = Checkpoints(tmp_path).latest()
    best = Checkpoints(tmp_path).best()
    assert found is not None
    assert best is not None
    assert warnings == []
    assert best.step >= found.step >= done
    np.testing.assert_array_equal(found.tensors["w"], np.full(100_000, found.step))


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "E0609"), (errno.EIO, "E0610")])
def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, TENSORS, {})

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Problem, match=code):
        checkpoints.save(2, TENSORS, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000000001.safetensors"]
    found, _ = checkpoints.latest()
    assert found is not None
    assert found.step == 1


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="E0610"):
        Checkpoints(tmp_path / "file" / "checkpoints").save(1, TENSORS, {})
    with pytest.raises(Problem, match="E0610"):
        write_atomically(tmp_path / "absent" / "x", b"")


def test_new_checkpoints_are_kept_and_those_passed_over_go(tmp_path: Path) -> None:
    """Damaged ones have later steps than the one that a run went on from; counted, they would push whole ones out."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(10, TENSORS, {})
    for step in (20, 30, 40):
        path = Checkpoints(tmp_path, keep=9).save(step, TENSORS, {})
        path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / "step-mine.safetensors").write_text("somebody else's")
    found, warnings = checkpoints.latest()
    assert found is not None
    assert (found.step, len(warnings)) == (10, 3)
    for step in (11, 12):
        checkpoints.save(step, TENSORS, {})
        newest, warnings = checkpoints.latest()
        assert newest is not None
        assert (newest.step, warnings) == (step, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"step-{step:010d}.safetensors" for step in (10, 11, 12)), "step-mine.safetensors"
    ]  # fmt: skip
