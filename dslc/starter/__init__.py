"""What ``dslc new`` writes: a spec that works, and the small real data set that it learns from."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from dslc.errors.environment import FILE_EXISTS, FILE_UNUSABLE
from dslc.files import path_text
from dslc.storage.files import writing
from dslc.storage.outputs import check_output, write_output
from dslc.syntax import RESERVED_WORDS

__all__ = ["write_starter"]


def write_starter(name: Path, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write ``NAME.dl`` and ``NAME.csv``; return their paths.

    Raises:
        Problem: E0619, one of them exists; E0610, it can't be written.
    """
    if not name.name.isprintable():
        raise FILE_UNUSABLE(
            f"'{_one_line(name)}' has characters that no spec may hold, so that it can't name its data",
            hint="choose a name of printable UTF-8",
        )
    base = name.with_suffix("") if name.suffix == ".dl" else name
    spec, data = base.with_name(base.name + ".dl"), base.with_name(base.name + ".csv")
    for path in (spec, data):
        with writing(path):
            exists = path.exists()
        if exists and not overwrite:
            raise FILE_EXISTS(f"{path} exists already", hint="choose another name, or replace it with --overwrite")
    for path in (spec, data):
        check_output(path)
    with writing(base.parent):
        base.parent.mkdir(parents=True, exist_ok=True)
    text = (files(__name__) / "starter.dl").read_text(encoding="utf-8")
    quoted = data.name.replace("\\", "\\\\").replace('"', '\\"')
    values = {"SPEC": _one_line(spec), "DATA": quoted, "NAME": _identifier(base.name, text)}
    text = re.sub("|".join(values), lambda place: values[place[0]], text)
    write_output(spec, text.encode())
    write_output(data, (files(__name__) / "iris.csv").read_bytes())
    return spec, data


def _identifier(name: str, spec: str) -> str:
    """Return a name as the language allows it, and the spec has none yet."""
    word = re.sub(r"\W", "_", name)
    taken = {*RESERVED_WORDS, *re.findall(r"^(?:param|data|model) (\w+)", spec, re.MULTILINE)}
    return word if re.match(r"[^\W\d]", word) and word not in taken else f"spec_{word}"


def _one_line(path: Path) -> str:
    """Return a path as a comment may hold it."""
    return "".join(c if c.isprintable() else "?" for c in path_text(path))
