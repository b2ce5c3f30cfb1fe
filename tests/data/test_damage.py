"""Data files with random damage, and headers that lie: read right or refused, never slowly, never with all memory."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from dslc.data import scratch
from dslc.data.opening import open_table
from dslc.data.table import Table
from dslc.diagnostics import Failure, Problem
from dslc.library.word import SOURCES
from tests.data.conftest import Findings
from tests.hostile import Watch, portions, watched, within

NUMBERS = np.arange(24, dtype=np.float32).reshape(8, 3)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(save: Callable[..., None], **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


TABLE = b"a,b,name\n" + b"".join(b'%d,%d.5,"t\xc3\xa9 %d"\n' % (i, i, i % 4) for i in range(40))
IDX = struct.pack(">I2I", 0x0802, 8, 3) + bytes(range(24))
FILES = {
    "t.csv": TABLE,
    "t.csv.gz": gzip.compress(TABLE, mtime=0),
    "t.npy": npy(NUMBERS),
    "u.npy": npy(np.array(["ann", "bob", "é"])),
    "t.npy.gz": gzip.compress(npy(NUMBERS), mtime=0),
    "t.npz": npz(np.savez, a=NUMBERS, b=np.arange(8), s=np.array(list("abcdefgh"))),
    "z.npz": npz(np.savez_compressed, a=NUMBERS, b=np.arange(8)),
    "t-ubyte": IDX,
    "t-ubyte.gz": gzip.compress(IDX, mtime=0),
}


def opened(folder: Path, name: str) -> Table:
    kind = {"csv": SOURCES["csv"], "npz": SOURCES["npz"]}.get(name.split(".")[1] if "." in name else "")
    if kind is not None and "npy" not in name and "ubyte" not in name:
        return open_table(kind(path=name), [folder])
    word = SOURCES["npy"] if "npy" in name else SOURCES["idx"]
    return open_table(word(files=(("a", name),)), [folder])


def read_all(folder: Path, name: str) -> dict[str, list[object]] | None:
    """Return everything that a file holds, or None if it is refused."""
    try:
        table = opened(folder, name)
        assert table.rows > 0
        found = {column: [table.read(column).tolist(), table.text(column).strings().tolist()] for column in table.names}
    except (Problem, Failure):
        return None
    return found


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return the content with a few bytes changed, left out or doubled, or cut; half of the time near its beginning."""
    result = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(min(len(result), 160) if chance.random() < 0.5 else len(result))
        match chance.randrange(5):
            case 0:
                result[place] ^= 1 << chance.randrange(8)
            case 1 | 2:
                result[place] = chance.choice([0, 0xFF, 0x2D, 0x39, 0x22, 0x0A, 0x2C, chance.randrange(256)])
            case 3:
                result[place : place + chance.randint(1, 9)] = b""
            case 4:
                result[place:place] = result[place : place + chance.randint(1, 30)]
        if len(result) < 2:
            break
    return bytes(result)


def try_damage(folder: Path, seeds: range, watch: Watch) -> None:
    for seed in seeds:
        chance = random.Random(seed)
        name = chance.choice(sorted(FILES))
        (folder / name).write_bytes(damaged(FILES[name], chance))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scratch, "MEMORY", chance.choice([0, 1 << 28]))
            with within((seed, name)), watched(watch, folder, Path(tempfile.gettempdir())):
                read_all(folder, name)  # whatever else it raises fails the test
        (folder / name).unlink()


def test_some_damaged_files(tmp_path: Path, watch: Watch) -> None:
    try_damage(tmp_path, range(300), watch)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", portions(8_000, 400))
def test_many_damaged_files(seeds: range, tmp_path: Path, watch: Watch) -> None:
    try_damage(tmp_path, seeds, watch)


@pytest.mark.parametrize("name", ["t.npz", "z.npz"])
@pytest.mark.usefixtures("memory")
def test_every_flipped_bit_of_an_npz_is_found_or_changes_nothing(tmp_path: Path, name: str) -> None:
    content = FILES[name]
    (tmp_path / name).write_bytes(content)
    whole = read_all(tmp_path, name)
    assert whole is not None
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        (tmp_path / name).write_bytes(flipped)
        found = read_all(tmp_path, name)
        for values in (found or {}).values():  # the directory has no checksum: a name may change, a column be lost
            assert values in whole.values(), place


def header(text: str, values: bytes = NUMBERS.tobytes()) -> bytes:
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text.encode("latin-1") + values


