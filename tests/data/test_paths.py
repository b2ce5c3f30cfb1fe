from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dslc.data.paths import data_folders, locate
from dslc.data.streams import open_stream
from tests.data.conftest import Findings


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("spec/data", "more", "secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "spec/data/a.csv").write_text("near")
    (tmp_path / "more/a.csv").write_text("far")
    (tmp_path / "more/b.csv.gz").write_text("far")
    (tmp_path / "secret/key").write_text("secret")
    return tmp_path / "spec", tmp_path / "more"


def test_the_first_folder_that_has_it(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    spec, more = folders
    assert locate("data/a.csv", folders) == spec / "data/a.csv"
    assert locate("a.csv", folders) == more / "a.csv"
    assert locate("data/../data/a.csv", folders) == spec / "data/a.csv"
    monkeypatch.setenv("DSLC_DATA", f"{more}{os.pathsep}/elsewhere")
    assert data_folders(spec, [spec / "data"]) == (spec, spec / "data", more, Path("/elsewhere"))
    assert data_folders(more) == (more, Path("/elsewhere"))


def test_gzip_or_not(folders: tuple[Path, Path]) -> None:
    spec, more = folders
    assert locate("data/a.csv.gz", folders) == spec / "data/a.csv"
    assert locate("b.csv", folders) == more / "b.csv.gz"


def test_what_is_refused(folders: tuple[Path, Path], findings: Findings) -> None:
    spec, more = folders
    (spec / "link").symlink_to(spec.parent / "secret")
    (spec / "inner").symlink_to(more)
    assert locate("inner/a.csv", folders) == more / "a.csv"
    hint = "name the folder it lies in with --data DIR"
    for path in ("../more/a.csv", "../secret/key", "data/../../more/a.csv", "link/key"):
        assert findings(locate, path, folders) == [f"E0402: '{path}' leads out of the data folders | {hint}"]
    for path in (str(spec / "data/a.csv"), "C:\\a.csv", "\\\\host\\a.csv"):
        assert findings(locate, path, folders) == [
            (
                f"E0402: '{path}' is an absolute path | "
                "name its folder with --data DIR, and write the path relative to that"
            )
        ]
    for path in ("", "a\0b"):
        assert findings(locate, path, folders)[0].startswith("E0402: ")
    assert findings(lambda: locate("data", folders)) == ["E0404: 'data' is a folder, not a file"]


def test_a_missing_file_names_the_folders_tried(folders: tuple[Path, Path], findings: Findings) -> None:
    spec, more = folders
    assert findings(lambda: locate("data/aa.csv", folders)) == [
        f"E0403: there is no file 'data/aa.csv' | did you mean 'data/a.csv'? (looked in {spec}, {more})"
    ]
    assert findings(lambda: locate("zzz", folders)) == [f"E0403: there is no file 'zzz' | looked in {spec}, {more}"]


def test_a_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 999_999)
    with open_stream(tmp_path / "x", "x") as stream:
        found = stream.fingerprint()
    assert found == {"size": 2_999_997, "sha256": hashlib.sha256(b"abc" * 999_999).hexdigest()}
