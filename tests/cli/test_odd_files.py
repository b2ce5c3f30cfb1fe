"""Paths, streams and files as no one expects them: names that are no UTF-8, pipes, devices, closed streams, signals."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import SPEC, Dslc, codes, write_spec
from tests.conftest import mostly_alike

PROGRAM = [sys.executable, "-m", "dslc"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="names of files are bytes on Unix only")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder whose name is not UTF-8, with a spec and its data in it."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xffb"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    write_spec(folder)
    return folder


def test_names_that_are_not_utf8(dslc: Dslc, odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = (odd / "sides.dl").rename(odd / odd.name).rename(odd / (odd.name + ".dl"))
    for command in (
        ["check"], ["fmt"], ["show"], ["show", "--json"], ["show", "--graph", odd / "net.svg"],
        ["compile", "-o", odd / "c"],
    ):  # fmt: skip
        assert dslc(command[0], spec, *command[1:]).code == 0, command
    assert dslc("train", spec, "--epochs", 1, "-o", odd / "run", "--json").code == 0
    assert dslc("train", spec, "--epochs", 1, "-o", odd / "run", "--resume").code == 0
    assert dslc("eval", odd / "run").code == 0
    assert dslc("predict", odd / "run", odd / "points.csv", "-o", odd / "p.csv").code == 0
    assert dslc("export", odd / "run", "-o", odd / "m.onnx").code == 0
    beside = tmp_path / "beside.dl"
    beside.write_text(SPEC)
    assert dslc("train", beside, "--data", odd, "--epochs", 1, "-o", tmp_path / "run").code == 0
    assert dslc("eval", tmp_path / "run").code == 0
    monkeypatch.chdir(odd)
    assert dslc("train", spec.name, "--epochs", 1, "-o", "inside").code == 0
    assert dslc("eval", "inside").code == 0
    assert dslc("new", odd / "flowers").code == 0
    assert dslc("check", odd / "flowers.dl").code == 0
    done = dslc("new", spec.name)
    assert (done.code, codes(done.err)) == (3, ["E0229"])
    assert "a\\xffb.dl' has characters that no spec may hold" in done.err


@pytest.mark.parametrize(
    "name",
    [
        'we"ird', "if", "then.dl", "a\\b", "data", "汉字", "1x", "DATA", "NAME", "SPEC", "a b", "hidden", "irises",
        "IrisNet", "x'y", "*", "-",
    ],
)  # fmt: skip
def test_a_new_spec_is_right_whatever_its_name(dslc: Dslc, tmp_path: Path, name: str) -> None:
    done = dslc("new", tmp_path / name)
    assert done.code == 0
    assert dslc("check", done.out.strip()).code == 0
    assert dslc("show", done.out.strip()).code == 0


@pytest.mark.parametrize("name", ["a\nb", "a\x7fb", "a\u202eb"])
def test_a_new_spec_of_no_printable_name(dslc: Dslc, tmp_path: Path, name: str) -> None:
    done = dslc("new", tmp_path / name)
    assert (done.code, codes(done.err)) == (3, ["E0229"])
    assert not list(tmp_path.iterdir())


def test_names_that_are_too_long_have_a_code(dslc: Dslc, spec: Path, trained: Path, tmp_path: Path) -> None:
    long = tmp_path / ("k" * 300)
    for command in (
        ["check", long], ["new", long], ["train", spec, "-o", long], ["compile", spec, "-o", long], ["eval", long],
        ["show", spec, "--graph", long], ["fmt", long], ["export", trained, "-o", long], ["predict", trained, long],
        ["predict", trained, spec.with_name("points.csv"), "-o", long], ["doctor", long],
    ):  # fmt: skip
        done = dslc(*command)
        assert done.code == 3 or command[0] in ("check", "eval", "doctor", "train", "predict"), command
        assert codes(done.err), command


@pytest.mark.parametrize("command", ["check", "show", "fmt"])
def test_a_device_without_an_end_is_not_read_to_its_end(dslc: Dslc, command: str) -> None:
    done = dslc(command, "/dev/zero")
    assert codes(done.err) == ["E0116"]


@pytest.mark.parametrize("command", mostly_alike(["check", "show", "fmt", "train"], 4))
def test_a_pipe_that_nobody_writes_into(dslc: Dslc, tmp_path: Path, command: str) -> None:
    os.mkfifo(tmp_path / "pipe.dl")
    begun = time.monotonic()
    done = dslc(command, tmp_path / "pipe.dl")
    assert codes(done.err) == ["E0403"]
    assert "it is a pipe, and nothing came out of it" in done.err
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("command", mostly_alike(["check", "show", "compile -o {}", "fmt"], every=2))
def test_a_pipe_is_read_once(spec: Path, tmp_path: Path, command: str) -> None:
    given = command.replace("{}", str(tmp_path / "out")).split()
    name, *more = given
    shell = f"{sys.executable} -m dslc {name} <(sleep 0.3; cat {spec}) {' '.join(more)} --data {spec.parent}"
    if name in ("check", "fmt"):
        shell = shell.partition(" --data")[0]
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_standard_input_that_is_closed() -> None:
    shell = f"{sys.executable} -m dslc fmt - <&-"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, codes(done.stderr)) == (3, ["E0403"])
    assert "standard input cannot be read: it is closed" in done.stderr
    for stream in ("0<&-", ">&-", "2>&-", "0<&- >&- 2>&-"):
        subprocess.run(["bash", "-c", f"{sys.executable} -m dslc --version {stream}"], check=True, timeout=60)


def test_standard_input_without_an_end() -> None:
    with Path("/dev/zero").open("rb") as zeros:
        done = subprocess.run(
            [*PROGRAM, "fmt", "-"], stdin=zeros, capture_output=True, text=True, timeout=60, check=False
        )
    assert codes(done.stderr) == ["E0116"]


def interrupted(arguments: list[str], seconds: float, folder: Path) -> tuple[int, str]:
    here = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born deaf to it
    try:
        process = subprocess.Popen(
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
        )
    finally:
        signal.signal(signal.SIGINT, here)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.parametrize("tries", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_an_interruption_shows_no_traceback(spec: Path, tmp_path: Path, tries: int) -> None:
    """Whenever it comes: while Python starts (which is not ours), while packages are imported, in a run."""
    dice = random.Random(tries)
    for number in range(tries):
        seconds = 0.05 + dice.random() * 1.2
        code, said = interrupted(["train", str(spec), "-o", f"run{number}", "--epochs", "2000"], seconds, tmp_path)
        if "Traceback" in said and set(re.findall(r"/dslc/(\w+)", said)) <= {"__init__"}:
            continue  # Python had not come to dslc's first line yet
        assert "Traceback" not in said, (seconds, said)
        assert code in (130, -signal.SIGINT), (seconds, said)


def test_no_warning_of_a_package_is_shown(spec: Path, tmp_path: Path) -> None:
    text = SPEC.replace("h = x -> Dense(width) -> Relu", "h = x * exp(200) * exp(200) -> Dense(width) -> Relu")
    spec.write_text(text.replace("epochs 6", "epochs 1"))
    nowhere = {"MPLCONFIGDIR": "/nonexistent/folder", "HOME": "/nonexistent", "PYTHONWARNINGS": "default"}
    command = [*PROGRAM, "train", str(spec), "-o", str(tmp_path / "r")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **nowhere}, check=False)
    assert "Warning" not in done.stderr
    assert "atplotlib" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("threads", "said"),
    [
        ("20000", "at most 4,096 threads"), ("0" * 9, "not a number of threads"), ("9" * 5000, "at most 4,096"),
        ("two", "not a number of threads"),
    ],
)  # fmt: skip
def test_threads(
    dslc: Dslc, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str, said: str
) -> None:
    monkeypatch.setenv("DSLC_THREADS", threads)
    done = dslc("train", spec, "-o", tmp_path / "r")
    assert codes(done.err) == ["E0611"]
    assert said in done.err


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [300, 500, 700, 1000, 1500, 2500])
def test_too_little_address_space_is_told(spec: Path, tmp_path: Path, megabytes: int) -> None:
    shell = f"ulimit -v {megabytes * 1000}; exec {sys.executable} -m dslc train {spec} -o {tmp_path / 'r'}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=120, check=False)
    assert "is not installed" not in done.stderr
    assert done.returncode != 70, done.stderr


def test_a_package_that_cannot_be_loaded_is_told(dslc: Dslc, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ImportError("lib.so: failed to map segment from shared object")

    monkeypatch.setattr("dslc.cli.commands.check.run", broken)
    done = dslc("check", spec)
    assert (done.code, codes(done.err)) == (4, ["E0230"])
    assert "can't be loaded: lib.so: failed to map segment" in done.err
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = dslc("train", spec, "-o", spec.parent / "r")
    assert codes(done.err) == ["E0601"]
    assert "ONNX Runtime is not installed" in done.err
