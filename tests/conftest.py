"""What all tests share: golden files, and the large data sets."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Hashable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dslc.pipeline import Compilation, Options, bind_data, check_spec, compile_bound
from tests.hostile import Watch

ROOT = Path(__file__).resolve().parents[1]
SPECS = ROOT / "specs"
DATA = Path(os.environ.get("DSLC_DATA", ROOT / "data"))


def compile_spec(path: Path, options: Options | None = None) -> Compilation:
    """Check a spec, bind its data and compile it."""
    return compile_bound(bind_data(check_spec(path, options), path.parent))


def mostly_alike(cases: Sequence[Any], every: int) -> list[Any]:
    """Return cases for ``parametrize``, of which plain ``pytest`` runs the first and each ``every``-th."""
    return [one if i % every == 0 else pytest.param(one, marks=pytest.mark.alike) for i, one in enumerate(cases)]


def first_of_each(cases: Sequence[Any], kind: Callable[[Any], Hashable]) -> list[Any]:
    """Return cases for ``parametrize``, of which plain ``pytest`` runs the first of each kind."""
    seen: set[Hashable] = set()
    marked = []
    for one in cases:
        marked.append(pytest.param(one, marks=pytest.mark.alike) if kind(one) in seen else one)
        seen.add(kind(one))
    return marked


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="store what is produced instead of comparing it")


def pytest_configure(config: pytest.Config) -> None:
    """Let tests that run side by side compute with one thread, where they ask for no number: idle ones wait awake."""
    if "not slow" in config.option.markexpr:
        os.environ.setdefault("DSLC_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collector of garbage from going through ten thousand collected tests again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Path], None]:
    """`golden(text, path)` compares a text with the stored one; `pytest --update-golden` stores it."""

    def compare(text: str, path: Path) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing; `pytest --update-golden` makes it"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def watch() -> Watch:
    """What takes note of the files that are touched, see :func:`tests.hostile.watched`."""
    return Watch()


def _folder(name: str, files: str = "*-ubyte") -> Path:
    """The folder of a data set that `make data` brings; where it is missing, a skip, or in CI a failure."""
    if len(list((DATA / name).glob(files))) < 4:
        reason = f"{DATA / name} is missing; `make data` brings it"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return DATA / name


@pytest.fixture(scope="session")
def mnist() -> Path:
    """The folder of MNIST's four IDX files."""
    return _folder("mnist")


@pytest.fixture(scope="session")
def fashion_mnist() -> Path:
    """The folder of Fashion-MNIST's four IDX files."""
    return _folder("fashion-mnist")


@pytest.fixture(scope="session")
def tables() -> Path:
    """The folder of the four tables of the examples, as csv files."""
    return _folder("tables", "*.csv")