def described(shape: str = "(8, 3)", descr: str = "'<f4'", fortran: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


HEADERS = {
    "huge": described("(99999999999999999999, 3)"), "wide": described("(9223372036854775807, 9223372036854775807)"),
    "petabyte": described("(1125899906842624,)"), "negative": described("(-8, -3)"), "bool": described("(True, 3)"),
    "70 axes": described(f"({'1, ' * 70})"), "33 axes": described(f"({'1, ' * 31}8, 3)"),
    "float": described("(8.0, 3)"),
    "list": described("[8, 3]"), "scalar": described("()"), "empty": described("(0, 3)"), "none": described("None"),
    "objects": described(descr="'|O'"), "complex": described(descr="'<c8'"), "dates": described(descr="'<M8[s]'"),
    "records": described(descr="[('a', '<f4'), ('b', '<f4')]"), "sub-arrays": described(descr="('<f4', (3,))"),
    "long double": described(descr="'<f16'"), "no type": described(descr="'zz'"), "void": described(descr="'V4'"),
    "number": described(descr="7"), "no text": described(descr="'<U0'"), "order": described(fortran="7"),
    "call": described("__import__('os').getpid()"), "half": described()[:20], "deep": "(" * 3000 + ")" * 3000,
    "escapes": described(descr="'\\d'"), "other keys": "{'a': 1}", "no dictionary": "7", "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.filterwarnings("error")
def test_npy_headers_that_lie(tmp_path: Path, findings: Findings, name: str, packed: bool) -> None:
    content = header(HEADERS[name])
    (tmp_path / "t.npy").write_bytes(gzip.compress(content) if packed else content)
    told = findings(lambda: opened(tmp_path, "t.npy"))
    assert len(told) == 1
    assert told[0][:5] in {"E0405", "E0406", "E0417"}
    assert len(told[0]) < 300


@pytest.mark.parametrize("descr", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<i2", ">i4", ">i8", "|u1", ">u8", "|b1"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.usefixtures("memory")
def test_every_plain_type_is_read_right(tmp_path: Path, descr: str, order: Literal["C", "F"]) -> None:
    array = np.arange(6).reshape(2, 3)
    array = (array % 2 if descr == "|b1" else array).astype(descr, order)
    np.save(tmp_path / "t.npy", array)
    table = opened(tmp_path, "t.npy")
    assert table.element("a").value == array.dtype.name
    np.testing.assert_array_equal(table.read("a"), array)
    np.savez(tmp_path / "t.npz", a=array)
    np.testing.assert_array_equal(opened(tmp_path, "t.npz").read("a"), array)


def test_an_old_npy_file(tmp_path: Path) -> None:
    (tmp_path / "t.npy").write_bytes(header(described("(8L, 3L)")))
    np.testing.assert_array_equal(opened(tmp_path, "t.npy").read("a"), NUMBERS)


def test_an_npz_whose_member_lies_behind_its_end(tmp_path: Path, findings: Findings) -> None:
    content = bytearray(FILES["t.npz"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        directory = archive.start_dir
    content[directory + 42 : directory + 46] = struct.pack("<I", len(content) - 10)
    (tmp_path / "t.npz").write_bytes(content)
    assert findings(lambda: opened(tmp_path, "t.npz"))[0].startswith("E0406: 't.npz' is not a whole npz file")


def test_a_gzipped_line_without_end(tmp_path: Path, findings: Findings) -> None:
    with gzip.open(tmp_path / "t.csv.gz", "wb", compresslevel=1) as file:
        file.write(b"a,b\n1,2\n")
        for _ in range(40):
            file.write(b"x" * (1 << 20))
    assert findings(lambda: opened(tmp_path, "t.csv.gz")) == [
        "E0427: row 3 of t.csv.gz is longer than 16 MiB | is a quote never closed, or is it no csv file?"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipes_links_and_long_names_are_refused(tmp_path: Path, findings: Findings) -> None:
    os.mkfifo(tmp_path / "t.csv")
    assert findings(lambda: opened(tmp_path, "t.csv")) == ["E0404: 't.csv' is a pipe or a device, not a file"]
    (tmp_path / "l.csv").symlink_to("l.csv")
    assert findings(lambda: opened(tmp_path, "l.csv"))[0][:5] in {"E0403", "E0404"}
    assert findings(lambda: opened(tmp_path, f"{'x' * 5000}.csv"))[0][:5] in {"E0403", "E0404"}
