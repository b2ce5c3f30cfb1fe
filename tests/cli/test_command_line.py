"""The command line itself: help, suggestions, exit codes, and ends that no command planned for."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dslc
from dslc.cli import main
from dslc.cli.commands import GROUPS, check, command_named
from tests.cli.conftest import Dslc, codes

COMMANDS = [name for group in GROUPS.values() for name in group]
PROGRAM = [sys.executable, "-m", "dslc"]


def test_overview_names_every_command(dslc: Dslc) -> None:
    done = dslc("--help")
    assert done.code == 0
    assert done.err == ""
    assert all(f"\n  {name} " in done.out for name in COMMANDS)


def test_version(dslc: Dslc) -> None:
    from dslc import __version__

    assert dslc("--version").out == f"dslc {__version__}\n"


def test_no_command_is_a_wrong_command_line(dslc: Dslc) -> None:
    done = dslc()
    assert (done.code, done.out) == (2, "")
    assert "Usage: dslc COMMAND" in done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(dslc: Dslc, name: str) -> None:
    done = dslc(name, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: dslc {name}")
    assert (command_named(name).__doc__ or "").splitlines()[0] in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chek", "a.dl"], "did you mean 'check'?"),
        (["a.dl"], "name a command first: dslc train a.dl"),
        (["--verison"], "did you mean '--version'?"),
        (["check", "--jsn", "a.dl"], "did you mean '--json'?"),
        (["check"], "missing: FILE"),
        (["explain", "E0601", "E0602"], "does not know what to do with 'E0602'"),
        (["train", "a.dl", "--epochs", "0"], "a positive whole number is needed, not '0'"),
        (["train", "a.dl", "--seed", "x"], "a whole number of 64 bits is needed, not 'x'"),
        (["train", "a.dl", "--resume", "--overwrite"], "not allowed with argument"),
        (["check", "a.dl", "--set", "width"], "write it as --set NAME=VALUE"),
        (["eval", "run", "--data", "no/such/folder"], "there is no such folder"),
        (["compile", "a.dl"], "missing: -o DIR"),
        (["compile", "a.dl", "-o", ""], "an argument is empty"),
        (["show", "a.dl", "--graph", "."], "'.' is a folder, and a file is to be written"),
        (["export", "run", "-o", ".."], "'..' is a folder, and a file is to be written"),
        (["predict", "run", "a.csv", "-o", "/"], "'/' is a folder, and a file is to be written"),
        (["predict", "run", "--split", "test", "--prepared"], "--source and --prepared are said of INPUT"),
        (["eval", "run", "--source", "csv"], "--source is said of INPUT; a split is read as in training"),
        (["predict", "run", "--split", "test", "--source", "csv"], "--source and --prepared are said of INPUT"),
        (["new", ".."], "'..' is a folder, and a file is to be written"),
        (["compile", "a.dl", "--emit", "tre"], "invalid choice: 'tre'"),
    ],
)
def test_a_wrong_command_line_is_told(dslc: Dslc, arguments: list[str], said: str) -> None:
    done = dslc(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["check", "{spec}", "--set", "width=5"], "E0226", 2),
        (["check", "{spec}", "--set", "width=x"], "E0226", 2),
        (["check", "{spec}", "--set", "widht=8"], "E0215", 2),
        (["check", "{spec}", "--limit", "nestin=8"], "E0117", 2),
        (["train", "{spec}", "--train", "side"], "E0227", 2),
        (["train", "{spec}", "-o", "{folder}/run", "--provider", "gpu"], "E0603", 2),
        (["check", "{folder}/missing.dl"], "E0403", 3),
        (["check", "{folder}"], "E0403", 3),
        (["fmt", "{folder}/missing.dl"], "E0403", 3),
        (["show", "{folder}/missing.dl"], "E0403", 3),
        (["train", "{folder}/missing.dl"], "E0403", 3),
        (["eval", "{folder}/missing"], "E0613", 3),
        (["eval", "{spec}"], "E0613", 3),
        (["predict", "{folder}", "{spec}"], "E0613", 3),
        (["export", "{folder}", "-o", "x.onnx"], "E0613", 3),
        (["doctor", "{folder}"], "E0613", 3),
        (["compile", "{spec}", "-o", "{spec}"], "E0610", 3),
        (["compile", "{spec}", "-o", "{folder}/out", "--engine", "ort-training"], "E0618", 2),
        (["show", "{spec}", "--graph", "{folder}/missing/x.svg"], "E0610", 3),
        (["new", "{spec}"], "E0619", 2),
        (["compile", "{spec}", "-o", "{folder}/out", "--passes", "all,-merge-comon"], "E0620", 2),
        (["train", "{spec}", "-o", "{folder}/run", "--passes", "merge"], "E0620", 2),
    ],
)
def test_what_is_wrong_decides_the_exit_code(
    dslc: Dslc, spec: Path, arguments: list[str], code: str, exit_code: int
) -> None:
    done = dslc(*(argument.format(spec=spec, folder=spec.parent) for argument in arguments))
    assert codes(done.err) == [code]
    assert (done.code, done.out) == (exit_code, "")


def test_a_mistake_of_ours_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(options: argparse.Namespace) -> int:
        raise ZeroDivisionError("made for this test")

    monkeypatch.setattr(check, "run", fail)
    monkeypatch.delenv("DSLC_DEBUG", raising=False)
    assert main(["check", "a.dl"]) == 70
    err = capsys.readouterr().err
    assert "Please report it" in err
    assert "Traceback" not in err
    monkeypatch.setenv("DSLC_DEBUG", "1")
    assert main(["check", "a.dl"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 4, "not enough memory"),
        (PermissionError(13, "Permission denied", "a.dl"), 3, "a.dl: Permission denied"),
    ],
)
def test_other_ends_are_told_too(
    monkeypatch: pytest.MonkeyPatch, dslc: Dslc, error: BaseException, code: int, said: str
) -> None:
    def fail(options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(check, "run", fail)
    done = dslc("check", "a.dl")
    assert done.code == code
    assert said in done.err


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from dslc.cli import main; main(['--help']); import dslc; "
        "heavy = 'numpy', 'lark', 'onnx', 'onnx_ir', 'onnxruntime', 'rich', 'dslc.pipeline'; "
        "print([m for m in heavy if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.skipif(os.name == "nt", reason="pipes break in another way")
def test_a_reader_that_goes_away_is_no_error() -> None:
    script = f"{' '.join(PROGRAM)} explain | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"0", "141"}
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_output_that_cannot_be_written_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="file names there are text")
def test_an_argument_that_is_no_text_is_told() -> None:
    done = subprocess.run([*PROGRAM, "check", b"\xff.dl", "--json"], capture_output=True, check=False)
    assert done.returncode == 3
    assert b"cannot be read" in done.stdout
    assert b"Traceback" not in done.stderr


def test_python_names_are_there_when_they_are_used() -> None:
    assert set(dslc.__all__) == {name for name in dslc.__all__ if getattr(dslc, name) is not None}
    with pytest.raises(AttributeError):
        getattr(dslc, "lod")  # noqa: B009 - the name is wrong on purpose


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_closed_streams_stop_nothing(tmp_path: Path) -> None:
    script = f"{' '.join(PROGRAM)} new {tmp_path}/flowers >&- 2>&-"
    assert subprocess.run(["bash", "-c", script], check=False).returncode == 0
    assert (tmp_path / "flowers.dl").exists()


def test_what_is_hardly_used_is_imported_late() -> None:
    """The time to the first step: none of these is needed on the way."""
    script = (
        "import sys, dslc.cli\n"
        "dslc.cli.main(['--version'])\n"
        "import dslc.run.training\n"
        "import onnx_ir\n"
        "late = 'onnx.reference', 'sympy.core', 'rich', 'matplotlib', 'onnxruntime'\n"
        "names = [name for name in late if name in sys.modules]\n"
        "assert not names, names\n"
        "assert (onnx_ir.SymbolicDim('n') + 1).value == 'n + 1'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("arguments", "given", "expected"), [("", None, "0"), ("", "1", "1"), ("[]", None, "None")])
def test_only_the_command_decides_for_its_process(arguments: str, given: str | None, expected: str) -> None:
    program = (
        "import os, sys; sys.argv = ['dslc', '--version']\n"
        f"from dslc.cli import main; main({arguments})\n"
        "print(os.environ.get('DSLC_SUBNORMALS'))"
    )
    variables = {name: value for name, value in os.environ.items() if name != "DSLC_SUBNORMALS"}
    variables |= {"DSLC_SUBNORMALS": given} if given else {}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=variables)
    assert done.stdout.splitlines()[-1] == expected


@pytest.mark.parametrize("option", ["--version", "--wrong"])
def test_a_command_ends_without_a_last_search_for_garbage(option: str) -> None:
    program = (
        f"import gc, sys; sys.argv = ['dslc', '{option}']\n"
        "from dslc.cli import main\n"
        "main([]); print(gc.get_freeze_count())\n"
        "main(); print(gc.get_freeze_count() > 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *_, last = done.stdout.splitlines()
    assert (first, last) == ("0", "True")
