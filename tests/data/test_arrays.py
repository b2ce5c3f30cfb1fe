from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dslc.data.convert import fits_double
from dslc.data.opening import open_inputs, open_table
from dslc.data.spellings import Spelling
from dslc.data.table import Table, marked
from dslc.library.word import SOURCES
from dslc.types import FLOAT32, INT64, STRING, ElementType
from tests.data.conftest import Findings

IMAGES = np.arange(5 * 3 * 2, dtype=np.uint8).reshape(5, 3, 2)


def idx_bytes(array: np.ndarray, code: int = 0x08) -> bytes:
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npy_bytes(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def open_npz(folder: Path) -> Table:
    return open_table(SOURCES["npz"](path="t.npz"), [folder])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.usefixtures("memory")
def test_npz(tmp_path: Path, save: Callable[..., None]) -> None:
    names = np.array(["ann", "bob", "ann", "é", ""])
    save(tmp_path / "t.npz", image=IMAGES, label=np.arange(5), fortran=np.asfortranarray(IMAGES), name=names)
    table = open_npz(tmp_path)
    assert table.names == ("image", "label", "fortran", "name")
    assert table.rows == 5
    assert table.row_shape("image") == (3, 2)
    assert [table.element(name) for name in table.names] == [ElementType.UINT8, INT64, ElementType.UINT8, STRING]
    np.testing.assert_array_equal(table.read("image"), IMAGES)
    np.testing.assert_array_equal(table.read("fortran"), IMAGES)
    assert table.read("image", FLOAT32).dtype == np.float32
    np.testing.assert_array_equal(table.read("image", FLOAT32), IMAGES)
    assert table.read("name").tolist() == names.tolist()
    assert set(table.text("name").vocabulary) == {"ann", "bob", "é", ""}
    assert table.text("label").strings().tolist() == list("01234")
    block = table.read_block(("label", "image"), FLOAT32)
    np.testing.assert_array_equal(block, np.concatenate([np.arange(5)[:, None], IMAGES.reshape(5, -1)], axis=1))
    assert str(table.origin(3, "label")) == "t.npz, index 3, column 'label'"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.usefixtures("memory")
def test_idx_and_npy(tmp_path: Path, packed: bool) -> None:
    labels = np.array([300, -1, 2, 3, 4], ">i4")
    pack = gzip.compress if packed else bytes
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx_bytes(IMAGES)))
    (tmp_path / "y").write_bytes(pack(idx_bytes(labels, 0x0C)))
    (tmp_path / "z.npy").write_bytes(pack(npy_bytes(labels)))
    table = open_table(SOURCES["idx"](files=(("image", "x.gz"), ("label", "y"))), [tmp_path])
    assert table.names == ("image", "label")
    assert table.element("label") is ElementType.INT32
    np.testing.assert_array_equal(table.read("image"), IMAGES)
    assert table.read("label", INT64).tolist() == labels.tolist()
    table = open_table(SOURCES["npy"](files=(("label", "z.npy"),)), [tmp_path])
    assert table.read("label", FLOAT32).tolist() == labels.tolist()


def test_columns_of_different_length(tmp_path: Path, findings: Findings) -> None:
    np.savez(tmp_path / "t.npz", a=np.zeros(5), b=np.zeros(4), c=np.zeros(5))
    table = open_npz(tmp_path)
    assert findings(lambda: table.rows) == [
        "E0416: columns have different numbers of rows: 'a' has 5, 'b' has 4, 'c' has 5"
    ]
    assert table.select(["c", "a"]).rows == 5


@pytest.mark.parametrize(
    ("array", "element", "expected"),
    [
        (np.array([1.0, 2.5]), "int64", "E0413: 2.5 where int64 is due (t.npz, index 1, column 'a')"),
        (np.array([[1, 2], [3, 400]]), "uint8", "E0414: 400 is outside uint8, which holds 0 to 255 (t.npz, index 1"),
        (np.array([0.0, np.nan]), "int64", "E0415: an empty cell where int64 is due (t.npz, index 1, column 'a')"),
        (np.array(["1", "1,5"]), "int64", "E0412: '1,5' where int64 is due (t.npz, index 1, column 'a')"),
    ],
)
def test_misfits(tmp_path: Path, findings: Findings, array: np.ndarray, element: str, expected: str) -> None:
    np.savez(tmp_path / "t.npz", a=array)
    (told,) = findings(lambda: open_npz(tmp_path).read("a", ElementType(element)))
    assert told.startswith(expected)


