"""The files of dslc/ form no circle of imports, lazy and type-only ones included, and none is long."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

from tests.conftest import ROOT

MOST_LINES, USUAL_LINES = 400, 150


def modules(root: Path) -> dict[str, Path]:
    """The files of the package below a folder, by the names that they are imported by."""
    found = {path.relative_to(root).with_suffix("").parts: path for path in root.glob("dslc/**/*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for parts, path in found.items()}


def imported(path: Path, package: str, known: set[str]) -> set[str]:
    """What a file imports of some modules, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            outer = package.split(".")[: -node.level + 1 or None] if node.level else []
            module = ".".join([*outer, *([node.module] if node.module else [])])
            names = {f"{module}.{alias.name}" for alias in node.names}
            found |= names if names <= known else {module, *names}  # a name that is no module is one of the module's
    return found & known


def graph_of(root: Path) -> dict[str, set[str]]:
    files = modules(root)
    packages = {name: name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in files.items()}
    return {name: imported(path, packages[name], set(files)) - {name} for name, path in files.items()}


def in_circles(graph: dict[str, set[str]]) -> list[str]:
    """The modules from which imports lead back to themselves."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        open_ = [start]
        while open_:
            new = graph[open_.pop()] - found
            found |= new
            open_ += new
        return found

    return sorted(name for name in graph if name in reached(name))


def test_no_file_is_in_a_circle_of_imports() -> None:
    graph = graph_of(ROOT)
    assert "dslc.syntax.parser" in graph["dslc.syntax"]
    assert in_circles(graph) == []


def test_lazy_and_type_only_imports_make_circles(tmp_path: Path) -> None:
    texts = {
        "__init__": "",
        "a": "def f():\n    from dslc import b\n",
        "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dslc.c.d import D\n",
        "c/__init__": "",
        "c/d": "from .. import a\nimport dslc.e\n",
        "e": "from dslc.c import unknown\nfrom dslc import unknown\n",
    }
    for name, text in texts.items():
        path = tmp_path / "dslc" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    graph = graph_of(tmp_path)
    assert graph["dslc.e"] == {"dslc", "dslc.c"}
    assert in_circles(graph) == ["dslc.a", "dslc.b", "dslc.c.d"]


def test_files_are_short() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules(ROOT).items()}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}
    assert median(lengths.values()) < USUAL_LINES
