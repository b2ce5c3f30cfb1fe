"""What commands write, and what they never write over."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dslc.storage.folder import occupied
from tests.cli.conftest import Dslc, codes

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="devices, pipes and permissions of Unix")


@pytest.fixture
def work(tmp_path: Path, trained: Path) -> Path:
    """A folder with a spec, its data and a finished run."""
    for name in ("sides.dl", "points.csv"):
        shutil.copy(trained.parent / name, tmp_path)
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path


Command = Callable[[Path, Path], list[object]]
COMMANDS: dict[str, Command] = {
    "predict": lambda work, out: ["predict", work / "run", work / "points.csv", "-o", out],
    "export": lambda work, out: ["export", work / "run", "-o", out],
    "show": lambda work, out: ["show", work / "sides.dl", "--graph", out],
}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", COMMANDS)
def test_files_are_replaced_whole_through_links_with_their_permissions(command: str, work: Path, dslc: Dslc) -> None:
    (work / "kept").mkdir()
    target, link = work / "kept" / "out.csv", work / "link.csv"
    assert dslc(*COMMANDS[command](work, target)).code == 0
    whole = target.read_bytes()
    target.write_bytes(whole[:-9])
    target.chmod(0o640)
    link.symlink_to(target)
    (work / "kept" / "out.csv.partial").write_text("mine")
    assert dslc(*COMMANDS[command](work, link)).code == 0
    assert link.is_symlink()
    assert target.read_bytes() == whole
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(path.name for path in (work / "kept").iterdir()) == ["out.csv", "out.csv.partial"]
    assert (work / "kept" / "out.csv.partial").read_text() == "mine"


@pytest.mark.parametrize("way", ["itself", "link", "hard link", "detour"])
@pytest.mark.parametrize(("command", "name"), [("predict", "points.csv"), ("show", "sides.dl"), ("show", "points.csv")])
def test_an_input_is_never_the_output(command: str, name: str, way: str, work: Path, dslc: Dslc) -> None:
    target = work / name
    if way == "link":
        target = work / f"link{target.suffix}"
        target.symlink_to(name)
    elif way == "hard link":
        target = work / f"hard{target.suffix}"
        target.hardlink_to(work / name)
    elif way == "detour":
        target = work / "run" / ".." / name
    before = snapshot(work)
    done = dslc(*COMMANDS[command](work, target))
    assert (done.code, codes(done.err)) == (2, ["E0622"])
    named = "" if way == "itself" else f", which is {work / name},"
    assert done.err == (
        f"error[E0622]: {target}{named} is read by this command, and would be replaced by what it writes\n"
        "  = hint: name another file\n"
    )
    assert snapshot(work) == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "spec/sides.dl", "checkpoints/best.safetensors"])
def test_a_file_of_a_run_is_never_the_output(command: str, name: str, work: Path, dslc: Dslc) -> None:
    before = snapshot(work)
    for target in (work / "run" / name, work / "link"):
        if target.name == "link":
            target.symlink_to(work / "run" / name)
        done = dslc(*COMMANDS[command](work, target))
        assert done.code == 2
        assert done.err == (
            f"error[E0623]: {target} belongs to what dslc has written into {work / 'run'}\n"
            "  = hint: name another file\n"
        )
    (work / "link").unlink()
    assert snapshot(work) == before
    assert dslc(*COMMANDS[command](work, work / "run" / "of mine.csv")).code == 0


OWN = {
    "predict": "a file of predictions with these columns", "export": "a model that dslc has written",
    "show": "a picture that dslc has drawn",
}  # fmt: skip
FOREIGN = {
    "notes": b"buy milk\n", "table": b"x1,x2,kind\n1,2,left\n", "picture": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "drawing": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>',
    "other model": b"\x08\x08\x12\x07pytorch\x1a\x052.4.0", "bytes": bytes(range(256)),
}  # fmt: skip


@pytest.mark.parametrize("way", ["itself", "link"])
@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_of_another_kind_is_replaced_only_on_demand(
    command: str, foreign: str, way: str, work: Path, dslc: Dslc
) -> None:
    target = work / "mine.csv"
    target.write_bytes(FOREIGN[foreign])
    if way == "link":
        (work / "link.csv").symlink_to(target)
        target = work / "link.csv"
    before = snapshot(work)
    done = dslc(*COMMANDS[command](work, target))
    assert done.code == 2
    assert done.err.endswith(
        f"error[E0619]: {target} exists, and is not {OWN[command]}\n"
        "  = hint: name another file, or replace this one: --overwrite\n"
    )
    assert done.out == ""
    assert snapshot(work) == before
    assert dslc(*COMMANDS[command](work, target), "--overwrite").code == 0
    assert (work / "mine.csv").read_bytes() != FOREIGN[foreign]
    assert target.is_symlink() is (way == "link")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "npz"])
def test_predictions_of_the_same_columns_are_replaced(suffix: str, work: Path, dslc: Dslc) -> None:
    words = ["predict", work / "run", work / "points.csv", "-o", work / f"out.{suffix}"]
    for more in ([], [], ["--keep", "x1", "--overwrite"], ["--keep", "x1"]):
        assert dslc(*words, *more).code == 0
    assert codes(dslc(*words).err) == ["E0619"]
    (work / f"out.{suffix}").write_bytes(b"")
    assert dslc(*words).code == 0


@pytest.mark.parametrize("text", [b"{", b"[1]\n", b"1\n", b"\xff\n", b"[" * 100_000, b'{"probability": 1}\n'])
def test_files_that_are_no_predictions(text: bytes, work: Path, dslc: Dslc) -> None:
    (work / "out.jsonl").write_bytes(text)
    (work / "out.npz").write_bytes(text)
    for name in ("out.jsonl", "out.npz"):
        assert codes(dslc("predict", work / "run", work / "points.csv", "-o", work / name).err) == ["E0619"]
        assert (work / name).read_bytes() == text


@pytest.mark.parametrize("options", [[], ["--fields"], ["--opset", "17"], ["--opset", "11", "--fields"]])
def test_every_model_is_known_as_dslcs(options: list[str], work: Path, dslc: Dslc) -> None:
    for _ in range(2):
        assert dslc("export", work / "run", "-o", work / "out.onnx", *options).code == 0


@UNIX
@pytest.mark.parametrize("command", COMMANDS)
def test_devices_and_pipes_are_written_into(command: str, work: Path, dslc: Dslc) -> None:
    assert dslc(*COMMANDS[command](work, Path("/dev/null"))).code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    pipe, got = work / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    done = dslc(*COMMANDS[command](work, pipe))
    reader.join()
    assert done.code == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert dslc(*COMMANDS[command](work, work / "file.csv")).code == 0
    assert got == [(work / "file.csv").read_bytes()]
    if Path("/dev/full").exists():
        assert codes(dslc(*COMMANDS[command](work, Path("/dev/full"))).err) == ["E0609"]


@UNIX
def test_what_standard_output_appends_to_is_not_cut(work: Path) -> None:
    script = "import sys; from dslc.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = map(str, COMMANDS["predict"](work, Path("/dev/stdout")))
    with (work / "all.csv").open("w+") as file:
        file.write("before\n")
        file.flush()
        subprocess.run([sys.executable, "-c", script, *arguments], stdout=file, check=True)
        file.seek(0)
        lines = file.read().splitlines()
    assert lines[0] == "before"
    assert len(lines) == 62


def test_links_in_circles_and_folders_are_no_output(work: Path, dslc: Dslc) -> None:
    (work / "circle.csv").symlink_to("circle.csv")
    done = dslc(*COMMANDS["export"](work, work / "circle.csv"))
    assert codes(done.err) == ["E0610"]
    assert dslc(*COMMANDS["export"](work, work / "run")).code == 2


# --- compile --------------------------------------------------------------------------------------------------


def test_compiling_spares_a_run(work: Path, dslc: Dslc) -> None:
    before = snapshot(work)
    done = dslc("compile", work / "sides.dl", "-o", work / "run")
    assert done.code == 2
    assert done.err == (
        f"error[E0612]: {work / 'run'} holds a run\n  = hint: choose another folder for the compiled graphs: -o DIR\n"
    )
    with occupied(work / "run"):
        assert codes(dslc("compile", work / "sides.dl", "-o", work / "run").err) == ["E0621"]
    assert snapshot(work) == before


def test_compiling_replaces_what_it_has_compiled_and_nothing_else(work: Path, dslc: Dslc) -> None:
    out = work / "out"
    assert dslc("compile", work / "sides.dl", "-o", out).code == 0
    before = snapshot(out)
    (out / "notes").write_text("mine")
    assert dslc("compile", work / "sides.dl", "-o", out, "--seed", "5").code == 0
    after = snapshot(out)
    assert after.pop("notes") == b"mine"
    assert after.keys() == before.keys()
    assert after["state.safetensors"] != before["state.safetensors"]
    (work / "own").mkdir()
    (work / "own" / "model.onnx").write_text("mine")
    done = dslc("compile", work / "sides.dl", "-o", work / "own")
    assert done.code == 2
    assert done.err == (
        f"error[E0624]: {work / 'own' / 'model.onnx'} stands where a file is to be written, and dslc did not write it\n"
        "  = hint: move it away, or choose another folder: -o\n"
    )
    assert snapshot(work / "own") == {"model.onnx": b"mine"}
    (work / "own" / "model.onnx").unlink()
    (work / "own" / "manifest.json").write_text('{"name": "of another program"}')
    before = snapshot(work / "own")
    assert codes(dslc("compile", work / "sides.dl", "-o", work / "own").err) == ["E0624"]
    assert snapshot(work / "own") == before


# --- fmt, new -------------------------------------------------------------------------------------------------


def test_formatting_keeps_links_permissions_and_neighbours(work: Path, dslc: Dslc) -> None:
    spec, link = work / "sides.dl", work / "link.dl"
    spec.write_text(spec.read_text().replace("  epochs 6", "      epochs   6"))
    spec.chmod(0o600)
    link.symlink_to(spec.name)
    (work / "sides.dl.partial").write_text("mine")
    assert dslc("fmt", link).code == 0
    assert link.is_symlink()
    assert "\n  epochs 6\n" in spec.read_text()
    assert stat.S_IMODE(spec.stat().st_mode) == 0o600
    assert (work / "sides.dl.partial").read_text() == "mine"


def test_formatting_spares_the_copy_in_a_run(work: Path, dslc: Dslc) -> None:
    copy = work / "run" / "spec" / "sides.dl"
    copy.write_text(copy.read_text().replace("  epochs 6", "      epochs   6"))
    assert codes(dslc("fmt", copy).err) == ["E0623"]


# --- what is read ---------------------------------------------------------------------------------------------


@UNIX
def test_pipes_are_no_input(work: Path, dslc: Dslc) -> None:
    os.mkfifo(work / "new.csv")
    done = dslc("predict", work / "run", work / "new.csv")
    assert (done.code, codes(done.err)) == (3, ["E0404"])