def _npz(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "E0406: 't.npz' is not a whole npz file: File is not a zip file"),
        (b"digit,p\n", "E0406: 't.npz' is not a whole npz file: File is not a zip file"),
        (_npz(a=npy_bytes(np.arange(9)))[:-40], "E0406: 't.npz' is not a whole npz file: File is not a zip file"),
        (_npz(), "E0405: 't.npz' holds no arrays"),
        (_npz(a=b"nothing"), "E0406: 't.npz['a']' is not an npy array: "),
        (_npz(a=npy_bytes(np.arange(9))[:-8]), "E0406: 't.npz['a']' ends early: [9] of int64 takes 72 bytes, and it"),
        (_npz(a=npy_bytes(np.arange(9)) + b"x"), "E0406: 't.npz['a']' goes on behind its end: [9] of int64 takes 72"),
        (_npz(a=npy_bytes(np.array([{}, None]))), "E0417: 't.npz['a']' holds Python objects | save numbers or text"),
        (_npz(a=npy_bytes(np.array(3))), "E0417: 't.npz['a']' is a scalar and has no rows"),
        (_npz(a=npy_bytes(np.array([1j]))), "E0417: 't.npz['a']' holds complex128, which is no element type"),
        (_npz(a=npy_bytes(np.zeros((0, 3)))), "E0405: 't.npz['a']' is empty: its shape is [0, 3]"),
    ],
)
def test_faults_of_npz(tmp_path: Path, findings: Findings, content: bytes, expected: str) -> None:
    (tmp_path / "t.npz").write_bytes(content)
    (told,) = findings(lambda: open_npz(tmp_path).read("a"))
    assert told.startswith(expected)


@pytest.mark.parametrize(
    "other",
    [
        np.array([{}, None], object), np.array(5), np.ones(3, complex), np.zeros((0, 3)), np.zeros(2, "V5"),
        np.array(["2026-11-26"], "datetime64[D]"), np.zeros(3, [("x", "f4")]), np.ones(7),
    ],
    ids=["objects", "scalar", "complex", "empty", "void", "times", "records", "longer"],
)  # fmt: skip
def test_what_else_an_npz_holds_is_no_matter(tmp_path: Path, findings: Findings, other: np.ndarray) -> None:
    """Until it is asked for."""
    np.savez(tmp_path / "t.npz", b=other, a=np.arange(3.0))
    table = open_npz(tmp_path)
    assert table.names == ("b", "a")
    assert table.select(["a"]).rows == 3
    assert table.read("a").tolist() == [0, 1, 2]
    if other.shape != (7,):
        for ask in (table.read, table.element, lambda name: table.select([name]), table.row_shape):
            (told,) = findings(ask, "b")
            assert told.startswith(("E0417: 't.npz['b']'", "E0405: 't.npz['b']'"))


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "E0405: 't' is empty"),
        (b"\0\0\x08", "E0406: 't' is not an idx file: it begins with 00 00 08"),
        (b"PNG!....", "E0406: 't' is not an idx file: it begins with 50 4e 47 21"),
        (b"\0\0\x08\x03\0\0\0\x05", "E0406: 't' ends within its header"),
        (idx_bytes(IMAGES)[:-1], "E0406: 't' ends early: [5, 3, 2] of uint8 takes 30 bytes"),
        (gzip.compress(idx_bytes(IMAGES)[:-1], mtime=0), "E0406: 't' ends early: [5, 3, 2] of uint8 takes 30 bytes"),
        (gzip.compress(idx_bytes(IMAGES) + b"x", mtime=0), "E0406: 't' goes on behind its end: [5, 3, 2] of uint8"),
        (gzip.compress(idx_bytes(IMAGES), mtime=0)[:-9], "E0406: 't' holds damaged compressed data: Compressed"),
        (b"\x1f\x8bgarbage....", "E0406: 't' holds damaged compressed data: "),
    ],
)  # fmt: skip
def test_faults_of_idx(tmp_path: Path, findings: Findings, content: bytes, expected: str) -> None:
    (tmp_path / "t").write_bytes(content)
    (told,) = findings(lambda: open_table(SOURCES["idx"](files=(("a", "t"),)), [tmp_path]))
    assert told.startswith(expected)


def test_a_damaged_gzip_csv(tmp_path: Path, findings: Findings) -> None:
    whole = gzip.compress(b"a\n" + b"12345\n" * 20000)
    (tmp_path / "t.csv.gz").write_bytes(whole[:-12])
    (tmp_path / "u.csv.gz").write_bytes(b"a\n1\n")
    (told,) = findings(lambda: open_table(SOURCES["csv"](path="t.csv.gz"), [tmp_path]))
    assert told.startswith("E0406: 't.csv.gz' holds damaged compressed data: ")
    assert findings(lambda: open_table(SOURCES["csv"](path="u.csv.gz"), [tmp_path])) == [
        "E0406: 'u.csv.gz' is named .gz but is not a gzip file"
    ]


def test_inputs_are_read_by_suffix(tmp_path: Path, findings: Findings) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n1,2\n"))
    (tmp_path / "a.tsv").write_text("x\ty\n1\t2\n")
    np.save(tmp_path / "image.npy", IMAGES)
    np.savez(tmp_path / "a.npz", image=IMAGES)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES))
    assert open_inputs(tmp_path / "a.csv.gz").names == ("x", "y")
    assert open_inputs(tmp_path / "a.tsv").read("y").tolist() == [2]
    for name in ("image.npy", "a.npz"):
        np.testing.assert_array_equal(open_inputs(tmp_path / name).read("image"), IMAGES)
    assert open_inputs(tmp_path / "t10k-images-idx3-ubyte").rows == 5
    assert findings(lambda: open_inputs(tmp_path / "gone.csv")) == ["E0403: there is no file 'gone.csv'"]
    assert findings(lambda: open_inputs(tmp_path / "a.xyz"))[0].startswith(
        "E0421: the suffix of 'a.xyz' tells no known format | known are .csv"
    )
    assert findings(lambda: open_inputs(tmp_path / "a.parquet")) == [
        "E0401: source 'parquet' is not available in this version of dslc; available are csv, npz, npy, idx"
    ]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "images", "text"])
def test_kinds_to_come_are_refused_by_name(tmp_path: Path, findings: Findings, kind: str) -> None:
    source = SOURCES[kind](path="x")
    assert findings(lambda: open_table(source, [tmp_path])) == [
        f"E0401: source '{kind}' is not available in this version of dslc; available are csv, npz, npy, idx"
    ]


@pytest.mark.parametrize("kind", ["int64", "uint64", "int32", "int8"])
def test_which_whole_numbers_float64_holds(kind: str) -> None:
    """Next to the ends of a type the float is outside of it, and what a cast back gives is the machine's affair."""
    limits = np.iinfo(kind)
    near = {*range(5), 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1024, *(int(limits.max) - n for n in range(3000))}
    values = sorted({v for n in near for v in (n, -n, int(limits.min) + n) if limits.min <= v <= limits.max})
    with np.errstate(all="raise"):
        found = fits_double(np.array(values, kind))
    assert found.tolist() == [int(float(value)) == value for value in values]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "uint64", "float16", "float32", "float64"])
def test_which_numbers_are_marks(kind: str) -> None:
    """A mark that a type does not hold is none of its values: neither infinity, nor an error."""
    beyond = Spelling(("-999", "99999", "1e300", "9" * 300, "18446744073709551615"))
    few = np.array([1, 0, np.inf if kind.startswith("float") else 0]).astype(kind)
    assert marked(few, beyond).tolist() == [False, False, False]
    assert marked(few, Spelling(("1.0", "inf"))).tolist() == [True, False, kind.startswith("float")]
